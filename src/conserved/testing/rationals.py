"""The rationals, exact and slow: what residues are compared with."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.functions import FormalRing
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array


class NotRational(Exception):
    """A function was met that has no rational values."""


class Rationals(Reals):
    """Python integers and fractions in object arrays."""

    dtype = np.dtype(object)  # type: ignore[assignment]
    exact = True

    def reduce(self, x: Array) -> Array:
        """Floats that slipped in become the fractions they are."""
        exactly = np.frompyfunc(lambda v: Fraction(v) if isinstance(v, float) else v, 1, 1)
        return np.asarray(exactly(x), dtype=object)

    def mul(self, a: Array, b: Array) -> Array:
        return self.reduce(np.asarray(a * b, dtype=object))

    def matmul(self, a: Array, b: Array) -> Array:
        return self.reduce(np.matmul(a, b))

    def inverse(self, x: Array) -> Array:
        return np.asarray(np.frompyfunc(lambda v: Fraction(1) / v if v else 0, 1, 1)(x))

    def square_root(self, x: Array) -> tuple[Array, NDArray[np.bool_]]:
        raise NotRational

    def from_integers(self, values: Any) -> Array:
        return np.asarray(values, dtype=object)

    def fraction(self, numerator: int, denominator: int) -> Any:
        return Fraction(numerator, denominator)


class RationalRing(FormalRing):
    """Jets over the rationals, without elementary functions."""

    def __init__(self) -> None:
        super().__init__(Rationals())

    def function(self, name: str, z: Array) -> Array:
        raise NotRational

    def constant(self, name: str) -> float | int | Array:
        raise NotRational
