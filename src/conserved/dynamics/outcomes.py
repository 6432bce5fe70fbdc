"""What a run says of a law: the outcome by its numbers, and the sentence (theory §10, §14).

A true law h has ⟨∇h, g⟩ = 0 for every gradient g. Steps along the gradient then move it by what a
ledger predicts (``steps``); other steps move it by some amount that no rule tells, and that is no
error. Simulations and real training measure each in their own way, and judge here.

A *rounding* is one unit roundoff of the size of what is added up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["conserved", "drifting as predicted", "drifting", "violated", "not tested"]
SOUND: tuple[Outcome, ...] = ("conserved", "drifting as predicted", "drifting")
URGENT: tuple[Outcome, ...] = (
    "violated",
    "drifting as predicted",
    "drifting",
    "conserved",
    "not tested",
)
"""All outcomes, those first that ask most to be looked at."""

ROUNDINGS = 50.0
"""What one step or one gradient of a true law stays below.

Roundings are counted at sizes that bound what is added up, so that true laws stay near 1; the rest
is room for sums of many terms. It decides for a single gradient, which its user can look into, and
for a step beside its prediction, which starts from the gradient as it is.
"""

REFUSED = 1e4
"""From so many on it is no rounding, however the gradient came about.

It decides for the gradients of whole runs: a backward pass may cancel numbers larger than those it
leaves (a loss near 0, a norm), so that one gradient of many is rounded more than its size tells.
In between nothing is said to be violated.
"""

NO_ROUNDING = 0.2
"""A share of its terms that is no rounding in any precision.

``REFUSED`` roundings of float16 are more than all: there this decides. It loses what is below
6·10⁻⁸, and without a scaler that may be any share of a gradient.
"""

COARSE = 1e-4
"""Relative rounding of float16, tf32 (2⁻¹⁰) and bfloat16 (2⁻⁷), but not of float32: above this."""

COARSE_ROUNDINGS = 16.0
"""What the gradients of a run stay below in tf32 and bfloat16: 1.6 % and 12.5 % of their terms.

In 350 runs by Adam and SGD (MLPs, linear and deep ones, convolutions, SwiGLU, attention, a GPT, a
ResNet) true laws stayed below 3.1 roundings of bfloat16, one in a thousand above 0.7 [M]; tf32,
which rounds factors like float16 and has the range of float32, was not measured. A gradient that
is doubled is off by its cosine with its parameters, times 33 % of two terms: in bfloat16 it was
seen on half of the tensors within 40 steps, twice as many as from 20 % of the terms on [M].
"""


def share_allowed(precision: float, limit: float, *, underflow: bool = False) -> float:
    """How large ⟨∇h, g⟩ of a true law may be, as a share of its terms.

    Args:
        precision: relative rounding of the gradient.
        limit: roundings that it may be off by, where these are fine.
        underflow: whether small gradients may be lost, as in float16.

    Example:
        >>> [share_allowed(2.0**-k, 1e4) for k in (52, 10, 7)]
        [2.220446049250313e-12, 0.015625, 0.125]
        >>> share_allowed(2.0**-10, 1e4, underflow=True)
        0.2
    """
    if precision > COARSE and not underflow:
        limit = min(limit, COARSE_ROUNDINGS)
    return min(limit * precision, NO_ROUNDING)


EPS_SHARE = 1e-2
"""A share of its terms by which the eps of a norm may break a law that is true without."""

STILL = 100.0
"""What rounding may have moved a law by in a whole run, where single errors were not measured."""

STILL_SHARE = 1e-2
"""The most of that as a share of its terms: roundings of half precision are no small change."""

_RESCALES = "{} rescales every entry of the gradient, so θ does not move along it"
_ADAPTIVE = ("Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta")
NOT_ALONG: Mapping[str, str] = {
    **{name: _RESCALES.format(name) for name in _ADAPTIVE},
    "LBFGS": "LBFGS multiplies the gradient by an estimate of the curvature",
    "Muon": "polar factors forget how long the gradient is in each direction",
    "SAM": "SAM takes the gradient at another point than the one it moves from",
    "sign descent": "signs forget how long each entry of the gradient is, "
    "so θ does not move along it",
}
"""Why steps of an optimizer are not along the gradient, by its name."""


def not_along(names: Sequence[str]) -> str:
    """Why no rule says how far these optimizers move a law; the first name is the usual one.

    Example:
        >>> not_along(["SAM"])
        'SAM takes the gradient at another point than the one it moves from'
        >>> not_along(["Lion"])
        'steps of Lion are not known to go along the gradient'
    """
    known = (NOT_ALONG[name] for name in names if name in NOT_ALONG)
    return next(known, f"steps of {names[0]} are not known to go along the gradient")


def optimizer_in_words(
    name: str, settings: Mapping[str, Collection[float]], *, nesterov: bool = False
) -> str:
    """An optimizer with what makes laws drift; settings that are 0 are left out.

    Example:
        >>> optimizer_in_words("SGD", {"momentum": {0.5, 0.9}, "decay": {0.0}})
        'SGD, momentum 0.5 or 0.9'
    """
    words = [name]
    for key, values in settings.items():
        if any(values):
            words.append(f"{key} {' or '.join(f'{v:g}' for v in sorted(values))}")
    return ", ".join([*words, "Nesterov"] if nesterov else words)


def rates_in_words(slow: float, fast: float) -> str:
    """The rates of a run."""
    return f"rate {fast:g}" if slow == fast else f"rates {slow:.3g} to {fast:.3g}"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a run by steps measured of one law.

    Attributes:
        moved: the largest |h − h(0)|.
        still: whether rounding explains all of that.
        share: what ``moved`` is a share of, in words: " of its terms".
        residual: the largest part of one step's change that its prediction does not explain, in
            roundings; None where steps are not predicted.
        gradient: the largest ⟨∇h, g⟩, in roundings.
        vanishes: whether the drift over the same time goes to 0 with the step.
        eps: whether the law is true but for the eps of a norm.
        steps: the optimizer in words.
        why_not: why no rule says how far such steps move a true law.
        violation: what a true law does not do, and was met, or "".
        since: the step at which it was met first.
        untested: why the run cannot tell, or "".
        more: other numbers of this law, or "".
        drawn: of a law that holds on average over draws, what these did; else "".
    """

    moved: float
    still: bool = False
    share: str = ""
    residual: float | None = None
    gradient: float = 0.0
    vanishes: bool = False
    eps: bool = False
    steps: str = ""
    why_not: str = ""
    violation: str = ""
    since: int | None = None
    untested: str = ""
    more: str = ""
    drawn: str = ""


@dataclass(frozen=True)
class Finding:
    """An outcome and its reason.

    Attributes:
        outcome: one of five.
        own: numbers of this law.
        common: what holds for every law of this outcome in the run.
        since: the first step that violated the law.
    """

    outcome: Outcome
    own: str = ""
    common: str = ""
    since: int | None = None

    @classmethod
    def of(cls, outcome: Outcome, reason: str, common: str, since: int | None) -> Finding:
        """From the whole sentence and its part that is common."""
        return cls(outcome, reason.removesuffix(common).removesuffix("; "), common, since)

    @property
    def words(self) -> str:
        """The outcome, and since when."""
        return outcome_in_words(self.outcome, self.since)

    @property
    def reason(self) -> str:
        """The whole sentence."""
        return "; ".join(part for part in (self.own, self.common) if part)


def mark(outcome: Outcome) -> str:
    """The outcome as a sign, so that colour is not needed."""
    return "✓" if outcome in SOUND else {"violated": "✗"}.get(outcome, "?")


def outcome_in_words(outcome: Outcome, since: int | None) -> str:
    """The outcome, and since when.

    Example:
        >>> outcome_in_words("violated", 1200)
        'violated since step 1,200'
    """
    return outcome if since is None else f"{outcome} since step {since:,}"


def judged(found: Evidence) -> Finding:
    """What becomes of a law.

    Example:
        >>> drift = Evidence(moved=0.3, residual=1.2, steps="SGD, rate 0.1")
        >>> judged(drift).own, judged(drift).common
        ('moves by 0.3, predicted to 2 roundings',
         'each step moves it by what the ledger predicts (SGD, rate 0.1)')
        >>> judged(Evidence(moved=0.3, violation="…", since=7)).words
        'violated since step 7'
    """
    if found.violation or found.since is not None:
        return Finding("violated", common=found.violation, since=found.since)
    if found.untested:
        return Finding("not tested", common=found.untested)
    moved = f"moves by {shown(found.moved)}{found.share}"
    if found.still:
        return _finding("conserved", moved, found.more, "no more than rounding")
    orthogonal = f"⟨∇h, g⟩ = 0 {_exactly(found.gradient, found.eps, 'but for')}"
    if found.residual is not None:
        own = f"{moved}, predicted {_exactly(found.residual, found.eps, 'and')}"
        common = f"each step moves it by what the ledger predicts ({found.steps})"
        return _finding("drifting as predicted", own, found.drawn or found.more, common)
    own = f"{moved}; {found.drawn}" if found.drawn else f"{moved}, {orthogonal}"
    if found.vanishes:
        common = f"the drift vanishes with the step, as that of a true law does ({found.steps})"
        return _finding("drifting as predicted", own, found.more, common)
    common = f"{found.why_not}; no rule says how far, and that is no error"
    return _finding("drifting", own, found.more, common)


def _finding(outcome: Outcome, own: str, more: str, common: str) -> Finding:
    return Finding(outcome, f"{own}; {more}" if more else own, common)


def _exactly(roundings: float, eps: bool, joined: str) -> str:
    """How well a number is met."""
    count = int(-(-min(roundings, 1e9) // 1))
    if eps and joined == "but for":
        return "but for the eps of a norm"
    rounded = "to rounding" if count <= 1 else f"to {count:,} roundings"
    return f"{rounded} and the eps of a norm" if eps else rounded


def beyond_ledger(residual: float, roundings: float) -> str:
    """A step did something else than what was predicted."""
    return (
        f"a single step moves it by {shown(residual)} beyond what the ledger allows, "
        f"{_counted(roundings)}"
    )


def not_orthogonal(share: float, roundings: float) -> str:
    """A gradient is none of a true law.

    Example:
        >>> not_orthogonal(0.25, 2_100_000)
        'off by 0.25 of its terms, 2,100,000 roundings'
    """
    return f"off by {shown(share)} of its terms, {_counted(roundings)}"


def _counted(roundings: float) -> str:
    return f"{roundings:,.0f} roundings" if roundings < 1e9 else f"{shown(roundings)} roundings"


def said_once(findings: Iterable[Finding]) -> tuple[list[str], list[str]]:
    """Reasons, and notes: what several reasons have in common stands in a note alone.

    Example:
        >>> rounded = [
        ...     Finding("conserved", f"moves by {k}e-16", "no more than rounding") for k in (1, 2)
        ... ]
        >>> said_once(rounded)
        (['moves by 1e-16', 'moves by 2e-16'], ['conserved: no more than rounding'])
    """
    listed = list(findings)
    count = Counter(_alike(one) for one in listed if one.common)
    shared = [key for key, n in count.items() if n > 1]
    shared.sort(key=lambda key: URGENT.index(key[0]))
    reasons = [one.own if _alike(one) in shared else one.reason for one in listed]
    notes = [f"{outcome_in_words(outcome, since)}: {common}" for outcome, since, common in shared]
    return reasons, notes


def _alike(found: Finding) -> tuple[Outcome, int | None, str]:
    return found.outcome, found.since, found.common


def shown(value: float) -> str:
    """Two digits.

    Example:
        >>> shown(0.12345), shown(1e-9)
        ('0.12', '1.0e-09')
    """
    if value == 0:
        return "0"
    return f"{float(value):.2g}" if 1e-3 <= abs(value) < 1e4 else f"{float(value):.1e}"
