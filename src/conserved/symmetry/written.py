"""Numbers as they are written: what a group's matrices are made of, as text."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.entries import Rational, entry
from conserved.kernel.scalars import Array, Scalars


class Expression:
    """An exact number that is no fraction, by its text.

    Example:
        >>> Fraction(1, 2) - Expression("cos(2*pi/5)")
        1/2-(cos(2*pi/5))
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __neg__(self) -> Expression:
        return Expression(f"-({self.text})")

    def __add__(self, other: Expression | Fraction | int) -> Expression:
        return Expression(f"{self.text}+{_inside(other)}")

    def __radd__(self, other: Fraction | int) -> Expression:
        return Expression(f"{other}+{_inside(self)}")

    def __rsub__(self, other: Fraction | int) -> Expression:
        return Expression(f"{other}-{_inside(self)}")

    def __repr__(self) -> str:
        return self.text


class Written(Scalars):
    """Scalars that are written down instead of computed: integers, fractions and expressions.

    Group matrices over them are the matrices of a certificate. There are no products.

    Example:
        >>> from conserved.symmetry import Rotation
        >>> Rotation(3).generators(Written()).tolist()
        [[[cos(2*pi/3), -(sin(2*pi/3))], [sin(2*pi/3), cos(2*pi/3)]]]
    """

    dtype = np.dtype(object)
    exact = True
    safe_terms = 1

    def reduce(self, x: Array) -> Array:
        return x

    def from_integers(self, values: Any) -> Array:
        array = np.asarray(values)
        whole: Array = np.array([int(v) for v in array.ravel()], dtype=object)
        return whole.reshape(array.shape)

    def fraction(self, numerator: int, denominator: int) -> Any:
        return Fraction(numerator, denominator)

    def cos_sin(self, k: int) -> Any:
        return Expression(f"cos(2*pi/{k})"), Expression(f"sin(2*pi/{k})")

    def mul(self, a: Array, b: Array) -> Array:
        raise NotImplementedError("numbers that are written have no products")

    matmul = mul

    def inverse(self, x: Array) -> Array:
        raise NotImplementedError("numbers that are written have no quotients")

    def square_root(self, x: Array) -> tuple[Array, NDArray[np.bool_]]:
        raise NotImplementedError("numbers that are written have no roots")

    def random(self, rng: np.random.Generator, shape: Sequence[int]) -> Array:
        raise NotImplementedError("numbers that are written are not drawn")

    def is_zero(self, x: Array) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = x == 0
        return found


def written(text: str) -> int | Fraction | Expression:
    """The number that a text is, a fraction where it is one."""
    number = entry(text)
    if not isinstance(number, Rational):
        return Expression(text)
    return int(number.number) if number.number.denominator == 1 else number.number


def exact(value: int | Fraction | Expression) -> int | str:
    """As programs and certificates hold it."""
    return value if isinstance(value, int) else str(value)


def _inside(value: Expression | Fraction | int) -> str:
    return f"({value})"
