"""The upper bound: the dimension of the Lie closure of the fields at a generic point.

Number of independent laws = D − dim Lie(W)(θ) (theory §2). Any rank found here, at any point, mod
any prime, is at most dim Lie(W), so D − rank is an upper bound whatever happens; drawing until the
rank has stabilised makes it tight with overwhelming probability.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from time import perf_counter
from typing import Any

import numpy as np

from conserved.arithmetic.device import residues_on
from conserved.arithmetic.threads import threads_for
from conserved.closure.cost import estimate
from conserved.closure.span import LieSpan, Progress
from conserved.errors import ConservedError, DegenerateSampleError, InputError, is_whole
from conserved.fields import Fields, Route, bad_prime, make_fields
from conserved.kernel.data import table
from conserved.kernel.deadline import OutOfTimeError, check_time, ended_by, within
from conserved.kernel.genericity import Genericity, genericity
from conserved.kernel.primes import BLAS_PRIMES, Prime, modulus, prime_with_roots
from conserved.kernel.residues import Residues, residues
from conserved.kernel.rowspace import RowSpace
from conserved.problem import Problem
from conserved.symmetry import files_of

_POINTS = 16  # degenerate points before giving up
_PRIMES = 4  # bad ones likewise


@dataclass(frozen=True)
class Closure:
    """An upper bound on the number of independent laws, and how it was found.

    Attributes:
        upper: D − rank; never less than the number of laws when ``rigorous``.
        parameters: D, of the state.
        ranks: rank after the fields themselves, then after each doubling of bracket length.
        closed: whether brackets with the generators raised nothing more.
        stopped: why the search ended, in words.
        route: how the data class entered (single points, orbits, lifted moments).
        rigorous: whether every formal value used is known to be generic (theory §8).
        note: what weakens the bound, or "".
        one_cell: whether it speaks of one cell of activation patterns only.
        prime, seed: replay the run.
        points: which of the listed inputs were drawn from, from 0; all where none are named.
        evaluations: field evaluations (each a forward and a backward pass over one orbit).
        seconds: wall time.
        device: where large matrix products ran.
    """

    upper: int
    parameters: int
    ranks: tuple[int, ...]
    closed: bool
    stopped: str
    rigorous: bool
    seed: int
    route: str = "none"
    note: str = ""
    prime: int = int(BLAS_PRIMES[0])
    points: tuple[int, ...] = ()
    evaluations: int = 0
    seconds: float = 0.0
    one_cell: bool = False
    device: str = "cpu"

    @property
    def rank(self) -> int:
        """Dimension found for Lie(W)(θ)."""
        return self.parameters - self.upper

    def to_json(self) -> dict[str, Any]:
        """The ``closure`` object of the JSON contract."""
        return {
            "ranks": list(self.ranks),
            "prime": self.prime,
            "seed": self.seed,
            "seconds": round(self.seconds, 6),
            "upper": self.upper,
            "closed": self.closed,
            "stopped": self.stopped,
            "route": self.route,
            "rigorous": self.rigorous,
            "note": self.note,
            "one_cell": self.one_cell,
            "evaluations": self.evaluations,
        }


def lie_closure(
    problem: Problem,
    *,
    seed: int = 0,
    prime: int | None = None,
    lower: int = 0,
    budget: float | None = None,
    route: Route = "auto",
    progress: Progress | None = None,
    device: str = "cpu",
) -> Closure:
    """Bound the number of independent conservation laws from above.

    Args:
        problem: network, loss, data class and flow.
        seed: fixes the point, the data and the formal values.
        prime: the modulus; by default the largest fitting one below 2^23.
        lower: laws already known to exist and be independent; the search stops when met.
        budget: seconds after which the best bound so far is returned.
        route: "moments" or "orbits" to insist on one; by default the cheaper that exists.
        progress: called with (stage, rank, D).
        device: where large matrix products run, such as "cuda"; the answer is the same.

    Returns:
        The bound with its record.

    Raises:
        InputError: an unusable seed, prime, lower bound, budget or device.
        ConservedError: more laws claimed by ``lower`` than the rank leaves room for.
        LimitError: an orbit too large to enumerate.

    Example:
        >>> from conserved.networks import Linear
        >>> lie_closure(Problem(network=Linear(3, 2, 2))).upper
        3
    """
    check_arguments(problem, seed, lower, budget, progress)
    estimate(problem, route)  # refuses what would not fit in memory
    start = perf_counter()
    with within(budget), threads_for(problem.state.size):
        try:
            modulus_used = _choose_prime(problem, prime, seed, route)
            points, (fields, run, stopped, generic) = _anywhere(
                problem, residues_on(modulus_used, device), seed, route, lower, progress
            )
        except OutOfTimeError:
            if budget is None:  # a limit of whoever asks
                raise
            why = f"{ended_by()} before the fields were known"
            return replace(no_closure(problem, why, seed), seconds=perf_counter() - start)
    upper = fields.dimension - run.space.rank
    if upper < lower:
        raise ConservedError(
            f"lower {lower}: the rank leaves room for at most {upper} laws, so some of the laws "
            "given as known are false or dependent"
        )
    return Closure(
        upper=upper,
        parameters=fields.dimension,
        ranks=tuple(run.ranks),
        closed=run.closed,
        stopped=stopped,
        route=fields.route if not points else f"{fields.route}: others depend on them",
        points=points,
        rigorous=generic.holds,
        note=generic.note or fields.note,
        prime=int(modulus_used),
        seed=int(seed),
        evaluations=fields.evaluations,
        seconds=perf_counter() - start,
        one_cell=fields.one_cell,
        device=device,
    )


def no_closure(problem: Problem, why: str, seed: int = 0) -> Closure:
    """The bound that needs no work: at most D laws, and why no better one was sought.

    Example:
        >>> from conserved.networks import Linear
        >>> no_closure(Problem(network=Linear(3, 2, 2)), "too large").upper
        10
    """
    size = problem.state.size
    return Closure(
        upper=size,
        parameters=size,
        ranks=(),
        closed=False,
        stopped=why,
        rigorous=True,
        seed=int(seed),
    )


_Found = tuple[Fields, LieSpan, str, Genericity]


def _anywhere(
    problem: Problem, scalars: Residues, seed: int, route: Route, lower: int, progress: Any
) -> tuple[tuple[int, ...], _Found]:
    """Close on all data, and where formal values depend on others on fewer of listed inputs."""
    rest = (scalars, seed, route, lower, progress)
    found = _at_some_point(problem, *rest)
    if not found[3].holds:
        for places, fewer in _on_fewer_inputs(problem, scalars):
            other = _at_some_point(fewer, *rest)
            if other[3].holds and other[1].space.rank >= found[1].space.rank:
                return places, other
    return (), found


def _at_some_point(
    problem: Problem,
    scalars: Residues,
    seed: int,
    route: Route,
    lower: int,
    progress: Progress | None,
) -> _Found:
    """Close at the first point where the fields have values."""
    for attempt in range(_POINTS):
        rng = np.random.default_rng([int(seed), attempt])
        try:
            fields = make_fields(problem, scalars, rng, route)
            run = LieSpan(fields, lower, progress)
            stopped = run.close()
            return fields, run, stopped, _generic(fields)
        except DegenerateSampleError:
            continue
    raise DegenerateSampleError(
        f"network '{problem.network.spec}': no point with values was found in {_POINTS} draws"
    )


def _generic(fields: Fields) -> Genericity:
    """Whether the formal values are generic, as far as there is time to test it."""
    try:
        check_time()
        return genericity(fields)
    except OutOfTimeError:
        if not fields.formal:
            return Genericity(True)
        return Genericity(False, "no time to test the formal values")


def _on_fewer_inputs(
    problem: Problem, scalars: Residues
) -> Iterator[tuple[tuple[int, ...], Problem]]:
    """The problem on listed inputs of which none depends on others, so that arguments do not.

    What they pull, all of them do, so that the bound they give holds for all.
    """
    if problem.inputs is None or problem.inputs.stated.points is None:
        return
    rows = table(problem.inputs.stated.points, (prod(problem.network.input_shape),), scalars)
    ones = np.ones((len(rows), 1), dtype=scalars.dtype)
    for one in (np.concatenate([rows, ones], axis=1), rows):  # with a bias, and without
        chosen = np.flatnonzero(RowSpace(scalars, one.shape[1]).add(one))
        if len(chosen) < len(rows):
            places = tuple(chosen.tolist())
            yield places, replace(problem, inputs=problem.inputs.thinned(places))


def _choose_prime(problem: Problem, prime: int | None, seed: int, route: Route) -> Prime:
    """The prime asked for, checked, or the largest BLAS prime that has the roots needed.

    Matrices from a file may make a smaller group mod a bad prime; the next one is tried then.
    """
    roots = problem.roots
    if prime is None:
        if not files_of(problem.group):
            return BLAS_PRIMES[0] if roots == 1 else prime_with_roots(roots)
        below = int(np.random.default_rng([int(seed), 5]).integers(2**22, 2**23))
        other, fault = residues(prime_with_roots(roots, below)), ""
        for index in range(_PRIMES):
            chosen = prime_with_roots(roots, index=index)
            fault = bad_prime(problem, residues(chosen), other, route)
            if not fault:
                return chosen
        raise InputError("symmetry", problem.group.name, f"its order is in doubt: {fault}")
    chosen = modulus(prime)
    if roots > 1 and (chosen - 1) % (4 * roots):
        advice = f"{problem.group.name} needs a prime ≡ 1 mod {4 * roots}"
        raise InputError("prime", prime, advice)
    if chosen >= 2**31:
        raise InputError("prime", prime, "the closure needs a prime below 2^31")
    return chosen


def check_arguments(
    problem: Problem,
    seed: int,
    lower: int = 0,
    budget: float | None = None,
    progress: Progress | None = None,
) -> None:
    """Refuse what no run can use.

    Raises:
        InputError: naming the argument.
    """
    if not isinstance(problem, Problem):
        raise InputError("problem", repr(problem), "give a conserved.Problem")
    if progress is not None and not callable(progress):
        raise InputError("progress", repr(progress), "give a function of (stage, rank, D)")
    if not is_whole(seed) or seed < 0:
        raise InputError("seed", seed, "a seed is an integer ≥ 0")
    if not is_whole(lower) or not 0 <= lower <= problem.state.size:
        raise InputError("lower", lower, f"known laws number 0 to D = {problem.state.size}")
    within(budget)
