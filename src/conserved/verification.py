"""Is a law a law? Its identity ⟨∇h, w⟩ = 0 at fresh random points, mod a prime near 2^61.

A true law passes always. A false one fails at a random point of GF(p) unless it is a root of a
non-zero polynomial, which a point is with probability at most degree/p (Schwartz and Zippel;
``conserved.kernel.degree`` measures degrees).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

import numpy as np

from conserved.errors import DegenerateSampleError, InputError, is_whole
from conserved.fields import Fields, Route, choose_route, make_fields
from conserved.kernel.deadline import check_time
from conserved.kernel.primes import WIDE_PRIMES, Prime, prime_with_roots
from conserved.kernel.primes import modulus as proved_modulus
from conserved.kernel.scalars import Array
from conserved.kernel.wide import scalars_for
from conserved.law import Law
from conserved.problem import Problem

_FIELDS = 2  # random fields at each point; one would do
_BITS = 120
_LARGE_LIFT = 64
_LARGE_ORBIT = 200_000  # entries of one evaluation
_DRAWS = 16  # of a point at which everything has a value


@dataclass(frozen=True)
class Verification:
    """What the test of some laws found.

    Attributes:
        holds: for each law, whether its identity held everywhere; false for a law without values.
        prime: the modulus.
        points: at how many random points.
    """

    holds: tuple[bool, ...]
    prime: int
    points: int


def verify(
    problem: Problem,
    laws: Sequence[Law],
    *,
    seed: int = 0,
    points: int | None = None,
    prime: int | None = None,
    route: Route = "auto",
) -> Verification:
    """Test laws on a problem as exact identities at random points.

    Args:
        problem: whose fields the laws must be constant along.
        laws: any laws on its parameters.
        seed: draws the points.
        points: how many; by default as many as bring the moduli's product past 2^120.
        prime: the modulus, with the roots of unity needed; by default one near 2^61, or one near
            2^31 where averages would take long in Python's integers.
        route: how the fields are made.

    Raises:
        InputError: laws on other parameters, an unusable seed, number of points or prime.
        DegenerateSampleError: the fields have no value anywhere.

    Example:
        >>> from conserved.law import GramLaw, GramTerm, Layout
        >>> from conserved.networks import Linear
        >>> problem = Problem(network=Linear(3, 2, 2))
        >>> layout = Layout.of(problem.network.parameters)
        >>> laws = [
        ...     GramLaw(layout=layout, terms=(GramTerm("W1", 0), GramTerm("W2", 1, sign)))
        ...     for sign in (-1, 1)
        ... ]
        >>> verify(problem, laws).holds
        (True, False)
    """
    _check_arguments(problem, laws, seed, points)
    if prime is None:
        modulus = wide_prime(problem, laws, largest_prime(problem, route))
    else:
        modulus = proved_modulus(prime)
    points = points_for(modulus) if points is None else points
    scalars = scalars_for(modulus)
    rng = np.random.default_rng([seed, 61])
    holds = [True] * len(laws)
    for _ in range(points):
        fields = make_fields(problem, scalars, rng, route, widest=True)
        for index, held in enumerate(_at_a_point(fields, laws)):
            holds[index] &= held
    return Verification(tuple(holds), int(modulus), points)


def _check_arguments(problem: Problem, laws: Sequence[Law], seed: int, points: int | None) -> None:
    if not isinstance(problem, Problem):
        raise InputError("problem", repr(problem), "give a conserved.Problem")
    if not isinstance(laws, Sequence) or not all(isinstance(law, Law) for law in laws):
        raise InputError("laws", repr(laws), "give a list of laws")
    layout = problem.state
    for law in laws:
        if law.layout != layout:
            advice = f"speaks of other parameters than those of {problem.network.spec}"
            raise InputError("law", law.text, advice)
    if not is_whole(seed) or seed < 0:
        raise InputError("seed", seed, "a seed is an integer ≥ 0")
    if points is not None and (not is_whole(points) or points < 1):
        raise InputError("points", points, "an identity is tested at 1 point at least")


def points_for(prime: Prime) -> int:
    """How many points bring the product of the moduli past 2^120."""
    return -(-_BITS // int(prime).bit_length())


def largest_prime(problem: Problem, route: Route = "auto") -> int:
    """2^61, or 2^31 where Python's integers would take long: a bound for primes to verify with."""
    if choose_route(problem, route) == "moments":
        lift = problem.network.lift()
        large = lift is not None and lift.dimension > _LARGE_LIFT
    else:
        orbit = problem.group.order * problem.network.activations()
        large = orbit > _LARGE_ORBIT and problem.symmetric
    return 2**31 if large else 2**61


def wide_prime(problem: Problem, laws: Sequence[Law] = (), below: int = 2**61) -> Prime:
    """The largest prime below a bound with the roots of unity that a problem and laws need."""
    roots = lcm(problem.roots, *(law.roots for law in laws))
    return WIDE_PRIMES[0] if roots == 1 and below == 2**61 else prime_with_roots(roots, below)


def constant_along(fields: Fields, law: Law, theta: Array, values: Array) -> bool:
    """Whether ⟨∇h, w⟩ = 0 at θ (D,) for every w of ``values`` (batch, D)."""
    return not law.derivative(fields.scalars, theta, values).any()


def _at_a_point(fields: Fields, laws: Sequence[Law]) -> list[bool]:
    """Each law at the first random point where it and the fields have values."""
    held: dict[int, bool] = {}
    drawn = False
    for _ in range(_DRAWS):
        check_time()
        theta = fields.point()
        try:
            _, values = fields.draw(_FIELDS, theta)
        except DegenerateSampleError:
            continue
        drawn = True
        for index, law in enumerate(laws):
            if index in held:
                continue
            try:
                held[index] = constant_along(fields, law, theta[0, 0], values)
            except DegenerateSampleError:
                continue
        if len(held) == len(laws):
            break
    if not drawn:
        raise DegenerateSampleError(f"no point at which the fields have values in {_DRAWS} draws")
    return [held.get(index, False) for index in range(len(laws))]
