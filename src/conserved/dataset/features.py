"""What a table of numbers fixes by itself: features that never move, and how many directions do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import Any

from conserved.kernel.data import Row


@dataclass(frozen=True)
class Features:
    """Inputs as whole numbers over one denominator, and what is exact about their columns.

    Args:
        rows: the inputs.

    Example:
        >>> half = Fraction(1, 2)
        >>> found = Features(((half, Fraction(0), half), (Fraction(1), Fraction(0), Fraction(1))))
        >>> found.zero, found.duplicates, found.rank
        ((1,), ((0, 2),), 1)
    """

    rows: tuple[Row, ...]

    @cached_property
    def denominator(self) -> int:
        return lcm(*{number.denominator for row in self.rows for number in row})

    @cached_property
    def whole(self) -> tuple[tuple[int, ...], ...]:
        """The rows times the denominator."""
        known: dict[Fraction, int] = {}
        for number in {number for row in self.rows for number in row}:
            known[number] = int(number * self.denominator)
        return tuple(tuple(known[number] for number in row) for row in self.rows)

    @cached_property
    def columns(self) -> tuple[Row, ...]:
        return tuple(zip(*self.rows, strict=True))

    @property
    def zero(self) -> tuple[int, ...]:
        """Features that are 0 in every row, from 0."""
        return tuple(i for i, value in self._constants if not value)

    @property
    def constant(self) -> tuple[tuple[int, Fraction], ...]:
        """Features that are the same in every row, other than 0, and what they are."""
        return tuple((i, value) for i, value in self._constants if value)

    @cached_property
    def _constants(self) -> list[tuple[int, Fraction]]:
        return [(i, c[0]) for i, c in enumerate(self.columns) if len(set(c)) == 1]

    @cached_property
    def duplicates(self) -> tuple[tuple[int, ...], ...]:
        """Features that agree in every row, those that are constant left out."""
        fixed = {i for i, _ in self._constants}
        groups: dict[Row, list[int]] = {}
        for i, column in enumerate(self.columns):
            if i not in fixed:
                groups.setdefault(column, []).append(i)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    @cached_property
    def distinct(self) -> int:
        """How many different rows there are."""
        return len(set(self.rows))

    @cached_property
    def second(self) -> list[list[int]]:
        """XᵀX of the whole numbers."""
        x = matrix(self.whole)
        return entries(x.transpose() * x)

    @cached_property
    def rank(self) -> int:
        """Dimension of the span of the rows, exactly."""
        return int(matrix(self.second).rank())


def matrix(rows: Sequence[Sequence[int]]) -> Any:
    """Whole numbers as a matrix of FLINT."""
    from flint import fmpz_mat

    return fmpz_mat(len(rows), len(rows[0]), [number for row in rows for number in row])


def entries(whole: Any) -> list[list[int]]:
    """A matrix of FLINT as rows."""
    return [[int(number) for number in row] for row in whole.tolist()]
