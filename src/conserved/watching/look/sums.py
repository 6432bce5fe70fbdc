"""What the laws of a model need of its tensors: sums of products along their axes.

A family ⟨R, X Xᵀ⟩ with R diagonal or 1 needs the norms of slices; one with R free on blocks of
rows is looked at through R = r rᵀ, one random r of signs for each block, for which rᵀX is enough.
A probe (``probes``) reads less of either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from conserved.blocks import BlockLaw
from conserved.blocks.patterns import Column
from conserved.watching.look.probes import Probe, Probes
from conserved.watching.look.products import Floats, along, combined, line, total

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["along", "total", "cells", "line"]
VECTORS = ""  # the name under which tensors of one axis are read together


@dataclass(eq=False)
class Reading:
    """Numbers that one tensor gives, in which terms of laws look theirs up.

    Attributes:
        kind: "along" an axis Σ X∘Y over the others, "total" Σ X∘Y, "cells" (rᵀX)(rᵀY) for each
            cell, "line" Σ X over the other axes.
        axis: along which.
        length: how many numbers.
        first: the slice of the axis that the first is of.
        start: where they lie among those of all tensors.
        places, signs: (cells, size) of cells: the slices, and r.
    """

    kind: Kind
    axis: int
    length: int
    first: int = 0
    start: int = 0
    places: NDArray[np.intp] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.intp))
    signs: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    _known: dict[bytes, int] = field(default_factory=dict)

    @property
    def place(self) -> slice:
        """Among the numbers of all tensors."""
        return slice(self.start, self.start + self.length)

    @property
    def halved(self) -> bool:
        """Whether something linear in each factor is enough."""
        return self.kind in ("cells", "line")

    def add_cells(self, places: NDArray[np.intp], signs: Floats) -> NDArray[np.intp]:
        """Where (cells, size) of them are found among all of this reading."""
        size = places.shape[1]
        key = places.tobytes()
        if key not in self._known:
            self._known[key] = len(self.places)
            self.places = np.concatenate([self.places.reshape(-1, size), places])
            self.signs = np.concatenate([self.signs.reshape(-1, size), signs])
            self.length = len(self.places)
        return self._known[key] + np.arange(len(places))

    def keep(self, found: Sequence[NDArray[np.intp]]) -> None:
        """Read no more of the axis than these slices."""
        if self.kind in ("along", "line"):
            self.first = min(int(f.min()) for f in found)
            self.length = max(int(f.max()) for f in found) + 1 - self.first

    def half(self, x: Tensor) -> Tensor:
        """What is linear in X: rᵀX, (cells, rest), or Σ X."""
        if self.kind == "line":
            return line(self.axis, self._part(x))
        return combined(self.signs, self.places, self.axis, x)

    def products(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> Iterable[Tensor]:
        """(length,) for each pair of tensors, or of what is linear in them."""
        if self.kind == "total":
            return [total(x, y) for x, y in pairs]
        if self.kind == "cells":
            return along(0, pairs)
        return along(self.axis, [(self._part(x), self._part(y)) for x, y in pairs])

    def _part(self, x: Tensor) -> Tensor:
        return x.narrow(self.axis, self.first, self.length)


class Gather:
    """How slots are summed from the numbers of all tensors."""

    def __init__(self) -> None:
        self._terms: list[tuple[int, Reading, NDArray[np.intp]]] = []
        self.length = 0

    def add(self, slot: int, reading: Reading, places: NDArray[np.intp]) -> None:
        """Slots from ``slot`` on are sums of rows of ``places`` among a reading's numbers."""
        self._terms.append((slot, reading, places))

    def place(self, readings: Iterable[Reading]) -> None:
        """Lay the numbers of readings one after another."""
        for reading in readings:
            reading.keep([places for _, mine, places in self._terms if mine is reading])
            reading.start, self.length = self.length, self.length + reading.length
        alone = [term for term in self._terms if term[2].shape[1] == 1]
        self._one = self._pairs(alone)
        self._many = self._pairs([term for term in self._terms if term[2].shape[1] != 1])

    @staticmethod
    def _pairs(
        terms: Sequence[tuple[int, Reading, NDArray[np.intp]]],
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Slots, and the number that is added to each."""
        rows = [np.repeat(np.arange(s, s + len(p)), p.shape[1]) for s, _, p in terms]
        found = [r.start - r.first + places.ravel() for _, r, places in terms]
        return _joined(rows, np.intp), _joined(found, np.intp)

    def __call__(self, numbers: Floats, slots: int) -> Floats:
        """(slots,)."""
        slot, found = self._many
        out = _counted(slot, numbers[found], slots) if len(slot) else np.zeros(slots)
        slot, found = self._one
        out[slot] = numbers[found]
        return out


@dataclass(eq=False)
class Plan:
    """What is asked of one tensor; of all tensors of one axis together, one after another.

    Attributes:
        shape: of the tensor.
        readings: by kind, axis and size of the cells.
    """

    shape: tuple[int, ...]
    readings: dict[tuple[Kind, int, int], Reading] = field(default_factory=dict)

    def term(
        self, column: Column, offset: int, probe: Probe, signs: Floats | None
    ) -> tuple[Reading, NDArray[np.intp]]:
        """The reading a term needs, and the numbers of each of its functions, (blocks, any).

        Args:
            column: the term.
            offset: where the tensor begins among others.
            probe: what of its family is looked at.
            signs: (blocks, size), r of a family of matrices.
        """
        axis, places = column.axis, offset + probe.of(column.places())
        blocks, _, size = places.shape
        if signs is not None:
            reading = self._reading("cells", axis, size, 0)
            spread = np.repeat(signs, places.shape[1], axis=0)
            found = reading.add_cells(places.reshape(-1, size), spread)
            return reading, found.reshape(blocks, -1)
        if column.degree == 2 and column.whole and blocks == 1 and len(self.shape) > 1:
            return self._reading("total", 0, 1, 1), np.zeros((1, 1), dtype=np.intp)
        kind: Kind = "along" if column.degree == 2 else "line"
        return self._reading(kind, axis, 1, self.shape[axis]), places.reshape(blocks, -1)

    def _reading(self, kind: Kind, axis: int, size: int, length: int) -> Reading:
        return self.readings.setdefault((kind, axis, size), Reading(kind, axis, length))


class Sums:
    """All families of a model on its tensors at once.

    A *slot* is one function of one term of one family; ``total`` adds slots to functions.

    Args:
        laws: of the model.
        shapes: of its parameters; families of others are left out.
        probes: draws r, and what is looked at of each family.

    Attributes:
        laws: those that are looked at.
        looked_at: what of each.
        names: of the parameters.
        vectors, lengths: names and lengths of those of one axis that occur, read as one tensor.
        plans: what is asked of each parameter that occurs; of the vectors under "".
        family: (F,) the family of each function, its place in ``laws``; in order.
        begins: (laws,) the first function of each.
        linear: (F,) whether it is one.
        owner, factor: (slots,) the function of each, and the coefficient of its term.
        straight: (slots,) whether its function is linear.
        linear_slots: those of linear functions.
        tensors: (slots,) the parameter of each, its place in ``names``.
        entries: (slots,) how many numbers each adds.
        products, lines: how slots are made of what was read.
    """

    def __init__(
        self,
        laws: Sequence[BlockLaw],
        shapes: Mapping[str, tuple[int, ...]],
        probes: Probes,
    ) -> None:
        self.laws = tuple(law for law in laws if law.family.tensors <= shapes.keys())
        self.names = list(shapes)
        self.products, self.lines = Gather(), Gather()
        self.plans: dict[str, Plan] = {}
        offsets = self._vectors(shapes)
        rng = probes.signs()
        self.looked_at = [probes.of(law.family.key) for law in self.laws]
        signs: dict[tuple[int, int], Floats] = {}
        owner, factor, names, entries, family = [], [], [], [], []
        self.functions = self.slots = 0
        for number, (law, mine) in enumerate(zip(self.laws, self.looked_at, strict=True)):
            _, blocks, size = law.family.key
            if size > 1 and (blocks, size) not in signs:
                signs[blocks, size] = rng.choice([-1.0, 1.0], size=(blocks, size))
            random = signs[blocks, size][:, mine.rows] if size > 1 else None
            count = mine.functions
            for coefficient, column in law.family.terms:
                name, shape = column.tensor, shapes[column.tensor]
                key = VECTORS if name in offsets else name
                plan = self.plans.setdefault(key, Plan(shape))
                reading, places = plan.term(column, offsets.get(name, 0), mine, random)
                gather = self.lines if reading.kind == "line" else self.products
                gather.add(self.slots, reading, places)
                owner.append(np.arange(self.functions, self.functions + count))
                factor.append(np.full(count, float(coefficient)))
                names.append(np.full(count, self.names.index(name)))
                rows = column.pattern.repeats * mine.size
                entries.append(np.full(count, rows * prod(shape) / shape[column.axis]))
                self.slots += count
            family.append(np.full(count, number))
            self.functions += count
        self._place()
        self.family = _joined(family, np.intp)
        self.begins = np.searchsorted(self.family, np.arange(len(self.laws)))
        degrees = [law.family.key[0] == "linear" for law in self.laws]
        self.linear = np.array(degrees, dtype=bool)[self.family]
        self.owner = _joined(owner, np.intp)
        self.straight = self.linear[self.owner]
        self.factor = _joined(factor, np.float64)
        self._sizes = np.abs(self.factor)
        linear = np.flatnonzero(self.straight)
        run = len(linear) and linear[-1] + 1 - linear[0] == len(linear)
        self.linear_slots = slice(linear[0], linear[-1] + 1) if run else linear
        self.tensors = _joined(names, np.intp)
        self.entries = _joined(entries, np.float64)

    def _vectors(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
        """Where each tensor of one axis begins among them all."""
        occur = {name for law in self.laws for name in law.family.tensors}
        self.vectors = [name for name in shapes if name in occur and len(shapes[name]) == 1]
        self.lengths = [shapes[name][0] for name in self.vectors]
        if self.vectors:
            self.plans[VECTORS] = Plan((sum(self.lengths),))
        starts = accumulate(self.lengths, initial=0)
        return dict(zip(self.vectors, starts, strict=False))

    def _place(self) -> None:
        readings = [r for plan in self.plans.values() for r in plan.readings.values()]
        self.lines.place(r for r in readings if r.kind == "line")
        self.products.place(r for r in readings if r.kind != "line")

    def total(self, slots: Floats, weights: Floats | None = None) -> Floats:
        """Functions (F,) from their slots, by the coefficients of the terms."""
        factor = self.factor if weights is None else self.factor * weights
        return _counted(self.owner, factor * slots, self.functions)

    def size(self, slots: Floats, weights: Floats | None = None) -> Floats:
        """The same with every term taken as positive, of slots that are."""
        factor = self._sizes if weights is None else self._sizes * weights
        return _counted(self.owner, factor * slots, self.functions)

    def spread(self, squares: Floats) -> Floats:
        """(slots,) Σ x² of linear terms, 0 of others, where (names,) mean squares are known."""
        known = np.nan_to_num(squares[self.tensors])
        return np.where(self.straight, self.entries * known, 0.0)


def _counted(places: NDArray[np.intp], values: Floats, count: int) -> Floats:
    return np.bincount(places, values, count).astype(np.float64, copy=False)


def _joined(parts: list[NDArray[Any]], kind: Any) -> Any:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, dtype=kind)
