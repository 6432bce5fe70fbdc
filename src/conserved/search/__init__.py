"""Explicit laws: a lower bound on their number, with every one of them written down.

A way of finding laws takes what a search knows and yields lists of candidates; ``WAYS`` lists all
of them in the order in which they are tried. Whatever the way, each candidate is verified anew,
and counts by the rank of its gradient next to those of all laws before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf

from conserved.arithmetic.threads import threads_for
from conserved.dynamics import Gradient
from conserved.errors import DegenerateSampleError
from conserved.kernel.deadline import (
    OutOfTimeError,
    ended_by,
    late,
    time_limit,
    time_share,
    untimed,
    within,
)
from conserved.law import Kind, Law
from conserved.law.timed import degree_of, in_time
from conserved.problem import Problem
from conserved.search.ansatz import all_quadratic, linear, quadratic, unknowns_of
from conserved.search.lifted import SECONDS
from conserved.search.mirrors import powers
from conserved.search.monomials import polynomials, quotients
from conserved.search.reciprocals import reciprocals
from conserved.search.spans import block_laws, tensor_laws
from conserved.search.state import Report, State
from conserved.search.timed import laws_in_time

__all__ = ["FIRST", "WAYS", "Found", "State", "Way", "find_laws", "run", "unknowns_of", "ways_for"]


@dataclass(frozen=True)
class Way:
    """One way of finding laws.

    Attributes:
        name: what it looks for, in words.
        find: yields lists of candidates.
        contains: kinds of laws that it finds again, and tells in place of those found before.
        seconds: it may take.
    """

    name: str
    find: Callable[[State], Iterator[list[Law]]]
    contains: tuple[Kind, ...] = ()
    seconds: float = inf


FIRST = (Way("linear and quadratic laws", quadratic),)  # before the number of laws is known
WHOLE = Way("all quadratic laws", all_quadratic, contains=("linear", "quadratic"))
WAYS = (
    Way("what isometries of the features keep", block_laws, seconds=SECONDS),
    Way("reciprocal squares", reciprocals),
    Way("powers of mirrors", powers),
    *FIRST,
    WHOLE,
    Way("linear laws", linear),
    Way("ranges of tensors", tensor_laws),
    Way("polynomials", polynomials),
    Way("quotients", quotients),
)


def carried(state: State, ways: Sequence[Way] = WAYS) -> Iterator[list[Law]]:
    """Laws of gradient flow, where decay only scales θ: h of degree d becomes e^{dλt} h."""
    flow, plain = state.problem.moves, replace(state.problem, flow=Gradient())
    inner = State(plain, seed=state.seed, upper=state.upper, degree=state.degree)
    with time_share(1 / 2):  # the other half is to verify them in
        run(inner, ways)
    state.unknowns = max(state.unknowns, inner.unknowns)
    state.notes += [note for note in inner.notes if note not in state.notes]
    degrees = [(law, degree_of(law)) for law in inner.laws]
    yield [in_time(law, state.layout, d, flow.unit) for law, d in degrees if d is not None]


_SMALL = 300  # entries of a state
_ENDED = "the search for laws was not finished: "
IN_TIME = (Way("laws of velocities and time", laws_in_time),)
DECAYING = (
    Way("quadratic laws of gradient flow, as they decay", partial(carried, ways=FIRST)),
    Way("laws of gradient flow, as they decay", carried),
)


def ways_for(problem: Problem, *, first: bool = False) -> Sequence[Way]:
    """The ways for a problem; ``first`` are those before the number of laws is known."""
    flow = problem.moves
    if not flow.timed:
        return FIRST if first else WAYS
    if flow.scales(problem.network.program.parameters):
        return DECAYING[:1] if first else DECAYING
    # where many unknowns would be sought in vain, the bound comes first
    return () if first and problem.state.size > _SMALL else IN_TIME


def run(state: State, ways: Sequence[Way] | None = None) -> None:
    """Try ways in their order until the bound is met; one that fails is noted, and costs no other.

    Args:
        state: of the search.
        ways: by default all that there are for its problem.

    Raises:
        LimitError: a degree asked for that has too many unknowns.
    """
    ways = ways_for(state.problem) if ways is None else ways
    if not state.problem.moves.timed:
        state.unknowns = max(state.unknowns, unknowns_of(state.problem))
    # a way that was broken off is tried again
    state.notes[:] = [note for note in state.notes if not note.startswith(_ENDED)]
    if state.done:
        return
    try:
        with threads_for(state.unknowns):
            if state.fields.sampled_patterns:  # what holds in one cell is no law of the network
                state.note("laws of one cell of activation patterns were not looked for")
                return
            for way in ways:
                if not state.done and way.name not in state.tried:
                    state.tried.add(way.name)
                    _try(state, way)
    except OutOfTimeError:
        state.note(_ENDED + ended_by())
    except (DegenerateSampleError, MemoryError) as error:
        state.note(f"a search for laws was given up: {str(error) or type(error).__name__}")
    with untimed():
        state.restore()


def _try(state: State, way: Way) -> None:
    state.report(way.name)
    state.set_aside(way.contains)
    try:
        with time_limit(way.seconds):
            for candidates in way.find(state):
                state.take(candidates)
                if state.done:
                    return
    except OutOfTimeError:
        if late():  # for all ways together
            state.tried.discard(way.name)
            raise
        state.note(f"{way.seconds:g} s were not enough for {way.name}")
    except (DegenerateSampleError, MemoryError, ArithmeticError) as error:
        told = str(error) or type(error).__name__
        state.note(f"the search for laws ({way.name}) was given up: {told}")
    state.restore()


@dataclass(frozen=True)
class Found:
    """Explicit laws of a problem.

    Attributes:
        laws: verified, each with the number it adds to those before it.
        unknowns: the largest system that was solved.
        notes: what was left out, in words.
    """

    laws: tuple[Law, ...]
    unknowns: int
    notes: tuple[str, ...] = ()

    @property
    def lower(self) -> int:
        """How many independent laws these are."""
        return sum(law.independent for law in self.laws)


def find_laws(
    problem: Problem,
    *,
    seed: int = 0,
    known: Sequence[Law] = (),
    upper: int | None = None,
    degree: int | None = None,
    budget: float | None = None,
    progress: Report | None = None,
) -> Found:
    """Find all linear and axis-quadratic laws of a problem (of large ones the quadratic alone); or,
    where a bound leaves room, by every way there is.

    Args:
        problem, seed, known, upper, degree, progress: as for ``State``.
        budget: seconds; what is found by then is returned.

    Raises:
        LimitError: a degree asked for that has too many unknowns.

    Example:
        >>> from conserved.networks import Linear, ReLU
        >>> from conserved.symmetry import Shift
        >>> [law.text for law in find_laws(Problem(network=ReLU(3, 4, 2))).laws]
        ['‖W1[j,:]‖² − ‖W2[:,j]‖², j = 1 … 4']
        >>> problem = Problem(network=Linear(3, 1), symmetry=Shift(3))
        >>> [law.text for law in find_laws(problem, upper=1).laws]
        ['(W1[1,1] − W1[1,2]) / (W1[1,1] + W1[1,2] − 2 W1[1,3])']
    """
    state = State(
        problem,
        seed=seed,
        known=known,
        upper=upper,
        degree=degree,
        progress=progress,
    )
    all_quadratic_first = upper is None and not problem.moves.timed
    with within(budget):
        run(state, (*FIRST, WHOLE) if all_quadratic_first else None)
    return Found(tuple(state.laws), state.unknowns, tuple(state.notes))
