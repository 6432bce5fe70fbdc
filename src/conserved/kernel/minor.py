"""Independence of laws, by a minor of their gradients at one point mod p that is not 0."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

import numpy as np

from conserved.kernel import law
from conserved.kernel.certificate import Minor
from conserved.kernel.errors import DegenerateSampleError, InputError
from conserved.kernel.primes import BLAS_PRIMES, modulus, prime_with_roots
from conserved.kernel.program import Program
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.kernel.wide import scalars_for

_STREAM = 778
_POINTS = 4  # tried for a minor of full size
_ROWS = 128  # gradients at a time


def largest_minor(laws: Sequence[Program], size: int, *, most: int, seed: int) -> Minor:
    """A largest minor that is not 0, made from the first rows that will do.

    Args:
        laws: any, in order of preference.
        size: D.
        most: how many can be independent; the search ends when met.
        seed: draws points.
    """
    roots = lcm(1, *(program.roots for program in laws))
    prime = BLAS_PRIMES[0] if roots == 1 else prime_with_roots(roots)
    best = Minor(int(prime), seed, (), ())
    for shift in range(_POINTS):
        try:
            found = _eliminated(laws, size, Minor(int(prime), seed + shift, (), ()), most)
        except DegenerateSampleError:
            continue
        if len(found.rows) > len(best.rows):
            best = found
        if len(best.rows) >= most:
            break
    return best


def is_nonzero(laws: Sequence[Program], size: int, minor: Minor) -> bool:
    """Whether a minor is not 0.

    Raises:
        InputError: a modulus that is no prime, or lacks the roots of unity that the laws need.
        DegenerateSampleError: a law has no value at the point.
    """
    used = sorted({index for index, _ in minor.rows})
    if not used:
        return True
    scalars = _scalars([laws[index] for index in used], minor)
    theta = _point(scalars, size, minor)
    space = RowSpace(scalars, len(minor.columns))
    for index in used:
        mine = [component for which, component in minor.rows if which == index]
        for start in range(0, len(mine), _ROWS):
            rows = law.gradients(laws[index], scalars, theta, mine[start : start + _ROWS])
            space.add(rows[:, list(minor.columns)])
    return space.rank == len(minor.rows)


def _eliminated(laws: Sequence[Program], size: int, point: Minor, most: int) -> Minor:
    """Rows that raise the rank, and the columns of the pivots."""
    rows: list[tuple[int, int]] = []
    scalars = _scalars(laws, point)
    theta = _point(scalars, size, point)
    space = RowSpace(scalars, size)
    for index, program in enumerate(laws):
        components = range(law.count(program))
        for start in range(0, len(components), _ROWS):
            if space.rank >= most:
                break
            raised = space.add(
                law.gradients(program, scalars, theta, components[start : start + _ROWS])
            )
            rows += [(index, start + int(i)) for i in np.flatnonzero(raised)]
    columns = tuple(sorted(space.pivots.tolist()))
    return Minor(point.prime, point.seed, tuple(rows), columns)


def _point(scalars: Residues, size: int, point: Minor) -> Array:
    return scalars.random(np.random.default_rng([point.seed, _STREAM]), (size,))


def _scalars(laws: Sequence[Program], minor: Minor) -> Residues:
    prime, roots = modulus(minor.prime), lcm(1, *(program.roots for program in laws))
    if roots > 1 and (prime - 1) % (4 * roots):
        raise InputError("prime", minor.prime, f"the laws need a prime ≡ 1 mod {4 * roots}")
    return scalars_for(prime)
