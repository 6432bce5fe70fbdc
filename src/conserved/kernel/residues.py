"""Arrays of residues mod p: the scalars that decide.

Two layouts of the same ring. ``FloatResidues`` keeps centred residues in float64 and multiplies
matrices on BLAS; its primes are below 2^23, so sums of up to about 500 products stay below 2^53 and
every operation is exact. ``IntResidues`` keeps residues in int64 with primes below 2^31: slower
matrix products, a smaller chance of a degenerate point, and a second road to every rank.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.primes import Prime, cos_sin_mod
from conserved.kernel.scalars import Array, Scalars

_SPLIT = 16  # int64 matrix products take one factor apart at 2^16
_INNER = 2**15  # so many terms below 2^16 · 2^31 stay below 2^63, and below 2^32 · 2 below 2^53
_BLAS = 2**17  # products from which four matrices of floats beat two of integers


class Residues(Scalars):
    """GF(p), p from the tables of ``primes``. Use ``residues(prime)`` to get the fitting layout."""

    exact = True

    def __init__(self, prime: Prime) -> None:
        if not isinstance(prime, Prime):
            raise TypeError("the modulus must come from conserved.kernel.primes")
        self.prime = prime
        self._p = int(prime)

    @abstractmethod
    def canonical(self, x: Array) -> NDArray[np.uint64]:
        """The representative in [0, p) of each (reduced) entry."""

    @abstractmethod
    def from_canonical(self, x: NDArray[np.uint64]) -> Array:
        """Entries in [0, p) as scalars of this layout."""

    def power(self, x: Array, exponent: int) -> Array:
        """x^exponent by squaring, exponent ≥ 0."""
        result = np.ones_like(x)
        square = x
        while exponent:
            if exponent & 1:
                result = self.mul(result, square)
            exponent >>= 1
            if exponent:
                square = self.mul(square, square)
        return result

    def inverse(self, x: Array) -> Array:
        return self.power(x, self._p - 2)

    def square_root(self, x: Array) -> tuple[Array, NDArray[np.bool_]]:
        """(r, ok): r² = x where ok; elsewhere x is no square. Tonelli–Shanks on whole arrays."""
        odd, twos = self._p - 1, 0
        while odd % 2 == 0:
            odd, twos = odd // 2, twos + 1
        root = self.power(x, (odd + 1) // 2)
        rest = self.power(x, odd)
        unit = self._two_power_unit(odd)
        minus_one = self.reduce(self.from_integers(-1))
        for level in range(twos - 1, 0, -1):
            wrong = self.power(rest, 1 << (level - 1)) == minus_one
            root = np.where(wrong, self.mul(root, np.asarray(unit)), root)
            unit_squared = self.mul(np.asarray(unit), np.asarray(unit))
            rest = np.where(wrong, self.mul(rest, unit_squared), rest)
            unit = unit_squared
        return root, self.is_zero(self.reduce(self.mul(root, root) - x))

    def _two_power_unit(self, odd: int) -> Array:
        """A generator of the 2-part of the units: a non-square to the power ``odd``."""
        nonsquare = next(n for n in range(2, 1000) if pow(n, (self._p - 1) // 2, self._p) != 1)
        return self.from_integers(pow(nonsquare, odd, self._p))

    def fraction(self, numerator: int, denominator: int) -> float | int:
        value = numerator * pow(denominator, -1, self._p) % self._p
        scalar: float | int = self.from_integers(value).item()
        return scalar

    def cos_sin(self, k: int) -> tuple[float | int, float | int]:
        cosine, sine = cos_sin_mod(k, self.prime)
        return self.from_integers(cosine).item(), self.from_integers(sine).item()

    def is_zero(self, x: Array) -> NDArray[np.bool_]:
        result: NDArray[np.bool_] = x == 0
        return result

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.prime == getattr(other, "prime", None)

    def __hash__(self) -> int:
        return hash((type(self), self._p))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._p})"


class FloatResidues(Residues):
    """Centred residues (|r| ≤ p/2 + 2) in float64, p < 2^23.

    Example:
        >>> from conserved.kernel.primes import BLAS_PRIMES
        >>> ring = FloatResidues(BLAS_PRIMES[0])
        >>> x = ring.from_integers([2, 3, -7])
        >>> bool((ring.mul(x, ring.inverse(x)) == 1).all())
        True
    """

    dtype = np.dtype(np.float64)

    def __init__(self, prime: Prime) -> None:
        super().__init__(prime)
        if prime >= 2**23:
            raise ValueError("float residues need a prime below 2^23")
        self._inverse_p = 1.0 / self._p
        self.safe_terms = int(2**53 // (self._p // 2 + 2) ** 2)

    def reduce(self, x: Array) -> Array:
        quotient = np.asarray(x * self._inverse_p)
        np.rint(quotient, out=quotient)
        quotient *= self._p
        return np.subtract(x, quotient, out=quotient)

    def mul(self, a: Array, b: Array) -> Array:
        return self.reduce(a * b)

    def matmul(self, a: Array, b: Array) -> Array:
        inner = a.shape[-1]
        step = self.safe_terms
        if inner <= step:
            return self.reduce(a @ b)
        total = self.reduce(a[..., :step] @ b[..., :step, :])
        for start in range(step, inner, step):
            total += self.reduce(a[..., start : start + step] @ b[..., start : start + step, :])
        return self.reduce(total)

    def from_integers(self, values: Any) -> Array:
        return _integers_mod(values, self._p, centred=True).astype(np.float64)

    def random(self, rng: np.random.Generator, shape: Sequence[int]) -> Array:
        half = self._p // 2
        return rng.integers(-half, half, size=shape, endpoint=True).astype(np.float64)

    def canonical(self, x: Array) -> NDArray[np.uint64]:
        return np.where(x < 0, x + self._p, x).astype(np.uint64)

    def from_canonical(self, x: NDArray[np.uint64]) -> Array:
        value = x.astype(np.float64)
        return np.where(value > self._p // 2, value - self._p, value)


class IntResidues(Residues):
    """Residues in [0, p) in int64, p < 2^31: one product at a time, matrices by 16-bit halves."""

    dtype = np.dtype(np.int64)
    safe_terms = 1

    def __init__(self, prime: Prime) -> None:
        super().__init__(prime)
        if prime >= 2**31:
            raise ValueError("int64 residues need a prime below 2^31")

    def reduce(self, x: Array) -> Array:
        return np.asarray(np.remainder(x, self._p))

    def mul(self, a: Array, b: Array) -> Array:
        return self.reduce(a * b)

    def matmul(self, a: Array, b: Array) -> Array:
        total = self._short_matmul(a[..., :_INNER], b[..., :_INNER, :])
        for start in range(_INNER, a.shape[-1], _INNER):
            stop = start + _INNER
            total += self._short_matmul(a[..., start:stop], b[..., start:stop, :])
        return self.reduce(total)

    def _short_matmul(self, a: Array, b: Array) -> Array:
        if a.ndim == b.ndim == 2 and a.size * b.shape[1] > _BLAS:
            return self._blas_matmul(a, b)
        high, low = a >> _SPLIT, a & ((1 << _SPLIT) - 1)
        upper = self.reduce(high @ b)
        return self.reduce((upper << _SPLIT) + self.reduce(low @ b))

    def _blas_matmul(self, a: Array, b: Array) -> Array:
        """Both factors in 16-bit halves, whose products are exact in float64."""
        half = (1 << _SPLIT) - 1
        (a_high, a_low), (b_high, b_low) = (
            ((x >> _SPLIT).astype(np.float64), (x & half).astype(np.float64)) for x in (a, b)
        )
        total = self.reduce((a_high @ b_high).astype(np.int64))
        for part in (a_high @ b_low + a_low @ b_high, a_low @ b_low):
            total = self.reduce((total << _SPLIT) + self.reduce(part.astype(np.int64)))
        return total

    def from_integers(self, values: Any) -> Array:
        return _integers_mod(values, self._p, centred=False)

    def random(self, rng: np.random.Generator, shape: Sequence[int]) -> Array:
        return rng.integers(0, self._p, size=shape, dtype=np.int64)

    def canonical(self, x: Array) -> NDArray[np.uint64]:
        return x.astype(np.uint64)

    def from_canonical(self, x: NDArray[np.uint64]) -> Array:
        return x.astype(np.int64)


def residues(prime: Prime, layout: Literal["auto", "int64"] = "auto") -> Residues:
    """GF(p) in the faster layout that holds p exactly (float64 below 2^23, else int64)."""
    if layout == "auto" and prime < 2**23:
        return FloatResidues(prime)
    return IntResidues(prime)


def _integers_mod(values: Any, p: int, *, centred: bool) -> NDArray[np.int64]:
    """Integers of any size, reduced mod p, as int64."""
    # a plain list may hold integers that NumPy would round to floats
    array = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    if array.dtype == object:
        array = np.array([int(v) % p for v in array.ravel()], dtype=np.int64).reshape(array.shape)
    elif array.dtype.kind == "f" and (array != np.rint(array)).any():
        raise ValueError("whole numbers only: a fraction has no residue without a denominator")
    elif array.dtype.kind == "u":
        array = np.remainder(array, np.uint64(p))
    reduced = np.remainder(array.astype(np.int64), p)
    return np.where(reduced > p // 2, reduced - p, reduced) if centred else reduced
