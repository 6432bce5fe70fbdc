"""Residues mod a prime near 2^61: slow, and all but immune to degenerate points.

Laws are verified here (theory §9): an identity of degree d that is false holds at a random point
with probability at most d/p, below 10^−16 for every law this program writes down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.primes import Prime
from conserved.kernel.residues import Residues, residues
from conserved.kernel.scalars import Array

_LIMB = 21  # bits; three limbs hold 61
_INNER = 2**9  # so many terms of three products below 2^42 stay below 2^53
_BLAS = 2**12  # products from which limbs pay


class WideResidues(Residues):
    """Residues in [0, p) as Python integers in object arrays, p < 2^61.

    Example:
        >>> from conserved.kernel.primes import WIDE_PRIMES
        >>> ring = WideResidues(WIDE_PRIMES[0])
        >>> x = ring.from_integers([2, 3, -7])
        >>> bool((ring.mul(x, ring.inverse(x)) == 1).all())
        True
    """

    dtype = np.dtype(object)
    safe_terms = 2**30  # Python's integers grow as they must

    def __init__(self, prime: Prime) -> None:
        super().__init__(prime)
        self._invert = np.frompyfunc(lambda v: pow(v, -1, self._p) if v else 0, 1, 1)

    def reduce(self, x: Array) -> Array:
        # arrays without axes turn into Python integers, which NumPy would make int64
        return np.asarray(np.remainder(np.asarray(x, dtype=object), self._p), dtype=object)

    def mul(self, a: Array, b: Array) -> Array:
        return self.reduce(np.asarray(a * b, dtype=object))

    def matmul(self, a: Array, b: Array) -> Array:
        if a.size * b.shape[-1] < _BLAS:
            return self.reduce(np.matmul(a, b))
        total: Array | int = 0
        for start in range(0, a.shape[-1], _INNER):
            stop = start + _INNER
            parts = a[..., start:stop], b[..., start:stop, :]
            total = total + _limb_product(*(self._limbs(part) for part in parts))
        return self.reduce(np.asarray(total, dtype=object))

    def _limbs(self, x: Array) -> list[Array]:
        """x = x_0 + x_1·2^21 + x_2·2^42, as float64."""
        whole, mask = np.remainder(x.astype(np.int64), self._p), (1 << _LIMB) - 1
        return [((whole >> (_LIMB * i)) & mask).astype(np.float64) for i in range(3)]

    def inverse(self, x: Array) -> Array:
        return np.asarray(self._invert(x), dtype=object)

    def from_integers(self, values: Any) -> Array:
        array = np.asarray(values, dtype=object)
        whole = np.frompyfunc(lambda v: int(v) % self._p, 1, 1)
        return np.asarray(whole(array), dtype=object)

    def random(self, rng: np.random.Generator, shape: Sequence[int]) -> Array:
        return rng.integers(0, self._p, size=shape, dtype=np.int64).astype(object)

    def canonical(self, x: Array) -> NDArray[np.uint64]:
        return x.astype(np.uint64)

    def from_canonical(self, x: NDArray[np.uint64]) -> Array:
        return x.astype(object)


def _limb_product(left: list[Array], right: list[Array]) -> Array:
    """a @ b from their limbs, whose products are exact in float64.

    Python's integers then meet only the entries of the product, not every term of it.
    """
    total: Array | None = None
    for power in range(4, -1, -1):
        pairs = [(left[i], right[power - i]) for i in range(3) if 0 <= power - i < 3]
        whole = sum(a @ b for a, b in pairs).astype(np.int64).astype(object)  # type: ignore[union-attr]
        total = whole if total is None else (total << _LIMB) + whole
    assert total is not None
    return total


def scalars_for(prime: Prime) -> Residues:
    """GF(p) in the fastest layout that holds p."""
    return WideResidues(prime) if prime >= 2**31 else residues(prime)
