"""Whole numbers in formulas that may run with an index: 3, j, 2h − 1."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Affine:
    """constant + Σ factor · index.

    Example:
        >>> str(Affine.of("h") * 2 - 1), str(Affine(3))
        ('2h−1', '3')
    """

    constant: int
    parts: tuple[tuple[str, int], ...] = ()

    @staticmethod
    def of(index: str) -> Affine:
        return Affine(0, ((index, 1),))

    def __add__(self, other: Affine | int) -> Affine:
        if isinstance(other, int):
            return Affine(self.constant + other, self.parts)
        factors = dict(self.parts)
        for index, factor in other.parts:
            factors[index] = factors.get(index, 0) + factor
        kept = tuple((index, factor) for index, factor in factors.items() if factor)
        return Affine(self.constant + other.constant, kept)

    def __sub__(self, other: int) -> Affine:
        return self + (-other)

    def __mul__(self, factor: int) -> Affine:
        if not factor:
            return Affine(0)
        return Affine(self.constant * factor, tuple((i, c * factor) for i, c in self.parts))

    @property
    def fixed(self) -> bool:
        """Whether no index occurs."""
        return not self.parts

    @property
    def terms(self) -> list[tuple[int, str]]:
        """What a writer writes: (factor, index) in order and (constant, ""), zeros left out."""
        out = [(factor, index) for index, factor in self.parts]
        rest = [(self.constant, "")] if self.constant or not out else []
        return [*rest, *out] if out and out[0][0] < 0 < self.constant else [*out, *rest]

    def __str__(self) -> str:
        words = ""
        for factor, index in self.terms:
            sign = "−" if factor < 0 else "+" if words else ""
            size = "" if index and abs(factor) == 1 else str(abs(factor))
            words += f"{sign}{size}{index}"
        return words


@dataclass(frozen=True)
class Span:
    """first : last : step, both ends included."""

    first: Affine
    last: Affine
    step: int = 1


@dataclass(frozen=True)
class Several:
    """{first, first + step, …}, ``count`` of them."""

    first: Affine
    step: int
    count: int


Place = Affine | Span | Several | None  # None: all along the axis


def shifted(place: Place, by: Affine) -> Place:
    """A place that much further on."""
    match place:
        case None:
            return None
        case Affine():
            return place + by
        case Span(first, last, step):
            return Span(first + by, last + by, step)
        case Several(first, step, count):
            return Several(first + by, step, count)
