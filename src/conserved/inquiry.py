"""The steps of an analysis: which bound to raise next, and when to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from conserved.certificate.recipe import existence_of
from conserved.closure import Closure, lie_closure, no_closure
from conserved.errors import Redraw
from conserved.explain import Explanation, explain
from conserved.kernel.deadline import OutOfTimeError, time_limit
from conserved.kernel.span import Existence
from conserved.law import Law
from conserved.liespan import Progress
from conserved.problem import Problem
from conserved.search import Found, find_laws, find_more, unknowns_of
from conserved.verification import verify

_LARGE = 1500  # unknowns: from here on, sums of squares are tried before all quadratic forms
_PATIENCE = 1.5  # budgets; a closure ends itself after one, averages have to be stopped


@dataclass(frozen=True)
class Findings:
    """What the steps came to.

    Attributes:
        closure, architecture: the upper bounds for the class asked for and for all data.
        laws: explicit laws, each with what it adds to those before it.
        explanation: why the symmetry adds laws or not.
        notes: what the search left out, in words.
        searched: whether laws were looked for.
        degree: up to which degree all polynomials were tried, or 0.
        quotients: whether quotients of polynomials were tried.
        unknowns: the largest linear system that was solved for laws.
        existence, architecture_existence: proofs that as many laws exist as the upper bounds leave
            room for, where fewer are written down.
    """

    closure: Closure
    architecture: Closure
    laws: tuple[Law, ...] = ()
    explanation: Explanation = field(default_factory=lambda: Explanation(()))
    notes: tuple[str, ...] = ()
    searched: bool = True
    degree: int = 0
    quotients: bool = False
    unknowns: int = 0
    existence: Existence | None = None
    architecture_existence: Existence | None = None


def lower_of(laws: Sequence[Law]) -> int:
    """How many independent laws these are."""
    return sum(law.independent for law in laws)


class Inquiry:
    """The steps of one analysis; each stops as soon as the bounds meet.

    Args:
        problem, seed, budget, degree, progress: as for ``analysis.analyze``.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        budget: float | None,
        degree: int | None,
        progress: Progress | None,
    ) -> None:
        self.problem = problem
        self.seed = seed
        self.budget = budget
        self.degree = degree
        self.progress = progress
        self.notes: list[str] = []
        self.reached = 0
        self.quotients = False
        self.unknowns = 0

    def bounds(self) -> Findings:
        """The upper bounds alone."""
        closure = self.closure(self.problem, 0)
        everything = closure
        if self.problem.symmetric:
            everything = self.closure(self.problem.architecture(), 0)
        return Findings(closure, everything, searched=False)

    def with_laws(self) -> Findings:
        """Bounds from both sides, for all data and then for the class asked for."""
        problem, everything = self.problem, self.problem.architecture()
        architecture, known = self._bounded(everything)
        closure, why = architecture, Explanation(())
        if problem.symmetric:
            closure = self.closure(problem, lower_of(known))
            if closure.ranks:
                why = explain(problem, closure, architecture, seed=self.seed, budget=self.budget)
            known += why.laws
            if closure.ranks and lower_of(known) < closure.upper:
                found = self._searched(find_laws, problem, known=known)
                self._note(found)
                extra = self._owned(found)
                extra += self._owned(self._more(problem, known + extra, closure))
                known, why = known + extra, _with_reasons(why, extra)
        owned = [law for law in known if law.origin == "architecture"]
        proved = self._proved(everything, architecture, owned)
        return Findings(
            existence=self._proved(problem, closure, known) if problem.symmetric else proved,
            architecture_existence=proved,
            closure=closure,
            architecture=architecture,
            laws=known,
            explanation=why,
            notes=tuple(self.notes),
            degree=self.reached,
            quotients=self.quotients,
            unknowns=self.unknowns,
        )

    def _proved(self, problem: Problem, closure: Closure, laws: Sequence[Law]) -> Existence | None:
        """A proof that the laws exist which are not written down, where there can be one."""
        if lower_of(laws) >= closure.upper:
            return None
        with nullcontext() if self.budget is None else time_limit(self.budget):
            try:
                return existence_of(problem, closure, seed=self.seed)
            except OutOfTimeError:
                self.notes.append("the budget was used up before missing laws were proved to exist")
            except Redraw as error:
                self.notes.append(f"missing laws were not proved to exist: {error}")
        return None

    def laws_alone(self, why: str) -> Findings:
        """Laws of the architecture where the exact rank would not fit in memory."""
        found = find_laws(self.problem.architecture(), **self._common())
        closure = no_closure(self.problem, why, self.seed)
        return Findings(closure, closure, found.laws, notes=found.notes, unknowns=found.unknowns)

    def closure(self, problem: Problem, lower: int) -> Closure:
        """The upper bound; a trivial one where the budget does not suffice for the fields."""
        with nullcontext() if self.budget is None else time_limit(_PATIENCE * self.budget):
            try:
                return lie_closure(
                    problem, seed=self.seed, lower=lower, budget=self.budget, progress=self.progress
                )
            except OutOfTimeError:
                why = f"the budget of {self.budget:g} s was used up before the fields were known"
                return no_closure(problem, why, self.seed)

    def _bounded(self, problem: Problem) -> tuple[Closure, tuple[Law, ...]]:
        """Closure and laws of an architecture; for large networks the cheap laws first."""
        large = unknowns_of(problem) > _LARGE
        found = self._searched(find_laws, problem, squares=large)
        closure = self.closure(problem, found.lower)
        if large and found.lower < closure.upper:
            found = self._searched(find_laws, problem)
        self._note(found)
        more = self._more(problem, found.laws, closure)
        return closure, found.laws + more.laws

    def _more(self, problem: Problem, known: Sequence[Law], closure: Closure) -> Found:
        """Polynomials and quotients, while the bounds differ."""
        if lower_of(known) >= closure.upper or not closure.ranks:
            return Found((), 0)
        found = self._searched(
            find_more, problem, known=known, upper=closure.upper, degree=self.degree
        )
        self._note(found)
        self.reached, self.quotients = found.degree, found.quotients
        return found

    def _searched(self, find: Callable[..., Found], problem: Problem, **options: Any) -> Found:
        """What a search finds; where it fails as a whole, nothing, and a note: bounds stay."""
        try:
            return find(problem, **options, **self._common())
        except (Redraw, MemoryError) as error:
            told = str(error) or type(error).__name__
            return Found((), 0, notes=(f"a search for laws was given up: {told}",))

    def _owned(self, found: Found) -> tuple[Law, ...]:
        """Laws found under a symmetry, with what they are owed to."""
        if not found.laws:
            return ()
        always = verify(self.problem.architecture(), found.laws, seed=self.seed).holds
        return tuple(
            law if holds else replace(law, origin="data symmetry")
            for law, holds in zip(found.laws, always, strict=True)
        )

    def _note(self, found: Found) -> None:
        """Keep how large a system was solved, and what a search left out."""
        self.unknowns = max(self.unknowns, found.unknowns)
        self.notes += [note for note in found.notes if note not in self.notes]

    def _common(self) -> dict[str, Any]:
        deadline = None if self.budget is None else perf_counter() + self.budget
        return {"seed": self.seed, "deadline": deadline, "progress": self.progress}


def _with_reasons(why: Explanation, laws: Sequence[Law]) -> Explanation:
    """The explanation, with what is known of laws that only the search found."""
    lines = [
        f"+{law.independent}: {law.text} is conserved on data of this class, and not on all data."
        for law in laws
        if law.origin == "data symmetry"
    ]
    return replace(why, reasons=(*why.reasons, *lines)) if lines else why
