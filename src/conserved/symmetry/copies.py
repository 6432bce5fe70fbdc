"""One group acting on several copies of its vector at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from conserved.errors import InputError
from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.group import LARGEST, DirectSum, Group, require_fit
from conserved.symmetry.sizes import counted, require_size, shortened


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
        object.__setattr__(self, "count", require_size("copies", self.count, LARGEST))
        object.__setattr__(self, "dimension", self.count * self.group.dimension)
        require_fit(self)

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
