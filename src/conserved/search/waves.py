"""Blocks of a cycle of features in the basis everyone knows: cos(2πft/n) and sin(2πft/n).

The reduced echelon form of such a block has sums of many cosines in it, and for long cycles none
that a prime of 61 bits could tell; in this basis every entry is one cosine or sine, whatever n.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conserved.kernel.entries import entry
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace, inverse_matrix
from conserved.kernel.scalars import Array
from conserved.search.places import frequency_of

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
        >>> plane = values(ring, wave(5, 1))
        >>> turned = ring.matmul(ring.from_integers([[1, 2], [3, 4]]), plane)
        >>> waves(ring, 5, [turned])[0][1][:3]
        ('0', 'sin(2*pi/5)', 'sin(4*pi/5)')
    """
    turn: Array | None = None
    texts = []
    for image in images:
        support = np.flatnonzero(image.any(axis=0))
        n = len(support)
        if len(image) != 2 or n < _SHORTEST or roots % n:
            return None
        space = RowSpace(scalars, n)
        space.add(image[:, support])
        frequency = frequency_of(scalars, space)
        if space.rank != 2 or frequency is None:
            return None
        words = wave(n, frequency)
        plane = values(scalars, words)
        back = inverse_matrix(scalars, plane[:, space.pivots])
        here = scalars.matmul(image[:, support[space.pivots]], back)
        turn = here if turn is None else turn
        if scalars.reduce(scalars.matmul(turn, plane) - image[:, support]).any():
            return None  # another basis than that of the first
        rows = np.full(image.shape, "0", dtype=object)
        rows[:, support] = words
        texts.append(tuple(map(tuple, rows.tolist())))
    return texts


def wave(n: int, frequency: int) -> list[list[str]]:
    """cos and sin of 2π·frequency·t/n, t below n, as entries."""
    steps = [frequency * t % n for t in range(n)]
    cosines = [f"cos({2 * step}*pi/{n})" if step else "1" for step in steps]
    return [cosines, [f"sin({2 * step}*pi/{n})" if step else "0" for step in steps]]


def values(scalars: Residues, words: Sequence[Sequence[str]]) -> Array:
    """Entries mod p."""
    rows = [[entry(word).value(scalars).item() for word in row] for row in words]
    return np.array(rows, dtype=scalars.dtype)
