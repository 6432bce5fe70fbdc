"""A growing row space over GF(p): exact rank of a matrix that arrives in blocks.

Blocked Gauss–Jordan elimination on float64 BLAS (theory §8). Centred residues below 2^22 keep
products exact over inner dimensions up to about 500. Held in reduced row echelon form, so that
asking whether new rows lie in the space is one matrix product, and the annihilator (what a law's
gradient must look like) can be read off. On its pivot columns that form is the identity, so only
the others are held: r (D − r) entries, D²/4 at most, and 2/3 D³ products for a full rank, as many
as an LU factorisation takes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.deadline import check_time
from conserved.kernel.errors import DegenerateSampleError
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array

_LEAF = 8  # rows eliminated one by one; above that, halves by matrix products
_PANEL = 64  # rows from which a part of the columns is looked at first
_WIDE = 4  # where there are so many times as many columns
_SPARE = 32  # the first columns, beyond the number of rows, that are looked at
_BLOCK = 128  # rows brought against the whole basis at a time, at least
_WIDE_BLOCK = 512  # and at most: as many as a matrix product sums exactly
_COLUMNS_EACH = 16  # columns for one more row in a block
_CHUNK = 2**21  # entries of the basis that are changed at once


class RowSpace:
    """The span of the rows added so far, in GF(p)^width.

    Args:
        scalars: residues of the prime; the float layout eliminates on BLAS.
        width: number of columns.

    Example:
        >>> from conserved.kernel.primes import BLAS_PRIMES
        >>> from conserved.kernel.residues import residues
        >>> space = RowSpace(residues(BLAS_PRIMES[0]), 3)
        >>> space.add(np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 1.0, 1.0]])).tolist()
        [True, False, True]
        >>> space.rank
        2
    """

    def __init__(self, scalars: Residues, width: int) -> None:
        self.scalars = scalars
        self.width = width
        self.pivots = np.zeros(0, dtype=np.intp)
        self._free = np.arange(width)  # the other columns
        self._room = np.zeros(0, dtype=scalars.dtype)  # holds ``_rest``
        self._block = max(_BLOCK, min(_WIDE_BLOCK, width // _COLUMNS_EACH))
        self._waiting: list[Array] = []

    @property
    def rank(self) -> int:
        return len(self.pivots)

    @property
    def basis(self) -> Array:
        """Rows (rank, width) in reduced echelon form: the identity on the columns ``pivots``."""
        out = np.zeros((self.rank, self.width), dtype=self.scalars.dtype)
        out[np.arange(self.rank), self.pivots] = 1
        out[:, self._free] = self._rest
        return out

    @property
    def _rest(self) -> Array:
        """The basis on the columns that are no pivots."""
        shape = self.rank, len(self._free)
        return self._room[: shape[0] * shape[1]].reshape(shape)

    def add(self, rows: Array) -> NDArray[np.bool_]:
        """Add reduced rows (count, width); say which of them were independent of all before."""
        raised = np.zeros(len(rows), dtype=np.bool_)
        for start in range(0, len(rows), self._block):
            if self.rank == self.width:
                break
            check_time()
            block = self._outside(rows[start : start + self._block])
            places, reduced, which = _echelon(self.scalars, block)
            if len(places):
                self._append(places, reduced)
                raised[start + which] = True
        return raised

    def take(self, rows: Array) -> None:
        """Add rows when there are enough: each addition reads the whole basis.

        Until ``settle`` they may not be there.
        """
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= self._block:
            self.settle()

    def settle(self) -> None:
        """Add all that was taken."""
        if self._waiting:
            rows, self._waiting = np.concatenate(self._waiting), []
            self.add(rows)

    def remainder(self, rows: Array) -> Array:
        """The rows modulo the space: zero exactly for the rows that lie in it."""
        if not self.rank:
            return rows
        out = np.zeros_like(rows)
        out[:, self._free] = self._outside(rows)
        return out

    def annihilator(self) -> Array:
        """A basis (width, width − rank) of the covectors that vanish on the space."""
        out = np.zeros((self.width, len(self._free)), dtype=self.scalars.dtype)
        out[self.pivots] = self.scalars.reduce(-self._rest)
        out[self._free, np.arange(len(self._free))] = 1
        return out

    def _outside(self, rows: Array) -> Array:
        """The remainder on the columns that are no pivots."""
        if not self.rank:
            return rows
        product = self.scalars.matmul(rows[:, self.pivots], self._rest)
        return self.scalars.reduce(rows[:, self._free] - product)

    def _append(self, places: NDArray[np.intp], reduced: Array) -> None:
        """Clear new pivot columns, by place among the free ones, in the old basis; add the rows.

        Rows get shorter, so that each can be written where the one before it was read.
        """
        old, new = self._rest, self.rank + len(places)
        stays = np.ones(len(self._free), dtype=np.bool_)
        stays[places] = False
        kept = np.flatnonzero(stays)
        short = len(kept)
        target = self._with_room(new * short)
        added = reduced[:, kept]
        step = max(1, _CHUNK // max(1, len(stays)))
        for start in range(0, len(old), step):
            rows = old[start : start + step]
            changed = rows[:, kept] - self.scalars.matmul(rows[:, places], added)
            end = start + len(rows)
            target[start * short : end * short] = self.scalars.reduce(changed).ravel()
        target[len(old) * short : new * short] = added.ravel()
        self._room = target
        self.pivots = np.concatenate([self.pivots, self._free[places]])
        self._free = self._free[kept]

    def _with_room(self, size: int) -> Array:
        """The room there is, or twice as much as is needed now, within what is ever needed."""
        if size <= len(self._room):
            return self._room
        most = -(-(self.width**2) // 4)
        return np.empty(max(size, min(most, 2 * size)), dtype=self.scalars.dtype)


def inverse_matrix(scalars: Residues, matrix: Array) -> Array:
    """The inverse of a square matrix (n, n).

    Raises:
        DegenerateSampleError: the matrix is singular mod p.

    Example:
        >>> from conserved.kernel.primes import BLAS_PRIMES
        >>> from conserved.kernel.residues import residues
        >>> inverse_matrix(residues(BLAS_PRIMES[0]), np.array([[2.0, 1.0], [1.0, 1.0]])).tolist()
        [[1.0, -1.0], [-1.0, 2.0]]
    """
    size = len(matrix)
    space = RowSpace(scalars, 2 * size)
    identity = scalars.from_integers(np.eye(size, dtype=np.int64))
    space.add(np.concatenate([matrix, identity], axis=1))
    order = np.argsort(space.pivots)
    if not np.array_equal(space.pivots[order], np.arange(size)):
        raise DegenerateSampleError("a singular matrix")
    return space.basis[order, size:]


def _eliminated(scalars: Residues, rows: Array, pivots: NDArray[np.intp], basis: Array) -> Array:
    """rows − rows[:, pivots] @ basis, where the basis is the identity on its pivot columns."""
    if not len(pivots):
        return rows
    return scalars.reduce(rows - scalars.matmul(rows[:, pivots], basis))


Echelon = tuple[NDArray[np.intp], Array, NDArray[np.intp]]  # pivots, reduced rows, which rose


def _echelon(scalars: Residues, rows: Array) -> Echelon:
    """(pivots, reduced rows, which input rows raised the rank)."""
    if not rows.any():
        none = np.zeros(0, dtype=np.intp)
        return none, rows[:0], none
    if len(rows) <= _LEAF:
        return _echelon_leaf(scalars, rows.copy())
    wide = len(rows) >= _PANEL and rows.shape[1] >= _WIDE * len(rows)
    found = _by_panel(scalars, rows) if wide else None
    return found or _by_halves(scalars, rows)


def _by_panel(scalars: Residues, rows: Array) -> Echelon | None:
    """All rows reduced by one product, where the first columns tell that they are independent.

    On a square part P of full rank of these columns the reduced rows are the identity, so that
    they are P⁻¹ times the rows. Pivots lead their rows, as they do everywhere.
    """
    count = len(rows)
    first = count + _SPARE
    identity = scalars.from_integers(np.eye(count, dtype=np.int64))
    panel = np.concatenate([rows[:, :first], identity], axis=1)
    pivots, reduced, which = _by_halves(scalars, panel)
    if (pivots >= first).any():
        return None
    return pivots, scalars.matmul(reduced[:, first:], rows), which


def _by_halves(scalars: Residues, rows: Array) -> Echelon:
    """The upper half, then what it leaves of the lower."""
    half = len(rows) // 2
    pivots, basis, which = _echelon(scalars, rows[:half])
    lower = _eliminated(scalars, rows[half:], pivots, basis)
    more, below, which_below = _echelon(scalars, lower)
    if not len(more):
        return pivots, basis, which
    return (
        np.concatenate([pivots, more]),
        np.concatenate([_eliminated(scalars, basis, more, below), below]),
        np.concatenate([which, which_below + half]),
    )


def _echelon_leaf(scalars: Residues, rows: Array) -> Echelon:
    """One pivot at a time, in place."""
    p = int(scalars.prime)
    pivots: list[int] = []
    which: list[int] = []
    for index, row in enumerate(rows):
        column = int((row != 0).argmax())
        lead = int(row[column])
        if lead == 0:
            continue
        if lead != 1:
            row[:] = scalars.mul(row, np.asarray(pow(lead, -1, p), dtype=row.dtype))
        factors = rows[:, column].copy()
        factors[index] = 0
        if factors.any():
            rows[:] = scalars.reduce(rows - factors[:, None] * row)
        pivots.append(column)
        which.append(index)
    chosen = np.array(which, dtype=np.intp)
    return np.array(pivots, dtype=np.intp), rows[chosen], chosen
