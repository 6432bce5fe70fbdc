"""Quadratic laws in matrix form: W1 W1ᵀ − W2ᵀ W2 and its like (theory §7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from conserved.errors import InputError
from conserved.kernel.scalars import Array, Scalars
from conserved.law.base import Kind, Law, factor_latex, factor_text, scalar_of
from conserved.law.layout import Layout, tensor_latex
from conserved.law.ops import constant
from conserved.law.polynomial import Polynomial
from conserved.law.reading import Reader

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
    """

    tensor: str
    axis: int
    coefficient: Fraction | int = 1
    rows: tuple[int, int, int] | None = None

    def indices(self, layout: Layout) -> NDArray[np.intp]:
        """Positions in θ of the rows of X, (n, entries of one slice)."""
        block = layout.indices(self.tensor)
        if not 0 <= self.axis < block.ndim:
            raise InputError("axis", self.axis, f"{self.tensor} has {block.ndim} axes")
        moved = np.moveaxis(block, self.axis, 0).reshape(block.shape[self.axis], -1)
        return moved if self.rows is None else moved[slice(*self.rows)]

    @property
    def factor(self) -> Fraction:
        return Fraction(self.coefficient)


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
        ‖row j of W1‖² + b1[j]² − ‖column j of W2‖², j = 1 … 2
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

    @cached_property
    def _indices(self) -> tuple[NDArray[np.intp], ...]:
        return tuple(term.indices(self.layout) for term in self.terms)

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

    def labels(self) -> tuple[str, ...]:
        if self.part == "trace":
            return ("trace",)
        return tuple(f"{i + 1},{j + 1}" for i, j in zip(*self._pairs, strict=True))

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The entries (i, j), i ≤ j, of M that count."""
        if self.part == "symmetric":
            i, j = np.triu_indices(self.height)
            return i, j
        every = np.arange(self.height)
        return every, every

    def values(self, scalars: Scalars, theta: Array) -> Array:
        total: Array | None = None
        i, j = self._pairs
        for term, indices in zip(self.terms, self._indices, strict=True):
            rows = theta[:, indices.ravel()].reshape(len(theta), *indices.shape)
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
        for term, indices in zip(self.terms, self._indices, strict=True):
            factor = scalar_of(scalars, term.factor)
            scaled = scalars.mul(theta[indices], factor)  # (n, slice)
            if self.part == "trace":
                out[0, indices.ravel()] += 2 * scaled.ravel()
                continue
            i, j = self._pairs
            which = np.arange(len(i))[:, None]
            out[which, indices[i]] += scaled[j]
            out[which, indices[j]] += scaled[i]
        return scalars.reduce(out)

    def derivative(self, scalars: Scalars, theta: Array, directions: Array) -> Array:
        """Of M along W: Σ_t c_t (W_t X_tᵀ + X_t W_tᵀ), without a gradient for each entry."""
        out = np.zeros((len(directions), self.size), dtype=scalars.dtype)
        i, j = self._pairs
        for term, indices in zip(self.terms, self._indices, strict=True):
            x, along = theta[indices], directions[:, indices]  # (n, slice), (batch, n, slice)
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
        for term, indices in zip(self.terms, self._indices, strict=True):
            pairs = self._pairs if self.part != "trace" else (np.arange(len(indices)),) * 2
            for k, (i, j) in enumerate(zip(*pairs, strict=True)):
                into = sums[0 if self.part == "trace" else k]
                for a, b in zip(indices[i].tolist(), indices[j].tolist(), strict=True):
                    key = (min(a, b), max(a, b))
                    into[key] = into.get(key, Fraction(0)) + term.factor
        return tuple(Polynomial.of(terms) for terms in sums)

    @property
    def name(self) -> str:
        count = f", symmetric {self.height}×{self.height}"
        return self.text + (count if self.part == "symmetric" and self.height > 1 else "")

    @property
    def text(self) -> str:
        part = "diagonal" if self.part == "symmetric" and self.height == 1 else self.part
        words, which = [], ""
        for k, (term, blocks) in enumerate(self._summed()):
            gram = _gram_text(term, self.layout, part, self.height, "_h" if blocks else "")
            if blocks:
                gram, which = f"Σ_h {gram}", f", h = 1 … {blocks}"
            words.append(factor_text(term.factor, not k) + gram)
        if part == "diagonal" and self.height > 1:
            which = f", j = 1 … {self.height}"
        return "".join(words) + which

    def _summed(self) -> list[tuple[GramTerm, int]]:
        """The terms, with blocks that make up a whole axis as one: X_h, and how many there are."""
        out: list[tuple[GramTerm, int]] = []
        left = list(self.terms)
        while left:
            term = left[0]
            blocks = self._blocks_from(left) if self.part == "symmetric" else 0
            if blocks > 1:
                out.append((replace(term, rows=None), blocks))
                left = left[blocks:]
            else:
                out.append((term, 0))
                left = left[1:]
        return out

    def _blocks_from(self, terms: list[GramTerm]) -> int:
        """How many terms in front are the blocks of one axis, in order and complete; or 0."""
        lead, n = terms[0], self.height
        length = self.layout.shape(lead.tensor)[lead.axis]
        count = length // n
        alike = [(t.tensor, t.axis, t.factor, t.rows) for t in terms[:count]]
        blocks = [
            (lead.tensor, lead.axis, lead.factor, (k * n, k * n + n, 1)) for k in range(count)
        ]
        return count if n > 1 and count * n == length and alike == blocks else 0

    @property
    def latex(self) -> str:
        part = "diagonal" if self.part == "symmetric" and self.height == 1 else self.part
        words, ending = [], ""
        for k, (term, blocks) in enumerate(self._summed()):
            gram = _gram_latex(term, self.layout, part, self.height, "h" if blocks else "")
            if blocks:
                gram, ending = rf"\sum_h {gram}", rf",\; h = 1, \dots, {blocks}"
            words.append(factor_latex(term.factor, not k) + gram)
        if part == "diagonal" and self.height > 1:
            ending = rf",\; j = 1, \dots, {self.height}"
        return " ".join(words) + ending

    def data(self) -> dict[str, Any]:
        return {
            "part": self.part,
            "terms": [
                {
                    "coefficient": str(term.factor),
                    "tensor": term.tensor,
                    "axis": term.axis,
                    "rows": None if term.rows is None else list(term.rows),
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
    reader.keys("coefficient", "tensor", "axis", "rows")
    name = reader["tensor"].choice(*(name for name, _ in layout.tensors))
    axis = reader["axis"].integer(0, len(layout.shape(name)) - 1)
    rows, n = reader["rows"], layout.shape(name)[axis]
    chosen = None
    if rows.value is not None:
        start, stop, step = rows.items(exactly=3)
        chosen = (start.integer(0, n - 1), stop.integer(1, n), step.integer(1, n))
    return GramTerm(name, axis, reader["coefficient"].fraction(), chosen)


def _gram_text(term: GramTerm, layout: Layout, part: str, count: int, index: str) -> str:
    shape, name = layout.shape(term.tensor), term.tensor + index
    whole = term.rows is None
    if part == "trace":
        return f"‖{name if whole else _rows_text(term, len(shape))}‖²"
    if part == "diagonal":
        place = str(_first(term) + 1) if count == 1 else _running(term)
        if len(shape) == 1:
            return f"{name}[{place}]²"
        if count == 1 and shape[term.axis] == 1:
            return f"‖{name}‖²"
        what = ("row", "column")[term.axis] if len(shape) == 2 else f"slice {place} along axis"
        if len(shape) == 2:
            return f"‖{what} {place} of {name}‖²"
        return f"‖{what} {term.axis + 1} of {name}‖²"
    block = name if whole else _rows_text(term, len(shape))
    if len(shape) == 1 or term.axis == 0:
        return f"{block} {block}ᵀ" if len(shape) < 3 else f"{block} ·₁ {block}"
    if len(shape) == 2:
        return f"{block}ᵀ {block}"
    return f"{block} ·{str(term.axis + 1).translate(_LOWER)} {block}"


_LOWER = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _rows_text(term: GramTerm, axes: int) -> str:
    """W[1:4] for the first four rows, W[:,1:4] for columns: from 1, ends included."""
    places = [":"] * axes
    places[term.axis] = _range_text(term)
    while len(places) > term.axis + 1:
        places.pop()
    return f"{term.tensor}[{','.join(places)}]"


def _range_text(term: GramTerm) -> str:
    assert term.rows is not None
    start, stop, step = term.rows
    last = range(start, stop, step)[-1]
    return f"{start + 1}:{last + 1}" + (f":{step}" if step != 1 else "")


def _first(term: GramTerm) -> int:
    return 0 if term.rows is None else term.rows[0]


def _running(term: GramTerm) -> str:
    """The running index: j, shifted where the rows do not begin at the first."""
    if term.rows is None:
        return "j"
    start, _, step = term.rows
    word = "j" if step == 1 else f"{step}j"
    shift = start if step == 1 else start + 1 - step
    return word if not shift else f"{word}{'+' if shift > 0 else '−'}{abs(shift)}"


def _gram_latex(term: GramTerm, layout: Layout, part: str, count: int, index: str) -> str:
    shape, symbol = layout.shape(term.tensor), tensor_latex(term.tensor)
    symbol = f"{{{symbol}}}_{{{index}}}" if index else symbol
    if term.rows is not None and part != "diagonal":
        places = [":"] * len(shape)
        places[term.axis] = _range_text(term)
        symbol = f"{{{symbol}}}_{{{','.join(places)}}}"
    if part == "trace":
        return rf"\left\|{symbol}\right\|^2"
    if part == "diagonal":
        place = str(_first(term) + 1) if count == 1 else _running(term).replace("−", "-")
        places = [":"] * len(shape)
        places[term.axis] = place
        if len(shape) == 1:
            return f"{{{symbol}}}_{{{place}}}^2"
        if count == 1 and shape[term.axis] == 1:
            return rf"\left\|{symbol}\right\|^2"
        return rf"\left\|{{{symbol}}}_{{{','.join(places)}}}\right\|^2"
    if len(shape) < 3:
        return f"{symbol} {symbol}^\\top" if term.axis == 0 else f"{symbol}^\\top {symbol}"
    return rf"{symbol} \cdot_{{{term.axis + 1}}} {symbol}"
