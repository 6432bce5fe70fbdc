"""Groups made from groups: independent ones side by side, and one acting on several copies."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, lcm, prod
from typing import final

import numpy as np

from conserved.errors import InputError, LimitError
from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.group import (
    UNKNOWN_ORDER,
    Group,
    counted,
    readable,
    require_generators_fit,
    require_size,
    shortened,
)

_LARGEST = 10_000_000  # coordinates, where no generator has to be stored


@final
@dataclass(frozen=True, init=False, repr=False)
class DirectSum(Group):
    """Independent groups on consecutive coordinates: (g, h)·(x, y) = (g x, h y).

    The sign character is the product of those of the parts. A sum of sums is one sum.

    Args:
        groups: at least two.

    Raises:
        InputError: fewer than two, or something that is no group.
        LimitError: the generating matrices would not fit in memory.

    Example:
        >>> from conserved.symmetry import Negation, Permutation
        >>> group = Permutation(4) * Negation(2)
        >>> group.name, group.dimension, group.order
        ('permutation:4+negation:2', 6, 48)
    """

    parts: tuple[Group, ...]

    def __init__(self, *groups: Group) -> None:
        if len(groups) < 2 or not all(isinstance(group, Group) for group in groups):
            raise InputError("symmetry", groups, "a direct sum is made from two or more groups")
        parts: list[Group] = []
        for group in groups:
            parts += group.parts if isinstance(group, DirectSum) else [group]
        object.__setattr__(self, "parts", tuple(parts))
        object.__setattr__(self, "dimension", sum(part.dimension for part in parts))
        _require_fit(self)

    @property
    def name(self) -> str:
        return "+".join(part.sized for part in self.parts)

    def generators(self, scalars: Scalars) -> Array:
        # each moves the coordinates of its own part and is the identity on the others
        result = _stacked(np.eye(self.dimension, dtype=np.int64), len(self.signs), scalars)
        return _fill(result, [part.generators(scalars) for part in self.parts])

    def infinitesimal(self, scalars: Scalars) -> Array:
        zero = np.zeros((self.dimension, self.dimension), dtype=np.int64)
        result = _stacked(zero, self.infinitesimal_count, scalars)
        return _fill(result, [part.infinitesimal(scalars) for part in self.parts])

    @property
    def infinitesimal_count(self) -> int:
        return sum(part.infinitesimal_count for part in self.parts)

    @property
    def signs(self) -> tuple[int, ...]:
        return tuple(sign for part in self.parts for sign in part.signs)

    @property
    def order(self) -> int | float:
        orders = [part.order for part in self.parts]
        if inf in orders:
            return inf
        # not prod alone: an enormous integer times a float overflows
        known = [order for order in orders if isinstance(order, int)]
        return prod(known) if len(known) == len(orders) else UNKNOWN_ORDER

    @property
    def roots(self) -> int:
        return lcm(*(part.roots for part in self.parts))

    @property
    def splitting(self) -> int:
        return lcm(*(part.splitting for part in self.parts))

    def describe(self) -> str:
        parts = shortened(" + ".join(part.sized for part in self.parts))
        order = counted(self.order, "element")
        return f"independent groups on consecutive coordinates, {parts}, {order}"

    def __repr__(self) -> str:
        return f"DirectSum({', '.join(map(repr, self.parts))})"


@final
@dataclass(frozen=True)
class Copies(Group):
    """One group that acts on ``count`` copies of its vector at once: g·(x, y, …) = (g x, g y, …).

    Not to be confused with the direct sum of the group with itself, where copies move
    independently. The sign character is that of the group, whatever the number of copies.

    Args:
        count: how many copies.
        group: acts on each.

    Raises:
        InputError: the count is not a positive integer, or ``group`` is no group.
        LimitError: the generating matrices would not fit in memory.

    Example:
        >>> from conserved.symmetry import Permutation
        >>> group = Copies(2, Permutation(5))
        >>> group.name, group.dimension, group.order, group.signs
        ('2xpermutation:5', 10, 120, (-1, 1))
    """

    dimension: int = field(init=False, repr=False)
    count: int
    group: Group

    def __post_init__(self) -> None:
        if not isinstance(self.group, Group):
            raise InputError("symmetry", self.group, "only a group has copies")
        require_size("copies", self.count, _LARGEST)
        object.__setattr__(self, "dimension", self.count * self.group.dimension)
        _require_fit(self)

    @property
    def name(self) -> str:
        inner = self.group.sized
        if isinstance(self.group, DirectSum):
            inner = f"({inner})"  # copies bind tighter than sums
        return f"{self.count}x{inner}"

    def generators(self, scalars: Scalars) -> Array:
        return self._repeated(self.group.generators(scalars))

    def infinitesimal(self, scalars: Scalars) -> Array:
        return self._repeated(self.group.infinitesimal(scalars))

    @property
    def infinitesimal_count(self) -> int:
        return self.group.infinitesimal_count

    def label_matrices(self, scalars: Scalars) -> tuple[Array, Array] | None:
        return self.group.label_matrices(scalars)

    @property
    def signs(self) -> tuple[int, ...]:
        return self.group.signs

    @property
    def order(self) -> int | float:
        return self.group.order

    @property
    def roots(self) -> int:
        return self.group.roots

    @property
    def splitting(self) -> int:
        return self.group.splitting

    def describe(self) -> str:
        copies = "1 copy" if self.count == 1 else f"{self.count:,} copies"
        inner = shortened(self.group.sized)
        return f"{inner} on {copies} at once, {counted(self.order, 'element')}"

    def _repeated(self, matrices: Array) -> Array:
        """kron(1, g) for each matrix: (g, n, n) → (g, count·n, count·n)."""
        h, n, _ = matrices.shape
        result = np.zeros((h, self.count, n, self.count, n), dtype=matrices.dtype)
        i = np.arange(self.count)
        result[:, i, :, i, :] = matrices
        return result.reshape(h, self.dimension, self.dimension)


def _require_fit(group: DirectSum | Copies) -> None:
    """Refuse sizes before a matrix is made."""
    if group.dimension > _LARGEST:
        raise LimitError(
            f"symmetry '{shortened(group.name)}': acts on {readable(group.dimension)} coordinates; "
            f"the limit is {_LARGEST:,}"
        )
    count = len(group.signs) + group.infinitesimal_count
    require_generators_fit(group.name, count, group.dimension)


def _stacked(matrix: Array, count: int, scalars: Scalars) -> Array:
    """Copies of an integer matrix, (count, n, n), to be written into."""
    return np.repeat(scalars.from_integers(matrix)[None], count, axis=0)


def _fill(result: Array, blocks: list[Array]) -> Array:
    """Write the matrices of each part, (g, d, d), at its own generators and coordinates."""
    row = start = 0
    for block in blocks:
        rows, stop = row + len(block), start + block.shape[-1]
        result[row:rows, start:stop, start:stop] = block
        row, start = rows, stop
    return result
