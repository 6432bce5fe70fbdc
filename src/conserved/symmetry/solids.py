"""Rotations of the regular solids, on R³, with the solid's twofold or fourfold axes on the axes."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.group import SpaceGroup

_CYCLE = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]  # about (1, 1, 1), by 2π/3: in all three groups


class _Solid(SpaceGroup):
    """A group of two rotations: the threefold one above and its own. The sign is 1 throughout."""

    stated_order: ClassVar[int]

    @property
    def signs(self) -> tuple[int, ...]:
        return (1, 1)

    @property
    def order(self) -> int:
        return self.stated_order

    @property
    def roots(self) -> int:
        return 1


@final
class Tetrahedral(_Solid):
    """The 12 rotations of the tetrahedron with vertices (±1, ±1, ±1) of product 1.

    Example:
        >>> Tetrahedral().order, Tetrahedral().dimension
        (12, 3)
    """

    word = "tetrahedral"
    action = "rotations of the regular tetrahedron"
    stated_order = 12

    def generators(self, scalars: Scalars) -> Array:
        return scalars.from_integers([_CYCLE, [[1, 0, 0], [0, -1, 0], [0, 0, -1]]])


@final
class Octahedral(_Solid):
    """The 24 rotations of the octahedron, and of the cube: signed permutations of determinant 1.

    Example:
        >>> Octahedral().order
        24
    """

    word = "octahedral"
    action = "rotations of the regular octahedron and cube"
    stated_order = 24

    def generators(self, scalars: Scalars) -> Array:
        return scalars.from_integers([_CYCLE, [[0, -1, 0], [1, 0, 0], [0, 0, 1]]])


@final
class Icosahedral(_Solid):
    """The 60 rotations of the icosahedron with vertices (0, ±1, ±φ) and cyclic shifts of these.

    The second generator turns by 2π/5. Its entries are 1/2, cos 2π/5 and cos π/5 = cos 2π/5 + 1/2
    up to sign; √5 = 4 cos 2π/5 + 1.

    Example:
        >>> Icosahedral().order, Icosahedral().roots
        (60, 5)
    """

    word = "icosahedral"
    action = "rotations of the regular icosahedron and dodecahedron"
    stated_order = 60

    @property
    def roots(self) -> int:
        return 5

    def generators(self, scalars: Scalars) -> Array:
        half, (small, _) = scalars.fraction(1, 2), scalars.cos_sin(5)
        large = small + half
        turn = [[small, large, -half], [-large, half, small], [half, small, large]]
        cycle = scalars.from_integers(_CYCLE)
        return np.stack([cycle, scalars.reduce(np.array(turn, dtype=scalars.dtype))])
