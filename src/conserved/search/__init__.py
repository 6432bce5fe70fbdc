"""Explicit laws: a lower bound on their number, with every one of them written down.

Ansätze of growing cost: linear and axis-quadratic for any network, then polynomials and quotients
of polynomials for few parameters. Each law is verified anew before it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import lcm
from time import perf_counter

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.errors import LimitError, Redraw
from conserved.fields import Fields, make_fields
from conserved.kernel.deadline import OutOfTimeError, check_time, time_limit
from conserved.kernel.primes import BLAS_PRIMES, prime_with_roots
from conserved.kernel.residues import residues
from conserved.law import Law, Layout
from conserved.problem import Problem
from conserved.search.ansatz import JOINT_LIMIT, UNKNOWN_LIMIT, linear_laws, quadratic_laws
from conserved.search.independence import Tangents
from conserved.search.over_monomials import laws_over_monomials
from conserved.search.powers import MONOMIAL_LIMIT, monomial_count, polynomial_laws
from conserved.search.quotients import quotient_laws
from conserved.search.spans import span_laws
from conserved.search.unknowns import Unknowns
from conserved.verification import verify

__all__ = ["Found", "find_laws", "find_more", "unknowns_of"]

Report = Callable[[str, int, int], None]
_SMALL = {2: 3000, 3: 600, 4: 600}  # monomials up to a degree that are tried without being asked
_QUOTIENTS = 24  # parameters up to which quotients are tried
_POINTS = 8


@dataclass(frozen=True)
class Found:
    """Explicit laws of a problem.

    Attributes:
        laws: verified, each with the number it adds to those before it.
        unknowns: the largest system that was solved.
        degree: polynomials up to this degree were all tried, or 0.
        quotients: whether quotients of quadratic forms, and of few more, were tried.
        notes: what was left out, in words.
        seconds: wall time.
    """

    laws: tuple[Law, ...]
    unknowns: int
    degree: int = 0
    quotients: bool = False
    notes: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def lower(self) -> int:
        """How many independent laws these are."""
        return sum(law.independent for law in self.laws)


def unknowns_of(problem: Problem, degree: int = 0) -> int:
    """How many unknown coefficients the search will solve for, at most.

    Example:
        >>> from conserved.networks import Linear
        >>> unknowns_of(Problem(network=Linear(16, 16, 16)))
        1054
    """
    layout = Layout.of(problem.network.parameters)
    together = Unknowns(layout).size <= JOINT_LIMIT
    size = Unknowns(layout, linear=together, limit=UNKNOWN_LIMIT).size
    if layout.size <= UNKNOWN_LIMIT:
        size = max(size, layout.size)
    return max(size, monomial_count(layout.size, degree) if degree > 2 else 0)


def find_laws(
    problem: Problem,
    *,
    seed: int = 0,
    known: Sequence[Law] = (),
    squares: bool = False,
    deadline: float | None = None,
    progress: Report | None = None,
) -> Found:
    """Find all linear and axis-quadratic laws of a problem; of large ones the quadratic alone.

    Args:
        problem: any; under a symmetry its own fields are used, so that laws owed to the symmetry
            are found too.
        seed: draws points and data.
        known: laws known already; only further ones are returned.
        squares: look for sums of squares of slices alone, which costs far less.
        deadline: on ``time.perf_counter``'s clock; a costly step is not begun after it.
        progress: called with (stage, laws found, upper bound or 0).

    Example:
        >>> from conserved.networks import ReLU
        >>> [law.text for law in find_laws(Problem(network=ReLU(3, 4, 2))).laws]
        ['‖W1[j,:]‖² − ‖W2[:,j]‖², j = 1 … 4']
    """
    hunt = _Hunt(problem, seed, known, None, deadline, progress)
    with threads_for(hunt.unknowns), hunt.in_time():
        hunt.attempt(hunt.quadratic, 0 if squares else UNKNOWN_LIMIT)
    return hunt.found()


def find_more(
    problem: Problem,
    *,
    upper: int,
    seed: int = 0,
    known: Sequence[Law] = (),
    degree: int | None = None,
    deadline: float | None = None,
    progress: Report | None = None,
) -> Found:
    """Find what linear laws are left, spans of tensors, then, for few parameters, polynomials and
    quotients of polynomials.

    Args:
        problem, seed, known, deadline, progress: as for ``find_laws``.
        upper: a bound on the number of laws, the known ones included; the search stops when met.
        degree: polynomials up to this degree are tried; by default only where that is cheap.

    Raises:
        LimitError: a degree asked for that has too many unknowns.

    Example:
        >>> from conserved.networks import Linear
        >>> from conserved.symmetry import Shift
        >>> problem = Problem(network=Linear(3, 1), data=Shift(3))
        >>> [law.text for law in find_more(problem, upper=1).laws]
        ['(W1[1,2] − W1[1,3]) / (W1[1,1] − W1[1,3])']
    """
    hunt = _Hunt(problem, seed, known, upper, deadline, progress)
    with threads_for(problem.network.size), hunt.in_time():
        if not hunt.done:
            hunt.attempt(hunt.linear)
        if not hunt.done:
            hunt.attempt(hunt.spans)
        if not hunt.done:
            hunt.attempt(hunt.polynomial, degree)
        if not hunt.done:
            hunt.attempt(hunt.quotients)
    return hunt.found()


class _Hunt:
    """One search: what is known so far, at one point."""

    def __init__(
        self,
        problem: Problem,
        seed: int,
        known: Sequence[Law],
        upper: int | None,
        deadline: float | None,
        progress: Report | None,
    ) -> None:
        self.problem = problem
        self.seed = seed
        self.upper = upper
        self.deadline = deadline
        self.progress = progress
        self.laws: list[Law] = []
        self.notes: list[str] = []
        self.start = perf_counter()
        self.unknowns = unknowns_of(problem)
        self.degree = 0
        self.quotient = False
        roots = lcm(problem.group.roots, *(law.roots for law in known))
        prime = BLAS_PRIMES[0] if roots == 1 else prime_with_roots(roots)
        self.fields: Fields = make_fields(
            problem, residues(prime), np.random.default_rng([seed, 4]), widest=True
        )
        self.space = self._space(known)

    @property
    def done(self) -> bool:
        late = self.deadline is not None and perf_counter() > self.deadline
        return late or (self.upper is not None and self.space.rank >= self.upper)

    @contextmanager
    def in_time(self) -> Iterator[None]:
        """Stop at the deadline, wherever the search is, and keep what it has."""
        if self.deadline is None:
            yield
            return
        try:
            with time_limit(max(0.0, self.deadline - perf_counter())):
                yield
        except OutOfTimeError:
            self.notes.append("the search for laws was ended by the budget")

    def attempt(self, way: Callable[..., None], *arguments: object) -> None:
        """One way to look for laws; a failure is noted, and costs no other.

        Raises:
            LimitError: more unknowns than were asked for on purpose.
        """
        try:
            way(*arguments)
        except (Redraw, MemoryError, ArithmeticError) as error:
            told = str(error) or type(error).__name__
            self.notes.append(f"the search for laws ({way.__name__}) was given up: {told}")

    def _space(self, known: Sequence[Law]) -> Tangents:
        """The gradients of the known laws, at a point where as many as are known are independent.

        At an unlucky point fewer are, and what depends on the known laws would count as new.
        """
        wanted = sum(law.independent for law in known)
        for _ in range(_POINTS):
            space = Tangents(self.fields.scalars, self.fields.point()[0, 0], self.seed)
            try:
                for law in known:
                    space.add(law)
            except Redraw:
                continue
            if space.rank >= min(wanted, space.space.width):
                return space
        raise Redraw("the laws known have no independent gradients at random points")

    def found(self) -> Found:
        """What the search has so far."""
        seconds = perf_counter() - self.start
        return Found(
            laws=tuple(self.laws),
            unknowns=self.unknowns,
            degree=self.degree,
            quotients=self.quotient,
            notes=tuple(self.notes),
            seconds=seconds,
        )

    def quadratic(self, limit: int) -> None:
        """Linear and axis-quadratic laws, with about so many unknowns at most."""
        if self.fields.sampled_patterns:  # what holds in one cell only is no law of the network
            self.notes.append("laws of one cell of activation patterns were not looked for")
            return
        layout = Layout.of(self.problem.network.parameters)
        together = Unknowns(layout).size <= JOINT_LIMIT
        table = Unknowns(layout, linear=together, limit=limit)
        self._report("linear and quadratic laws")
        if layout.size <= JOINT_LIMIT:  # first, so that their squares do not count as new
            self._take(linear_laws(self.fields))
        if long := [axis for axis in table.axes if axis.diagonal]:
            axes = ", ".join(f"axis {axis.axis + 1} of {axis.tensor}" for axis in long)
            self.notes.append(
                f"along {axes} only sums of squares were looked for: "
                f"more than {limit:,} unknown coefficients"
            )
        check_time()  # so that what is left out is said
        self._take(quadratic_laws(self.fields, linear=together, limit=limit))

    def linear(self) -> None:
        """Linear laws, where they are costly and were left for later."""
        layout = Layout.of(self.problem.network.parameters)
        if layout.size <= JOINT_LIMIT or self.fields.sampled_patterns:
            return
        if layout.size > UNKNOWN_LIMIT:
            self.notes.append(
                f"linear laws have {layout.size:,} unknown coefficients, more than "
                f"{UNKNOWN_LIMIT:,}: they were not looked for"
            )
            return
        self._report("linear laws")
        self._take(linear_laws(self.fields))

    def spans(self) -> None:
        """Ranges and directions of whole tensors, which only few fields leave alone."""
        if not self.fields.sampled_patterns:
            self._report("ranges of tensors")
            self._take(span_laws(self.fields, self.space.theta))

    def polynomial(self, degree: int | None) -> None:
        """All polynomials up to a degree."""
        size = self.fields.dimension
        asked = degree is not None
        if degree is None:
            degree = max((n for n in _SMALL if monomial_count(size, n) <= _SMALL[n]), default=1)
        if degree < 2 or self.fields.sampled_patterns:
            return
        self._report(f"polynomials up to degree {degree}")
        try:
            found = polynomial_laws(self.fields, degree, self.space.copy(), self.space.theta)
        except LimitError as error:
            if asked:
                raise
            self.notes.append(str(error))
            return
        self.degree = degree
        self.unknowns = max(self.unknowns, min(monomial_count(size, degree), MONOMIAL_LIMIT))
        self._take(found)

    def quotients(self) -> None:
        """Quotients of linear, then of quadratic forms; of quartic ones over monomials."""
        if self.fields.dimension > _QUOTIENTS or self.fields.sampled_patterns:
            return
        for degree in (1, 2):
            self._report(f"quotients of degree {degree}")
            if not self.done:
                self._take(quotient_laws(self.fields, degree, self.space.copy(), self.space.theta))
        if not self.done and self.upper is not None:
            self._report("quotients over monomials")
            space, theta = self.space.copy(), self.space.theta
            self._take(laws_over_monomials(self.fields, space, theta, self.upper))
        self.quotient = True

    def _take(self, laws: Sequence[Law]) -> None:
        """Verify, count and keep."""
        if not laws:
            return
        verdict = verify(self.problem, laws, seed=self.seed)
        true = [law for law, holds in zip(laws, verdict.holds, strict=True) if holds]
        if len(true) < len(laws):
            self.notes.append(f"{len(laws) - len(true)} candidates were refused by verification")
        self.laws += self.space.counted(true)
        self._report("laws")

    def _report(self, stage: str) -> None:
        if self.progress is not None:
            self.progress(stage, self.space.rank, self.upper or 0)
