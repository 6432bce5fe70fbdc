"""Independence of laws, by a minor of their gradients at one point mod p that is not 0."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.check.document import Minor
from conserved.errors import InputError, Redraw
from conserved.kernel.primes import BLAS_PRIMES, Prime, modulus, prime_with_roots
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.law import Law
from conserved.verification import scalars_for

_STREAM = 778
_POINTS = 4  # tried for a minor of full size


def independence(laws: Sequence[Law], size: int, *, most: int, seed: int) -> Minor:
    """A largest minor that is not 0, made from the first rows that will do.

    Args:
        laws: any, in order of preference.
        size: D.
        most: how many can be independent; the search ends when met.
        seed: draws points.

    Example:
        >>> from conserved.law import Layout, Polynomial, PolynomialLaw
        >>> x, y = Polynomial.of({(0,): 1}), Polynomial.of({(0, 0): 1, (1,): 2})
        >>> law = PolynomialLaw(layout=Layout((("w", (3,)),)), components=(x, x, y))
        >>> independence([law], 3, most=3, seed=0).rows
        ((0, 0), (0, 2))
    """
    roots = lcm(*(law.roots for law in laws))
    prime = BLAS_PRIMES[0] if roots == 1 else prime_with_roots(roots)
    best = Minor(int(prime), seed, (), ())
    for shift in range(_POINTS):
        here = Minor(int(prime), seed + shift, (), ())
        try:
            found = _eliminated(laws, size, here)
        except Redraw:
            continue
        if len(found.rows) > len(best.rows):
            best = found
        if len(best.rows) >= most:
            break
    return best


def is_nonzero(laws: Sequence[Law], size: int, minor: Minor) -> bool:
    """Whether a minor is not 0.

    Raises:
        InputError: a modulus that is no prime, or lacks the roots of unity that the laws need.
        Redraw: a law has no value at the point.
    """
    used = sorted({law for law, _ in minor.rows})
    blocks = {index: _gradients([laws[index]], size, minor) for index in used}
    rows = [blocks[law][component] for law, component in minor.rows]
    if not rows:
        return True
    scalars = scalars_for(_prime([laws[index] for index in used], minor))
    space = RowSpace(scalars, len(minor.columns))
    with threads_for(size):
        space.add(np.stack(rows)[:, list(minor.columns)])
    return space.rank == len(rows)


def _eliminated(laws: Sequence[Law], size: int, point: Minor) -> Minor:
    """Rows that raise the rank, and the columns of the pivots."""
    rows: list[tuple[int, int]] = []
    scalars = scalars_for(_prime(laws, point))
    space = RowSpace(scalars, size)
    with threads_for(size):
        for index, law in enumerate(laws):
            raised = space.add(_gradients([law], size, point))
            rows += [(index, component) for component in np.flatnonzero(raised).tolist()]
    columns = tuple(sorted(space.pivots.tolist()))
    return Minor(point.prime, point.seed, tuple(rows), columns)


def _gradients(laws: Sequence[Law], size: int, point: Minor) -> Array:
    """∇h of all components at the point, (components, D)."""
    scalars = scalars_for(_prime(laws, point))
    theta = scalars.random(np.random.default_rng([point.seed, _STREAM]), (size,))
    return np.concatenate([law.gradients(scalars, theta) for law in laws])


def _prime(laws: Sequence[Law], minor: Minor) -> Prime:
    prime, roots = modulus(minor.prime), lcm(*(law.roots for law in laws))
    if roots > 1 and (prime - 1) % (4 * roots):
        advice = f"the laws need a prime ≡ 1 mod {4 * roots}"
        raise InputError("prime", minor.prime, advice)
    return prime
