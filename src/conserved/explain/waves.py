"""Blocks of a cycle of features in the basis everyone knows: cos(2πft/n) and sin(2πft/n).

The reduced echelon form of such a block has sums of many cosines in it, and for long cycles none
that a prime of 61 bits could tell; in this basis every entry is one cosine or sine, whatever n.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conserved.errors import Redraw
from conserved.kernel.entries import entry
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace, inverse_matrix
from conserved.kernel.scalars import Array

_SHORTEST = 5  # cycles; shorter ones have fractions in their echelon form


def waves(
    scalars: Residues, roots: int, images: Sequence[Array]
) -> list[tuple[tuple[str, ...], ...]] | None:
    """Maps (2, a) to one plane, in the basis of waves; None where they are none.

    Args:
        scalars: residues with the roots of unity of order ``roots``.
        roots: their order.
        images: the maps in another basis of the plane, the same for all of them.

    Example:
        >>> from conserved.kernel.primes import prime_with_roots
        >>> from conserved.kernel.residues import residues
        >>> ring = residues(prime_with_roots(5))
        >>> plane = np.stack([_row(ring, 5, 1, False), _row(ring, 5, 1, True)])
        >>> turned = ring.matmul(ring.from_integers([[1, 2], [3, 4]]), plane)
        >>> waves(ring, 5, [turned])[0][1][:3]
        ('0', 'sin(2*pi/5)', 'sin(4*pi/5)')
    """
    if any(len(image) != 2 for image in images):
        return None
    turn: Array | None = None
    texts = []
    for image in images:
        support = np.flatnonzero(image.any(axis=0))
        n = len(support)
        if n < _SHORTEST or roots % n:
            return None
        space = RowSpace(scalars, n)
        space.add(image[:, support])
        frequency = _frequency(scalars, space, n)
        if frequency is None:
            return None
        plane = np.stack([_row(scalars, n, frequency, sine) for sine in (False, True)])
        pivots = space.pivots
        try:
            here = scalars.matmul(
                image[:, support[pivots]], inverse_matrix(scalars, plane[:, pivots])
            )
        except Redraw:
            return None
        turn = here if turn is None else turn
        if scalars.reduce(scalars.matmul(turn, plane) - image[:, support]).any():
            return None  # another basis than that of the first
        texts.append(_texts(image.shape[1], support.tolist(), n, frequency))
    return texts


def _frequency(scalars: Residues, space: RowSpace, n: int) -> int | None:
    """f for which the space is spanned by the waves of that frequency."""
    if space.rank != 2:
        return None
    for frequency in range(1, (n + 1) // 2):
        rows = np.stack([_row(scalars, n, frequency, sine) for sine in (False, True)])
        if not space.remainder(rows).any():
            return frequency
    return None


def _row(scalars: Residues, n: int, frequency: int, sine: bool) -> Array:
    values = [entry(_word(frequency * t, n, sine)).value(scalars).item() for t in range(n)]
    return np.array(values, dtype=scalars.dtype)


def _word(step: int, n: int, sine: bool) -> str:
    """cos or sin of 2π·step/n."""
    step %= n
    if step == 0:
        return "0" if sine else "1"
    return f"{'sin' if sine else 'cos'}({2 * step}*pi/{n})"


def _texts(width: int, support: list[int], n: int, frequency: int) -> tuple[tuple[str, ...], ...]:
    rows = []
    for sine in (False, True):
        row = ["0"] * width
        for t, column in enumerate(support):
            row[column] = _word(frequency * t, n, sine)
        rows.append(tuple(row))
    return tuple(rows)
