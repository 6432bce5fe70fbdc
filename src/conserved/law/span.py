"""Range and direction laws: what a symmetry of the data freezes (theory §6).

P holds vectors of R^k that are linear in θ. Where every field moves P inside its own span,
P′ = P·N, the span is conserved; where every field is a multiple of P itself, its direction
is. Both are written in the chart of the reduced echelon form: with P = [P1 P2] split at κ pivot
coordinates, M = P1⁻¹ P2 is constant, κ(k − κ) numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, cast

import numpy as np

from conserved.errors import InputError
from conserved.kernel.reader import Reader
from conserved.kernel.scalars import Array, Scalars
from conserved.law.base import Kind
from conserved.law.layout import Index, Layout
from conserved.law.ops import inverse
from conserved.law.vectors import VECTORS_LIMIT, VectorLaw, read_parts, read_vectors

What = Literal["range", "direction"]
Field = Literal["real", "complex", "quaternionic"]
_UNITS: dict[str, int] = {"real": 1, "complex": 2, "quaternionic": 4}
_TABLE_LIMIT = 3 * 10**7  # entries of all gradients in P


@dataclass(frozen=True, kw_only=True)
class SpanLaw(VectorLaw):
    """The span, or the direction, of vectors P(θ) in R^k.

    Args:
        what: "range" (their span is conserved) or "direction" (all of P up to one factor is).
        parts: where the vectors come from.
        vectors: which of them are independent at a generic θ and so span the rest; for a direction
            all of them.
        pivots: as many coordinates (of R^k, or of all of P for a direction) as split off P1.
        place: on what part of the features, in words ("on the zero-sum part of the features").
        field: over what the span is taken; over C and H the vectors come with their multiples.

    Raises:
        InputError: vectors, pivots or matrices that do not fit together.

    Example:
        >>> from conserved.law import SpanPart
        >>> layout = Layout((("W1", (1, 3)),))
        >>> part = SpanPart("W1", 1, (("1", "0", "-1"), ("0", "1", "-1")))
        >>> law = SpanLaw(layout=layout, what="direction", parts=(part,), vectors=(0,), pivots=(0,))
        >>> law.value(np.array([3.0, 5.0, 1.0]))  # (W1[1,2] − W1[1,3]) / (W1[1,1] − W1[1,3])
        array([2.])
    """

    form: ClassVar[str] = "span"

    what: What
    pivots: tuple[int, ...]
    field: Field = "real"

    def __post_init__(self) -> None:
        super().__post_init__()
        width, wanted = self._chart
        if len(set(self.pivots)) != wanted or len(self.pivots) != wanted or wanted >= width:
            raise InputError("pivots", self.pivots, f"{wanted} distinct ones below {width} needed")
        if not all(0 <= pivot < width for pivot in self.pivots):
            raise InputError("pivots", self.pivots, f"coordinates run from 0 to {width - 1}")
        if len(self.vectors) % _UNITS[self.field] or self.dimension % _UNITS[self.field]:
            advice = f"{self.field} vectors come with all their multiples by units"
            raise InputError("field", self.field, advice)
        if self.size * wanted * width > _TABLE_LIMIT:
            raise InputError("vectors", len(self.vectors), f"too many numbers in R^{width}")

    @property
    def _chart(self) -> tuple[int, int]:
        """(number of coordinates, number of pivots)."""
        if self.what == "direction":
            return len(self.vectors) * self.dimension, 1
        return self.dimension, len(self.vectors)

    @property
    def chart(self) -> int:
        """Coordinates of the vectors whose echelon form counts."""
        return self._chart[0]

    @cached_property
    def others(self) -> Index:
        return np.setdiff1d(np.arange(self._chart[0]), self.pivots)

    @property
    def kind(self) -> Kind:
        return "range" if self.what == "range" else "rational"

    @property
    def size(self) -> int:
        return len(self.pivots) * len(self.others)

    def values(self, scalars: Scalars, theta: Array) -> Array:
        charted = self._charted(scalars, theta)
        first = charted[:, :, list(self.pivots)]
        second = charted[:, :, self.others.tolist()]
        ratio = scalars.matmul(inverse(scalars, first), second)
        return ratio.reshape(len(ratio), self.size)

    def gradients(self, scalars: Scalars, theta: Array) -> Array:
        """dM = P1⁻¹ (dP2 − dP1 M)."""
        charted = self._charted(scalars, theta[None])
        pivots, others = list(self.pivots), self.others
        back = inverse(scalars, charted[:, :, pivots])[0]  # P1⁻¹, (pivot, vector)
        ratio = scalars.matmul(back, charted[0][:, others])
        kappa, width = charted.shape[1:]
        rows = np.zeros((kappa, len(others), kappa, width), dtype=scalars.dtype)
        for o, other in enumerate(others):
            rows[:, o, :, other] = back
            moved = scalars.mul(back[:, :, None], ratio[None, None, :, o])  # (a, c, b)
            rows[:, o][:, :, pivots] = scalars.reduce(-moved)
        return self.pullback(scalars, rows.reshape(self.size, len(self.vectors), self.dimension))

    def derivative(self, scalars: Scalars, theta: Array, directions: Array) -> Array:
        # without gradients, of which a large range has thousands
        charted, moved = (self._charted(scalars, t) for t in (theta[None], directions))
        pivots, others = list(self.pivots), self.others
        back = inverse(scalars, charted[:, :, pivots])
        ratio = scalars.matmul(back, charted[:, :, others])
        rest = moved[:, :, others] - scalars.matmul(moved[:, :, pivots], ratio)
        return scalars.matmul(back, scalars.reduce(rest)).reshape(len(moved), self.size)

    def _charted(self, scalars: Scalars, theta: Array) -> Array:
        """The chosen vectors as rows of the matrix whose echelon form counts."""
        chosen = self.chosen(scalars, theta)
        return chosen.reshape(len(chosen), -1, self._chart[0])

    def data(self) -> dict[str, Any]:
        more = {"what": self.what, "field": self.field, "pivots": list(self.pivots)}
        return more | super().data()

    @staticmethod
    def read(reader: Reader, layout: Layout) -> SpanLaw:
        """From ``data``."""
        return SpanLaw(
            layout=layout,
            what=cast(What, reader["what"].choice("range", "direction")),
            parts=read_parts(reader["parts"], layout),
            vectors=read_vectors(reader["vectors"]),
            pivots=tuple(
                pivot.integer(0, VECTORS_LIMIT**2)
                for pivot in reader["pivots"].items(most=VECTORS_LIMIT)
            ),
            place=reader["place"].text(),
            field=cast(Field, reader["field"].choice(*_UNITS)),
        )
