"""Groups of the plane: rotations by multiples of 2π/k, with or without reflections."""

from __future__ import annotations

from typing import final

import numpy as np

from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.group import PlaneGroup


@final
class Rotation(PlaneGroup):
    """C_k: rotations by multiples of 2π/k. The sign, a determinant, is 1 throughout.

    Example:
        >>> Rotation(5).order, Rotation(5).signs
        (5, (1,))
    """

    word = "rotation"
    action = "rotations of the plane by multiples of 2π/k"

    def generators(self, scalars: Scalars) -> Array:
        return _turns(self.k, scalars)

    @property
    def signs(self) -> tuple[int, ...]:
        return _turn_signs(self.k)

    @property
    def order(self) -> int:
        return self.k


@final
class Dihedral(PlaneGroup):
    """The 2k symmetries of the regular k-gon: ``Rotation(k)`` and the reflection (x, y) ↦ (x, −y).

    For k = 1 the reflection alone is left, for k = 2 Klein's four-group.

    Example:
        >>> Dihedral(4).order, Dihedral(4).signs
        (8, (1, -1))
    """

    word = "dihedral"
    action = "rotations of the plane by multiples of 2π/k and reflections"

    def generators(self, scalars: Scalars) -> Array:
        reflection = scalars.from_integers([[[1, 0], [0, -1]]])
        return np.concatenate([_turns(self.k, scalars), reflection])

    @property
    def signs(self) -> tuple[int, ...]:
        return (*_turn_signs(self.k), -1)

    @property
    def order(self) -> int:
        return 2 * self.k


def _turns(k: int, scalars: Scalars) -> Array:
    """The rotation by 2π/k, shape (1, 2, 2), or no matrix for k = 1."""
    if k == 1:
        return scalars.from_integers(np.zeros((0, 2, 2), dtype=np.int64))
    cosine, sine = scalars.cos_sin(k)
    turn = np.array([[[cosine, -sine], [sine, cosine]]], dtype=scalars.dtype)
    return scalars.reduce(turn)


def _turn_signs(k: int) -> tuple[int, ...]:
    """The determinants of ``_turns(k)``."""
    return () if k == 1 else (1,)
