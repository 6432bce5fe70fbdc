"""The steps of an analysis: which bound to raise next, and when to stop."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from conserved.analysis.answer import Analysis
from conserved.certificate.recipe import existence_of
from conserved.closure import Closure, Progress, lie_closure, no_closure
from conserved.closure.cost import estimate
from conserved.dynamics import Gradient
from conserved.errors import DegenerateSampleError, RankLimitError
from conserved.explain import Explanation, explain, flow_reasons
from conserved.kernel.deadline import OutOfTimeError, time_limit
from conserved.kernel.flow import GRADIENT, OUTPUTS, SIGN
from conserved.kernel.span import Existence
from conserved.law import Law
from conserved.problem import Problem
from conserved.search import State, run, ways_for

_COMPARED = 1000  # parameters up to which gradient flow is counted beside another flow


@dataclass
class Inquiry:
    """The steps of one analysis; each stops as soon as the bounds coincide.

    Args:
        problem, seed, budget, degree, progress, device: as for ``analyze``.
    """

    problem: Problem
    seed: int
    budget: float | None
    degree: int | None
    progress: Progress | None
    device: str = "cpu"
    notes: list[str] = field(default_factory=list)
    start: float = field(default_factory=perf_counter)

    def answer(self, *, laws: bool) -> Analysis:
        """The bounds, and the laws where they are wanted."""
        try:
            estimate(self.problem)  # refuses what would not fit in memory
        except RankLimitError as error:
            if not laws:
                raise
            closure = no_closure(self.problem, str(error), self.seed)
            state = self._state(self.problem.architecture(), upper=closure.upper)
            run(state)
            return self._answer(closure, closure, state)
        return self._with_laws() if laws else self._bounds()

    def _bounds(self) -> Analysis:
        """The upper bounds alone."""
        closure = everything = self._closure(self.problem, 0)
        if self.problem.restricted:
            everything = self._closure(self.problem.architecture(), 0)
        return self._answer(closure, everything)

    def _with_laws(self) -> Analysis:
        """Bounds from both sides, for all data and then for the class asked for."""
        problem, everything = self.problem, self.problem.architecture()
        first = last = self._state(everything)
        run(first, ways_for(everything, first=True))
        closure = architecture = self._closure(everything, first.rank)
        if architecture.ranks:
            first.upper = architecture.upper
            run(first)
        why = Explanation(())
        if problem.restricted:
            closure = self._closure(problem, first.rank)
            last = self._state(problem, known=first.laws, upper=closure.upper)
            if closure.ranks:
                run(last)
                why = explain(
                    problem, closure, architecture, last.laws, last.lifted, budget=self.budget
                )
        why = replace(why, reasons=(*self._flow_reasons(closure), *why.reasons))
        laws = [*last.known, *last.laws]
        owned = [law for law in laws if law.origin == "architecture"]
        proved = self._proved(everything, architecture, owned)
        return self._answer(
            closure,
            architecture,
            first,
            last,
            explanation=why,
            existence=self._proved(problem, closure, laws) if problem.restricted else proved,
            architecture_existence=proved,
        )

    def _flow_reasons(self, closure: Closure) -> tuple[str, ...]:
        """What the flow made of the laws of gradient flow."""
        if self.problem.moves in (GRADIENT, OUTPUTS, SIGN) or not closure.ranks:
            return flow_reasons(self.problem, closure.upper)
        plain = replace(self.problem, flow=Gradient())
        known = self._state(plain)
        run(known, ways_for(plain, first=True))
        most = None
        if plain.state.size <= _COMPARED:
            bound = self._closure(plain, known.rank)
            most = bound.upper if bound.closed else None
        return flow_reasons(self.problem, closure.upper, most, known.laws)

    def _answer(
        self, closure: Closure, architecture: Closure, *searches: State, **more: Any
    ) -> Analysis:
        """The bounds, and what searches came to, the last of which knows all laws."""
        notes = [note for state in searches for note in state.notes] + self.notes
        last = searches[-1] if searches else None
        return Analysis(
            problem=self.problem,
            closure=closure,
            architecture_closure=architecture,
            laws=(*last.known, *last.laws) if last else (),
            explanation=more.pop("explanation", Explanation(())),
            notes=tuple(dict.fromkeys(notes)),
            searched=bool(searches),
            degree=last.reached if last else 0,
            quotients=last.quotients if last else False,
            unknowns=max((state.unknowns for state in searches), default=0),
            seed=self.seed,
            seconds=perf_counter() - self.start,
            **more,
        )

    def _state(self, problem: Problem, **known: Any) -> State:
        return State(
            problem,
            seed=self.seed,
            degree=self.degree,
            budget=self.budget,
            progress=self.progress,
            **known,
        )

    def _proved(self, problem: Problem, closure: Closure, laws: Sequence[Law]) -> Existence | None:
        """A proof that the laws exist which are not written down, where there can be one."""
        if sum(law.independent for law in laws) >= closure.upper:
            return None
        with nullcontext() if self.budget is None else time_limit(self.budget):
            try:
                return existence_of(problem, closure, seed=self.seed)
            except OutOfTimeError:
                self.notes.append("the budget was used up before missing laws were proved to exist")
            except DegenerateSampleError as error:
                self.notes.append(f"missing laws were not proved to exist: {error}")
        return None

    def _closure(self, problem: Problem, lower: int) -> Closure:
        """The upper bound; a trivial one where the budget does not suffice for the fields."""
        try:
            return lie_closure(
                problem,
                seed=self.seed,
                lower=lower,
                budget=self.budget,
                progress=self.progress,
                device=self.device,
            )
        except DegenerateSampleError as error:
            return no_closure(problem, f"no rank was found: {error}", self.seed)
