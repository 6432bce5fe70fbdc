"""Laws about vectors that are linear in θ with exact coefficients: what they share (theory §6)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import lcm
from typing import Any

import numpy as np

from conserved.errors import DegenerateSampleError, InputError
from conserved.kernel.entries import ROOTS_LIMIT, EntryError, entry
from conserved.kernel.reader import Reader
from conserved.kernel.scalars import Array, Scalars
from conserved.law.base import Law
from conserved.law.layout import Index, Layout
from conserved.law.ops import constant, joined

VECTORS_LIMIT = 4096
_ENTRIES_LIMIT = 250_000  # of all matrices of one law
_WORDS_LIMIT = 10_000  # different entries among them


@dataclass(frozen=True)
class SpanPart:
    """Vectors of P: the fibres of one tensor along one axis, mapped to R^k.

    Args:
        tensor: the name.
        axis: along which axis the fibres run, from 0; None for the whole tensor as one vector.
            Their length is a.
        matrix: the map, k rows of a exact numbers as text ("1", "-1/2", "cos(2*pi/5)").
    """

    tensor: str
    axis: int | None
    matrix: tuple[tuple[str, ...], ...]

    def fibres(self, layout: Layout) -> Index:
        """Positions in θ, (number of fibres, a)."""
        block = layout.indices(self.tensor)
        if self.axis is None:
            return block.reshape(1, -1)
        if not 0 <= self.axis < block.ndim:
            raise InputError("axis", self.axis, f"{self.tensor} has {block.ndim} axes")
        return np.moveaxis(block, self.axis, -1).reshape(-1, block.shape[self.axis])

    def to_json(self) -> dict[str, Any]:
        matrix = [list(row) for row in self.matrix]
        return {"tensor": self.tensor, "axis": self.axis, "matrix": matrix}


@dataclass(frozen=True, kw_only=True)
class VectorLaw(Law):
    """A law about chosen ones of the vectors P(θ) ∈ R^k.

    Args:
        parts: where the vectors come from.
        vectors: which of them the law takes, from 0.
        place: on what part of the features, in words ("on the zero-sum part of the features").

    Raises:
        InputError: vectors or matrices that do not fit together, or that are too many.
    """

    parts: tuple[SpanPart, ...]
    vectors: tuple[int, ...]
    place: str = ""

    def __post_init__(self) -> None:
        if not self.parts:
            raise InputError("parts", "[]", "at least one is needed")
        heights = {len(part.matrix) for part in self.parts}
        if len(heights) > 1 or 0 in heights:
            raise InputError("matrix", sorted(heights), "all parts map to the same R^k")
        for part, fibres in zip(self.parts, self._fibres, strict=True):
            if any(len(row) != fibres.shape[1] for row in part.matrix):
                advice = f"fibres of {part.tensor} have {fibres.shape[1]} entries"
                raise InputError("matrix", part.tensor, advice)
        if not self.vectors or not all(0 <= v < self.available for v in self.vectors):
            raise InputError("vectors", self.vectors, f"there are {self.available}, from 0")
        if len(set(self.vectors)) != len(self.vectors):
            raise InputError("vectors", self.vectors, "each counts once")

    @cached_property
    def _fibres(self) -> tuple[Index, ...]:
        return tuple(part.fibres(self.layout) for part in self.parts)

    @property
    def dimension(self) -> int:
        """k."""
        return len(self.parts[0].matrix)

    @cached_property
    def available(self) -> int:
        """How many vectors P has, dependent ones included."""
        return sum(len(fibres) for fibres in self._fibres)

    @cached_property
    def roots(self) -> int:
        words = {text for part in self.parts for row in part.matrix for text in row}
        return lcm(*(entry(text).roots for text in words))

    def chosen(self, scalars: Scalars, theta: Array) -> Array:
        """The vectors at θ (batch, D), each a row: (batch, chosen, k)."""
        every = []
        for fibres, image in zip(self._fibres, self._images(scalars), strict=True):
            picked = theta[:, fibres.ravel()].reshape(len(theta), *fibres.shape)
            every.append(scalars.matmul(picked, constant(image.T, picked)))
        return joined(every, axis=1)[:, list(self.vectors)]

    def pullback(self, scalars: Scalars, rows: Array) -> Array:
        """Gradients in the chosen vectors (count, chosen, k) as gradients in θ (count, D)."""
        every = np.zeros((len(rows), self.available, self.dimension), dtype=rows.dtype)
        every[:, list(self.vectors)] = rows
        out = np.zeros((len(rows), self.layout.size), dtype=rows.dtype)
        start = 0
        for fibres, image in zip(self._fibres, self._images(scalars), strict=True):
            block = every[:, start : start + len(fibres)]
            pulled = scalars.matmul(block, image).reshape(len(rows), -1)
            # fibres of one part never overlap; another part may take the same ones again
            out[:, fibres.ravel()] = scalars.reduce(out[:, fibres.ravel()] + pulled)
            start += len(fibres)
        return out

    def _images(self, scalars: Scalars) -> list[Array]:
        """The matrices in these scalars, (k, a) each; every different entry is worked out once."""
        known: dict[str, Any] = {}
        images = []
        for part in self.parts:
            rows = [[number(text, scalars, known) for text in row] for row in part.matrix]
            images.append(np.array(rows, dtype=scalars.dtype))
        return images

    def data(self) -> dict[str, Any]:
        return {
            "place": self.place,
            "vectors": list(self.vectors),
            "parts": [part.to_json() for part in self.parts],
        }


def number(text: str, scalars: Scalars, known: dict[str, Any]) -> Any:
    """An entry in these scalars; ``known`` remembers.

    Raises:
        DegenerateSampleError: its denominator is 0 mod p.
    """
    if text not in known:
        try:
            known[text] = entry(text).value(scalars).item()
        except EntryError as error:
            raise DegenerateSampleError(f"the entry {text}: {error}") from error
    return known[text]


def read_parts(reader: Reader, layout: Layout) -> tuple[SpanPart, ...]:
    """From ``VectorLaw.data``, within limits.

    Raises:
        InputError: anything unusable.
    """
    words: set[str] = set()
    entries = 0
    parts = []
    for item in reader.items(most=VECTORS_LIMIT):
        part = _read_part(item, layout, words)
        entries += sum(map(len, part.matrix))
        if entries > _ENTRIES_LIMIT:
            raise reader.error(f"more than {_ENTRIES_LIMIT:,} entries")
        parts.append(part)
    if lcm(*(entry(text).roots for text in words)) > ROOTS_LIMIT:
        raise reader.error(f"needs roots of unity of order above {ROOTS_LIMIT:,}")
    return tuple(parts)


def read_vectors(reader: Reader) -> tuple[int, ...]:
    """Positions from 0."""
    return tuple(v.integer(0, VECTORS_LIMIT) for v in reader.items(most=VECTORS_LIMIT))


def read_entry(reader: Reader) -> str:
    """An exact number as text."""
    text = reader.text()
    try:
        entry(text)
    except EntryError as error:
        raise reader.error(str(error)) from error
    return text


def _read_part(reader: Reader, layout: Layout, words: set[str]) -> SpanPart:
    reader.keys("tensor", "axis", "matrix")
    name = reader["tensor"].choice(*(name for name, _ in layout.tensors))
    shape, axis = layout.shape(name), None
    if reader["axis"].value is not None:
        axis = reader["axis"].integer(0, len(shape) - 1)
    length = layout.indices(name).size if axis is None else shape[axis]
    rows = []
    for row in reader["matrix"].items(most=_ENTRIES_LIMIT // max(length, 1)):
        rows.append(tuple(_known(n, words) for n in row.items(exactly=length)))
    return SpanPart(name, axis, tuple(rows))


def _known(reader: Reader, words: set[str]) -> str:
    """An entry, parsed once however often it occurs."""
    text = reader.value
    if isinstance(text, str) and text in words:
        return text
    if len(words) == _WORDS_LIMIT:  # at once: each costs a parse
        raise reader.error(f"more than {_WORDS_LIMIT:,} different entries")
    text = read_entry(reader)
    words.add(text)
    return text
