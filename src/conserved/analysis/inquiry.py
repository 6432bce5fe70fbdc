"""The steps of an analysis: which bound to raise next, and when to stop."""

from __future__ import annotations

from collections.abc import Sequence
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
from conserved.kernel.deadline import OutOfTimeError, ended_by, time_share, within
from conserved.kernel.flow import GRADIENT, OUTPUTS, SIGN
from conserved.kernel.span import Existence
from conserved.law import Law
from conserved.problem import Problem
from conserved.search import State, run, ways_for

_MOST = 9 / 10  # for a step that those behind it can do little without
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
        with within(self.budget):
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
        if not self.problem.restricted:
            closure = self._closure(self.problem, 0)
            return self._answer(closure, closure)
        with time_share(2 / 3):
            closure = self._closure(self.problem, 0)
        return self._answer(closure, self._closure(self.problem.architecture(), 0))

    def _with_laws(self) -> Analysis:
        """Bounds from both sides, for all data and then for the class asked for.

        What a step leaves of its share of the time is for those behind it.
        """
        problem, everything = self.problem, self.problem.architecture()
        with time_share(1 / 2 if problem.restricted else 1):
            first, architecture = self._for_all_data(everything)
        closure, last, why = architecture, first, Explanation(())
        if problem.restricted:
            with time_share(_MOST):
                closure = self._closure(problem, first.rank)
            last = self._state(problem, known=first.laws, upper=closure.upper)
            if closure.ranks:
                with time_share(_MOST):
                    run(last)
        laws = [*last.known, *last.laws]
        beside = self._beside(closure)
        with time_share(_MOST if problem.restricted or beside else 1):
            proved = of_all = self._proved(problem, closure, laws)
        if problem.restricted:
            owned = [law for law in laws if law.origin == "architecture"]
            with time_share(1 / 2):
                of_all = self._proved(everything, architecture, owned)
            if closure.ranks:
                with time_share(1 / 2 if beside else 1):
                    why = explain(problem, closure, architecture, last.laws, last.lifted)
        why = replace(why, reasons=(*self._flow_reasons(closure), *why.reasons))
        return self._answer(
            closure,
            architecture,
            first,
            last,
            explanation=why,
            existence=proved,
            architecture_existence=of_all,
        )

    def _for_all_data(self, everything: Problem) -> tuple[State, Closure]:
        """What is found of the laws for all data, and how many there are at most."""
        state = self._state(everything)
        with time_share(1 / 2):
            run(state, ways_for(everything, first=True))
        with time_share(_MOST):
            closure = self._closure(everything, state.rank)
        if closure.ranks:
            state.upper = closure.upper
            with time_share(_MOST):
                run(state)
        return state, closure

    def _beside(self, closure: Closure) -> bool:
        """Whether gradient flow is counted as well, to tell what another flow made of it."""
        return self.problem.moves not in (GRADIENT, OUTPUTS, SIGN) and bool(closure.ranks)

    def _flow_reasons(self, closure: Closure) -> tuple[str, ...]:
        """What the flow made of the laws of gradient flow."""
        if not self._beside(closure):
            return flow_reasons(self.problem, closure.upper)
        plain = replace(self.problem, flow=Gradient())
        known = self._state(plain)
        with time_share(1 / 2):
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
            progress=self.progress,
            **known,
        )

    def _proved(self, problem: Problem, closure: Closure, laws: Sequence[Law]) -> Existence | None:
        """A proof that the laws exist which are not written down, where there can be one."""
        if sum(law.independent for law in laws) >= closure.upper:
            return None
        try:
            return existence_of(problem, closure, seed=self.seed)
        except OutOfTimeError:
            self.notes.append(f"{ended_by()} before missing laws were proved to exist")
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
                progress=self.progress,
                device=self.device,
            )
        except OutOfTimeError:
            return no_closure(problem, f"{ended_by()} before the fields were known", self.seed)
        except DegenerateSampleError as error:
            return no_closure(problem, f"no rank was found: {error}", self.seed)
