"""What became of each family of laws along a run, and the verdict in words."""

from __future__ import annotations

from dataclasses import dataclass, replace

from conserved.dynamics.outcomes import STILL, STILL_SHARE, Evidence, Finding, Outcome, judged
from conserved.watching.exactly.draws import Drawn

RATIO_LOST = "the rates of its tensors changed their ratio"


@dataclass(frozen=True)
class Event:
    """Something to mark.

    Attributes:
        what: "violated", "skipped", "frozen", "unfrozen", "changed", "loaded", "resumed",
            "optimizer" or "diffusing".
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
        followed: how many of them are looked at, or combinations of them.
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
        why_not: why no rule says how far, where none does.
        due: what it is due to, in words; "" for the architecture.
        chart: coordinates that an exact law is seen in (``charts``).
        draws: what draws of an augmentation did to it, where it is not tested on single gradients.
    """

    text: str
    tensors: tuple[str, ...]
    functions: int = 1
    followed: int = 1
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
    why_not: str = RATIO_LOST
    precision: float = 1.2e-7
    due: str = ""
    chart: tuple[int, ...] = ()
    draws: Drawn | None = None

    @property
    def drift(self) -> float:
        """h − h(0)."""
        return self.value - self.start

    @property
    def finding(self) -> Finding:
        """What became of it, and why."""
        found = judged(
            Evidence(
                moved=self.moved,
                still=self.moved <= min(STILL * self.precision, STILL_SHARE),
                share=" of its terms",
                residual=None if self.predicted is None else self.residual,
                gradient=self.worst,
                eps=self.without_eps,
                steps=self.rule,
                why_not=self.why_not,
                violation=self.reason,
                since=self.since,
                untested="" if self.looks else self.waiting or "no step was taken",
                drawn="" if self.draws is None else self.draws.words,
            )
        )
        return replace(found, own="; ".join(filter(None, (found.own, self.due))))

    @property
    def outcome(self) -> Outcome:
        """One of five."""
        return self.finding.outcome

    def verdict(self) -> str:
        """In words: the outcome, then why."""
        found = self.finding
        return f"{found.words}: {found.reason}"
