"""Conserved, drifting as predicted, broken, or not tested: what decides, and why.

Every quantity compared is measured on the problem (``rounding``); nothing is fitted.

*Along the flow* the exact solution keeps a true law, so the numerical one moves it by the local
errors alone, which the solver promises to keep below rtol·|θ_i| + atol a step. Their sum, and
rounding, is the *allowance*. A false law moves by a fixed amount whatever the tolerance.

*Along descent* the ledger says what a single step does to a true law; a false law adds the first
order term −η⟨∇h, g⟩. Beside it, over a fixed horizon the drift of a true law halves with the
step (its extrapolation to step 0 vanishes), that of a false one stays.

*Away from the trajectory* ⟨∇h, ∇L⟩ must vanish at generic θ on the same data: a start with equal
units, or a unit that never moves, may hide a false law from the trajectory.

A test counts only where it could have failed: the reach of the law, Σ ∫ |∂_i h| |dθ_i|, has to be
a million times the allowance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.scalars import Array
from conserved.law import Law
from conserved.simulate.record import Ledger, Outcome, Rung, Tangency, Verdict
from conserved.simulate.rounding import Sizes
from conserved.simulate.words import (
    beyond_ledger,
    by_gradients,
    by_ledger,
    is_rounding,
    shown,
    without_rule,
)

POWER = 1e6  # a law has to be able to move so many allowances before it counts as tested
# a rounding error is estimated from two random draws: it may be this many times larger
SAFE = 10.0
# a residual of so many units of rounding is no rounding; false laws have 10^9 and more
REFUSED = 1e5
EXPLAINED = 100.0  # up to so many it may be: a step adds up several terms of that size
FINE = 1e-13  # the tolerance of the solver by default
_STAYS = 0.5  # a drift that keeps half its size at a thousandth of the tolerance does not fall


@dataclass(frozen=True, eq=False)
class Watched:
    """A law at the moments that all accuracies share; (K, …) from the start to the end.

    Attributes:
        law: the law.
        setting: what tells the accuracies apart, "rtol" or "rate".
        settings: its value for each, coarsest first.
        drifts: for each accuracy (K, c), signed.
        allowances: for each accuracy (K, c).
        times: (K,).
        reach: (K, c).
        start: (c,) h(θ(0)).
    """

    law: Law
    setting: str
    settings: tuple[float, ...]
    drifts: tuple[Array, ...]
    allowances: tuple[Array, ...]
    times: Array
    reach: Array
    start: Array

    def telling(self, at: int) -> NDArray[np.bool_]:
        """(K, c): where numerical error is far below what the law could have moved.

        Late on the way it may not be: a quotient of numbers that both go to 0, say.
        """
        return np.asarray((POWER * self.allowances[at] <= self.reach) & (self.reach > 0))

    def largest(self, values: Array, component: int, at: int) -> float:
        """The largest value of a component at the moments that tell, or at any if none does."""
        chosen = self.telling(at)[:, component] & np.isfinite(values[:, component])
        if not chosen.any():
            chosen = np.isfinite(values[:, component])
        return float(np.abs(values[chosen, component]).max(initial=0.0))

    def rungs(self, component: int, at: int) -> tuple[Rung, ...]:
        """The largest drift of one component at each accuracy."""
        return tuple(
            Rung(
                self.setting,
                value,
                self.largest(drift, component, at),
                self.largest(allowance, component, at),
            )
            for value, drift, allowance in zip(
                self.settings, self.drifts, self.allowances, strict=True
            )
        )

    def verdict(
        self,
        outcome: Outcome,
        reason: str,
        component: int,
        *,
        ledger: Ledger | None = None,
        tangency: Tangency | None = None,
        at: int = -1,
    ) -> Verdict:
        """The verdict with the numbers of one component, of the accuracy at that place."""
        return Verdict(
            self.law,
            outcome,
            reason,
            component=component,
            start=float(np.abs(self.start).max()),
            drift=self.largest(self.drifts[at], component, at),
            reach=self.largest(self.reach, component, at),
            rungs=self.rungs(component, at),
            ledger=ledger,
            tangency=tangency,
        )


def tangency_of(sizes: Sizes) -> tuple[Tangency, int]:
    """⟨∇h, ∇L⟩ at points away from the trajectory, and the component that is worst."""
    with np.errstate(divide="ignore", invalid="ignore"):
        units = np.where(sizes.noise > 0, np.abs(sizes.inner) / sizes.noise, 0.0)
        cosine = np.where(sizes.gross > 0, np.abs(sizes.inner) / sizes.gross, 0.0)
    found = Tangency(len(sizes.inner), float(cosine.max()), float(units.max()))
    return found, int(units.max(axis=0).argmax())


def judge_flow(watched: Watched, tangency: Tangency | None, worst: int, decays: str) -> Verdict:
    """The verdict along gradient flow.

    Args:
        watched: the law at all tolerances, the one asked for last.
        tangency: away from the trajectory, where it has values there.
        worst: the component that is worst there.
        decays: "" or how weight decay moves it, which the drifts leave out.
    """
    drift, allowance = np.abs(watched.drifts[-1]), watched.allowances[-1]
    looser = np.abs(watched.drifts[-2]) if len(watched.drifts) > 1 else np.zeros_like(drift)
    broken = (drift > SAFE * allowance) & (drift >= _STAYS * looser)
    if broken.any():
        component = _largest(np.where(broken, drift, 0), allowance)
        moved = watched.largest(drift, component, -1)
        share = _percent(moved, watched.largest(watched.reach, component, -1))
        reason = f"moves by {shown(moved)}, {share} of what it could; {_stays(watched, component)}"
        return watched.verdict("broken", reason, component, tangency=tangency)
    telling = watched.telling(-1)
    tested = telling.any(axis=0)
    component = _largest(np.where(telling, drift, 0), watched.reach)
    if not tested.any():
        reason = _too_short(watched, allowance)
        return watched.verdict("not tested", reason, component, tangency=tangency)
    if tangency is not None and tangency.units > REFUSED:
        return watched.verdict("broken", _hidden(tangency), worst, tangency=tangency)
    fine = (drift <= allowance) | ((drift <= 0.1 * looser) & (POWER * drift <= watched.reach))
    if (telling & ~fine).any():
        component = _largest(np.where(telling & ~fine, drift, 0), allowance)
        reason = f"{_falls(watched, component)}: more than the solver promises, less than false"
        return watched.verdict("not tested", reason, component, tangency=tangency)
    outcome: Outcome = "drifting as predicted" if decays else "conserved"
    reason = f"{decays}{_falls(watched, component)}{_partly(watched, telling)}"
    return watched.verdict(outcome, reason, component, tangency=tangency)


@dataclass(frozen=True, eq=False)
class Audit:
    """What single steps of a descent did to a law, component by component.

    Attributes:
        residual: (c,) the largest part of one step's change that a true law does not have.
        units: (c,) the same in units of rounding.
        power: (c,) how many units of rounding the largest step could have moved it by.
        ledger: what to show; its residual and units are filled in from the above.
    """

    residual: Array
    units: Array
    power: Array
    ledger: Ledger


def judge_descent(
    watched: Watched,
    audit: Audit,
    predicted: bool,
    tangency: Tangency | None,
    *,
    random: bool = False,
    why_not: str = "",
) -> Verdict:
    """The verdict along steps of descent.

    Args:
        watched: the law at all rates, that asked for first.
        audit: of its single steps.
        predicted: whether the audit also predicts the drift of a true law.
        tangency: away from the trajectory, on exactly averaged data.
        random: whether data are moved at random.
        why_not: what to say of a law that is true and yet not kept by this kind of step.
    """
    drift, allowance = np.abs(watched.drifts[0]), watched.allowances[0]
    telling = watched.telling(0)
    component = _largest(np.where(telling, drift, 0), watched.reach)
    refused = audit.units > REFUSED
    if refused.any():
        component = int(np.argmax(np.where(refused, audit.units, 0)))
        true_on_average = random and tangency is not None and tangency.units <= EXPLAINED
        return _verdict(
            watched, audit, "broken", _leak(audit, component, true_on_average), component, tangency
        )
    tested = audit.power >= POWER
    if not tested.any():
        reason = (
            "no step moves its parameters by more than rounding can hide"
            if audit.ledger.audited
            else "no step was taken"
        )
        return _verdict(watched, audit, "not tested", reason, component, tangency)
    if (audit.units[tested] > EXPLAINED).any():
        left = shown(audit.units[tested].max())
        reason = f"the steps leave {left} units of rounding unexplained, too few to tell"
        return _verdict(watched, audit, "not tested", reason, component, tangency)
    if tangency is not None and tangency.units > REFUSED:
        return _verdict(watched, audit, "broken", _hidden(tangency), component, tangency)
    moved = watched.largest(drift, component, 0)
    if telling.any() and (drift <= allowance)[telling].all():
        reason = f"{is_rounding(moved)}{_partly(watched, telling)}"
        return _verdict(watched, audit, "conserved", reason, component, tangency)
    if why_not:
        reason = without_rule(moved, why_not)
        return _verdict(watched, audit, "broken", reason, component, tangency)
    shrinks, words = halving(watched, component)
    if not predicted and not shrinks:
        words = words or "no rule says how far these steps may move it"
        reason = f"its single steps are those of a true law, but {words}"
        return _verdict(watched, audit, "not tested", reason, component, tangency)
    units = int(np.ceil(audit.units.max()))
    reason = by_ledger(units) if predicted else by_gradients(units)
    reason += f"; {words}" if words else ""
    reason += "; the step is too large for that to halve" if words and not shrinks else ""
    return _verdict(watched, audit, "drifting as predicted", reason, component, tangency)


def halving(watched: Watched, component: int) -> tuple[bool | None, str]:
    """Whether the drift vanishes with the step, from three rates: by extrapolation to 0.

    With D(η) = aη + bη² + O(η³) for a true law, (4(2D₂ − D₁) − (2D₁ − D₀))/3 is O(η³); for a
    false one it is the drift of the flow.
    """
    if len(watched.drifts) < 3:
        return None, ""
    at = [drift[:, component] for drift in watched.drifts[:3]]
    if not np.isfinite(np.concatenate(at)).all():
        return None, ""
    limit = (4 * (2 * at[2] - at[1]) - (2 * at[1] - at[0])) / 3
    size = [float(np.abs(d).max()) for d in at]
    moves = " → ".join(shown(value) for value in size)
    words = f"with the step, its half and its quarter it moves {moves} over the same time"
    if size[2] <= watched.allowances[2][:, component].max():
        return True, words
    share = float(np.abs(limit).max()) / size[2]
    if share < 0.25:
        return True, words
    if share > 0.75:
        return False, f"{words} and would keep {shown(np.abs(limit).max())} at step 0"
    return None, words


def _verdict(
    watched: Watched,
    audit: Audit,
    outcome: Outcome,
    reason: str,
    component: int,
    tangency: Tangency | None,
) -> Verdict:
    old = audit.ledger
    ledger = Ledger(
        old.rule,
        old.steps,
        old.predicted,
        old.observed,
        float(audit.residual[component]),
        float(audit.units[component]),
        old.audited,
    )
    return watched.verdict(outcome, reason, component, ledger=ledger, tangency=tangency, at=0)


def _largest(values: Array, unit: Array) -> int:
    """The component with the largest value in its units, at any moment."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(unit > 0, values / unit, 0.0)
    return int(ratio.max(axis=0).argmax())


def _falls(watched: Watched, component: int) -> str:
    """How the drift goes with the tolerance."""
    rungs = watched.rungs(component, -1)
    steps = " → ".join(shown(rung.drift) for rung in rungs)
    levels = " → ".join(f"{rung.value:.0e}".replace("e-0", "e-") for rung in rungs)
    if len(rungs) == 1:
        return f"moves by {steps} at rtol {levels}"
    return f"moves by {steps} as rtol goes {levels}"


def _stays(watched: Watched, component: int) -> str:
    rungs = watched.rungs(component, -1)
    if len(rungs) == 1:
        return f"the solver explains {shown(rungs[0].allowance)}"
    first, last = rungs[0], rungs[-1]
    return (
        f"{shown(first.drift)} at rtol {first.value:g} and {shown(last.drift)} at {last.value:g}, "
        f"where the solver explains {shown(last.allowance)}"
    )


def _too_short(watched: Watched, allowance: Array) -> str:
    if len(watched.reach) < 2:
        return "the run ended before the first moment at which its accuracies are compared"
    reach, explained = (np.nan_to_num(a, nan=np.inf).max() for a in (watched.reach, allowance))
    if not np.isfinite([reach, explained]).all():
        return "its numbers, or their rounding errors, overflow"
    if not reach > 0:
        return "its parameters do not move"
    explains = f"it could move {shown(reach)}, and numerical error explains {shown(explained)}"
    rtol = watched.settings[-1]
    if rtol > FINE and POWER * explained * FINE / rtol <= reach:  # errors go with the tolerance
        return f"rtol {rtol:g} is too coarse: {explains}; take a smaller rtol, such as {FINE:g}"
    return f"path too short: {explains}; take a longer time"


def _hidden(tangency: Tangency) -> str:
    return (
        "holds on this trajectory only: at generic parameters, same data, ⟨∇h, ∇L⟩ is "
        f"{_percent(tangency.cosine, 1.0)} of what it could be"
    )


def _leak(audit: Audit, component: int, true_on_average: bool) -> str:
    words = beyond_ledger(audit.residual[component], audit.units[component])
    if true_on_average:
        words += "; it is a law of the exact average, and a random augmentation is none"
    return words


def _partly(watched: Watched, telling: NDArray[np.bool_]) -> str:
    """What the verdict leaves out."""
    words = []
    tested = np.asarray(telling.any(axis=0))
    if not tested.all():
        words.append(f"{int(tested.sum())} of {len(tested)} functions move")
    last = int(np.flatnonzero(telling.any(axis=1)).max(initial=0))
    if last < len(telling) - 1:
        words.append(
            f"up to time {shown(watched.times[last])}; later numerical error could hide it"
        )
    return f" ({'; '.join(words)})" if words else ""


def _percent(part: float, whole: float) -> str:
    if not whole > 0:
        return "all"
    share = 100 * float(part) / float(whole)
    return f"{share:.0f} %" if share >= 10 else f"{share:.2g} %"
