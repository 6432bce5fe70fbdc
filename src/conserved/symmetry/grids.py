"""Groups that move the pixels of an image of height h and width w, read row by row."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from math import lcm
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.group import Group
from conserved.symmetry.sizes import counted, require_size


@dataclass(frozen=True)
class GridGroup(Group):
    """A group of permutations of the h·w pixels of an image. The sign is the parity.

    Args:
        height: h.
        width: w.

    Raises:
        InputError: h or w is not a positive integer.
        LimitError: generator matrices of size h·w would not fit in memory.
    """

    dimension: int = field(init=False, repr=False)
    height: int
    width: int

    word: ClassVar[str]
    action: ClassVar[str]
    largest: ClassVar[int] = 4096  # pixels; one matrix of this size takes 128 MiB

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            side = require_size(self.word, getattr(self, name), self.largest)
            object.__setattr__(self, name, side)
        require_size(self.word, self.height * self.width, self.largest)
        object.__setattr__(self, "dimension", self.height * self.width)

    @property
    def name(self) -> str:
        return f"{self.word}:{self.height}x{self.width}"

    @abstractmethod
    def moves(self) -> list[tuple[NDArray[np.int64], int]]:
        """Each generator as the image of pixel numbers it makes, (h, w), and its parity."""

    def _pixels(self) -> NDArray[np.int64]:
        return np.arange(self.dimension).reshape(self.height, self.width)

    def generators(self, scalars: Scalars) -> Array:
        images = [image.ravel() for image, _ in self.moves()]
        identity = np.eye(self.dimension, dtype=np.int64)
        # row i of g has its 1 at the pixel that moves to i
        rows = np.array(images, dtype=np.int64).reshape(-1, self.dimension)
        return scalars.from_integers(identity[rows])

    @property
    def signs(self) -> tuple[int, ...]:
        return tuple(parity for _, parity in self.moves())

    @property
    def roots(self) -> int:
        return 1

    def describe(self) -> str:
        size = f"{self.height}×{self.width} pixels"
        return f"{self.action}, {size}, {counted(self.order, 'element')}"


@final
class GridRotation(GridGroup):
    """Rotations of the image by quarter turns where it is square, else by half turns.

    Example:
        >>> GridRotation(4, 4).order, GridRotation(2, 3).order, GridRotation(1, 1).order
        (4, 2, 1)
    """

    word = "grid-rotation"
    action = "rotations of the image"

    def moves(self) -> list[tuple[NDArray[np.int64], int]]:
        if self.dimension == 1:
            return []
        if self.height == self.width:
            return [(np.rot90(self._pixels()), _parity(self.dimension // 4, 4))]
        return [(self._pixels()[::-1, ::-1], _parity(self.dimension // 2, 2))]

    @property
    def order(self) -> int:
        if self.dimension == 1:
            return 1
        return 4 if self.height == self.width else 2


@final
class GridFlip(GridGroup):
    """Mirror images, upside down and left to right.

    Example:
        >>> GridFlip(2, 3).order, GridFlip(2, 3).signs, GridFlip(1, 3).order
        (4, (-1, 1), 2)
    """

    word = "grid-flip"
    action = "upside down and mirrored images"

    def moves(self) -> list[tuple[NDArray[np.int64], int]]:
        pixels, h, w = self._pixels(), self.height, self.width
        moves = []
        if h > 1:
            moves.append((pixels[::-1], _parity(w * (h // 2), 2)))
        if w > 1:
            moves.append((pixels[:, ::-1], _parity(h * (w // 2), 2)))
        return moves

    @property
    def order(self) -> int:
        return (1 + (self.height > 1)) * (1 + (self.width > 1))


@final
class GridDihedral(GridGroup):
    """Rotations and mirror images: the 8 symmetries of a square image, the 4 of a rectangle.

    Where the image is not square there is no quarter turn, and the group is that of ``GridFlip``.

    Example:
        >>> GridDihedral(4, 4).order, GridDihedral(2, 3).order, GridDihedral(1, 3).order
        (8, 4, 2)
    """

    word = "grid-dihedral"
    action = "rotations and mirror images of the image"

    def moves(self) -> list[tuple[NDArray[np.int64], int]]:
        if self.height != self.width:
            return GridFlip(self.height, self.width).moves()
        turn = GridRotation(self.height, self.width).moves()
        return turn + GridFlip(self.height, self.width).moves()[:1]

    @property
    def order(self) -> int:
        flips = GridFlip(self.height, self.width).order
        return 2 * flips if self.height == self.width > 1 else flips


@final
class GridShift(GridGroup):
    """Shifts of the image by whole pixels, down and right, wrapping round at the edges.

    Example:
        >>> GridShift(2, 3).order, GridShift(2, 3).signs
        (6, (-1, 1))
    """

    word = "grid-shift"
    action = "shifts of the image that wrap round"

    def moves(self) -> list[tuple[NDArray[np.int64], int]]:
        pixels, h, w = self._pixels(), self.height, self.width
        moves = []
        if h > 1:
            moves.append((np.roll(pixels, 1, axis=0), _parity(w, h)))
        if w > 1:
            moves.append((np.roll(pixels, 1, axis=1), _parity(h, w)))
        return moves

    @property
    def order(self) -> int:
        return self.dimension

    @property
    def splitting(self) -> int:
        return lcm(self.height, self.width)


def _parity(cycles: int, length: int) -> int:
    """The parity of a permutation of that many disjoint cycles, all of one length."""
    return -1 if cycles % 2 and length % 2 == 0 else 1
