"""Groups that move coordinates: all permutations, cyclic shifts, signed permutations."""

from __future__ import annotations

from math import factorial
from typing import final

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.group import CoordinateGroup


@final
class Permutation(CoordinateGroup):
    """S_n on n coordinates, from a transposition and the n-cycle. The sign is the parity.

    Example:
        >>> Permutation(4).order, Permutation(4).signs
        (24, (-1, -1))
    """

    word = "permutation"
    action = "every reordering of the coordinates"

    def generators(self, scalars: Scalars) -> Array:
        return scalars.from_integers(_symmetric(self.dimension))

    @property
    def signs(self) -> tuple[int, ...]:
        return _parities(self.dimension)

    @property
    def order(self) -> int:
        return factorial(self.dimension)


@final
class Shift(CoordinateGroup):
    """C_n on n coordinates: x ↦ (x_n, x_1, …, x_{n−1}) and its powers. The sign is the parity.

    Example:
        >>> Shift(3).signs, Shift(4).signs
        ((1,), (-1,))
    """

    word = "shift"
    action = "every cyclic shift of the coordinates"

    def generators(self, scalars: Scalars) -> Array:
        # one coordinate has no shift but the identity, which is no generator
        cycles = _cycle(self.dimension)[None][: self.dimension - 1]
        return scalars.from_integers(cycles)

    @property
    def splitting(self) -> int:
        return self.dimension

    @property
    def signs(self) -> tuple[int, ...]:
        return (_cycle_parity(self.dimension),) if self.dimension > 1 else ()

    @property
    def order(self) -> int:
        return self.dimension


@final
class Hyperoctahedral(CoordinateGroup):
    """Signed permutation matrices, the symmetries of the n-cube; the order is 2^n n!.

    Example:
        >>> Hyperoctahedral(3).order
        48
    """

    word = "hyperoctahedral"
    action = "every reordering and change of signs of the coordinates"

    def generators(self, scalars: Scalars) -> Array:
        flip = np.eye(self.dimension, dtype=np.int64)
        flip[0, 0] = -1
        moves = _symmetric(self.dimension)
        return scalars.from_integers(np.concatenate([moves, flip[None]]))

    @property
    def signs(self) -> tuple[int, ...]:
        return (*_parities(self.dimension), -1)

    @property
    def order(self) -> int:
        return int(2**self.dimension) * factorial(self.dimension)


def _symmetric(n: int) -> NDArray[np.int64]:
    """Generators of S_n, (g, n, n): none for n = 1; for n = 2 the cycle is the transposition."""
    identity = np.eye(n, dtype=np.int64)
    if n == 1:
        return identity[None][:0]
    exchange = identity.copy()
    exchange[[0, 1]] = identity[[1, 0]]
    return exchange[None] if n == 2 else np.stack([exchange, _cycle(n)])


def _parities(n: int) -> tuple[int, ...]:
    """The parities of ``_symmetric(n)``."""
    return (-1, _cycle_parity(n))[: min(n - 1, 2)]


def _cycle(n: int) -> NDArray[np.int64]:
    """The matrix of x ↦ (x_n, x_1, …, x_{n−1})."""
    return np.roll(np.eye(n, dtype=np.int64), 1, axis=0)


def _cycle_parity(n: int) -> int:
    return 1 if n % 2 else -1
