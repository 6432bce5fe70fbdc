"""A growing row space over GF(p): exact rank of a matrix that arrives in blocks.

Blocked Gauss–Jordan elimination on float64 BLAS (theory §8). Centred residues below 2^22 keep
products exact over inner dimensions up to about 500. Held in reduced row echelon form, so that
asking whether new rows lie in the space is one matrix product, and the annihilator (what a law's
gradient must look like) can be read off.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.deadline import check_time
from conserved.kernel.errors import DegenerateSampleError
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array

_LEAF = 8  # rows eliminated one by one; above that, halves by matrix products
_BLOCK = 128  # rows brought against the whole basis at a time


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
        self._basis = np.zeros((0, width), dtype=scalars.dtype)  # identity on the pivot columns
        self._room = self._basis  # the basis is a view of its first rows

    @property
    def rank(self) -> int:
        return len(self.pivots)

    @property
    def basis(self) -> Array:
        """Rows (rank, width) in reduced echelon form: the identity on the columns ``pivots``."""
        return self._basis

    def add(self, rows: Array) -> NDArray[np.bool_]:
        """Add reduced rows (count, width); say which of them were independent of all before."""
        raised = np.zeros(len(rows), dtype=np.bool_)
        for start in range(0, len(rows), _BLOCK):
            if self.rank == self.width:
                break
            check_time()
            block = self.remainder(rows[start : start + _BLOCK])
            pivots, reduced, which = _echelon(self.scalars, block)
            if len(pivots):
                self._append(pivots, reduced)
                raised[start + which] = True
        return raised

    def remainder(self, rows: Array) -> Array:
        """The rows modulo the space: zero exactly for the rows that lie in it."""
        return _eliminated(self.scalars, rows, self.pivots, self._basis)

    def annihilator(self) -> Array:
        """A basis (width, width − rank) of the covectors that vanish on the space."""
        free = np.setdiff1d(np.arange(self.width), self.pivots)
        out = np.zeros((self.width, len(free)), dtype=self.scalars.dtype)
        out[self.pivots] = self.scalars.reduce(-self._basis[:, free])
        out[free, np.arange(len(free))] = 1
        return out

    def _append(self, pivots: NDArray[np.intp], reduced: Array) -> None:
        """Clear the new pivot columns in the old basis, then store the new rows below it."""
        old, new = self.rank, self.rank + len(pivots)
        if new > len(self._room):
            grown = np.zeros((min(self.width, max(2 * new, 16)), self.width), self.scalars.dtype)
            grown[:old] = self._basis
            self._room = grown
        if old:
            self._room[:old] = _eliminated(self.scalars, self._room[:old], pivots, reduced)
        self._room[old:new] = reduced
        self._basis = self._room[:new]
        self.pivots = np.concatenate([self.pivots, pivots])


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


def _echelon(scalars: Residues, rows: Array) -> tuple[NDArray[np.intp], Array, NDArray[np.intp]]:
    """(pivots, reduced rows, which input rows raised the rank), by halving the rows."""
    if not rows.any():
        none = np.zeros(0, dtype=np.intp)
        return none, rows[:0], none
    if len(rows) <= _LEAF:
        return _echelon_leaf(scalars, rows.copy())
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


def _echelon_leaf(
    scalars: Residues, rows: Array
) -> tuple[NDArray[np.intp], Array, NDArray[np.intp]]:
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
