"""A simulation as text for a terminal."""

from __future__ import annotations

from collections import Counter
from textwrap import fill

import numpy as np
from numpy.typing import NDArray

from conserved.cli.outside import columns
from conserved.dynamics.outcomes import URGENT, said_once
from conserved.law.lines import where
from conserved.simulate.record import Simulation, Verdict, told_together

_BARS = "▁▂▃▄▅▆▇█"
_POINTS = 24


def simulation_text(simulation: Simulation) -> str:
    """What was trained, how far it went, and one verdict for each law."""
    problem, run = simulation.problem, simulation.trajectory
    network = problem.network
    moves = simulation.dynamics
    plain = problem.flow.name == "gradient"
    dynamics = f"{moves.formula}; {moves.text}" if plain else moves.text
    question = [
        ("network", network.spec, f"{network.size:,} parameters"),
        ("loss", problem.loss.spec, ""),
        ("data", simulation.data.name, simulation.data.summary),
        *(
            [("symmetry", problem.group.name, problem.group.describe())]
            if problem.symmetric
            else []
        ),
        ("", "", f"{simulation.route}{_augmented(simulation)}"),
        *([] if plain else [("flow", problem.flow.name, problem.flow.formula)]),
        ("dynamics", moves.name, dynamics),
    ]
    losses = f"{_number(run.losses[0])} → {_number(run.losses[-1])}"
    course = f"path length {_number(run.lengths[-1])}, {run.stopped}"
    blocks = [
        _aligned(question),
        f"  loss  {losses}  {sparkline(run.losses, run.lengths)}  {course}",
        _table(simulation) or "  No law to watch.",
        *_spread(simulation),
        _ending(simulation),
    ]
    return "\n\n".join(blocks)


def sparkline(values: NDArray[np.float64], along: NDArray[np.float64]) -> str:
    """A curve in one line of text, against the length of the path.

    Example:
        >>> sparkline(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
        '▁▁▂▂▂▃▃▃▃▄▄▄▅▅▅▆▆▆▆▇▇▇██'
    """
    finite = np.isfinite(values)
    if not finite.any() or along[-1] <= along[0]:
        return ""
    places = np.linspace(along[0], along[-1], _POINTS)
    curve = np.interp(places, along[finite], values[finite])
    low, high = float(curve.min()), float(curve.max())
    if high <= low:
        return _BARS[0] * _POINTS
    levels = np.rint((curve - low) / (high - low) * (len(_BARS) - 1)).astype(int)
    return "".join(_BARS[level] for level in levels)


def _augmented(simulation: Simulation) -> str:
    if not simulation.problem.symmetric or simulation.augment != "none":
        return ""
    return ", not averaged over the group"


def _table(simulation: Simulation) -> str:
    header = ("law", "n", "start", "drift", "of reach", "", "verdict")
    rows = [header]
    told = told_together(simulation.verdicts)
    reasons, notes = said_once(found for _, _, found in told)
    for line, number, _ in told:
        verdict = simulation.verdicts[number]
        rows.append(
            (
                _cut(line.text, 44),
                str(sum(law.independent or law.size for law in line.laws)),
                _number(verdict.start),
                _number(verdict.drift),
                _number(verdict.relative),
                _curve(simulation, number, verdict),
                verdict.words,
            )
        )
    if len(rows) == 1:
        return ""
    widths = [max(len(row[k]) for row in rows) for k in range(len(header))]
    shown = []
    for number, row in enumerate(rows):
        cells = [
            cell.rjust(width) if 0 < k < 5 else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        shown.append("  " + "  ".join(cells).rstrip())
        if number:
            shown.append(_wrapped(reasons[number - 1]))
    if symbols := where([line for line, *_ in told]):
        shown.append(f"  {symbols}")
    if notes:
        shown += ["", *(_wrapped(note, "  ") for note in notes)]
    return "\n".join(shown)


def _spread(simulation: Simulation) -> list[str]:
    """Mean and spread over seeds of the augmentation, predicted and measured."""
    if not simulation.diffusion:
        return []
    rows = [("law, at the end", "predicted", "measured", "")]
    for found in simulation.diffusion:
        told, met = (f"{_number(m)} ± {_number(s)}" for m, s in (found.predicted, found.measured))
        verdict = "drifting as predicted" if found.holds else "not as predicted"
        rows.append((_cut(found.law.text, 44), told, met, verdict))
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    shown = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        shown.append("  " + "  ".join(cells).rstrip())
    seeds = simulation.diffusion[0].seeds
    title = f"  Over {seeds} seeds of the augmentation, mean ± spread of what spreads most"
    return ["\n".join([title, *shown])]


def _curve(simulation: Simulation, number: int, verdict: Verdict) -> str:
    """How a law that moves does so; the noise of one that stays says nothing."""
    if verdict.outcome in ("conserved", "not tested"):
        return ""
    run = simulation.trajectory
    return sparkline(np.abs(run.drift(number)[:, verdict.component]), run.lengths)


def _ending(simulation: Simulation) -> str:
    verdicts = simulation.verdicts
    outcomes = Counter(verdicts[number].outcome for _, number, _ in told_together(verdicts))
    told = ", ".join(f"{outcomes[one]} {one}" for one in URGENT if outcomes[one])
    summary = f"Laws: {told}." if told else "No law was watched."
    return f"{summary}\nSeed {simulation.seed}, {simulation.seconds:.3g} s."


def _number(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e5 else f"{value:.1e}"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _wrapped(sentence: str, indent: str = "    ") -> str:
    unbroken = sentence.replace(" → ", "\u00a0→\u00a0")
    shown = fill(unbroken, columns(), initial_indent=indent, subsequent_indent=indent)
    return shown.replace("\u00a0", " ")


def _aligned(rows: list[tuple[str, str, str]]) -> str:
    first, second = (max(len(row[i]) for row in rows) for i in (0, 1))
    return "\n".join(f"  {a:<{first}}  {b:<{second}}  {c}".rstrip() for a, b, c in rows)
