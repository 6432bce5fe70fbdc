"""Short bases of the same rational space, by LLL."""

from __future__ import annotations

from fractions import Fraction
from math import lcm

from conserved.search.null import Vector

_MOST = 60  # vectors reduced together
_WIDE = 4000  # positions


def shortened(vectors: list[Vector]) -> list[Vector]:
    """A basis of the lattice's span with short integer entries; many vectors are left as they are.

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
        scale = lcm(*(value.denominator for _, value in vector))
        row = [0] * len(positions)
        for position, value in vector:
            row[place[position]] = int(value * scale)
        rows.append(row)
    if len(rows) > 1:
        matrix = fmpz_mat(rows).lll()
        entries = [int(entry) for entry in matrix.entries()]
        width = len(positions)
        rows = [entries[k : k + width] for k in range(0, len(entries), width)]
    found = [
        [(positions[k], Fraction(value)) for k, value in enumerate(row) if value] for row in rows
    ]
    return sorted(found, key=len)
