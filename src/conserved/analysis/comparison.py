"""Two analyses side by side: what one conserves and the other does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conserved.analysis.answer import Analysis
from conserved.errors import InputError
from conserved.law import Law
from conserved.law.lines import Line, lines
from conserved.notation import mathml
from conserved.notebook import card, frame

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Comparison:
    """What two analyses have in common, and what each has alone. Made by ``compare``.

    Laws are compared as they are written: the same formula with the same number of functions. Two
    formulas for the same functions are two laws here, and tensors are the same where their names
    are.

    Attributes:
        first, second: the analyses.
        both: laws of both.
        only_first, only_second: laws of one alone.
    """

    first: Analysis
    second: Analysis
    both: tuple[Law, ...]
    only_first: tuple[Law, ...]
    only_second: tuple[Law, ...]

    @property
    def changed(self) -> tuple[tuple[str, str, str], ...]:
        """(what, in the first, in the second) of the question, where they differ."""
        one, other = _question(self.first), _question(self.second)
        return tuple((name, one[name], other[name]) for name in one if one[name] != other[name])

    @property
    def gained(self) -> int | None:
        """How many more laws the second has; None while either count is open."""
        if not (self.first.count.certified and self.second.count.certified):
            return None
        return self.second.count.upper - self.first.count.upper

    def text(self) -> str:
        """The differences of the questions, the counts, and the laws that one has alone."""
        told = [f"{name:<8}  {one} → {other}" for name, one, other in self.changed]
        told.append(f"{'laws':<8}  {self.first.count} → {self.second.count}")
        for sign, line in self._rows():
            told.append(f"  {sign}{line.independent:<4}  {line.text}")
        return "\n".join(told)

    def to_frame(self) -> DataFrame:
        """A row for each law: ``law``, ``first`` and ``second`` (how many each analysis counts).

        Raises:
            ConservedError: pandas is not installed.
        """
        rows = [
            {
                "law": line.text,
                "first": 0 if sign == "+" else line.independent,
                "second": 0 if sign == "−" else line.independent,
            }
            for sign, line in self._rows()
        ]
        return frame(rows, ("law", "first", "second"))

    def _rows(self) -> list[tuple[str, Line]]:
        """Laws that went, came and stayed, those of one pattern on one line."""
        parts: tuple[tuple[str, Sequence[Law]], ...] = (
            ("−", self.only_first),
            ("+", self.only_second),
            (" ", self.both),
        )
        return [(sign, line) for sign, laws in parts for line in lines(laws)]

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        sure = self.gained is not None
        return card(
            f"{self.first.count} → {self.second.count}",
            sure=sure,
            facts={name: f"{one} → {other}" for name, one, other in self.changed},
            rows=[
                (f"{sign}{line.independent}", mathml(line.formula), line.origin)
                for sign, line in self._rows()
            ],
        )


def compare(first: Analysis, second: Analysis) -> Comparison:
    """Which laws two analyses share, and which only one has: a loss, a symmetry or a layer changed.

    Raises:
        InputError: something else than two analyses.

    Example:
        >>> from conserved.analysis import analyze
        >>> from conserved.problem import Problem
        >>> here = analyze(Problem.from_text("linear:2-2-1"))
        >>> there = analyze(Problem.from_text("linear:2-1-1"))
        >>> found = compare(here, there)
        >>> found.gained, [law.text for law in found.only_second]
        (-2, ['‖W1‖² − ‖W2‖²'])
    """
    for name, given in (("first", first), ("second", second)):
        if not isinstance(given, Analysis):
            raise InputError(name, repr(given)[:60], "give what conserved.analyze returned")
    here, there = ({_key(law) for law in one.laws} for one in (first, second))
    return Comparison(
        first,
        second,
        both=tuple(law for law in second.laws if _key(law) in here),
        only_first=tuple(law for law in first.laws if _key(law) not in there),
        only_second=tuple(law for law in second.laws if _key(law) not in here),
    )


def _key(law: Law) -> tuple[Any, ...]:
    return law.text, law.name, law.size


def _question(analysis: Analysis) -> dict[str, str]:
    problem = analysis.problem
    return {
        "network": problem.network.spec,
        "loss": problem.loss.spec,
        "data": problem.class_words,
        "labels": problem.labels.name,
        "flow": problem.flow.name,
    }
