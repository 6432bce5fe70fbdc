"""What a published figure says, as statements that numbers can refute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

Relation = Literal["≤", "≥", "="]


@dataclass(frozen=True)
class Claim:
    """One statement: a measured number on the right side of a bound.

    Args:
        text: what is claimed, in words, without the numbers.
        measured: what was met; a number that is not finite fails.
        relation: between the measured number and the bound.
        bound: fixed before anything is measured.
        unit: of both ("°", "times").

    Example:
        >>> print(Claim("the angle stays", 2e-14, "≤", 1e-9, "°"))
        PASS  the angle stays: 2e-14° ≤ 1e-09°
        >>> Claim("the angle stays", float("nan"), "≤", 1e-9).holds
        False
    """

    text: str
    measured: float
    relation: Relation
    bound: float
    unit: str = ""

    @property
    def holds(self) -> bool:
        if not isfinite(self.measured):
            return False
        if self.relation == "≤":
            return self.measured <= self.bound
        if self.relation == "≥":
            return self.measured >= self.bound
        return self.measured == self.bound

    @property
    def numbers(self) -> str:
        """Both numbers and what has to hold between them."""
        relation = self.relation if self.holds else f"not {self.relation}"
        return f"{self._shown(self.measured)} {relation} {self._shown(self.bound)}"

    def __str__(self) -> str:
        return f"{'PASS' if self.holds else 'FAIL'}  {self.text}: {self.numbers}"

    def _shown(self, value: float) -> str:
        unit = self.unit if self.unit in ("", "°", "%") else f" {self.unit}"
        return f"{value:.3g}{unit}"

    def to_json(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "measured": self.measured if isfinite(self.measured) else None,
            "relation": self.relation,
            "bound": self.bound,
            "unit": self.unit,
            "holds": self.holds,
        }


def all_hold(claims: Iterable[Claim]) -> bool:
    """Whether there are claims and every one holds.

    Example:
        >>> all_hold([]), all_hold([Claim("laws", 5, "=", 5)])
        (False, True)
    """
    listed = list(claims)
    return bool(listed) and all(claim.holds for claim in listed)
