"""What the laws of a model need of its tensors: sums of products along their axes.

A family ⟨R, X Xᵀ⟩ with R diagonal or 1 needs the norms of slices; one with R free on blocks of
rows is looked at through R = r rᵀ, one random r of signs for each block, for which rᵀX is enough.
Tensors are read a part at a time, so that nothing of their size is held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conserved.blocks import BlockLaw
from conserved.blocks.patterns import Column

if TYPE_CHECKING:
    from torch import Tensor

Tensors = Mapping[str, "Tensor"]
Floats = NDArray[np.float64]
_DOT = 2**16  # of which a product is summed in one go
_PART = 2**18  # entries of a tensor that are multiplied at once


@dataclass(eq=False)
class _Cells:
    """Rows of a tensor that a random r combines.

    Attributes:
        axis: of which slices are rows.
        places: (cells, size), cells of one block together.
        signs: (cells, size), r.
        repeats: cells for each block.
    """

    axis: int
    places: NDArray[np.intp]
    signs: Floats
    repeats: int
    _held: dict[Any, Any] = field(default_factory=dict)

    def combined(self, tensor: Tensor) -> Tensor:
        """(cells, rest), rᵀX for each cell."""
        import torch

        moved = tensor.movedim(self.axis, 0)
        rows = moved.reshape(moved.shape[0], -1)
        count, size = self.places.shape
        kept = (rows.dtype, rows.device)
        if kept not in self._held:
            signs = torch.as_tensor(self.signs, dtype=rows.dtype, device=rows.device)
            self._held[kept] = signs, torch.as_tensor(self.places, device=rows.device)
        signs, places = self._held[kept]
        start = int(self.places[0, 0])
        if np.array_equal(self.places.ravel(), np.arange(start, start + count * size)):
            cells = rows[start : start + count * size].reshape(count, size, -1)
        else:
            cells = rows[places]
        return torch.bmm(signs[:, None, :], cells)[:, 0]

    def paired(self, x: Floats, y: Floats) -> Floats:
        """Σ (rᵀX)(rᵀY) over the cells of each block, of vectors."""
        one, other = ((self.signs * v[self.places]).sum(1) for v in (x, y))
        return np.asarray((one * other).reshape(-1, self.repeats).sum(1))


@dataclass(eq=False)
class _Term:
    """One column of one family, and where its functions lie."""

    column: Column
    slots: slice
    cells: int = -1  # which of the tensor's, for R free on blocks
    places: NDArray[np.intp] = field(init=False)
    role: str = field(init=False)  # "cells", "trace", "squares" or "sums"
    run: slice | None = field(init=False)  # where the places are one after another

    def __post_init__(self) -> None:
        column, count = self.column, self.slots.stop - self.slots.start
        self.places = column.places().reshape(count, -1)
        start = int(self.places[0, 0])
        plain = np.array_equal(self.places[:, 0], np.arange(start, start + count))
        self.run = slice(start, start + count) if plain and self.places.shape[1] == 1 else None
        self.role = "trace" if column.whole and column.pattern.blocks == 1 else "squares"
        if column.degree == 1:
            self.role = "sums"
        if self.cells >= 0:
            self.role = "cells"

    def pick(self, sums: Floats) -> Floats:
        """What belongs to each slot of the sums along the axis."""
        if self.run is not None:
            return sums[self.run]
        return np.asarray(sums[self.places].sum(1))


@dataclass(eq=False)
class _Tensor:
    """What is asked of one tensor."""

    shape: tuple[int, ...]
    terms: list[_Term] = field(default_factory=list)
    cells: list[_Cells] = field(default_factory=list)

    def axes(self, role: str) -> tuple[int, ...]:
        """Along which sums are wanted by terms of this role."""
        return tuple(sorted({t.column.axis for t in self.terms if t.role == role}))


class Sums:
    """All families of a model on its tensors at once.

    A *slot* is one function of one term of one family; ``total`` adds slots to functions.

    Args:
        laws: of the model.
        shapes: of its parameters; families of others are left out.
        rng: draws r.

    Attributes:
        laws: those that are looked at.
        family: (F,) the family of each function, its place in ``laws``.
        linear: (F,) whether it is one.
        tensors: names of the parameters of each slot, by place in ``names``.
    """

    def __init__(
        self, laws: Sequence[BlockLaw], shapes: Mapping[str, tuple[int, ...]], seed: int
    ) -> None:
        self.laws = tuple(law for law in laws if law.family.tensors <= shapes.keys())
        self._plans: dict[str, _Tensor] = {}
        rng = np.random.default_rng(seed)
        signs: dict[tuple[int, int], Floats] = {}
        owner, factor, names, first, slots = [], [], [], 0, 0
        family = []
        self.names = list(shapes)
        for number, law in enumerate(self.laws):
            _, blocks, size = law.family.key
            if size > 1 and (blocks, size) not in signs:
                signs[blocks, size] = rng.choice([-1.0, 1.0], size=(blocks, size))
            for coefficient, column in law.family.terms:
                plan = self._plans.setdefault(column.tensor, _Tensor(shapes[column.tensor]))
                cells = _cells(plan, column, signs[blocks, size]) if size > 1 else -1
                plan.terms.append(_Term(column, slice(slots, slots + blocks), cells))
                owner.append(np.arange(first, first + blocks))
                factor.append(np.full(blocks, float(coefficient)))
                names.append(np.full(blocks, self.names.index(column.tensor)))
                slots += blocks
            family.append(np.full(blocks, number))
            first += blocks
        self.functions = first
        self.family = _joined(family, np.intp)
        degrees = [law.family.key[0] == "linear" for law in self.laws]
        self.linear = np.array(degrees, dtype=bool)[self.family]
        self.owner = _joined(owner, np.intp)
        self.factor = _joined(factor, np.float64)
        self.tensors = _joined(names, np.intp)
        self.entries = self._entries(slots)

    def _entries(self, slots: int) -> Floats:
        """How many numbers each slot adds."""
        out = np.ones(slots)
        for plan in self._plans.values():
            for term in plan.terms:
                rows = term.column.length / term.column.pattern.blocks
                out[term.slots] = rows * prod(plan.shape) / plan.shape[term.column.axis]
        return out

    @property
    def asked(self) -> tuple[str, ...]:
        """Parameters that occur in a family."""
        return tuple(self._plans)

    def is_vector(self, name: str) -> bool:
        """Whether a parameter has one axis."""
        return len(self._plans[name].shape) == 1

    def total(self, slots: Floats, weights: Floats | None = None) -> Floats:
        """Functions (F,) from their slots, by the coefficients of the terms."""
        factor = self.factor if weights is None else self.factor * weights
        return _counted(self.owner, factor * slots, self.functions)

    def size(self, slots: Floats, weights: Floats | None = None) -> Floats:
        """The same with every term taken as positive."""
        factor = np.abs(self.factor if weights is None else self.factor * weights)
        return _counted(self.owner, factor * np.abs(slots), self.functions)

    def measure(
        self, name: str, pairs: Sequence[tuple[Tensor, Tensor]], lines: Sequence[Tensor] = ()
    ) -> Iterator[tuple[slice, list[Floats]]]:
        """For each term of a tensor its slots and the sums over them.

        Args:
            name: of the tensor.
            pairs: (X, Y) of each Σ X∘Y that is wanted.
            lines: X of each Σ X, which linear terms have beside.
        """
        plan = self._plans[name]
        squares = along(pairs, plan.axes("squares"))
        sums = line_sums(lines, plan.axes("sums"))
        sketches = self._sketches(plan, pairs)
        whole: list[float] | None = None
        for term in plan.terms:
            axis = term.column.axis
            if term.role == "cells":
                found = [_paired(a, b, plan.cells[term.cells]) for a, b in sketches[term.cells]]
            elif term.role == "squares":
                found = [term.pick(each) for each in squares[axis]]
            else:
                # of sums only the size of their terms is asked, and a share of the whole tells it
                whole = [dot(x, y) for x, y in pairs] if whole is None else whole
                share = self.entries[term.slots] / prod(plan.shape)
                found = [share * each for each in whole]
            if term.role == "sums":
                found += [term.pick(each) for each in sums[axis]]
            yield term.slots, found

    def measure_vector(
        self, name: str, pairs: Sequence[tuple[Floats, Floats]], lines: Sequence[Floats] = ()
    ) -> Iterator[tuple[slice, list[Floats]]]:
        """The same for a tensor of one axis, as numbers."""
        plan = self._plans[name]
        for term in plan.terms:
            if term.role == "cells":
                cells = plan.cells[term.cells]
                found = [cells.paired(x, y) for x, y in pairs]
            else:
                found = [term.pick(x * y) for x, y in pairs]
            if term.role == "sums":
                found += [term.pick(x) for x in lines]
            yield term.slots, found

    def _sketches(
        self, plan: _Tensor, pairs: Sequence[tuple[Tensor, Tensor]]
    ) -> list[list[tuple[Tensor, Tensor]]]:
        out = []
        for cells in plan.cells:
            made: dict[int, Tensor] = {}
            for tensor in (t for pair in pairs for t in pair):
                if id(tensor) not in made:
                    made[id(tensor)] = cells.combined(tensor)
            out.append([(made[id(x)], made[id(y)]) for x, y in pairs])
        return out


def _counted(places: NDArray[np.intp], values: Floats, count: int) -> Floats:
    return np.bincount(places, values, count).astype(np.float64, copy=False)


def _joined(parts: list[NDArray[Any]], kind: Any) -> Any:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, dtype=kind)


def _cells(plan: _Tensor, column: Column, signs: Floats) -> int:
    """The number of the cells of a column among those of its tensor."""
    places = column.places()
    flat = places.reshape(-1, places.shape[2])
    spread = np.repeat(signs, places.shape[1], axis=0)
    for number, known in enumerate(plan.cells):
        if known.axis == column.axis and np.array_equal(known.places, flat):
            return number
    plan.cells.append(_Cells(column.axis, flat, spread, places.shape[1]))
    return len(plan.cells) - 1


def _paired(x: Tensor, y: Tensor, cells: _Cells) -> Floats:
    """Σ (rᵀX)(rᵀY) over the cells of each block."""
    each = (x * y).double().sum(1).cpu().numpy()
    return np.asarray(each.reshape(-1, cells.repeats).sum(1))


def along(pairs: Sequence[tuple[Tensor, Tensor]], axes: tuple[int, ...]) -> dict[int, list[Floats]]:
    """For each axis the sums of X∘Y over all other axes; a part of the tensors at a time."""
    import torch

    if not axes or not pairs:
        return {axis: [] for axis in axes}
    like = pairs[0][0]
    rest = max(1, like[:1].numel())
    step = max(1, _PART // rest)
    device = like.device
    whole = {
        axis: torch.zeros((len(pairs), like.shape[axis]), dtype=torch.float64, device=device)
        for axis in axes
    }
    room = torch.empty((min(step, like.shape[0]), *like.shape[1:]), dtype=like.dtype, device=device)
    for start in range(0, like.shape[0], step):
        part = slice(start, start + step)
        for k, (x, y) in enumerate(pairs):
            held = torch.mul(x[part], y[part], out=room[: min(step, like.shape[0] - start)])
            for axis in axes:
                where = part if axis == 0 else slice(None)
                whole[axis][k, where] += over_others(held, axis)
    return {axis: list(found.cpu().numpy()) for axis, found in whole.items()}


def line_sums(lines: Sequence[Tensor], axes: tuple[int, ...]) -> dict[int, list[Floats]]:
    """For each axis the sums of X over all other axes."""
    return {axis: [over_others(x, axis).double().cpu().numpy() for x in lines] for axis in axes}


def over_others(tensor: Tensor, axis: int) -> Tensor:
    """Sums over all axes but one; a product with ones is much faster than a sum."""
    import torch

    if tensor.ndim == 1:
        return tensor
    if axis == 0:
        flat = tensor.flatten(1)
        return torch.mv(flat, torch.ones_like(flat[0]))
    if tensor.ndim == 2:
        return torch.mv(tensor.t(), torch.ones_like(tensor[:, 0]))
    return tensor.sum([k for k in range(tensor.ndim) if k != axis])


def dot(x: Tensor, y: Tensor) -> float:
    """Σ X∘Y, parts of it in double."""
    import torch

    a, b = x.reshape(-1), y.reshape(-1)
    total = 0.0
    for start in range(0, a.shape[0], _DOT):
        total += float(torch.dot(a[start : start + _DOT], b[start : start + _DOT]))
    return total
