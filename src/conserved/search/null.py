"""Null spaces over the rationals by way of GF(p): solve, reconstruct, leave the proof to others."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import gcd, lcm

import numpy as np

from conserved.arithmetic.exact import rational_reconstruction
from conserved.errors import DegenerateSampleError
from conserved.fields import Fields
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array

Vector = list[tuple[int, Fraction]]  # sparse: (position, value), positions ascending
_SPARE = 8  # conditions that raise nothing before the space counts as full
_BLOCK = 256
_BOUND = 1000  # of numerators and denominators: accidents are then as rare as 2·10⁶/p
_ROUNDS = 16  # of samples without a value that are drawn again
_MOST = 60  # vectors made short together
_WIDE = 4000  # positions


def samples(fields: Fields, count: int) -> tuple[Array, Array]:
    """Random points θ and one random field at each: both (count, D).

    Raises:
        DegenerateSampleError: too few points have values.
    """
    points, values = _drawn(fields, count)
    for _ in range(_ROUNDS):
        if len(points) >= count:
            return points[:count], values[:count]
        more, there = _drawn(fields, count)  # some had no value (a zero divisor, a non-square)
        points, values = np.concatenate([points, more]), np.concatenate([values, there])
    raise DegenerateSampleError("too few points have values")


def _drawn(fields: Fields, count: int) -> tuple[Array, Array]:
    theta = fields.points(count)
    values = fields.evaluate(fields.leaves_at(theta), theta)[0]
    if fields.invalid is None:
        return theta[0], values
    valid = ~fields.invalid
    return theta[0, valid], values[valid]


def solutions(scalars: Residues, size: int, conditions: Callable[[int], Array]) -> Array:
    """A basis (count, size) of what random conditions leave, in reduced form.

    Args:
        scalars: residues.
        size: number of unknowns.
        conditions: count → about that many fresh random rows (count, size).
    """
    space = RowSpace(scalars, size)
    while space.rank < size:
        raised = space.add(conditions(min(_BLOCK, size - space.rank) + _SPARE))
        if not raised[-_SPARE:].any():
            break
    return space.annihilator().T


def as_fractions(basis: Array, scalars: Residues) -> list[Vector]:
    """The rational vectors with these residues; those without short fractions are left out."""
    vectors = []
    known: dict[int, Fraction | None] = {}
    prime = int(scalars.prime)
    for row in scalars.canonical(basis).astype(np.int64):
        vector: Vector = []
        for position in np.flatnonzero(row):
            residue = int(row[position])
            if residue not in known:
                known[residue] = rational_reconstruction(residue, prime, _BOUND)
            value = known[residue]
            if value is None:
                break
            vector.append((int(position), value))
        else:
            vectors.append(vector)
    return vectors


def integral(vector: Vector) -> Vector:
    """The primitive integer multiple of a vector, its first entry positive."""
    below = lcm(*(value.denominator for _, value in vector))
    above = gcd(*(int(value * below) for _, value in vector))
    scale = Fraction(below if vector[0][1] > 0 else -below, above)
    return [(position, value * scale) for position, value in vector]


def orthogonal(one: Vector, other: Vector) -> tuple[Vector, Vector]:
    """A plane by a short vector and one at right angles to it, as in figure 2 of 2606.10913.

    Example:
        >>> one, two = ([(i, Fraction(1)), (2, Fraction(-1))] for i in (0, 1))
        >>> [[int(value) for _, value in vector] for vector in orthogonal(one, two)]
        [[1, -1], [1, 1, -2]]
    """
    places = sorted({position for position, _ in (*one, *other)})

    def dense(vector: Vector) -> Array:
        return np.array([dict(vector).get(i, Fraction(0)) for i in places], dtype=object)

    def sparse(values: Array) -> Vector:
        return integral([(i, value) for i, value in zip(places, values, strict=True) if value])

    def length(vector: Vector) -> tuple[Fraction, list[int]]:
        return sum((value**2 for _, value in vector), Fraction(0)), [i for i, _ in vector]

    a, b = dense(one), dense(other)
    short = dense(min(map(sparse, (a, b, a - b, a + b)), key=length))
    rest = b if (a @ short) ** 2 == (a @ a) * (short @ short) else a
    return sparse(short), sparse(rest - (rest @ short) / (short @ short) * short)


def shortened(vectors: list[Vector]) -> list[Vector]:
    """A basis of the lattice's span with short integer entries (LLL); many stay as they are.

    Example:
        >>> one, two = [(0, Fraction(1)), (1, Fraction(9))], [(0, Fraction(1)), (1, Fraction(8))]
        >>> shortened([one, two])
        [[(1, Fraction(-1, 1))], [(0, Fraction(1, 1))]]
    """
    positions = sorted({position for vector in vectors for position, _ in vector})
    if not 0 < len(vectors) <= _MOST or len(positions) > _WIDE:
        return vectors
    from flint import fmpz_mat

    place = {position: k for k, position in enumerate(positions)}
    rows = []
    for vector in vectors:
        row = [0] * len(positions)
        scale = lcm(*(value.denominator for _, value in vector))
        for position, value in vector:
            row[place[position]] = int(value * scale)
        rows.append(row)
    if len(rows) > 1:
        rows = [[int(entry) for entry in row] for row in fmpz_mat(rows).lll().tolist()]
    found = [
        [(positions[k], Fraction(value)) for k, value in enumerate(row) if value] for row in rows
    ]
    return sorted(found, key=len)
