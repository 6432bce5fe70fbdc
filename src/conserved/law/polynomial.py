"""Polynomial laws: sparse polynomials in the entries of θ with rational coefficients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from conserved.errors import InputError
from conserved.kernel.reader import Reader
from conserved.kernel.scalars import Array, Scalars
from conserved.law.base import Kind, Law, scalar_of
from conserved.law.layout import Layout
from conserved.law.ops import constant, joined, segment_sums

Monomial = tuple[int, ...]  # positions in θ, ascending, repeated for powers
_DEGREE_LIMIT = 64
_TABLE_LIMIT = 4_000_000  # terms × degree of one law; 32 MB


@dataclass(frozen=True)
class Polynomial:
    """A polynomial in the entries of θ: monomials with non-zero rational coefficients.

    Example:
        >>> p = Polynomial.of({(0, 0): 1, (1,): Fraction(-1, 2)})
        >>> p.degree, p.terms
        (2, (((0, 0), Fraction(1, 1)), ((1,), Fraction(-1, 2))))
    """

    terms: tuple[tuple[Monomial, Fraction], ...]

    @staticmethod
    def of(terms: Mapping[Monomial, Fraction | int]) -> Polynomial:
        """From any mapping: monomials are sorted, zeros dropped."""
        merged: dict[Monomial, Fraction] = {}
        for monomial, coefficient in terms.items():
            key = tuple(sorted(monomial))
            merged[key] = merged.get(key, Fraction(0)) + Fraction(coefficient)
        kept = {m: c for m, c in merged.items() if c}
        return Polynomial(tuple(sorted(kept.items(), key=lambda t: (-len(t[0]), t[0]))))

    @property
    def degree(self) -> int:
        return max((len(monomial) for monomial, _ in self.terms), default=0)

    @property
    def support(self) -> frozenset[int]:
        """The entries of θ that occur."""
        return frozenset(i for monomial, _ in self.terms for i in monomial)

    def to_json(self) -> list[list[Any]]:
        """[[coefficient, positions in θ from 0], …]."""
        return [[str(c), list(monomial)] for monomial, c in self.terms]

    @staticmethod
    def read(reader: Reader, layout: Layout) -> Polynomial:
        """From ``to_json``; the form must be the standard one.

        Raises:
            InputError: anything else.
        """
        terms: dict[Monomial, Fraction] = {}
        for part in reader.items():
            pair = part.items(exactly=2)
            coefficient = pair[0].fraction()
            positions = pair[1].items(most=_DEGREE_LIMIT)
            monomial = tuple(item.integer(0, layout.size - 1) for item in positions)
            if not coefficient or monomial in terms or monomial != tuple(sorted(monomial)):
                raise part.error("monomials ascend, occur once and have non-zero coefficients")
            terms[monomial] = coefficient
        polynomial = Polynomial.of(terms)
        if polynomial.to_json() != reader.value:
            raise reader.error("terms come by falling degree, then by position")
        return polynomial


@dataclass(frozen=True, kw_only=True)
class PolynomialLaw(Law):
    """h_i = a polynomial with rational coefficients.

    Args:
        components: the functions, none of them constant.
        title: what to call them, where words say more than the formula.

    Example:
        >>> layout = Layout((("W1", (2,)), ("W2", (1,))))
        >>> law = PolynomialLaw(layout=layout, components=(Polynomial.of({(0, 2): 1, (1,): 2}),))
        >>> law.text, law.kind, law.value(np.array([2.0, 3.0, 5.0])).tolist()
        ('W1[1] W2[1] + 2 W1[2]', 'quadratic', [16.0])
    """

    form: ClassVar[str] = "polynomial"

    components: tuple[Polynomial, ...]
    title: str = ""

    def __post_init__(self) -> None:
        check_components(self.components, self.layout)

    @property
    def kind(self) -> Kind:
        degree = max(p.degree for p in self.components)
        return "linear" if degree == 1 else "quadratic" if degree == 2 else "polynomial"

    @property
    def size(self) -> int:
        return len(self.components)

    def values(self, scalars: Scalars, theta: Array) -> Array:
        return self._table.values(scalars, theta)

    def gradients(self, scalars: Scalars, theta: Array) -> Array:
        return self._table.gradients(scalars, theta)

    def data(self) -> dict[str, Any]:
        return {"title": self.title, "components": [p.to_json() for p in self.components]}

    @cached_property
    def _table(self) -> Table:
        return Table(self.components, self.layout.size)

    @staticmethod
    def read(reader: Reader, layout: Layout) -> PolynomialLaw:
        """From ``data``."""
        components = tuple(Polynomial.read(item, layout) for item in reader["components"].items())
        return PolynomialLaw(layout=layout, components=components, title=reader["title"].text())


def check_components(components: Sequence[Polynomial], layout: Layout) -> None:
    """Refuse what is no family of functions of θ.

    Raises:
        InputError: none, a constant one, entries that θ has not, or more than memory should take.
    """
    if not components or not all(p.degree for p in components):
        given = [p.to_json() for p in components]
        raise InputError("components", given, "needs polynomials, none of them constant")
    last = max(max(p.support) for p in components)
    if last >= layout.size:
        raise InputError("components", last, f"positions in θ run from 0 to {layout.size - 1}")
    degree = max(p.degree for p in components)
    if degree * sum(len(p.terms) for p in components) > _TABLE_LIMIT:
        advice = f"terms times degree exceed {_TABLE_LIMIT:,}"
        raise InputError("components", f"degree {degree}", advice)


class Table:
    """Many polynomials as arrays: evaluated and differentiated all at once.

    Args:
        polynomials: c of them.
        size: D.
    """

    def __init__(self, polynomials: Iterable[Polynomial], size: int) -> None:
        rows = [(k, m, c) for k, p in enumerate(polynomials) for m, c in p.terms]
        degree = max((len(monomial) for _, monomial, _ in rows), default=1)
        self.size = size
        self.owner: NDArray[np.intp] = np.array([k for k, _, _ in rows], dtype=np.intp)
        self.count = int(self.owner.max(initial=-1)) + 1
        self.coefficients = [c for _, _, c in rows]
        self.factors = np.full((len(rows), degree), size, dtype=np.intp)
        for row, (_, monomial, _) in zip(self.factors, rows, strict=True):
            row[: len(monomial)] = monomial

    def values(self, scalars: Scalars, theta: Array) -> Array:
        """(batch, D) → (batch, c)."""
        one = constant(np.ones((len(theta), 1), dtype=scalars.dtype), theta)
        padded = joined([theta, one], axis=1)  # position D is the constant 1
        product = constant(self._coefficients(scalars)[None], theta)
        for column in self.factors.T:
            product = scalars.mul(product, padded[:, column])
        return scalars.reduce(segment_sums(product, self.owner, self.count))

    def gradients(self, scalars: Scalars, theta: Array) -> Array:
        """(D,) → (c, D)."""
        padded = np.concatenate([theta, np.ones(1, dtype=scalars.dtype)])
        at = padded[self.factors]  # (terms, degree)
        out = np.zeros((self.count, self.size + 1), dtype=scalars.dtype)
        for k in range(at.shape[1]):
            rest = self._coefficients(scalars)
            for other in range(at.shape[1]):
                if other != k:
                    rest = scalars.mul(rest, at[:, other])
            np.add.at(out, (self.owner, self.factors[:, k]), rest)
        return scalars.reduce(out[:, : self.size])

    def _coefficients(self, scalars: Scalars) -> Array:
        values = [scalar_of(scalars, c).item() for c in self.coefficients]
        return np.array(values, dtype=scalars.dtype)
