"""What became of each family of laws along a run, and the verdict in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from conserved.simulate.words import by_ledger, is_rounding, shown, without_rule

Outcome = Literal["conserved", "drifting as predicted", "drifting", "violated", "not tested"]
_STILL = 100.0  # roundings of its terms that a law may move by and count as conserved


@dataclass(frozen=True)
class Event:
    """Something to mark.

    Attributes:
        what: "violated", "skipped", "frozen", "unfrozen", "changed", "resumed" or "optimizer".
        text: in words.
        law: the family, or None.
    """

    what: str
    text: str
    law: int | None = None


@dataclass
class Track:
    """One family.

    Attributes:
        text: the law.
        tensors: the parameters that occur.
        functions: how many functions it has.
        probed: whether one random combination of some of them stands for them.
        without_eps: whether the eps of a norm lets it drift.
        degree: 1 or 2.
        start, value: of a combination of its functions with random signs, at the first and the
            last look.
        size: of its terms, at the first look.
        predicted: what the ledger makes of the value; None where no rule is known.
        moved: the largest drift of one of its functions, as a share of the size of its terms.
        residual: the largest part of one step's change that the ledger does not explain, in
            roundings; of that function the change itself is ``excess``.
        worst: the largest ⟨∇h, g⟩ of a raw gradient, in roundings.
        since: the first step that violated it, or None.
        reason: why, then.
        looks: at how many steps it was tested.
        waiting: why it was not tested at the last look, or "".
        rule: what makes it drift, in words.
    """

    text: str
    tensors: tuple[str, ...]
    functions: int = 1
    probed: bool = False
    without_eps: bool = False
    degree: int = 2
    start: float = 0.0
    value: float = 0.0
    size: float = 0.0
    predicted: float | None = None
    moved: float = 0.0
    residual: float = 0.0
    worst: float = 0.0
    since: int | None = None
    reason: str = ""
    looks: int = 0
    waiting: str = ""
    rule: str = ""
    precision: float = 1.2e-7

    @property
    def drift(self) -> float:
        """h − h(0)."""
        return self.value - self.start

    @property
    def outcome(self) -> Outcome:
        """One of five."""
        if self.since is not None:
            return "violated"
        if not self.looks:
            return "not tested"
        if self.moved <= _STILL * self.precision:
            return "conserved"
        return "drifting" if self.predicted is None else "drifting as predicted"

    @property
    def why(self) -> str:
        """What the outcome rests on."""
        if self.since is not None:
            return self.reason
        if not self.looks:
            return self.waiting or "no step was taken"
        share = f"{shown(self.moved)} of its terms"
        if self.outcome == "conserved":
            return is_rounding(self.moved).replace(shown(self.moved), share)
        if self.predicted is None:
            why = f"no rule says how far {self.rule} moves it, and that is no error"
            told = without_rule(self.moved, why).replace(shown(self.moved), share, 1)
            return f"{told}; ⟨∇h, g⟩ = 0 at every step, {self._gradients()}"
        told = f"by up to {share}: {by_ledger(_up(self.residual))}; {self.rule}"
        return f"{told}, and the eps of a norm" if self.without_eps else told

    def _gradients(self) -> str:
        if self.without_eps:
            return "but for the eps of a norm"
        return f"up to {max(1, _up(self.worst))} roundings"

    def verdict(self) -> str:
        """In words: the outcome, then why."""
        outcome = self.outcome
        since = f" since step {self.since}" if self.since is not None else ""
        return f"{outcome}{since}: {self.why}"


def _up(value: float) -> int:
    return int(-(-value // 1)) if value < 1e9 else 10**9
