"""Angular momenta: W1 V1ᵀ − V1 W1ᵀ + W2ᵀ V2 − V2ᵀ W2 and their like (theory §14)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from conserved.errors import InputError
from conserved.kernel.reader import Reader
from conserved.kernel.scalars import Array, Scalars
from conserved.law.base import Kind, Law, scalar_of
from conserved.law.gram import GramTerm
from conserved.law.layout import Index, Layout
from conserved.law.ops import constant


@dataclass(frozen=True)
class CrossTerm:
    """c (X Yᵀ − Y Xᵀ), where the rows of X and Y are slices of two tensors.

    Args:
        tensor, axis: of X.
        other, other_axis: of Y.
        coefficient: c, not 0.
        rows: which slices of both, as (start, stop, step) from 0; None for all.
    """

    tensor: str
    axis: int
    other: str
    other_axis: int
    coefficient: Fraction | int = 1
    rows: tuple[int, int, int] | None = None

    @property
    def factor(self) -> Fraction:
        return Fraction(self.coefficient)

    @property
    def sides(self) -> tuple[GramTerm, GramTerm]:
        """X and Y."""
        return (
            GramTerm(self.tensor, self.axis, 1, self.rows),
            GramTerm(self.other, self.other_axis, 1, self.rows),
        )


@dataclass(frozen=True, kw_only=True)
class CrossLaw(Law):
    """M = Σ_t c_t (X_t Y_tᵀ − Y_t X_tᵀ): its entries above the diagonal are conserved.

    Args:
        terms: with equal numbers of rows, two at least.

    Raises:
        InputError: terms that do not fit together.

    Example:
        >>> layout = Layout((("W1", (2, 3)), ("W2", (1, 2)), ("V1", (2, 3)), ("V2", (1, 2))))
        >>> terms = CrossTerm("W1", 0, "V1", 0), CrossTerm("W2", 1, "V2", 1)
        >>> print(CrossLaw(layout=layout, terms=terms))
        W1 V1ᵀ − V1 W1ᵀ + W2ᵀ V2 − V2ᵀ W2
    """

    form: ClassVar[str] = "cross"

    terms: tuple[CrossTerm, ...]

    def __post_init__(self) -> None:
        if not self.terms or any(not term.coefficient for term in self.terms):
            raise InputError("terms", self.terms, "terms with non-zero coefficients are needed")
        shapes = [(x.shape, y.shape) for x, y in self._indices]
        heights = {shape[0] for pair in shapes for shape in pair}
        if len(heights) > 1 or min(heights) < 2 or any(x != y for x, y in shapes):
            raise InputError("terms", shapes, "slices of one length, equally many, are needed")

    @cached_property
    def _indices(self) -> tuple[tuple[Index, Index], ...]:
        return tuple(
            (x.indices(self.layout), y.indices(self.layout))
            for x, y in (term.sides for term in self.terms)
        )

    @property
    def kind(self) -> Kind:
        return "quadratic"

    @property
    def height(self) -> int:
        """n: M is n × n."""
        return len(self._indices[0][0])

    @property
    def size(self) -> int:
        return self.height * (self.height - 1) // 2

    @cached_property
    def pairs(self) -> tuple[Index, Index]:
        """The entries (i, j), i < j."""
        i, j = np.triu_indices(self.height, 1)
        return i, j

    def values(self, scalars: Scalars, theta: Array) -> Array:
        total: Array | None = None
        i, j = self.pairs
        for term, indices in zip(self.terms, self._indices, strict=True):
            x, y = (theta[:, part.ravel()].reshape(len(theta), *part.shape) for part in indices)
            product = scalars.matmul(x, y.swapaxes(-1, -2))
            entries = scalars.reduce(product[:, i, j] - product[:, j, i])
            entries = scalars.mul(entries, constant(scalar_of(scalars, term.factor), entries))
            total = entries if total is None else scalars.reduce(total + entries)
        assert total is not None
        return total

    def gradients(self, scalars: Scalars, theta: Array) -> Array:
        out = np.zeros((self.size, self.layout.size), dtype=scalars.dtype)
        i, j = self.pairs
        which = np.arange(len(i))[:, None]
        for term, (left, right) in zip(self.terms, self._indices, strict=True):
            factor = scalar_of(scalars, term.factor)
            x, y = scalars.mul(theta[left], factor), scalars.mul(theta[right], factor)
            out[which, left[i]] += y[j]
            out[which, left[j]] -= y[i]
            out[which, right[j]] += x[i]
            out[which, right[i]] -= x[j]
        return scalars.reduce(out)

    def data(self) -> dict[str, Any]:
        return {
            "terms": [
                {
                    "coefficient": str(term.factor),
                    "tensor": term.tensor,
                    "axis": term.axis,
                    "other": term.other,
                    "other_axis": term.other_axis,
                    "rows": None if term.rows is None else list(term.rows),
                }
                for term in self.terms
            ]
        }

    @staticmethod
    def read(reader: Reader, layout: Layout) -> CrossLaw:
        """From ``data``."""
        terms = tuple(_read_term(item, layout) for item in reader["terms"].items())
        return CrossLaw(layout=layout, terms=terms)


def _read_term(reader: Reader, layout: Layout) -> CrossTerm:
    reader.keys("coefficient", "tensor", "axis", "other", "other_axis", "rows")
    names = [name for name, shape in layout.tensors if shape]
    name, other = (reader[key].choice(*names) for key in ("tensor", "other"))
    axis, other_axis = (
        reader[key].integer(0, len(layout.shape(tensor)) - 1)
        for key, tensor in (("axis", name), ("other_axis", other))
    )
    rows, chosen = reader["rows"], None
    if rows.value is not None:
        n = layout.shape(name)[axis]
        start, stop, step = rows.items(exactly=3)
        chosen = (start.integer(0, n - 1), stop.integer(1, n), step.integer(1, n))
    return CrossTerm(name, axis, other, other_axis, reader["coefficient"].fraction(), chosen)
