"""Groups that change signs of coordinates and move none: trivial, negation, all sign flips."""

from __future__ import annotations

from typing import final

import numpy as np

from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.group import CoordinateGroup


@final
class Trivial(CoordinateGroup):
    """The identity alone: no symmetry is assumed, the data class is all data.

    Example:
        >>> Trivial(3).order
        1
    """

    word = "none"
    action = "no symmetry, all data"
    largest = 10_000_000  # it has no matrices to store

    def generators(self, scalars: Scalars) -> Array:
        return scalars.from_integers(np.zeros((0, self.dimension, self.dimension), dtype=np.int64))

    @property
    def signs(self) -> tuple[int, ...]:
        return ()

    @property
    def order(self) -> int:
        return 1


@final
class Negation(CoordinateGroup):
    """{1, −1}: x and −x occur together. Its sign character is −1 on −1 even where det(−1) = 1.

    Example:
        >>> Negation(2).signs
        (-1,)
    """

    word = "negation"
    action = "x and −x"

    def generators(self, scalars: Scalars) -> Array:
        return scalars.from_integers(-np.eye(self.dimension, dtype=np.int64)[None])

    @property
    def signs(self) -> tuple[int, ...]:
        return (-1,)

    @property
    def order(self) -> int:
        return 2


@final
class SignFlip(CoordinateGroup):
    """All diagonal matrices with entries ±1; the order is 2^n.

    Example:
        >>> SignFlip(4).order
        16
    """

    word = "signflip"
    action = "every change of signs of coordinates"
    largest = 256  # n generators, n³ entries in all

    def generators(self, scalars: Scalars) -> Array:
        n = self.dimension
        flips = np.tile(np.eye(n, dtype=np.int64), (n, 1, 1))
        flips[np.arange(n), np.arange(n), np.arange(n)] = -1
        return scalars.from_integers(flips)

    @property
    def signs(self) -> tuple[int, ...]:
        return (-1,) * self.dimension

    @property
    def order(self) -> int:
        return int(2**self.dimension)
