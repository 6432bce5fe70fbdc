"""Quadratic laws in matrix form: W1 W1ᵀ − W2ᵀ W2 and its like (theory §7)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from conserved.errors import InputError
from conserved.kernel.reader import Reader
from conserved.kernel.scalars import Array, Scalars
from conserved.law.base import Kind, Law, scalar_of
from conserved.law.layout import Layout
from conserved.law.ops import constant
from conserved.law.polynomial import Polynomial

Part = Literal["symmetric", "diagonal", "trace"]


@dataclass(frozen=True)
class GramTerm:
    """c · X Xᵀ, where the rows of X are the slices of a tensor along one axis.

    For a matrix W, axis 0 gives W Wᵀ and axis 1 gives Wᵀ W; for a vector b it is b bᵀ; a tensor of
    more axes is summed over all the others.

    Args:
        tensor: the name.
        axis: from 0.
        coefficient: c, not 0.
        rows: which slices, as (start, stop, step) from 0; None for all.
        offset: s, for X + sI in place of X (X square), or b + s in every entry of a vector b.
    """

    tensor: str
    axis: int
    coefficient: Fraction | int = 1
    rows: tuple[int, int, int] | None = None
    offset: Fraction | int = 0

    def indices(self, layout: Layout) -> NDArray[np.intp]:
        """Positions in θ of the rows of X, (n, entries of one slice)."""
        block = layout.indices(self.tensor)
        if not block.ndim:
            return block.reshape(1, 1)
        if not 0 <= self.axis < block.ndim:
            raise InputError("axis", self.axis, f"{self.tensor} has {block.ndim} axes")
        moved = np.moveaxis(block, self.axis, 0).reshape(block.shape[self.axis], -1)
        return moved if self.rows is None else moved[slice(*self.rows)]

    @property
    def factor(self) -> Fraction:
        return Fraction(self.coefficient)

    def unit(self, layout: Layout) -> NDArray[np.int64]:
        """What the offset is a multiple of, 0 and 1 in the shape of X.

        Raises:
            InputError: a tensor that has none.
        """
        shape = layout.shape(self.tensor)
        rows = slice(*(self.rows or (None,)))
        if len(shape) == 1:
            return np.ones((*shape, 1), dtype=np.int64)[rows]
        if len(shape) != 2 or shape[0] != shape[1]:
            advice = f"only vectors and square matrices have one, {self.tensor} is {shape}"
            raise InputError("offset", self.offset, advice)
        return np.eye(shape[0], dtype=np.int64)[rows]


@dataclass(frozen=True, kw_only=True)
class GramLaw(Law):
    """M = Σ_t c_t X_t X_tᵀ: its entries, its diagonal, or its trace are conserved.

    Args:
        terms: the X_t, with equal numbers of rows unless only the trace counts.
        part: "symmetric" (all M_ij, i ≤ j), "diagonal" (all M_ii) or "trace" (Σ M_ii).

    Raises:
        InputError: terms that do not fit together.

    Example:
        >>> layout = Layout((("W1", (2, 3)), ("b1", (2,)), ("W2", (1, 2))))
        >>> terms = GramTerm("W1", 0), GramTerm("b1", 0), GramTerm("W2", 1, -1)
        >>> print(GramLaw(layout=layout, terms=terms))
        W1 W1ᵀ + b1 b1ᵀ − W2ᵀ W2
        >>> print(GramLaw(layout=layout, terms=terms, part="diagonal"))
        ‖W1[j,:]‖² + b1[j]² − ‖W2[:,j]‖², j = 1 … 2
    """

    form: ClassVar[str] = "gram"

    terms: tuple[GramTerm, ...]
    part: Part = "symmetric"

    def __post_init__(self) -> None:
        if not self.terms:
            raise InputError("terms", "[]", "a law needs at least one term")
        heights = {len(rows) for rows in self._indices}
        if 0 in heights or (self.part != "trace" and len(heights) > 1):
            sizes = ", ".join(
                f"{t.tensor}: {len(i)}" for t, i in zip(self.terms, self._indices, strict=True)
            )
            raise InputError("terms", sizes, "equal numbers of rows are needed, and not 0")
        if any(not term.coefficient for term in self.terms):
            raise InputError("coefficient", 0, "terms have non-zero coefficients")
        _ = self._units

    @cached_property
    def _indices(self) -> tuple[NDArray[np.intp], ...]:
        return tuple(term.indices(self.layout) for term in self.terms)

    @cached_property
    def _units(self) -> tuple[NDArray[np.int64] | None, ...]:
        return tuple(term.unit(self.layout) if term.offset else None for term in self.terms)

    def _slices(self, scalars: Scalars, picked: Array, k: int) -> Array:
        """The rows of a term's X, offset added, from the entries of θ in them."""
        unit = self._units[k]
        if unit is None:
            return picked
        offset = scalar_of(scalars, Fraction(self.terms[k].offset))
        added = scalars.mul(unit.astype(scalars.dtype), offset)
        return scalars.reduce(picked + constant(added, picked))

    @property
    def kind(self) -> Kind:
        return "quadratic"

    @property
    def height(self) -> int:
        """n: M is n × n."""
        return len(self._indices[0])

    @property
    def size(self) -> int:
        n = self.height
        return {"symmetric": n * (n + 1) // 2, "diagonal": n, "trace": 1}[self.part]

    @cached_property
    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The entries (i, j), i ≤ j, of M that count."""
        if self.part == "symmetric":
            i, j = np.triu_indices(self.height)
            return i, j
        every = np.arange(self.height)
        return every, every

    def values(self, scalars: Scalars, theta: Array) -> Array:
        total: Array | None = None
        i, j = self.pairs
        for k, (term, indices) in enumerate(zip(self.terms, self._indices, strict=True)):
            picked = theta[:, indices.ravel()].reshape(len(theta), *indices.shape)
            rows = self._slices(scalars, picked, k)
            if self.part == "symmetric":
                entries = scalars.matmul(rows, rows.swapaxes(-1, -2))[:, i, j]
            else:
                entries = scalars.reduce(scalars.mul(rows, rows).sum(-1))
            if self.part == "trace":
                entries = scalars.reduce(entries.sum(-1)).reshape(-1, 1)
            entries = scalars.mul(entries, constant(scalar_of(scalars, term.factor), entries))
            total = entries if total is None else scalars.reduce(total + entries)
        assert total is not None
        return total

    def gradients(self, scalars: Scalars, theta: Array) -> Array:
        out = np.zeros((self.size, self.layout.size), dtype=scalars.dtype)
        for k, (term, indices) in enumerate(zip(self.terms, self._indices, strict=True)):
            factor = scalar_of(scalars, term.factor)
            x = self._slices(scalars, theta[indices], k)
            scaled = scalars.mul(x, factor)  # (n, slice)
            if self.part == "trace":
                out[0, indices.ravel()] += 2 * scaled.ravel()
                continue
            i, j = self.pairs
            which = np.arange(len(i))[:, None]
            out[which, indices[i]] += scaled[j]
            out[which, indices[j]] += scaled[i]
        return scalars.reduce(out)

    def derivative(self, scalars: Scalars, theta: Array, directions: Array) -> Array:
        """Of M along W: Σ_t c_t (W_t X_tᵀ + X_t W_tᵀ), without a gradient for each entry."""
        out = np.zeros((len(directions), self.size), dtype=scalars.dtype)
        i, j = self.pairs
        for k, (term, indices) in enumerate(zip(self.terms, self._indices, strict=True)):
            x = self._slices(scalars, theta[indices], k)  # (n, slice)
            along = directions[:, indices]  # (batch, n, slice)
            if self.part == "symmetric":
                product = scalars.matmul(along, x.T)
                entries = product[:, i, j] + product[:, j, i]
            else:
                entries = 2 * scalars.reduce(scalars.mul(along, x).sum(-1))
            if self.part == "trace":
                entries = entries.sum(-1, keepdims=True)
            scaled = scalars.mul(scalars.reduce(entries), scalar_of(scalars, term.factor))
            out = scalars.reduce(out + scaled)
        return out

    def polynomials(self) -> tuple[Polynomial, ...]:
        """The same functions, written out: the second road to values and gradients."""
        sums: list[dict[tuple[int, ...], Fraction]] = [{} for _ in range(self.size)]
        for t, (term, indices) in enumerate(zip(self.terms, self._indices, strict=True)):
            pairs = self.pairs if self.part != "trace" else (np.arange(len(indices)),) * 2
            unit = self._units[t]
            shift = np.zeros(indices.shape, dtype=np.int64) if unit is None else unit
            for k, (i, j) in enumerate(zip(*pairs, strict=True)):
                into = sums[0 if self.part == "trace" else k]
                for a, b, s, u in zip(indices[i], indices[j], shift[i], shift[j], strict=True):
                    left, right = Fraction(term.offset) * int(s), Fraction(term.offset) * int(u)
                    pair = (min(int(a), int(b)), max(int(a), int(b)))
                    parts = ((pair, Fraction(1)), ((int(a),), right), ((int(b),), left))
                    for key, factor in (*parts, ((), left * right)):
                        into[key] = into.get(key, Fraction(0)) + term.factor * factor
        return tuple(Polynomial.of(terms) for terms in sums)

    def data(self) -> dict[str, Any]:
        return {
            "part": self.part,
            "terms": [
                {
                    "coefficient": str(term.factor),
                    "tensor": term.tensor,
                    "axis": term.axis,
                    "rows": None if term.rows is None else list(term.rows),
                    **({"offset": str(Fraction(term.offset))} if term.offset else {}),
                }
                for term in self.terms
            ],
        }

    @staticmethod
    def read(reader: Reader, layout: Layout) -> GramLaw:
        """From ``data``."""
        terms = tuple(_read_term(item, layout) for item in reader["terms"].items())
        part = reader["part"].choice("symmetric", "diagonal", "trace")
        return GramLaw(layout=layout, terms=terms, part=cast(Part, part))


def _read_term(reader: Reader, layout: Layout) -> GramTerm:
    reader.keys("coefficient", "tensor", "axis", "rows", "offset")
    name = reader["tensor"].choice(*(name for name, _ in layout.tensors))
    shape = layout.shape(name)
    axis = reader["axis"].integer(0, max(0, len(shape) - 1))
    rows, offset = reader["rows"], Fraction(0)
    chosen = None
    if rows.value is not None:
        n = shape[axis] if shape else 1
        start, stop, step = rows.items(exactly=3)
        chosen = (start.integer(0, n - 1), stop.integer(1, n), step.integer(1, n))
    if "offset" in reader.value:
        offset = reader["offset"].fraction()
    return GramTerm(name, axis, reader["coefficient"].fraction(), chosen, offset)
