"""The axis-quadratic ansatz as a table of unknowns (theory §9).

h = linear terms + Σ over tensors and axes ⟨W, S ·_axis W⟩ with symmetric S. Since S = I gives ‖W‖²
on every axis of a tensor, the norm is one unknown of its own and the last diagonal entry of each S
is left out: no function is counted twice. A vector has one axis, and all of S.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import inf

import numpy as np

from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array
from conserved.law import GramTerm, Layout, Polynomial
from conserved.law.layout import Index
from conserved.search.null import Vector


@dataclass(frozen=True)
class Axis:
    """The unknowns S_ij, i ≤ j, of one axis of one tensor.

    Attributes:
        tensor, axis: which.
        start: where its unknowns begin.
        rows: positions in θ of its slices, (d, entries of a slice).
        pinned: whether S_dd is left out.
        diagonal: whether only S_ii are sought: an axis too long for all S_ij.
    """

    tensor: str
    axis: int
    start: int
    rows: Index
    pinned: bool
    diagonal: bool = False

    @property
    def height(self) -> int:
        """d."""
        return len(self.rows)

    @cached_property
    def pairs(self) -> tuple[Index, Index]:
        """The (i, j), i ≤ j, that have an unknown, in its order."""
        i, j = _pairs(self.height, self.diagonal)
        stop = len(i) - self.pinned
        return i[:stop], j[:stop]

    @property
    def size(self) -> int:
        return len(self.pairs[0])

    def places(self, i: Index, j: Index) -> Index:
        """The unknowns of S_ij, i ≤ j, −1 for the one left out."""
        if self.diagonal:
            assert (i == j).all(), "only the diagonal of this axis has unknowns"
            order = i
        else:  # row after row of the upper triangle
            order = i * self.height - i * (i - 1) // 2 + j - i
        return np.where(order < self.size, self.start + order, -1)


def _slices(vectors: Array, rows: Index) -> Array:
    """The slices of each vector (batch, D): (batch, d, slice), contiguous, as BLAS wants them."""
    return vectors.take(rows.ravel(), axis=1).reshape(len(vectors), *rows.shape)


def _pairs(height: int, diagonal: bool) -> tuple[Index, Index]:
    if diagonal:
        every = np.arange(height)
        return every, every
    i, j = np.triu_indices(height)
    return i, j


def _whole(layout: Layout, room: float) -> int:
    """The height up to which all S_ij of every axis fit."""
    heights = sorted(height for _, shape in layout.tensors for height in shape)
    most = 0
    for height in dict.fromkeys(heights):
        room -= heights.count(height) * height * (height + 1) // 2
        if room < 0:
            break
        most = height
    return most


class Unknowns:
    """All unknowns of the ansatz for a layout.

    Args:
        layout: the parameters.
        linear: whether linear terms are among them.
        limit: with more unknowns than this the longest axes keep only S_ii.

    Example:
        >>> table = Unknowns(Layout((("W1", (2, 3)), ("b1", (2,)))))
        >>> table.size  # 8 linear; ‖W1‖², 2 + 5 of its axes; 3 of b1
        19
    """

    def __init__(self, layout: Layout, *, linear: bool = True, limit: float = inf) -> None:
        self.layout = layout
        heights = sum(sum(shape) for _, shape in layout.tensors)
        whole = _whole(layout, limit - (layout.size if linear else 0) - heights)
        self.linear = layout.size if linear else 0
        self.norms: dict[str, int] = {}
        self.axes: list[Axis] = []
        start = self.linear
        for name, shape in layout.tensors:
            pinned = len(shape) != 1
            if pinned:
                self.norms[name] = start
                start += 1
            for axis, height in enumerate(shape):
                if pinned and height == 1:
                    continue  # its only S is the norm
                rows = GramTerm(name, axis).indices(layout)
                self.axes.append(Axis(name, axis, start, rows, pinned, height > whole))
                start += self.axes[-1].size
        self.size = start
        self._by_axis = {(a.tensor, a.axis): a for a in self.axes}
        self._norm_at = {at: name for name, at in self.norms.items()}
        self._starts = [a.start for a in self.axes]

    def axis(self, tensor: str, axis: int) -> Axis | None:
        """The unknowns of an axis; None where the norm is all there is."""
        return self._by_axis.get((tensor, axis))

    def conditions(self, scalars: Residues, theta: Array, fields: Array) -> Array:
        """⟨∇h, w⟩ of every unknown's function h at (θ, w), both (batch, D): (batch, unknowns)."""
        out = np.zeros((len(theta), self.size), dtype=scalars.dtype)
        out[:, : self.linear] = fields[:, : self.linear]
        for name, column in self.norms.items():
            index = self.layout.indices(name).ravel()
            products = scalars.mul(theta[:, index], fields[:, index])
            out[:, column] = scalars.reduce(2 * scalars.reduce(products.sum(axis=1)))
        for axis in self.axes:
            x, w = _slices(theta, axis.rows), _slices(fields, axis.rows)
            columns = slice(axis.start, axis.start + axis.size)
            if axis.diagonal:
                norms = scalars.reduce(2 * scalars.reduce(scalars.mul(x, w).sum(axis=-1)))
                out[:, columns] = norms[:, : axis.size]
                continue
            product = scalars.matmul(x, w.swapaxes(-1, -2))
            i, j = axis.pairs
            out[:, columns] = scalars.reduce(product[:, i, j] + product[:, j, i])
        return out

    def entry(self, scalars: Residues, tensor: str, axis: int, i: Index, j: Index) -> Array:
        """X_i·X_j for slices i, j (count,) along an axis, as combinations of unknowns."""
        out = np.zeros((len(i), self.size), dtype=scalars.dtype)
        known = self.axis(tensor, axis)
        rows = np.arange(len(i))
        if known is None:
            out[:, self.norms[tensor]] = 1
            return out
        places = known.places(i, j)
        out[rows[places >= 0], places[places >= 0]] = 1
        last = rows[places < 0]
        if len(last):  # the norm less the other diagonal entries
            out[last, self.norms[tensor]] = 1
            others = known.places(*(np.arange(known.height - 1),) * 2)
            out[np.ix_(last, others)] = scalars.from_integers(-1)
        return out

    def polynomial(self, vector: Vector) -> Polynomial:
        """The polynomial of a sparse combination of unknowns."""
        terms: dict[tuple[int, ...], Fraction] = {}

        def add(monomial: tuple[int, ...], coefficient: Fraction) -> None:
            terms[monomial] = terms.get(monomial, Fraction(0)) + coefficient

        for unknown, coefficient in vector:
            if unknown < self.linear:
                add((unknown,), coefficient)
                continue
            for a, b in self._products(unknown):
                add((min(a, b), max(a, b)), coefficient)
        return Polynomial.of(terms)

    def norm_of(self, unknown: int) -> str | None:
        """The tensor whose norm an unknown is, or None."""
        return self._norm_at.get(unknown)

    def as_norms(self, vector: Vector) -> list[tuple[str, Fraction]] | None:
        """A combination as Σ c ‖W‖² of whole tensors, None where it is no such sum.

        Of vectors the norm is no unknown of its own; all their b_i² are it together.
        """
        found: dict[str, list[Fraction]] = {}
        for unknown, value in vector:
            if unknown < self.linear:
                return None
            tensor = self.norm_of(unknown)
            if tensor is None:
                axis = self.owner(unknown)
                i, j = (int(side[unknown - axis.start]) for side in axis.pairs)
                if axis.pinned or i != j:
                    return None
                tensor = axis.tensor
            found.setdefault(tensor, []).append(value)
        for tensor, values in found.items():
            whole = 1 if tensor in self.norms else self.layout.indices(tensor).size
            if len(values) < whole or len(set(values)) > 1:
                return None
        return [(tensor, values[0]) for tensor, values in found.items()]

    def owner(self, unknown: int) -> Axis:
        """The axis that an unknown S_ij belongs to."""
        # axes without unknowns begin where the next one does
        return self.axes[bisect_right(self._starts, unknown) - 1]

    def _products(self, unknown: int) -> list[tuple[int, int]]:
        """The products of entries of θ whose sum an unknown's function is."""
        tensor = self.norm_of(unknown)
        if tensor is not None:
            flat = self.layout.indices(tensor).ravel().tolist()
            return list(zip(flat, flat, strict=True))
        axis = self.owner(unknown)
        i, j = (int(side[unknown - axis.start]) for side in axis.pairs)
        return list(zip(axis.rows[i].tolist(), axis.rows[j].tolist(), strict=True))
