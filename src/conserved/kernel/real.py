"""float64 as scalars: to simulate and to check, never to decide."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.scalars import Array, Scalars


class Reals(Scalars):
    """The real numbers in float64; ``reduce`` does nothing.

    Example:
        >>> Reals().mul(np.array([1.5]), np.array([2.0])).item()
        3.0
    """

    dtype = np.dtype(np.float64)
    exact = False
    safe_terms = 2**62

    def reduce(self, x: Array) -> Array:
        return x

    def mul(self, a: Array, b: Array) -> Array:
        return a * b

    def matmul(self, a: Array, b: Array) -> Array:
        return a @ b

    def inverse(self, x: Array) -> Array:
        return np.divide(1.0, x, out=np.zeros_like(x), where=x != 0)

    def square_root(self, x: Array) -> tuple[Array, NDArray[np.bool_]]:
        return np.sqrt(np.maximum(x, 0.0)), x >= 0

    def from_integers(self, values: Any) -> Array:
        return np.asarray(values, dtype=np.float64)

    def fraction(self, numerator: int, denominator: int) -> float:
        return numerator / denominator

    def random(self, rng: np.random.Generator, shape: Sequence[int]) -> Array:
        return rng.standard_normal(shape)

    def cos_sin(self, k: int) -> tuple[float, float]:
        return cos(2 * pi / k), sin(2 * pi / k)

    def is_zero(self, x: Array) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = x == 0.0
        return result

    def __repr__(self) -> str:
        return "Reals()"
