"""The degree of a field or of a law, which says how rarely a false identity passes a test.

At a random point of GF(p) a non-zero polynomial of degree d vanishes with probability at most d/p
(Schwartz and Zippel). Degrees are measured: along a random line t ↦ a + t·b in everything that is
drawn (θ, data, gates and formal values) a rational function N/D of total degrees (n, d) is one of
degrees (n, d) in t, for all but unlucky lines, and is found again from its values at n + d + 2
points by half of Euclid's algorithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conserved.errors import Redraw
from conserved.fields import Leaves, Route, choose_route, make_fields
from conserved.kernel.formal import FormalValues
from conserved.kernel.primes import Prime, prime_with_roots
from conserved.kernel.residues import Residues, residues
from conserved.kernel.scalars import Array
from conserved.law import Law
from conserved.problem import Problem

if TYPE_CHECKING:
    from flint import nmod_poly

_FIRST = 16  # points on the line; doubled until they tell
_MOST = 2048
_LINES = 8  # tried for a law
_SPARE = 4  # degrees that must stay unused before a function counts as found


@dataclass(frozen=True)
class Degree:
    """Total degrees of the numerator and the denominator of a rational function."""

    above: int
    below: int = 0


def field_degree(problem: Problem, route: Route = "auto", *, seed: int = 0) -> Degree | None:
    """Degrees of the fields of a problem over their common denominator, in all that is drawn.

    Returns:
        None for fields that are no rational functions (square roots), or of enormous degree.

    Example:
        >>> from conserved.networks import Linear
        >>> field_degree(Problem(network=Linear(3, 2, 2)))  # W2ᵀ v xᵀ and v (W1 x)ᵀ
        Degree(above=3, below=0)
    """
    costly = choose_route(problem, route) == "moments"  # averages run far faster on BLAS
    prime = _prime(problem.group.roots, 2**23 if costly else 2**31)
    scalars = residues(prime)
    rng = np.random.default_rng([seed, 62])
    fields = make_fields(problem, scalars, rng, route)
    ends = fields.draw_leaves(2)
    start, toward = scalars.random(rng, (2, fields.dimension))
    weights = scalars.random(rng, (fields.dimension, 1))
    salt = int(rng.integers(2**62))

    def values(t: NDArray[np.int64]) -> tuple[Array, NDArray[np.bool_]]:
        fields.ring.values = _LineValues(scalars, salt, t)
        theta = _along(scalars, start, toward, t)[None]
        fields.ring.invalid = None
        at = fields.pull(_leaves_along(scalars, ends, t), theta)[0]
        bad = False if fields.ring.invalid is None else fields.ring.invalid
        return scalars.matmul(at, weights)[:, 0], ~np.broadcast_to(bad, t.shape)

    count = _FIRST
    while count <= min(_MOST, fields.batch_size(1)):
        found = rational_degree(prime, *values(np.arange(count)))
        if fields.ring.used_roots:
            return None
        if found is not None:
            return found
        count *= 2
    return None


def law_degree(law: Law, *, seed: int = 0) -> Degree | None:
    """Degrees of the functions of a law over their common denominator.

    Returns:
        None for an enormous degree, or for a law without values.

    Example:
        >>> from conserved.law import GramLaw, GramTerm, Layout
        >>> layout = Layout((("W1", (2, 2)), ("W2", (2, 2))))
        >>> terms = GramTerm("W1", 0), GramTerm("W2", 1, -1)
        >>> law_degree(GramLaw(layout=layout, terms=terms))
        Degree(above=2, below=0)
    """
    rng = np.random.default_rng([seed, 63])
    for _ in range(_LINES):
        # mod a prime that is known beforehand, a law could be written to seem of lower degree
        prime = prime_with_roots(law.roots, int(rng.integers(2**30, 2**31)))
        try:
            return _degree_along_a_line(law, prime, rng)
        except Redraw:  # a pole on the line, or a denominator that is 0 mod p
            continue
    return None


def _degree_along_a_line(law: Law, prime: Prime, rng: np.random.Generator) -> Degree | None:
    scalars = residues(prime)
    start, toward = scalars.random(rng, (2, law.layout.size))
    weights = scalars.random(rng, (law.size, 1))
    count = _FIRST
    while count <= _MOST:
        t = np.arange(count)
        values = law.values(scalars, _along(scalars, start, toward, t))
        found = rational_degree(prime, scalars.matmul(values, weights)[:, 0], np.ones(count, bool))
        if found is not None:
            return found
        count *= 2
    return None


def rational_degree(prime: Prime, values: Array, valid: NDArray[np.bool_]) -> Degree | None:
    """Degrees of the N/D of least total degree with these values at t = 0, 1, 2, ….

    Args:
        prime: the modulus.
        values: integers mod p, (count,).
        valid: where they are known.

    Returns:
        None where the values determine no such function.

    Example:
        >>> t = np.arange(12)
        >>> from conserved.kernel.primes import INT64_PRIMES
        >>> rational_degree(INT64_PRIMES[0], t**3 - 5 * t, np.ones(12, bool))
        Degree(above=3, below=0)
    """
    from flint import nmod_poly

    p = int(prime)
    points = np.flatnonzero(valid).tolist()
    remainder = _interpolated(p, points, [int(values[t]) for t in points])
    nodes = nmod_poly([1], p)
    for t in points:
        nodes *= nmod_poly([-t % p, 1], p)
    if not remainder:
        return Degree(0)
    # (remainder, factor) runs through all N, D with N ≡ D · interpolant; degrees add up to less
    # than the number of points for the true one alone
    old, factor_old, factor = nodes, nmod_poly([0], p), nmod_poly([1], p)
    best = Degree(remainder.degree())
    while remainder:
        here = Degree(remainder.degree(), factor.degree())
        if here.above + here.below < best.above + best.below:
            best = here
        quotient, rest = divmod(old, remainder)
        old, remainder = remainder, rest
        factor_old, factor = factor, factor_old - quotient * factor
    return best if best.above + best.below + _SPARE < len(points) else None


def _interpolated(p: int, points: list[int], values: list[int]) -> nmod_poly:
    """The polynomial through some points, by divided differences."""
    from flint import nmod_poly

    t = np.array(points, dtype=np.int64)
    table = np.array(values, dtype=np.int64) % p
    inverses = _small_inverses(p, int(t.max(initial=0)) + 1)
    newton = []
    for order in range(len(t)):
        newton.append(int(table[0]))
        gaps = t[order + 1 :] - t[: len(t) - order - 1]
        table = (table[1:] - table[:-1]) % p * inverses[gaps] % p
    polynomial = nmod_poly([0], p)
    for order in range(len(t) - 1, -1, -1):
        polynomial = polynomial * nmod_poly([-points[order] % p, 1], p) + newton[order]
    return polynomial


def _small_inverses(p: int, count: int) -> NDArray[np.int64]:
    return np.array([pow(n, -1, p) if n else 0 for n in range(count)], dtype=np.int64)


class _LineValues(FormalValues):
    """Formal values that move along lines with t as well, each call on lines of its own.

    Equal arguments of different calls get different lines: degrees can only come out larger.
    """

    def __init__(self, scalars: Residues, salt: int, t: NDArray[np.int64]) -> None:
        super().__init__(scalars, salt)
        self._t = t
        self._calls = 0

    def odd(self, name: str, z: Array, key: NDArray[np.uint64] | None = None) -> Array:
        return self._lines(z)

    def even(self, name: str, z: Array, key: NDArray[np.uint64] | None = None) -> Array:
        return self._lines(z)

    def free(self, name: str, z: Array, key: NDArray[np.uint64] | None = None) -> Array:
        return self._lines(z)

    def absorb(self, key: NDArray[np.uint64], z: Array) -> NDArray[np.uint64]:
        return key

    def _lines(self, z: Array) -> Array:
        """z is (1, batch, …) with one t for each of the batch."""
        self._calls += 1
        rng = np.random.default_rng([self.salt, self._calls])
        start, toward = self.scalars.random(rng, (2, *z.shape[2:]))
        return _along(self.scalars, start, toward, self._t)[None]


def _leaves_along(scalars: Residues, ends: Leaves, t: NDArray[np.int64]) -> Leaves:
    """Fields whose scalars move from the first of two fields to the second and on; keys stay."""
    arrays: list[NDArray[Any]] = []
    for first, second in (array[:2] for array in ends.arrays):
        if first.dtype == scalars.dtype:
            arrays.append(_along(scalars, first, scalars.reduce(second - first), t))
        else:
            arrays.append(np.broadcast_to(first, (len(t), *first.shape)))
    return Leaves(tuple(arrays))


def _along(scalars: Residues, start: Array, toward: Array, t: NDArray[np.int64]) -> Array:
    """start + t·toward for each t, (count, *shape)."""
    steps = t.reshape(-1, *(1,) * start.ndim)
    return scalars.reduce(start + scalars.mul(steps, toward))


def _prime(roots: int, below: int = 2**31) -> Prime:
    return prime_with_roots(roots, below)
