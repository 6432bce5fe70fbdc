"""Patterns of quadratic and linear laws along the axes of parameter tensors.

A law of a whole model is a sum over tensors of ⟨R, X Xᵀ⟩, the rows of X being the slices of a
tensor along one axis, with one coefficient a tensor and the *same* R for all: R may be any matrix
on blocks of the axis (heads), any diagonal (units), the same on some indices (pairs of rotary
frequencies, query heads that share a key), or 1 (a trace). With R random, few unknowns are left:
one coefficient for each tensor and axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, Literal

import numpy as np

from conserved.kernel.scalars import Array, Scalars

Role = Literal["each", "sum", "matrix"]
Split = tuple[int, ...]
Key = tuple[str, int, int]  # degree, number of blocks, size of a block
Tensors = Mapping[str, Array]
MATRIX_LIMIT = 128  # rows of one block of R


@dataclass(frozen=True)
class Pattern:
    """What R looks like along an axis.

    Args:
        split: the axis as several, in row-major order.
        roles: "each" (R differs), "sum" (R is the same) or "matrix" (R mixes; the last alone).
    """

    split: Split
    roles: tuple[Role, ...]

    @property
    def blocks(self) -> int:
        """How many blocks R has."""
        return prod(n for n, role in zip(self.split, self.roles, strict=True) if role == "each")

    @property
    def repeats(self) -> int:
        """How many blocks share one."""
        return prod(n for n, role in zip(self.split, self.roles, strict=True) if role == "sum")

    @property
    def size(self) -> int:
        """Rows of a block."""
        return prod(n for n, role in zip(self.split, self.roles, strict=True) if role == "matrix")

    def indices(self) -> Array:
        """Positions on the axis, (blocks, repeats, size)."""
        kinds = ("each", "sum", "matrix")
        order = [k for kind in kinds for k, role in enumerate(self.roles) if role == kind]
        grid = np.arange(prod(self.split)).reshape(self.split).transpose(order)
        found: Array = grid.reshape(self.blocks, self.repeats, self.size)
        return found


@lru_cache(maxsize=2**14)
def within(fine: Pattern, free: Pattern) -> bool:
    """Whether every R of one pattern is an R of the other."""
    mine, theirs = fine.indices(), free.indices()
    block, place = (np.empty(mine.size, dtype=np.intp) for _ in range(2))
    block[mine] = np.arange(mine.shape[0])[:, None, None]
    place[mine] = np.arange(mine.shape[2])
    # the other has the same R on all of its repeats
    for known in (block, place):
        seen = known[theirs]
        if (seen != seen[:, :1]).any():
            return False
    if fine.size == 1:
        return True
    home = np.empty(mine.size, dtype=np.intp)
    home[theirs] = np.arange(theirs.shape[0] * theirs.shape[1]).reshape(*theirs.shape[:2], 1)
    lies = home[mine]
    return bool((lies == lies[:, :, :1]).all())


@dataclass(frozen=True)
class Column:
    """One term: a tensor, an axis and the pattern of R along it.

    Args:
        tensor: its name.
        axis: along which slices are taken.
        pattern: of R.
        degree: 2 for ⟨R, X Xᵀ⟩; 1 for ⟨R, sums of the slices⟩.
        start, extent: where the part of the axis begins that counts, and how long the whole axis
            is; by default all of it counts.
        vector: whether the tensor has no other axis.
    """

    tensor: str
    axis: int
    pattern: Pattern
    degree: int = 2
    start: int = 0
    extent: int = 0
    vector: bool = False

    @property
    def length(self) -> int:
        """Slices that count."""
        return prod(self.pattern.split)

    @property
    def whole(self) -> bool:
        """Whether the whole axis counts."""
        return self.extent in (0, self.length)

    def places(self) -> Array:
        """Positions on the axis, (blocks, repeats, size)."""
        found: Array = self.start + self.pattern.indices()
        return found

    @property
    def key(self) -> Key:
        """Columns of one key share R."""
        kind = "quadratic" if self.degree == 2 else "linear"
        return kind, self.pattern.blocks, self.pattern.size


Weights = Mapping[Key, Array]


class Terms:
    """Many columns at once: what they have in common is worked out once.

    Args:
        columns: any.
        weights: R for each of their keys, as many of them for all: (count, blocks, size, size).
    """

    def __init__(self, columns: Sequence[Column], weights: Weights) -> None:
        self.columns = tuple(columns)
        self._count = len(weights[self.columns[0].key]) if self.columns else 1
        self._plain: dict[tuple[str, int, int], tuple[list[int], Array]] = {}
        self._blocks: dict[tuple[str, int], list[_Cells]] = {}
        plain: dict[tuple[str, int, int], list[tuple[int, Array]]] = {}
        for index, column in enumerate(self.columns):
            places, mine = column.places(), weights[column.key]
            if column.pattern.size > 1:
                self._add_cells(index, column, mine)
                continue
            spread = np.zeros((self._count, column.extent or column.length), dtype=mine.dtype)
            spread[:, places] = mine
            place = (column.tensor, column.axis, column.degree)
            plain.setdefault(place, []).append((index, spread))
        for place, held in plain.items():
            self._plain[place] = [i for i, _ in held], np.stack([w for _, w in held], axis=1)

    def _add_cells(self, index: int, column: Column, weights: Array) -> None:
        places = column.places()
        cells = places.reshape(-1, places.shape[2])
        owner = np.repeat(np.arange(len(places)), places.shape[1])
        order = np.argsort(cells[:, 0])
        mine = self._blocks.setdefault((column.tensor, column.axis), [])
        for known in mine:
            if np.array_equal(known.places, cells[order]):
                known.columns.append((index, weights, owner[order]))
                return
        mine.append(_Cells(cells[order], [(index, weights, owner[order])]))

    def rows(self, scalars: Scalars, parameters: Tensors, gradient: Tensors) -> Array:
        """⟨∇h_c, g⟩/degree for each R and column c, (count, columns)."""
        out = np.zeros((self._count, len(self.columns)), dtype=scalars.dtype)
        totals: dict[tuple[str, int], list[Array]] = {}
        for (name, axis, degree), (where, spread) in self._plain.items():
            if (name, degree) not in totals:
                there = gradient[name]
                if degree == 2:
                    there = scalars.mul(parameters[name], there)
                totals[name, degree] = [scalars.reduce(sums) for sums in _sums(there)]
            flat = spread.reshape(-1, spread.shape[2])
            found = scalars.matmul(flat, totals[name, degree][axis][:, None])
            out[:, where] = found.reshape(spread.shape[:2])
        for (name, axis), blocks in self._blocks.items():
            here, there = (_slices(held[name], axis) for held in (parameters, gradient))
            for cells in blocks:
                # (cell, size, size): the rows of each cell against one another
                gram = scalars.matmul(here[cells.places], there[cells.places].swapaxes(1, 2))
                for index, weights, owner in cells.columns:
                    flat = weights[:, owner].reshape(self._count, -1)
                    out[:, index] = scalars.matmul(flat, gram.reshape(-1, 1))[:, 0]
        return out


@dataclass(frozen=True, eq=False)
class _Cells:
    """Columns whose R mixes the same rows of a tensor.

    Attributes:
        places: (cell, size) positions on the axis.
        columns: (which, R of its key, which block of R each cell has).
    """

    places: Array
    columns: list[tuple[int, Array, Array]]


def _sums(tensor: Array) -> Iterator[Array]:
    """The sums of all slices, axis by axis."""
    while tensor.ndim:
        yield tensor.reshape(len(tensor), -1).sum(axis=1)
        tensor = tensor.sum(axis=0)  # next to one another in memory: much faster than axis by axis


def _slices(tensor: Array, axis: int) -> Array:
    """The slices along an axis as rows."""
    moved = np.moveaxis(tensor, axis, 0)
    return moved.reshape(moved.shape[0], -1)


def weights_of(key: Key, draw: Any, count: int = 1) -> Array:
    """Random symmetric R for the columns of a key, (count, blocks, size, size).

    Args:
        key: of the columns.
        draw: shape ↦ random scalars.
        count: how many R.
    """
    _, blocks, size = key
    lower = draw((count, blocks, size, size))
    upper = np.triu(np.ones((size, size), dtype=bool))
    made: Array = np.where(upper, lower, lower.swapaxes(2, 3))
    return made


def columns_of(
    parameters: Sequence[tuple[str, tuple[int, ...]]],
    splits: Mapping[int, Sequence[Split]],
    cuts: Mapping[int, Sequence[tuple[int, int]]] | None = None,
) -> list[Column]:
    """All terms that laws are made of, those with the freest R first.

    Args:
        parameters: (name, shape) of each.
        splits: how axes of each length fall apart.
        cuts: (start, size) of the parts of axes of each length: projections in one matrix.
    """
    cuts = {} if cuts is None else cuts
    found: dict[tuple[Any, ...], Column] = {}
    for name, shape in parameters:
        for axis, length in enumerate(shape):
            for pattern in patterns(length, splits.get(length, ())):
                if pattern.size == 1 and pattern.blocks == 1 and axis:
                    continue  # the trace is one function, along whichever axis
                indices = pattern.indices()
                same = (name, axis, indices.tobytes(), indices.shape)
                found.setdefault(same, Column(name, axis, pattern))
            for start, size in cuts.get(length, ()):
                for pattern in patterns(size, splits.get(size, ())):
                    indices = pattern.indices()
                    part = (name, axis, start, indices.tobytes(), indices.shape)
                    column = Column(name, axis, pattern, start=start, extent=length)
                    found.setdefault(part, column)
                some = Pattern((size,), ("each",))
                alone = len(shape) == 1
                linear = Column(name, axis, some, 1, start, length, alone)
                found.setdefault((name, axis, start, size, "linear"), linear)
            alone = len(shape) == 1
            each = Column(name, axis, Pattern((length,), ("each",)), degree=1, vector=alone)
            # an axis of one slice: the sum of all entries, whichever axis it is
            found.setdefault((name, "total") if length == 1 else (name, axis, "linear"), each)
            total = Column(name, axis, Pattern((length,), ("sum",)), degree=1)
            if 1 not in shape:  # else one of those before
                found.setdefault((name, "total"), total)
    return sorted(found.values(), key=lambda c: -c.pattern.blocks * c.pattern.size**2)


def patterns(length: int, splits: Sequence[Split]) -> Iterator[Pattern]:
    """Of one axis, without those that say the same."""
    if 1 < length <= MATRIX_LIMIT:
        yield Pattern((length,), ("matrix",))
    yield Pattern((length,), ("each",))
    yield Pattern((length,), ("sum",))
    for split in splits:
        for last in ("matrix", "each", "sum"):
            if last == "matrix" and not 1 < split[-1] <= MATRIX_LIMIT:
                continue
            for front in product(("each", "sum"), repeat=len(split) - 1):
                roles: tuple[Any, ...] = (*front, last)
                if len(set(roles)) > 1:
                    yield Pattern(split, roles)
