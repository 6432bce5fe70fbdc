"""Which laws a run moves, by how much more than rounding: what is told to ``dynamics.outcomes``.

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

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from conserved.dynamics.outcomes import (
    REFUSED,
    ROUNDINGS,
    Evidence,
    Finding,
    beyond_ledger,
    judged,
    not_orthogonal,
    shown,
)
from conserved.kernel.scalars import Array
from conserved.law import Law
from conserved.simulate.record import Ledger, Rung, Tangency, Verdict
from conserved.simulate.rounding import Sizes

POWER = 1e6  # a law has to be able to move so many allowances before it counts as tested
# a rounding error is estimated from two random draws: it may be this many times larger
SAFE = 10.0
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
        found: Finding,
        component: int,
        *,
        ledger: Ledger | None = None,
        tangency: Tangency | None = None,
        at: int = -1,
    ) -> Verdict:
        """The verdict with the numbers of one component, of the accuracy at that place."""
        return Verdict(
            self.law,
            found.outcome,
            found.reason,
            since=found.since,
            common=found.common,
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
        return watched.verdict(Finding("violated", reason), component, tangency=tangency)
    telling = watched.telling(-1)
    tested = telling.any(axis=0)
    component = _largest(np.where(telling, drift, 0), watched.reach)
    if not tested.any():
        found = Finding("not tested", _too_short(watched, allowance))
        return watched.verdict(found, component, tangency=tangency)
    if tangency is not None and tangency.units > REFUSED:
        found = Finding("violated", _hidden(tangency))
        return watched.verdict(found, worst, tangency=tangency)
    fine = (drift <= allowance) | ((drift <= 0.1 * looser) & (POWER * drift <= watched.reach))
    if (telling & ~fine).any():
        component = _largest(np.where(telling & ~fine, drift, 0), allowance)
        reason = f"{_falls(watched, component)}: more than the solver promises, less than false"
        return watched.verdict(Finding("not tested", reason), component, tangency=tangency)
    partly = _partly(watched, telling)
    reason = f"{decays}{_falls(watched, component)}{f' ({partly})' if partly else ''}"
    found = Finding("drifting as predicted" if decays else "conserved", reason)
    return watched.verdict(found, component, tangency=tangency)


@dataclass(frozen=True, eq=False)
class Audit:
    """What single steps of a descent did to a law, component by component.

    Attributes:
        residual: (c,) the largest part of one step's change that a true law does not have.
        units: (c,) the same in units of rounding.
        power: (c,) how many units of rounding the largest step could have moved it by.
        since: (c,) the first step with more units than rounding explains, where there is one.
        ledger: what to show; its residual and units are filled in from the above.
        share: (c,) the largest ⟨∇h, g⟩ as a share of its terms; None where steps are predicted.
    """

    residual: Array
    units: Array
    power: Array
    since: NDArray[np.intp]
    ledger: Ledger
    share: Array | None = None


def judge_descent(
    watched: Watched,
    audit: Audit,
    tangency: Tangency | None,
    *,
    steps: str,
    random: bool = False,
    decays: bool = False,
    why_not: str = "",
) -> Verdict:
    """The verdict along steps of descent.

    Args:
        watched: the law at all rates, that asked for first.
        audit: of its single steps.
        tangency: away from the trajectory, on exactly averaged data.
        steps: the optimizer in words.
        random: whether data are moved at random.
        decays: whether weight decay moves laws, which small steps do not undo.
        why_not: why no rule says how far steps move a true law, where they are not along the
            gradient; "" where they are.
    """
    drift, allowance = np.abs(watched.drifts[0]), watched.allowances[0]
    telling = watched.telling(0)
    component = _largest(np.where(telling, drift, 0), watched.reach)
    violation, since, untested, more = "", None, "", ""
    refused = audit.units > REFUSED
    still = bool(telling.any() and (drift <= allowance)[telling].all())
    shrinks: bool | None = None
    if refused.any():
        component = int(np.argmax(np.where(refused, audit.units, 0)))
        true_on_average = random and tangency is not None and tangency.units <= ROUNDINGS
        violation = _leak(audit, component, true_on_average)
        since = int(audit.since[refused].min())
    elif untested := _too_weak(audit):
        pass
    elif tangency is not None and tangency.units > REFUSED:
        violation = _hidden(tangency)
    elif still:
        more = _partly(watched, telling)
    elif not (why_not or decays):
        shrinks, more = halving(watched, component)
        if audit.share is None:
            more += "; the step is too large for that to halve" if more and not shrinks else ""
        elif shrinks is False:
            untested = f"its single steps are those of a true law, but {more}"
    found = judged(
        Evidence(
            moved=watched.largest(drift, component, 0),
            still=still,
            residual=float(audit.units.max()) if audit.share is None else None,
            gradient=float(audit.units.max()),
            vanishes=bool(shrinks),
            steps=steps,
            why_not=why_not or "it is no polynomial of degree 2",
            violation=violation,
            since=since,
            untested=untested,
            more=more,
        )
    )
    ledger = replace(
        audit.ledger,
        residual=float(audit.residual[component]),
        units=float(audit.units[component]),
    )
    return watched.verdict(found, component, ledger=ledger, tangency=tangency, at=0)


def _too_weak(audit: Audit) -> str:
    """Why single steps tell nothing, or ""."""
    tested = audit.power >= POWER
    if not audit.ledger.audited:
        return "no step was taken"
    if not tested.any():
        return "no step moves its parameters by more than rounding can hide"
    # rounding is estimated from two random draws here, not bounded: a few units may still be one
    if (left := float(audit.units[tested].max())) > ROUNDINGS:
        return f"the steps leave {shown(left)} roundings unexplained, too few to tell"
    return ""


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
    units = audit.units[component]
    if audit.share is None:
        words = beyond_ledger(audit.residual[component], units)
    else:
        words = f"⟨∇h, g⟩ = 0 is {not_orthogonal(audit.share[component], units)}"
    if true_on_average:
        words += "; it is a law of the exact average, and a random augmentation is none"
    return words


def _partly(watched: Watched, telling: NDArray[np.bool_]) -> str:
    """What the verdict leaves out, or ""."""
    words = []
    tested = np.asarray(telling.any(axis=0))
    if not tested.all():
        words.append(f"{int(tested.sum())} of {len(tested)} functions move")
    last = int(np.flatnonzero(telling.any(axis=1)).max(initial=0))
    if last < len(telling) - 1:
        words.append(
            f"up to time {shown(watched.times[last])}; later numerical error could hide it"
        )
    return "; ".join(words)


def _percent(part: float, whole: float) -> str:
    if not whole > 0:
        return "all"
    share = 100 * float(part) / float(whole)
    return f"{share:.0f} %" if share >= 10 else f"{share:.2g} %"
