"""A simulation as what a report shows: verdicts in a table, and five plots at most."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from conserved.dynamics.outcomes import said_once
from conserved.law import Law, SpanLaw
from conserved.report.plots import CURVES, Evidence, Plot, Series, VerdictRow
from conserved.simulate.record import Ledger, Simulation, Verdict, told_together

_TITLES = {"flow": "Gradient flow", "gd": "Gradient descent", "sgd": "Stochastic gradient descent"}
_NAME = 34  # characters of a law in a legend
_BOTH = CURVES // 2  # laws shown with two curves each


def evidence(simulation: Simulation) -> Evidence:
    """What watching the laws came to.

    Args:
        simulation: finished or interrupted; an interrupted one says so.
    """
    plots = (
        _values(simulation),
        _drift(simulation),
        _rungs(simulation),
        _against(simulation),
        _ledger(simulation),
    )
    told = told_together(simulation.verdicts)
    reasons, notes = said_once(found for _, _, found in told)
    return Evidence(
        summary=_summary(simulation),
        verdicts=tuple(
            VerdictRow(_cut(line.text, 80), found.outcome, reason, found.since)
            for (line, _, found), reason in zip(told, reasons, strict=True)
        ),
        notes=tuple(notes),
        plots=tuple(plot for plot in plots if plot is not None),
        facts=_facts(simulation),
        title=_TITLES.get(simulation.dynamics.name, simulation.dynamics.text),
    )


def _summary(simulation: Simulation) -> str:
    run = simulation.trajectory
    outcomes = Counter(verdict.outcome for verdict in simulation.verdicts)
    begun = "" if simulation.complete else "Interrupted before its end. "
    told = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()) or "none"
    return (
        f"{begun}Families of laws: {told}. The loss goes from {run.losses[0]:.3g} to "
        f"{run.losses[-1]:.3g} while the parameters move along a path of length "
        f"{run.lengths[-1]:.3g}."
    )


def _facts(simulation: Simulation) -> tuple[tuple[str, str], ...]:
    data = simulation.data
    augment = {
        "full": "averaged over the whole group, exactly",
        "random": "one random group element for each datum of each step",
        "none": "as they are",
    }[simulation.augment]
    return (
        ("dynamics", f"{simulation.dynamics.text}: {simulation.dynamics.formula}"),
        ("data", f"{data.name}, {len(data):,} samples: {data.summary}"),
        ("augmentation", augment),
        ("loss computed by", simulation.route),
        ("seed", str(simulation.seed)),
        ("time taken", f"{simulation.seconds:.3g} s"),
    )


def _axis(simulation: Simulation) -> tuple[str, NDArray[np.float64]]:
    """Time along the flow, steps along descent."""
    run = simulation.trajectory
    if simulation.dynamics.name == "flow":
        return "time", run.times
    return "step", run.steps.astype(np.float64)


def _values(simulation: Simulation) -> Plot | None:
    """The laws themselves: of each the function that decides, then more while there is room."""
    chosen = [(i, verdict.component) for i, verdict in enumerate(simulation.verdicts)]
    chosen += [
        (i, c)
        for i, verdict in enumerate(simulation.verdicts)
        for c in range(verdict.law.size)
        if c != verdict.component
    ]
    if not chosen:
        return None
    label, x = _axis(simulation)
    curves = [
        Series(_component(simulation.verdicts[i].law, c), simulation.trajectory.values[i][:, c])
        for i, c in sorted(chosen[:CURVES])
    ]
    caption = f"{len(curves)} of {len(chosen)} functions. " if len(curves) < len(chosen) else ""
    caption += "What is conserved stays at its first value."
    if any(isinstance(simulation.verdicts[i].law, SpanLaw) for i, _ in chosen[:CURVES]):
        caption += (
            " A range or a direction is shown by entries of M, a basis in reduced echelon form."
        )
    return Plot("The laws along training", caption, label, "value", x, tuple(curves))


def _drift(simulation: Simulation) -> Plot | None:
    """How far each law went, as a share of how far it could have."""
    label, x = _axis(simulation)
    run = simulation.trajectory
    curves = []
    for i, verdict in enumerate(simulation.verdicts[: CURVES - 1]):
        moved = np.abs(run.drift(i)).max(axis=1)
        curves.append(Series(_cut(verdict.law.text), moved / (verdict.reach or 1.0)))
    if not curves:
        return None
    if run.losses[0] > 0:
        curves.append(Series("loss, as a share of its start", run.losses / run.losses[0], "guide"))
    caption = (
        "|h(θ(t)) − h(θ(0))| as a share of what the path would have made of h had nothing "
        "cancelled. True laws stay near rounding, 10⁻¹⁶, under the flow; what is no law nears 1."
    )
    return Plot("How far the laws drift", caption, label, "share", x, tuple(curves), log_y=True)


def _rungs(simulation: Simulation) -> Plot | None:
    """Drift against accuracy: what a true law does when the step or the tolerance shrinks."""
    watched = [v for v in simulation.verdicts if len(v.rungs) > 1][: CURVES - 1]
    if not watched:
        return None
    first = watched[0].rungs
    setting, values = first[0].setting, [rung.value for rung in first]
    order = np.argsort(values)
    x = np.array(values)[order]
    curves = [
        Series(_cut(v.law.text), np.array([rung.drift for rung in v.rungs])[order], "points")
        for v in watched
        if [rung.value for rung in v.rungs] == values
    ]
    anchor = max(float(np.asarray(curve.y)[-1]) for curve in curves)
    if setting == "rate":
        curves.append(Series("proportional to the step", anchor * x / x[-1], "guide"))
        title, label = "Drift against step size", "step size η"
        caption = (
            "Over one horizon. A true law's drift shrinks with the step, down to rounding; a false "
            "law's stays."
        )
    else:
        allowed = np.array([rung.allowance for rung in first])[order]
        curves.append(Series("explained by the tolerance", allowed, "guide"))
        title, label = "Drift against the solver's tolerance", "relative tolerance"
        caption = (
            "A true law's drift shrinks with the tolerance, down to rounding; a false law's stays."
        )
    return Plot(title, caption, label, "drift", x, tuple(curves), log_x=True, log_y=True)


def _accounts(simulation: Simulation) -> list[tuple[Verdict, Ledger]]:
    """Laws with a ledger, of the same steps."""
    kept = [
        (v, v.ledger) for v in simulation.verdicts if v.ledger is not None and v.ledger.steps.size
    ]
    return [(v, one) for v, one in kept if np.array_equal(one.steps, kept[0][1].steps)]


def _against(simulation: Simulation) -> Plot | None:
    """How far the laws went, and how far the steps must have moved them."""
    kept = _accounts(simulation)
    if not kept:
        return None
    kept.sort(key=lambda one: -float(np.abs(one[1].observed[:, one[0].component]).max()))
    curves = []
    for verdict, ledger in kept[:_BOTH]:
        c = verdict.component
        curves.append(Series(_component(verdict.law, c), ledger.observed[:, c]))
        curves.append(Series("predicted", ledger.predicted[:, c]))
    rest = f" The {_BOTH} of {len(kept)} laws that move most." if len(kept) > _BOTH else ""
    return Plot(
        "Drift against prediction",
        f"h − h(0) as it was met, and as the steps must make it, {kept[0][1].rule}.{rest}",
        "step",
        "drift",
        kept[0][1].steps.astype(np.float64),
        tuple(curves),
    )


def _ledger(simulation: Simulation) -> Plot | None:
    """What the prediction leaves over."""
    kept = _accounts(simulation)
    if not kept:
        return None
    curves = []
    for verdict, ledger in kept[:CURVES]:
        c = verdict.component
        gap = np.abs(ledger.observed[:, c] - ledger.predicted[:, c])
        curves.append(Series(_cut(verdict.law.text), gap))
    return Plot(
        "What the prediction leaves over",
        "For a true law that is rounding; a false one goes its own way.",
        "step",
        "size",
        kept[0][1].steps.astype(np.float64),
        tuple(curves),
        log_y=True,
    )


def _component(law: Law, c: int) -> str:
    if law.size == 1:
        return _cut(law.text)
    return f"{_cut(law.text)} · {_cut(law.labels()[c], 16)}"


def _cut(text: str, limit: int = _NAME) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"
