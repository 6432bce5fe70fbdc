"""Verdicts on laws of averaged data along runs on data that are only nearly symmetric."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conserved.dynamics.outcomes import REFUSED, ROUNDINGS, Evidence, Finding, judged, shown
from conserved.kernel.scalars import Array
from conserved.simulate.breaking import FLOW_RULE
from conserved.simulate.record import Ledger, Tangency, Trajectory, Verdict
from conserved.simulate.verdicts import POWER, Audit, Watched

_SHARE = 1e-6  # of the prediction, below which a difference is no part of it


def flow_ledger(run: Trajectory, number: int) -> Ledger:
    """What the breaking of the symmetry predicts of a law along a flow, beside what was met."""
    told = run.predicted[number]
    assert told is not None
    observed = run.drift(number)
    residual = float(np.nanmax(np.abs(observed - told), initial=0.0))
    return Ledger(FLOW_RULE, run.steps, told, observed, residual, 0.0, 0)


def explained(found: Verdict, ledger: Ledger, rates: Array) -> Verdict:
    """A verdict on h − p as one on h, p what the breaking of the symmetry predicts.

    Args:
        found: on h − p.
        ledger: p and h.
        rates: (c,) of p at the start, known before training.
    """
    c = found.component
    moved, told = (_largest(values, c) for values in (ledger.observed, ledger.predicted))
    unit = max((rung.allowance for rung in found.rungs), default=0.0)
    reach = max(found.reach, moved)
    if found.outcome != "conserved" or not moved > unit:
        return replace(found, ledger=ledger)
    speed = shown(abs(float(rates[c])))
    reason = (
        f"moves by {shown(moved)}, and the part of the data that breaks the symmetry predicts "
        f"{shown(told)} ({speed} a unit of time at the start); what is left moves "
        f"{found.reason.removeprefix('moves ')}"
    )
    return replace(
        found,
        outcome="drifting as predicted",
        reason=reason,
        drift=moved,
        reach=reach,
        ledger=ledger,
    )


def judge_broken(
    watched: Watched, audit: Audit, ledger: Ledger, tangency: Tangency | None
) -> Verdict:
    """The verdict on a law of the average along steps on other data.

    Args:
        watched: the law along the run.
        audit: what the averages of the gradients do to it: nothing, if it is true.
        ledger: what the rest of them does.
        tangency: on exactly averaged data, away from the run.
    """
    component = int(np.argmax(np.abs(np.nan_to_num(ledger.observed)).max(axis=0)))
    refused = audit.units > REFUSED
    if refused.any():
        component = int(np.argmax(np.where(refused, audit.units, 0)))
    told = replace(
        ledger, residual=float(audit.residual[component]), units=float(audit.units[component])
    )

    def verdict(finding: Finding) -> Verdict:
        found = watched.verdict(finding, component, ledger=told, tangency=tangency, at=0)
        return replace(found, drift=_largest(ledger.observed, component))

    if refused.any():
        reason = (
            f"a single step of the exact average moves it by {shown(told.residual)}, "
            f"{shown(told.units)} roundings"
        )
        return verdict(Finding("violated", reason, since=int(audit.since[refused].min())))
    tested = audit.power >= POWER
    if not tested.any() or (audit.units[tested] > ROUNDINGS).any():
        return verdict(Finding("not tested", "rounding hides what the exact average does to it"))
    if tangency is not None and tangency.units > REFUSED:
        return verdict(Finding("violated", "is no law of the exact average at generic parameters"))
    moved, predicted = (
        _largest(values, component) for values in (ledger.observed, ledger.predicted)
    )
    rest = float(np.nanmax(np.abs(ledger.observed - ledger.predicted)[:, component]))
    if not moved > watched.allowances[0][:, component].max(initial=0.0):
        return verdict(judged(Evidence(moved=moved, still=True)))
    share = (
        "" if rest <= _SHARE * moved else f", and steps of this size move it by {shown(rest)} more"
    )
    reason = (
        f"moves by {shown(moved)}, and the part of the data that breaks the symmetry predicts "
        f"{shown(predicted)}{share}; the exact average leaves it alone at every step examined"
    )
    return verdict(Finding("drifting as predicted", reason))


def _largest(values: Array, component: int) -> float:
    return float(np.abs(np.nan_to_num(values[:, component])).max(initial=0.0))
