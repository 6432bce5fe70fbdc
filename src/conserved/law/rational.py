"""Rational laws: quotients of polynomials in the entries of θ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from conserved.errors import DegenerateSampleError
from conserved.kernel.reader import Reader
from conserved.kernel.scalars import Array, Scalars
from conserved.law.base import Kind, Law
from conserved.law.layout import Layout
from conserved.law.polynomial import Polynomial, Table, check_components


@dataclass(frozen=True, kw_only=True)
class RationalLaw(Law):
    """h_i = N_i / D_i with rational coefficients.

    Args:
        components: pairs (numerator, denominator), not constant.
        title: what to call them, where words say more than the formula.

    Example:
        >>> layout = Layout((("W1", (1, 3)),))
        >>> above = Polynomial.of({(0,): 1, (1,): -1})
        >>> below = Polynomial.of({(0,): 1, (1,): 1, (2,): -2})
        >>> law = RationalLaw(layout=layout, components=((above, below),))
        >>> print(law)
        (W1[1,1] − W1[1,2]) / (W1[1,1] + W1[1,2] − 2 W1[1,3])
        >>> law.value(np.array([3.0, 1.0, 1.0]))
        array([1.])
    """

    form: ClassVar[str] = "rational"

    components: tuple[tuple[Polynomial, Polynomial], ...]
    title: str = ""

    def __post_init__(self) -> None:
        check_components([p for pair in self.components for p in pair], self.layout)

    @property
    def kind(self) -> Kind:
        return "rational"

    @property
    def size(self) -> int:
        return len(self.components)

    @cached_property
    def _tables(self) -> tuple[Table, Table]:
        above, below = zip(*self.components, strict=True)
        return Table(above, self.layout.size), Table(below, self.layout.size)

    def values(self, scalars: Scalars, theta: Array) -> Array:
        above, below = (table.values(scalars, theta) for table in self._tables)
        return scalars.mul(above, scalars.inverse(below))

    def gradients(self, scalars: Scalars, theta: Array) -> Array:
        """(D ∇N − N ∇D) / D².

        Raises:
            DegenerateSampleError: a denominator vanishes at θ.
        """
        above, below = (table.values(scalars, theta[None])[0] for table in self._tables)
        if np.any(scalars.is_zero(below)):
            raise DegenerateSampleError("a denominator vanishes at this point")
        top, bottom = (table.gradients(scalars, theta) for table in self._tables)
        crossed = scalars.mul(top, below[:, None]) - scalars.mul(bottom, above[:, None])
        inverse = scalars.inverse(below)
        squared = scalars.mul(inverse, inverse)
        return scalars.mul(scalars.reduce(crossed), squared[:, None])

    def data(self) -> dict[str, Any]:
        components = [[p.to_json() for p in pair] for pair in self.components]
        return {"title": self.title, "components": components}

    @staticmethod
    def read(reader: Reader, layout: Layout) -> RationalLaw:
        """From ``data``."""
        pairs = []
        for item in reader["components"].items():
            above, below = item.items(exactly=2)
            pairs.append((Polynomial.read(above, layout), Polynomial.read(below, layout)))
        return RationalLaw(layout=layout, components=tuple(pairs), title=reader["title"].text())
