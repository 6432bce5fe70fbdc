"""Formulas as trees: what is said, whatever it is written in.

A node is a frozen dataclass; its fields are nodes, whole numbers that may run with an index
(``Affine``), tuples of these, and plain values. So a formula can be compared, searched for
patterns (``conserved.notation.patterns``) and written as text, LaTeX or MathML, all of it once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

from conserved.notation.integers import Affine, Place, Span, shifted

Within = Literal["name", "words", "block", "entry"]
_DIGITS = re.compile(r"(0|[1-9][0-9]{0,8})(?![0-9])")


class Formula:
    """A node of a formula."""


@dataclass(frozen=True)
class Name(Formula):
    """A tensor's name: text, with its whole numbers apart, so that they may run.

    Example:
        >>> Name.of("layers.0.weight").parts
        ('layers.', Affine(constant=0, parts=()), '.weight')
    """

    parts: tuple[str | Affine, ...]

    @staticmethod
    def of(name: str) -> Name:
        return Name(_split(name))

    @property
    def symbol(self) -> tuple[str, Affine | None] | None:
        """(letter, number) where the name is a symbol as on paper: W, W1."""
        letter = self.parts[0]
        if not isinstance(letter, str) or len(letter) != 1 or not letter.isalpha():
            return None
        match self.parts[1:]:
            case ():
                return letter, None
            case (Affine() as number,):
                return letter, number
        return None


@dataclass(frozen=True)
class Words(Formula):
    """Plain words, with their whole numbers apart, so that they may run.

    Example:
        >>> Words.of("the frequency-2 part").parts
        ('the frequency-', Affine(constant=2, parts=()), ' part')
    """

    parts: tuple[str | Affine, ...]

    @staticmethod
    def of(words: str) -> Words:
        return Words(_split(words))


def _split(text: str) -> tuple[str | Affine, ...]:
    parts: list[str | Affine] = []
    start = 0
    for found in _DIGITS.finditer(text):
        if found.start() and text[found.start() - 1].isdigit():
            continue  # 007 is no number that counts
        if text[start : found.start()]:
            parts.append(text[start : found.start()])
        parts.append(Affine(int(found[0])))
        start = found.end()
    if text[start:] or not parts:
        parts.append(text[start:])
    return tuple(parts)


@dataclass(frozen=True)
class Number(Formula):
    """A rational number."""

    value: Fraction


@dataclass(frozen=True)
class Item(Formula):
    """An entry or a slice of a tensor: W[1,2], W[j,:], W[1:4]."""

    base: Formula
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Block(Formula):
    """One of the equal blocks that make up an axis of a tensor: Q_h, or Q_{g,h} of g groups.

    Attributes:
        base: the tensor.
        axis, axes: along which of how many.
        size: slices in one block.
        numbers: which block, counted from 1; of nested ones the outer first.
        counts: as many blocks there are on each level.
    """

    base: Formula
    axis: int
    axes: int
    size: int
    numbers: tuple[Affine, ...]
    counts: tuple[int, ...]

    @property
    def named(self) -> bool:
        """Whether it has a symbol with indices; a certain block is told by its slices."""
        return not any(number.fixed for number in self.numbers)

    @property
    def before(self) -> Affine:
        """Slices before the first of the block."""
        position = Affine(0)
        for number, count in zip(self.numbers, self.counts, strict=True):
            position = position * count + number - 1
        return position * self.size

    @cached_property
    def slices(self) -> Item:
        """The block by its slices: Q[1:2]."""
        places: list[Place] = [None] * self.axes
        places[self.axis] = Span(self.before + 1, self.before + self.size)
        return Item(self.base, tuple(places))


@dataclass(frozen=True)
class Transpose(Formula):
    """Xᵀ."""

    base: Formula


@dataclass(frozen=True)
class Power(Formula):
    """X^n, n a whole number."""

    base: Formula
    exponent: int


@dataclass(frozen=True)
class Exponential(Formula):
    """e^{λt}."""

    rate: Fraction

    @property
    def exponent(self) -> str:
        """λt on one line: 3t/2."""
        above, below = self.rate.numerator, self.rate.denominator
        sign, size = ("−" if above < 0 else ""), abs(above)
        return f"{sign}{size if size != 1 else ''}t" + (f"/{below}" if below != 1 else "")


@dataclass(frozen=True)
class Norm(Formula):
    """‖X‖, the root of the sum of the squares of all entries."""

    base: Formula


@dataclass(frozen=True)
class Product(Formula):
    """Factors side by side, in this order."""

    factors: tuple[Formula, ...]


@dataclass(frozen=True)
class Contraction(Formula):
    """X ·_k X: the Gram matrix of the slices of X along axis k, from 1."""

    base: Formula
    axis: int


@dataclass(frozen=True)
class Sum(Formula):
    """Σ c · term; ``left`` more terms are not written."""

    terms: tuple[tuple[Fraction, Formula], ...]
    left: int = 0


@dataclass(frozen=True)
class Total(Formula):
    """The sum of a term over an index, Σ_i."""

    index: str
    first: int
    last: int
    body: Formula


@dataclass(frozen=True)
class Family(Formula):
    """One formula for each value of an index: …, j = 1 … 7."""

    index: str
    first: int
    last: int
    body: Formula


@dataclass(frozen=True)
class Quotient(Formula):
    """A fraction."""

    above: Formula
    below: Formula


@dataclass(frozen=True)
class Row(Formula):
    """Tensors side by side: [Q K V]."""

    items: tuple[Formula, ...]


@dataclass(frozen=True)
class Operator(Formula):
    """range, arg det and their like, over a field if one is named."""

    name: str
    over: str
    body: Formula


@dataclass(frozen=True)
class Described(Formula):
    """What is said better in words than in signs, in text.

    Attributes:
        words: before the subject: "range of".
        subject: of what.
        formal: the same in signs, for writers of signs.
        place: words behind both: "on the zero-sum part of the features".
    """

    words: str
    subject: Formula
    formal: Formula
    place: Words | None = None


@dataclass(frozen=True)
class Listed(Formula):
    """Several formulas one after the other; ``left`` more are not written."""

    items: tuple[Formula, ...]
    left: int = 0


def flat(item: Item) -> Item:
    """Slices of a block that has no symbol as slices of the tensor."""
    block = item.base
    if not isinstance(block, Block) or block.named:
        return item
    places = list(item.places)
    places[block.axis] = shifted(places[block.axis], block.before)
    return Item(block.base, tuple(places))


def mapped(value: Any, change: Callable[[Affine], Affine]) -> Any:
    """A formula with every whole number in it changed."""
    return _rewritten(value, Affine, change)


def renamed(value: Any, change: Callable[[Name], Name]) -> Any:
    """A formula with every name in it changed.

    Example:
        >>> from conserved.notation import text
        >>> text(renamed(Transpose(Name.of("a.w")), lambda name: Name.of("w")))
        'wᵀ'
    """
    return _rewritten(value, Name, change)


def _rewritten(value: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    """A formula with all parts of one kind changed."""
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_rewritten(item, kind, change) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        changes = {f.name: _rewritten(getattr(value, f.name), kind, change) for f in fields(value)}
        return replace(value, **changes)
    return value


def integers(value: Any, within: Within = "entry") -> Iterator[tuple[Affine, Within]]:
    """The whole numbers in a formula, in the order of ``mapped``, and what they stand in."""
    if isinstance(value, Affine):
        yield value, within
    elif isinstance(value, tuple):
        for item in value:
            yield from integers(item, within)
    elif is_dataclass(value):
        inside: Within = within
        if isinstance(value, Name | Words):
            inside = "name" if isinstance(value, Name) else "words"
        for field in fields(value):
            numbers = isinstance(value, Block) and field.name == "numbers"
            yield from integers(getattr(value, field.name), "block" if numbers else inside)


def nodes(value: Any) -> Iterator[Formula]:
    """Every node in a formula, outer ones first."""
    if isinstance(value, Formula):
        yield value
    if isinstance(value, tuple):
        for item in value:
            yield from nodes(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from nodes(getattr(value, field.name))
