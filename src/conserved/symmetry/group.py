"""What a symmetry of the data is to this program: a finite group of orthogonal matrices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from math import log10
from typing import ClassVar

from conserved.arithmetic.scalars import Array, Scalars
from conserved.errors import InputError, LimitError


@dataclass(frozen=True)
class Group(ABC):
    """A finite group G of orthogonal matrices g acting on a vector, x ↦ g x, by its generators.

    Law every group obeys: ``generators`` are the same real orthogonal matrices in every scalars
    (reduced mod p there), they generate exactly ``order`` elements, and ``signs`` extends to a
    homomorphism G → {1, −1}. A trivial group has no generators: the array has length 0.

    Not to be confused with the lifted group of theory §5, which acts on moments and may be
    continuous where G is finite.

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
        """Generating matrices, shape (g, n, n), in these scalars."""

    @property
    @abstractmethod
    def signs(self) -> tuple[int, ...]:
        """The sign character on each generator: its determinant, except for negation (−1)."""

    @property
    @abstractmethod
    def order(self) -> int:
        """|G|, in closed form."""

    @property
    @abstractmethod
    def roots(self) -> int:
        """k such that entries are made from cos and sin of 2π/k; 1 for integer matrices.

        Over GF(p) this needs p ≡ 1 mod 4k (``primes.prime_with_roots``).
        """

    @abstractmethod
    def describe(self) -> str:
        """What it does and its order, in words, on one line."""


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
        if self.order == 1:
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


def readable(number: int) -> str:
    """A natural number for a message: with commas, or its power of ten when very long.

    Example:
        >>> readable(3628800), readable(2**200)
        ('3,628,800', 'about 10^60')
    """
    # Python refuses to print more than 4300 digits, and nobody reads more than 15
    return f"{number:,}" if number < 10**15 else f"about 10^{log10(number):.0f}"


def counted(number: int, noun: str) -> str:
    """A number and its noun, plural where due.

    Example:
        >>> counted(1, "element"), counted(24, "element")
        ('1 element', '24 elements')
    """
    return f"{readable(number)} {noun}{'' if number == 1 else 's'}"
