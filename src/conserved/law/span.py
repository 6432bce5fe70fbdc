"""Range and direction laws: what a symmetry of the data freezes (theory §6).

P holds vectors of R^k that are linear in θ. Where every field moves P inside its own span,
P′ = P·N, the span is conserved; where every field is a multiple of P itself, its direction
is. Both are written in the chart of the reduced echelon form: with P = [P1 P2] split at κ pivot
coordinates, M = P1⁻¹ P2 is constant, κ(k − κ) numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from conserved.arithmetic.entries import EntryError, entry
from conserved.arithmetic.scalars import Array, Scalars
from conserved.errors import InputError
from conserved.law.base import Kind, Law
from conserved.law.layout import Index, Layout, tensor_latex
from conserved.law.ops import inverse
from conserved.law.reading import Reader

What = Literal["range", "direction"]
_VECTORS_LIMIT = 4096


@dataclass(frozen=True)
class SpanPart:
    """Vectors of P: the fibres of one tensor along one axis, mapped to R^k.

    Args:
        tensor: the name.
        axis: along which axis the fibres run, from 0; their length is a.
        matrix: the map, k rows of a exact numbers as text ("1", "-1/2", "cos(2*pi/5)").
    """

    tensor: str
    axis: int
    matrix: tuple[tuple[str, ...], ...]

    def fibres(self, layout: Layout) -> Index:
        """Positions in θ, (number of fibres, a)."""
        block = layout.indices(self.tensor)
        return np.moveaxis(block, self.axis, -1).reshape(-1, block.shape[self.axis])

    def image(self, scalars: Scalars) -> Array:
        """The matrix in these scalars, (k, a)."""
        rows = [[entry(text).value(scalars).item() for text in row] for row in self.matrix]
        return np.array(rows, dtype=scalars.dtype)


@dataclass(frozen=True, kw_only=True)
class SpanLaw(Law):
    """The span, or the direction, of vectors P(θ) in R^k.

    Args:
        what: "range" (their span is conserved) or "direction" (all of P up to one factor is).
        parts: where the vectors come from.
        vectors: which of them are independent at a generic θ and so span the rest; for a direction
            all of them.
        pivots: as many coordinates (of R^k, or of all of P for a direction) as split off P1.
        place: on what part of the features, in words ("on the zero-sum part of the features").

    Raises:
        InputError: vectors, pivots or matrices that do not fit together.

    Example:
        >>> layout = Layout((("W1", (1, 3)),))
        >>> part = SpanPart("W1", 1, (("1", "0", "-1"), ("0", "1", "-1")))
        >>> law = SpanLaw(layout=layout, what="direction", parts=(part,), vectors=(0,), pivots=(0,))
        >>> law.value(np.array([3.0, 5.0, 1.0]))  # (W1[1,2] − W1[1,3]) / (W1[1,1] − W1[1,3])
        array([2.])
    """

    form: ClassVar[str] = "span"

    what: What
    parts: tuple[SpanPart, ...]
    vectors: tuple[int, ...]
    pivots: tuple[int, ...]
    place: str = ""

    def __post_init__(self) -> None:
        if not self.parts:
            raise InputError("parts", "[]", "a span needs at least one part")
        heights = {len(part.matrix) for part in self.parts}
        if len(heights) > 1 or 0 in heights:
            raise InputError("matrix", sorted(heights), "all parts map to the same R^k")
        if not self.vectors or not all(0 <= v < self.available for v in self.vectors):
            raise InputError("vectors", self.vectors, f"there are {self.available}, from 0")
        if len(set(self.vectors)) != len(self.vectors):
            raise InputError("vectors", self.vectors, "each counts once")
        width, wanted = self._chart
        if len(set(self.pivots)) != wanted or len(self.pivots) != wanted or wanted >= width:
            raise InputError("pivots", self.pivots, f"{wanted} distinct ones below {width} needed")
        if not all(0 <= pivot < width for pivot in self.pivots):
            raise InputError("pivots", self.pivots, f"coordinates run from 0 to {width - 1}")

    @property
    def dimension(self) -> int:
        """k."""
        return len(self.parts[0].matrix)

    @cached_property
    def available(self) -> int:
        """How many vectors P has, dependent ones included."""
        return sum(len(part.fibres(self.layout)) for part in self.parts)

    @property
    def _chart(self) -> tuple[int, int]:
        """(number of coordinates, number of pivots)."""
        if self.what == "direction":
            return len(self.vectors) * self.dimension, 1
        return self.dimension, len(self.vectors)

    @cached_property
    def _others(self) -> Index:
        return np.setdiff1d(np.arange(self._chart[0]), self.pivots)

    @property
    def kind(self) -> Kind:
        return "range" if self.what == "range" else "rational"

    @property
    def size(self) -> int:
        return len(self.pivots) * len(self._others)

    def all_vectors(self, scalars: Scalars, theta: Array) -> Array:
        """P at θ (batch, D), every vector a row: (batch, vectors, k)."""
        parts = []
        for part in self.parts:
            fibres = part.fibres(self.layout)
            picked = theta[:, fibres.ravel()].reshape(len(theta), *fibres.shape)
            parts.append(scalars.matmul(picked, _like(part.image(scalars).T, picked)))
        return _joined(parts)

    def values(self, scalars: Scalars, theta: Array) -> Array:
        charted = self._charted(self.all_vectors(scalars, theta))
        first = charted[:, :, list(self.pivots)]
        second = charted[:, :, self._others.tolist()]
        ratio = scalars.matmul(inverse(scalars, first), second)
        return ratio.reshape(len(ratio), self.size)

    def gradients(self, scalars: Scalars, theta: Array) -> Array:
        """dM = P1⁻¹ (dP2 − dP1 M)."""
        charted = self._charted(self.all_vectors(scalars, theta[None]))
        pivots, others = list(self.pivots), self._others
        back = inverse(scalars, charted[:, :, pivots])[0]  # P1⁻¹, (pivot, vector)
        ratio = scalars.matmul(back, charted[0][:, others])
        kappa, width = charted.shape[1:]
        rows = np.zeros((kappa, len(others), kappa, width), dtype=scalars.dtype)
        for o, other in enumerate(others):
            rows[:, o, :, other] = back
            moved = scalars.mul(back[:, :, None], ratio[None, None, :, o])  # (a, c, b)
            rows[:, o][:, :, pivots] = scalars.reduce(-moved)
        return self._pullback(scalars, rows.reshape(self.size, len(self.vectors), self.dimension))

    def _charted(self, vectors: Array) -> Array:
        """The chosen vectors as rows of the matrix whose echelon form counts."""
        chosen = vectors[:, list(self.vectors)]
        return chosen.reshape(len(chosen), -1, self._chart[0])

    def _pullback(self, scalars: Scalars, rows: Array) -> Array:
        """Gradients in the chosen vectors (count, κ, k) as gradients in θ (count, D)."""
        every = np.zeros((len(rows), self.available, self.dimension), dtype=rows.dtype)
        every[:, list(self.vectors)] = rows
        out = np.zeros((len(rows), self.layout.size), dtype=rows.dtype)
        start = 0
        for part in self.parts:
            fibres = part.fibres(self.layout)
            block = every[:, start : start + len(fibres)]
            pulled = scalars.matmul(block, part.image(scalars)).reshape(len(rows), -1)
            # one part may take a tensor's fibres again: fibres of one part never overlap
            out[:, fibres.ravel()] = scalars.reduce(out[:, fibres.ravel()] + pulled)
            start += len(fibres)
        return out

    @property
    def _subject(self) -> str:
        names = list(dict.fromkeys(part.tensor for part in self.parts))
        return names[0] if len(names) == 1 else f"[{' '.join(names)}]"

    @property
    def text(self) -> str:
        return f"{self.what} of {self._subject}" + (f" {self.place}" if self.place else "")

    @property
    def latex(self) -> str:
        names = list(dict.fromkeys(part.tensor for part in self.parts))
        inside = r"\;".join(tensor_latex(name) for name in names)
        where = rf"\;\text{{{self.place}}}" if self.place else ""
        if self.what == "direction":
            return rf"\left[{inside}\right] / \left\|{inside}\right\|{where}"
        return rf"\operatorname{{range}}\left[{inside}\right]{where}"

    def labels(self) -> tuple[str, ...]:
        return tuple(
            f"M[{pivot + 1},{other + 1}]" for pivot in self.pivots for other in self._others
        )

    def data(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "place": self.place,
            "vectors": list(self.vectors),
            "pivots": list(self.pivots),
            "parts": [
                {"tensor": p.tensor, "axis": p.axis, "matrix": [list(row) for row in p.matrix]}
                for p in self.parts
            ],
        }

    @staticmethod
    def read(reader: Reader, layout: Layout) -> SpanLaw:
        """From ``data``."""
        return SpanLaw(
            layout=layout,
            what=reader["what"].choice("range", "direction"),  # type: ignore[arg-type]
            parts=tuple(_read_part(item, layout) for item in reader["parts"].items()),
            vectors=tuple(v.integer(0, _VECTORS_LIMIT) for v in reader["vectors"].items()),
            pivots=tuple(v.integer(0, _VECTORS_LIMIT) for v in reader["pivots"].items()),
            place=reader["place"].text(200),
        )


def _read_part(reader: Reader, layout: Layout) -> SpanPart:
    reader.keys("tensor", "axis", "matrix")
    name = reader["tensor"].choice(*(name for name, _ in layout.tensors))
    axis = reader["axis"].integer(0, len(layout.shape(name)) - 1)
    rows = []
    for row in reader["matrix"].items():
        numbers = row.items(exactly=layout.shape(name)[axis])
        rows.append(tuple(_checked(number) for number in numbers))
    return SpanPart(name, axis, tuple(rows))


def _checked(reader: Reader) -> str:
    text = reader.text(200)
    try:
        entry(text)
    except EntryError as error:
        raise reader.error(str(error)) from error
    return text


def _like(matrix: Array, tensor: Array) -> Array:
    """A NumPy matrix in the array library of ``tensor``."""
    if isinstance(tensor, np.ndarray):
        return matrix
    converted: Array = tensor.new_tensor(matrix.tolist())
    return converted


def _joined(parts: list[Array]) -> Array:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts, axis=1)
    import torch

    joined: Array = torch.cat(parts, dim=1)
    return joined
