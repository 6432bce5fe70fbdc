"""What a symmetry of the data is to this program: a group of orthogonal matrices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from math import inf, log10, nan
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from conserved.errors import InputError, LimitError
from conserved.kernel.scalars import Array, Scalars

if TYPE_CHECKING:
    from conserved.symmetry.products import DirectSum

UNKNOWN_ORDER = nan  # beyond listing, and not known to be finite: neither finite nor trivial
GENERATOR_BYTES = 2**29  # of all generating matrices of one group together


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
        # a sum is a group itself, so its module needs this one first
        from conserved.symmetry.products import DirectSum

        return DirectSum(self, other) if isinstance(other, Group) else NotImplemented


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
        require_size(self.word, self.dimension, self.largest)

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
        require_size(self.word, self.k, self.largest)

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


def require_size(word: str, value: object, largest: int) -> None:
    """Refuse a size that is not an integer from 1 to ``largest``, in the user's words.

    Raises:
        InputError: not a positive integer.
        LimitError: larger than ``largest``; the message has both.

    Example:
        >>> require_size("rotation", 10**30, 10_000)
        Traceback (most recent call last):
        conserved.errors.LimitError: symmetry 'rotation': size about 10^30; the limit is 10,000
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError("symmetry", f"{word}:{value}", "its size is a positive whole number")
    if value > largest:
        raise LimitError(f"symmetry '{word}': size {readable(value)}; the limit is {largest:,}")


def readable(number: int | float) -> str:
    """A natural number for a message: with commas, or its power of ten when very long.

    Example:
        >>> readable(3628800), readable(2**200)
        ('3,628,800', 'about 10^60')
    """
    if number == inf:
        return "infinitely many"
    if number != number:
        return "an unknown number of"
    # Python refuses to print more than 4300 digits, and nobody reads more than 15
    return f"{number:,}" if number < 10**15 else f"about 10^{log10(number):.0f}"


def counted(number: int | float, noun: str) -> str:
    """A number and its noun, plural where due.

    Example:
        >>> counted(1, "element"), counted(24, "element"), counted(inf, "element")
        ('1 element', '24 elements', 'infinitely many elements')
    """
    return f"{readable(number)} {noun}{'' if number == 1 else 's'}"


def require_generators_fit(name: str, count: int, dimension: int) -> None:
    """Refuse a group whose generating matrices would not fit in memory.

    Args:
        name: the group, for the message; cut when long.
        count: how many matrices, infinitesimal ones included.
        dimension: their size n.

    Raises:
        LimitError: more than ``GENERATOR_BYTES``.
    """
    needed = 8 * count * dimension**2
    if needed > GENERATOR_BYTES:
        raise LimitError(
            f"symmetry '{shortened(name)}': {counted(count, 'generator')} on "
            f"{counted(dimension, 'coordinate')} would take more than "
            f"{GENERATOR_BYTES / 2**30} GiB: take fewer coordinates"
        )


def shortened(text: str, limit: int = 80) -> str:
    """Text for a message, cut when long."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
