"""What a ring of scalars must offer so that the same network code runs over it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Scalars(ABC):
    """Scalars to compute with: residues mod p (to decide) or float64 (to simulate and check).

    Arrays are plain NumPy arrays of ``dtype``. Every implementation obeys: for integer arrays
    ``a, b`` small enough not to round, ``from_integers(a + b)`` equals
    ``reduce(from_integers(a) + from_integers(b))``, and likewise for ``mul`` and ``matmul``.
    """

    dtype: np.dtype[Any]
    exact: bool
    safe_terms: int  # how many unreduced products may be added before reducing

    @abstractmethod
    def reduce(self, x: Array) -> Array:
        """The standard representative of each entry (a new array, or ``x`` over the reals)."""

    @abstractmethod
    def mul(self, a: Array, b: Array) -> Array:
        """Entrywise product, reduced, with NumPy broadcasting."""

    @abstractmethod
    def matmul(self, a: Array, b: Array) -> Array:
        """Matrix product on the last two axes, reduced, with NumPy broadcasting before them."""

    @abstractmethod
    def inverse(self, x: Array) -> Array:
        """Entrywise 1/x. A zero entry gives 0: callers flag such samples (see ``Jets.inverse``)."""

    @abstractmethod
    def square_root(self, x: Array) -> tuple[Array, NDArray[np.bool_]]:
        """(r, ok): entrywise r² = x where ok; where not ok, x has no root here."""

    @abstractmethod
    def from_integers(self, values: Any) -> Array:
        """Integers (any nesting, any size) as scalars."""

    @abstractmethod
    def fraction(self, numerator: int, denominator: int) -> float | int:
        """The scalar numerator/denominator as a Python number usable with arrays."""

    @abstractmethod
    def random(self, rng: np.random.Generator, shape: Sequence[int]) -> Array:
        """Independent random scalars: uniform over GF(p), standard normal over the reals."""

    @abstractmethod
    def cos_sin(self, k: int) -> tuple[float | int, float | int]:
        """(cos 2π/k, sin 2π/k) as scalars; over GF(p) this needs p ≡ 1 mod 4k."""

    @abstractmethod
    def is_zero(self, x: Array) -> NDArray[np.bool_]:
        """Entrywise x = 0, exactly (of reduced entries)."""
