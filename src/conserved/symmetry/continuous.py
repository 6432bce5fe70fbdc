"""Continuous groups: all orthogonal matrices, and all rotations."""

from __future__ import annotations

from math import inf
from typing import final

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.group import CoordinateGroup


class _Continuous(CoordinateGroup):
    """A group with Lie algebra so(n), which the n−1 neighbouring planes generate under brackets."""

    largest = 256  # n − 1 matrices, n³ entries in all

    def infinitesimal(self, scalars: Scalars) -> Array:
        n = self.dimension
        turns = np.zeros((n - 1, n, n), dtype=np.int64)
        i = np.arange(n - 1)
        turns[i, i, i + 1], turns[i, i + 1, i] = 1, -1
        return scalars.from_integers(turns)

    @property
    def infinitesimal_count(self) -> int:
        return self.dimension - 1


@final
class Orthogonal(_Continuous):
    """O(n): every rotation and reflection. The sign is the determinant; O(1) is {1, −1}.

    Example:
        >>> Orthogonal(3).order, Orthogonal(3).signs, Orthogonal(1).order
        (inf, (-1,), 2)
    """

    word = "orthogonal"
    action = "every rotation and reflection"

    def generators(self, scalars: Scalars) -> Array:
        return scalars.from_integers(_reflection(self.dimension)[None])

    @property
    def signs(self) -> tuple[int, ...]:
        return (-1,)

    @property
    def order(self) -> int | float:
        return 2 if self.dimension == 1 else inf


@final
class SpecialOrthogonal(_Continuous):
    """SO(n): every rotation. The sign is 1 throughout; SO(1) is trivial.

    Example:
        >>> SpecialOrthogonal(3).order, SpecialOrthogonal(3).signs, SpecialOrthogonal(1).order
        (inf, (), 1)
    """

    word = "special-orthogonal"
    action = "every rotation"

    def generators(self, scalars: Scalars) -> Array:
        return scalars.from_integers(np.zeros((0, self.dimension, self.dimension), dtype=np.int64))

    @property
    def signs(self) -> tuple[int, ...]:
        return ()

    @property
    def order(self) -> int | float:
        return 1 if self.dimension == 1 else inf


def _reflection(n: int) -> NDArray[np.int64]:
    """The matrix of (x_1, x_2, …) ↦ (−x_1, x_2, …)."""
    mirror = np.eye(n, dtype=np.int64)
    mirror[0, 0] = -1
    return mirror
