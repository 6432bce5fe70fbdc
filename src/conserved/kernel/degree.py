"""The degree of a field or of a law, which says how rarely a false identity passes a test.

At a random point of GF(p) a non-zero polynomial of degree d vanishes with probability at most d/p
(Schwartz and Zippel). Degrees are measured: along a random line t ↦ a + t·b in everything that is
drawn (θ, data, gates and formal values) a rational function N/D of total degrees (n, d) is one of
degrees (n, d) in t, for all but degenerate lines, and is found again from its values at n + d + 2
points by half of Euclid's algorithm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.kernel import law
from conserved.kernel.errors import DegenerateSampleError
from conserved.kernel.extent import Degree
from conserved.kernel.fields import Fields, Leaves
from conserved.kernel.formal import FormalValues
from conserved.kernel.primes import Prime
from conserved.kernel.program import Program
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array

_FIRST = 16  # points on the line; doubled until they tell
_MOST = 2048
_LINES = 8  # tried for a law
_WRAPS = 2**16  # degrees below the primes by far
_HUGE = 2**64
_SPARE = 4  # degrees that must stay unused before a function counts as found


def credible(found: Degree | None, bound: Degree, *, rational: bool = True) -> Degree | None:
    """What was measured, unless powers could wrap around mod p: then no more is known than a bound.

    Args:
        found: as measured.
        bound: read off the program (``conserved.kernel.extent``).
        rational: whether there are no square roots; otherwise nothing bounds what is not found.
    """
    if bound.above + bound.below > _WRAPS or (found is None and rational):
        return Degree(min(bound.above, _HUGE), min(bound.below, _HUGE))
    return found


def field_degree(fields: Fields) -> Degree | None:
    """Degrees of fields over their common denominator, in all that is drawn.

    Args:
        fields: with a generator that nobody could foresee.

    Returns:
        None for fields that are no rational functions (square roots), or of enormous degree.
    """
    scalars, rng = fields.scalars, fields.rng
    ends = fields.draw_leaves(2)
    start, toward = scalars.random(rng, (2, fields.dimension))
    weights = scalars.random(rng, (fields.dimension, 1))
    salt, formal = int(rng.integers(2**62)), fields.ring.values

    def values(t: NDArray[np.int64]) -> tuple[Array, NDArray[np.bool_]]:
        fields.ring.values = _LineValues(scalars, salt, t)
        theta = _along(scalars, start, toward, t)[None]
        fields.ring.invalid = None
        at = fields.pull(_leaves_along(scalars, ends, t), theta)[0]
        bad = False if fields.ring.invalid is None else fields.ring.invalid
        return scalars.matmul(at, weights)[:, 0], ~np.broadcast_to(bad, t.shape)

    found = _doubling(scalars.prime, values, min(_MOST, fields.batch_size(1)))
    fields.ring.values = formal
    if found is None or fields.ring.used_roots:
        return None
    return Degree(found.above + fields.hidden, found.below)


def law_degree(program: Program, scalars: Residues, rng: np.random.Generator) -> Degree | None:
    """Degrees of the functions of a law over their common denominator.

    Args:
        program: of the law.
        scalars: mod a prime below 2^31 that nobody could foresee: mod one that is known beforehand
            a law could be written to seem of lower degree.
        rng: draws lines.

    Returns:
        None for an enormous degree, or for a law without values.
    """
    for _ in range(_LINES):
        start, toward = scalars.random(rng, (2, program.size))
        weights = scalars.random(rng, (law.count(program), 1))

        def values(
            t: NDArray[np.int64], line: tuple[Array, Array, Array] = (start, toward, weights)
        ) -> tuple[Array, NDArray[np.bool_]]:
            here = law.values(program, scalars, _along(scalars, line[0], line[1], t))
            return scalars.matmul(here, line[2])[:, 0], np.ones(len(t), bool)

        try:
            return _doubling(scalars.prime, values, _MOST)
        except DegenerateSampleError:  # a pole on the line, or a denominator that is 0 mod p
            continue
    return None


Line = Callable[[NDArray[np.int64]], tuple[Array, NDArray[np.bool_]]]


def _doubling(prime: Prime, values: Line, most: int) -> Degree | None:
    count = _FIRST
    while count <= most:
        found = rational_degree(prime, *values(np.arange(count)))
        if found is not None:
            return found
        count *= 2
    return None


def rational_degree(prime: Prime, values: Array, valid: NDArray[np.bool_]) -> Degree | None:
    """Degrees of the N/D of least total degree with these values at t = 0, 1, 2, ….

    Args:
        prime: the modulus, below 2^31.
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
    p = int(prime)
    points = np.flatnonzero(valid)
    remainder = _interpolated(p, points, np.asarray(values, dtype=np.int64)[points] % p)
    if not len(remainder):
        return Degree(0)
    nodes = np.ones(1, dtype=np.int64)
    for t in points.tolist():
        nodes = _times_line(nodes, -t % p, p)
    # (remainder, factor) runs through all N, D with N ≡ D · interpolant; degrees add up to less
    # than the number of points for the true one alone
    old, factor_old, factor = nodes, np.zeros(0, np.int64), np.ones(1, np.int64)
    best = Degree(len(remainder) - 1)
    while len(remainder):
        here = Degree(len(remainder) - 1, len(factor) - 1)
        if here.above + here.below < best.above + best.below:
            best = here
        rest, factor_rest = _divided(old, remainder, factor_old, factor, p)
        old, remainder = remainder, rest
        factor_old, factor = factor, factor_rest
    return best if best.above + best.below + _SPARE < len(points) else None


Coefficients = NDArray[np.int64]  # of a polynomial, the lowest first, the highest not 0


def _divided(
    a: Coefficients, b: Coefficients, f: Coefficients, g: Coefficients, p: int
) -> tuple[Coefficients, Coefficients]:
    """(a − q b, f − q g) for the quotient q of a by b, term by term."""
    back = pow(int(b[-1]), -1, p)
    while len(a) >= len(b):
        shift, lead = len(a) - len(b), int(a[-1]) * back % p
        a, f = _minus(a, b, shift, lead, p), _minus(f, g, shift, lead, p)
    return a, f


def _minus(a: Coefficients, b: Coefficients, shift: int, factor: int, p: int) -> Coefficients:
    """a − factor·t^shift·b."""
    out = np.zeros(max(len(a), len(b) + shift), dtype=np.int64)
    out[: len(a)] = a
    out[shift : shift + len(b)] = (out[shift : shift + len(b)] - factor * b % p) % p
    return np.trim_zeros(out, "b")


def _times_line(a: Coefficients, c: int, p: int) -> Coefficients:
    """a·(t + c)."""
    out = np.zeros(len(a) + 1, dtype=np.int64)
    out[1:] = a
    out[:-1] = (out[:-1] + c * a) % p
    return out


def _interpolated(p: int, points: NDArray[np.intp], values: NDArray[np.int64]) -> Coefficients:
    """The polynomial through some points, by divided differences."""
    inverses = np.array([pow(n, -1, p) if n else 0 for n in range(int(points.max(initial=0)) + 1)])
    table, newton = values, []
    for order in range(len(points)):
        newton.append(int(table[0]))
        gaps = points[order + 1 :] - points[: len(points) - order - 1]
        table = (table[1:] - table[:-1]) % p * inverses[gaps] % p
    polynomial = np.zeros(0, dtype=np.int64)
    for order in range(len(points) - 1, -1, -1):
        polynomial = _times_line(polynomial, -int(points[order]) % p, p)
        polynomial[0] = (polynomial[0] + newton[order]) % p
    return np.trim_zeros(polynomial, "b")


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
