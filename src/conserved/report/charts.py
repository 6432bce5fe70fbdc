"""Geometry of the two static drawings: the bar of directions, and the ranks by bracket length."""

from __future__ import annotations

from dataclasses import dataclass

from conserved.closure import Closure

_WIDTH, _HEIGHT = 320, 178  # of a rank chart, in its own units
_TOP, _FOOT = 26, 138
_BAR, _STEP = 30, 46
_THIN = 8.0  # of 1000: a slice of one direction among many is still seen


@dataclass(frozen=True)
class Bar:
    """One rank: its place, and the longest bracket behind it."""

    length: int
    rank: int
    x: float
    y: float
    height: float

    @property
    def middle(self) -> float:
        return self.x + _BAR / 2


@dataclass(frozen=True)
class RankChart:
    """Ranks by bracket length, under the line of all D directions.

    Args:
        closure: whose ranks.
        title: the data class.
        role: "asked" or "all": its colour.
    """

    closure: Closure
    title: str
    role: str

    width, height, top, foot, bar = _WIDTH, _HEIGHT, _TOP, _FOOT, _BAR

    @property
    def parameters(self) -> int:
        return self.closure.parameters

    @property
    def bars(self) -> list[Bar]:
        """One for each level.

        Example:
            >>> from conserved.closure import lie_closure
            >>> from conserved.problem import Problem
            >>> closure = lie_closure(Problem.from_text("linear:3-2-2"))
            >>> [(bar.length, bar.rank) for bar in RankChart(closure, "all data", "all").bars]
            [(1, 6), (2, 7)]
        """
        scale = (_FOOT - _TOP) / max(1, self.parameters)
        return [
            Bar(2**i, rank, 4.0 + _STEP * i, round(_FOOT - scale * rank, 1), round(scale * rank, 1))
            for i, rank in enumerate(self.closure.ranks)
        ]

    @property
    def gap(self) -> float:
        """Where the mark stands that spans what is left over."""
        return self.bars[-1].x + _BAR + 10

    @property
    def middle(self) -> float:
        """Height of its words: half way, but below the line's."""
        return max(_TOP + 14, round((_TOP + self.bars[-1].y) / 2 + 4, 1))

    @property
    def sentence(self) -> str:
        """What the ranks leave over."""
        left = self.closure.upper
        ending = self.closure.stopped
        return f"{self.parameters:,} − {self.closure.rank:,} = {left:,} left over; {ending}."

    @property
    def description(self) -> str:
        ranks = ", ".join(
            f"{bar.rank} with brackets up to length {bar.length}" for bar in self.bars
        )
        return f"{self.title}: of {self.parameters} directions, rank {ranks}."


@dataclass(frozen=True)
class Slice:
    """A part of the D directions of parameter space.

    Args:
        role: gives its colour.
        words: what these directions do.
        count: how many there are.
        left, width: its place along 1000.
    """

    role: str
    words: str
    count: int
    left: float
    width: float


def laid_out(parts: list[tuple[str, str, int]]) -> list[Slice]:
    """(role, words, count) side by side along 1000; empty parts are dropped, small ones widened.

    Example:
        >>> [
        ...     (s.role, s.left, s.width)
        ...     for s in laid_out([("a", "", 3), ("b", "", 0), ("c", "", 1)])
        ... ]
        [('a', 0.0, 750.0), ('c', 750.0, 250.0)]
    """
    kept = [part for part in parts if part[2] > 0]
    total = sum(count for _, _, count in kept)
    wanted = [max(_THIN, 1000 * count / total) for _, _, count in kept]
    scale, left, slices = 1000 / sum(wanted, 0.0) if wanted else 1.0, 0.0, []
    for (role, words, count), width in zip(kept, wanted, strict=True):
        slices.append(Slice(role, words, count, round(left, 2), round(width * scale, 2)))
        left += width * scale
    return slices
