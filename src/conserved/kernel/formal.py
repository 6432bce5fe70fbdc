"""Formal values of transcendental functions over GF(p) (theory §8).

exp, tanh, erf, … have no value in GF(p), but a rank only needs a *generic* one: each distinct
argument gets an independent random value, a keyed hash of the argument, so that equal arguments
get equal values. The relations that always hold are built in: one odd function u(z) = tanh(z/2)
carries exp, sigmoid and tanh together (exp(z) = (1+u)/(1−u), so exp(−z) = 1/exp(z),
σ(−z) = 1 − σ(z), tanh odd, exp(0) = 1), one odd function tan(z/2) carries sin and cos
(sin² + cos² = 1). Relations between different arguments (z3 = z1 + z2) are *not* built in:
``conserved.kernel.genericity`` tests for them.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def mix(x: NDArray[np.uint64], key: int | NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A keyed 64-bit hash, entry by entry (the finaliser of SplitMix64, applied twice).

    Example:
        >>> a = mix(np.arange(4, dtype=np.uint64), 7)
        >>> len(set(a.tolist())), bool((a == mix(np.arange(4, dtype=np.uint64), 7)).all())
        (4, True)
    """
    seed = np.asarray(key, dtype=np.uint64)
    value = x
    for _ in range(2):
        value = (value ^ seed) + np.uint64(_GOLDEN)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        value = value ^ (value >> np.uint64(31))
    return value


def key_of(name: str, salt: int) -> int:
    """The hash key of a named function in a session with this salt."""
    return (crc32(name.encode()) * _GOLDEN + salt * 0xD1342543DE82EF95) & _MASK


class FormalValues:
    """Random values of named odd and even functions on GF(p), fixed by a salt.

    Values avoid 0, 1 and −1, where (1+u)/(1−u) and its like have no value or no inverse.
    """

    def __init__(self, scalars: Residues, salt: int) -> None:
        self.scalars = scalars
        self.salt = salt
        self._p = int(scalars.prime)

    def odd(self, name: str, z: Array, key: NDArray[np.uint64] | None = None) -> Array:
        """A random odd function: value(−z) = −value(z), value(0) = 0.

        ``key`` (broadcasting against z) asks for a separate function per entry of the key.
        """
        magnitude, negative, zero = self._fold(z)
        value = self._draw(name, magnitude, key)
        value = np.where(negative, np.uint64(self._p) - value, value)
        return self.scalars.from_canonical(np.where(zero, np.uint64(0), value))

    def even(self, name: str, z: Array, key: NDArray[np.uint64] | None = None) -> Array:
        """A random even function: value(−z) = value(z)."""
        return self.scalars.from_canonical(self._draw(name, self._fold(z)[0], key))

    def free(self, name: str, z: Array, key: NDArray[np.uint64] | None = None) -> Array:
        """A random function without any symmetry."""
        return self.scalars.from_canonical(self._draw(name, self.scalars.canonical(z), key))

    def absorb(self, key: NDArray[np.uint64], z: Array) -> NDArray[np.uint64]:
        """A key that also depends on z: for functions of several variables."""
        return mix(self.scalars.canonical(z) ^ key, self.salt)

    def constant(self, name: str) -> Array:
        """A random non-zero constant for a transcendental number such as 2/√π."""
        one = np.zeros(1, dtype=np.uint64)  # a 0-d array would warn of wrapping, which hashes do
        return self.scalars.from_canonical(self._draw(name, one)).reshape(())

    def _fold(self, z: Array) -> tuple[NDArray[np.uint64], NDArray[np.bool_], NDArray[np.bool_]]:
        """z up to sign, which of the two signs it has, and where it is 0."""
        canonical = self.scalars.canonical(z)
        negative = canonical > np.uint64(self._p // 2)
        return (
            np.where(negative, np.uint64(self._p) - canonical, canonical),
            negative,
            canonical == 0,
        )

    def _draw(
        self, name: str, x: NDArray[np.uint64], key: NDArray[np.uint64] | None = None
    ) -> NDArray[np.uint64]:
        seed = key_of(name, self.salt)
        mixed = mix(x, seed) if key is None else mix(mix(x, seed), key)
        return mixed % np.uint64(self._p - 3) + np.uint64(2)
