"""A run as text for a terminal or a pipe, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from conserved.law.grouping import natural
from conserved.monitor import view
from conserved.monitor.page import short, status
from conserved.monitor.run import Run

_WIDTH = 100
_LAW = 66  # characters of a law
_ROWS = 60  # laws that are listed
_IN = 8 * " "
_HEAD = f"  {'drift':>10}  {'beyond':>7}  {'⟨∇h, g⟩':>7}"


def summary(run: Run) -> str:
    """Laws by verdict, those first that ask most to be looked at; of very many these alone."""
    rows = view.rows(run)
    head = run.head
    lines = [
        f"{head.model}: {head.parameters:,} parameters, loss {head.loss}, {head.optimizer}",
        f"{run.path.name}: {status(run)}",
        "",
        _HEAD,
    ]
    left = _ROWS
    for outcome in view.OUTCOMES:
        mine = [row for row in rows if row.outcome == outcome]
        mine.sort(key=lambda row: (natural(row.block), row.law))
        lines += _listed(outcome, mine, mine[:left])
        left -= len(mine[:left])
    lines += [
        "",
        "drift: as a share of the terms of the law; beyond: the largest part of a step's change",
        "that its rule does not explain, ⟨∇h, g⟩: the largest of a gradient, in units of rounding",
        "",
        f"{_counted(rows).capitalize()}.",
    ]
    if run.unread:
        lines.append(f"{run.unread:,} lines of the log could not be read.")
    return "\n".join(lines)


def _listed(outcome: str, rows: Sequence[view.Row], shown: Sequence[view.Row]) -> list[str]:
    """Laws of one verdict: each with its numbers, and with its reason where that is its own."""
    if not rows:
        return []
    lines = [f"{rows[0].mark} {outcome}, {len(rows):,}"]
    for row in shown:
        text = row.text if len(row.text) <= _LAW else f"{row.text[: _LAW - 1]}…"
        drift, beyond, slope = map(short, (row.drift, row.residual, row.gradient))
        lines.append(f"  {drift:>10}  {beyond:>7}  {slope:>7}  {text}")
        if outcome in ("violated", "not tested"):
            since = "" if row.since is None else f"since step {row.since:,}: "
            lines += wrap(since + row.reason, _WIDTH, initial_indent=_IN, subsequent_indent=_IN)
    if len(shown) < len(rows):
        lines.append(f"  … and {len(rows) - len(shown):,} more")
    return lines


def _counted(rows: Sequence[view.Row]) -> str:
    """How many of each outcome: 2 violated, 5 conserved."""
    counts = {outcome: sum(row.outcome == outcome for row in rows) for outcome in view.OUTCOMES}
    return ", ".join(f"{n:,} {outcome}" for outcome, n in counts.items() if n) or "no laws"


def summary_json(run: Run) -> dict[str, Any]:
    """The object of ``conserved watch --json``."""
    state = view.state(run)
    return {
        "schema": "conserved.watched/1",
        "model": run.head.model,
        "optimizer": run.head.optimizer,
        "run": run.head.run,
        "steps": state["steps"][1],
        "closed": state["closed"],
        "unread": run.unread,
        "count": state["count"],
        "laws": [
            {
                "law": row.text,
                "block": row.block,
                "outcome": row.outcome,
                "since": row.since,
                "reason": row.reason,
                **{name: state[name][row.law] for name in ("drift", "residual", "gradient")},
            }
            for row in view.rows(run)
        ],
    }
