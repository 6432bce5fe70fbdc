"""What a symmetry of the data is to this program: a group of orthogonal matrices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from math import inf, lcm, nan, prod
from typing import ClassVar, final

import numpy as np

from conserved.errors import InputError, LimitError
from conserved.kernel.scalars import Array, Scalars
from conserved.symmetry.sizes import (
    counted,
    readable,
    require_generators_fit,
    require_size,
    shortened,
)

UNKNOWN_ORDER = nan  # beyond listing, and not known to be finite: neither finite nor trivial
LARGEST = 10_000_000  # coordinates, where no generator has to be stored


@dataclass(frozen=True)
class Group(ABC):
    """A group G of orthogonal matrices g acting on a vector, x ↦ g x, by its generators.

    G is what the ``generators`` and the one-parameter groups exp(tX), X in ``infinitesimal``,
    generate together. A vector is G-invariant iff g v = v and X v = 0 for all of these.

    Law every group obeys: ``generators`` are the same real orthogonal matrices in every scalars
    (reduced mod p there), ``infinitesimal`` the same antisymmetric ones, together they generate
    exactly ``order`` elements, and ``signs`` extends to a homomorphism G → {1, −1} that is 1 on
    every exp(tX). A trivial group has no generators: the arrays have length 0.

    Not to be confused with the lifted group of theory §5, which acts on moments and may be
    continuous where G is finite. ``a * b`` is their direct sum, on more coordinates.

    Attributes:
        dimension: n, the size of the vector it acts on: the input, or the features of each token.
    """

    dimension: int

    @property
    @abstractmethod
    def name(self) -> str:
        """The text that builds it, given the size of the input ("permutation", "rotation:5")."""

    @property
    def sized(self) -> str:
        """The text that builds it and fixes n as well ("permutation:4", "rotation:5")."""
        return self.name

    @abstractmethod
    def generators(self, scalars: Scalars) -> Array:
        """Generating matrices, (g, n, n); with the identity component of a continuous group they
        generate every other one.
        """

    def infinitesimal(self, scalars: Scalars) -> Array:
        """Antisymmetric matrices that generate the Lie algebra under brackets, (h, n, n)."""
        return scalars.from_integers(np.zeros((0, self.dimension, self.dimension), dtype=np.int64))

    @property
    def infinitesimal_count(self) -> int:
        """h, without building any matrix."""
        return 0

    def label_matrices(self, scalars: Scalars) -> tuple[Array, Array] | None:
        """A second representation, for labels, where the group comes with one.

        Returns:
            One matrix for each generator, (g, m, m), and for each infinitesimal one, (h, m, m).
        """
        return None

    @property
    @abstractmethod
    def signs(self) -> tuple[int, ...]:
        """The sign character on each generator: its determinant, except for negation (−1)."""

    @property
    @abstractmethod
    def order(self) -> int | float:
        """|G|: an integer, ``math.inf``, or ``UNKNOWN_ORDER`` where listing stopped too early."""

    @property
    def finite(self) -> bool:
        """Whether G is known to be finite; ``order`` is then an integer."""
        return self.order < inf  # false for nan too

    @property
    def trivial(self) -> bool:
        """Whether the identity is the only element."""
        return self.order == 1

    @property
    @abstractmethod
    def roots(self) -> int:
        """k such that entries are made from cos and sin of 2π/k; 1 for integer matrices.

        Over GF(p) this needs p ≡ 1 mod 4k (``primes.prime_with_roots``).
        """

    @property
    def splitting(self) -> int:
        """k such that cos and sin of 2π/k suffice to split the space into irreducible blocks."""
        return self.roots

    @abstractmethod
    def describe(self) -> str:
        """What it does and its order, in words, on one line."""

    def __mul__(self, other: Group) -> DirectSum:
        return DirectSum(self, other) if isinstance(other, Group) else NotImplemented


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
        require_fit(self)

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


@dataclass(frozen=True)
class CoordinateGroup(Group):
    """A group of integer matrices that moves n coordinates or changes their signs, for any n.

    Args:
        dimension: n.

    Raises:
        InputError: n is not a positive integer.
        LimitError: generator matrices of this size would not fit in memory.
    """

    word: ClassVar[str]
    action: ClassVar[str]
    largest: ClassVar[int] = 4096  # one matrix of this size takes 128 MiB

    def __post_init__(self) -> None:
        size = require_size(self.word, self.dimension, self.largest)
        object.__setattr__(self, "dimension", size)

    @property
    def name(self) -> str:
        return self.word

    @property
    def sized(self) -> str:
        return f"{self.word}:{self.dimension}"

    @property
    def roots(self) -> int:
        return 1

    def describe(self) -> str:
        if self.trivial:
            return self.action
        size = counted(self.dimension, "coordinate")
        return f"{self.action}, {size}, {counted(self.order, 'element')}"


@dataclass(frozen=True)
class PlaneGroup(Group):
    """A group of symmetries of the plane with rotations by multiples of 2π/k.

    Args:
        k: the number of rotations, the identity included.

    Raises:
        InputError: k is not a positive integer.
        LimitError: k is beyond any orbit worth summing over.
    """

    dimension: int = field(default=2, init=False, repr=False)
    k: int

    word: ClassVar[str]
    action: ClassVar[str]
    largest: ClassVar[int] = 10_000  # leaves hundreds of primes ≡ 1 mod 4k below 2^23 to try

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", require_size(self.word, self.k, self.largest))

    @property
    def name(self) -> str:
        return f"{self.word}:{self.k}"

    @property
    def roots(self) -> int:
        return self.k

    def describe(self) -> str:
        order = counted(self.order, "element")
        return f"{self.action}, k = {self.k}, {order}"


@dataclass(frozen=True)
class SpaceGroup(Group):
    """A finite group of rotations of space."""

    dimension: int = field(default=3, init=False, repr=False)

    word: ClassVar[str]
    action: ClassVar[str]

    @property
    def name(self) -> str:
        return self.word

    def describe(self) -> str:
        return f"{self.action}, {counted(self.order, 'element')}"


def require_fit(group: Group) -> None:
    """Refuse sizes before a matrix is made."""
    if group.dimension > LARGEST:
        raise LimitError(
            f"symmetry '{shortened(group.name)}': acts on {readable(group.dimension)} coordinates; "
            f"the limit is {LARGEST:,}"
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
