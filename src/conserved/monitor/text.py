"""A run as text for a terminal or a pipe, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conserved.monitor import view
from conserved.monitor.page import status
from conserved.monitor.run import Run

_WIDTH = 72  # characters of a law
_ROWS = 60  # laws that are listed


def summary(run: Run) -> str:
    """A line for each law, those first that ask most to be looked at; of very many these alone."""
    rows = view.rows(run)
    head = run.head
    lines = [
        f"{head.model}: {head.parameters:,} parameters, loss {head.loss}, {head.optimizer}",
        f"{run.path.name}: {status(run)}",
        "",
    ]
    urgent = sorted(rows, key=lambda row: row.weight)
    lines += _listed(urgent[:_ROWS])
    if len(urgent) > _ROWS:
        rest = urgent[_ROWS:]
        lines.append(f"  … and {len(rest):,} more: {_counted(rest)}")
    lines += ["", f"{_counted(rows).capitalize()}."]
    if run.unread:
        lines.append(f"{run.unread:,} lines of the log could not be read.")
    return "\n".join(lines)


def _listed(rows: Sequence[view.Row]) -> list[str]:
    """Each law with its verdict; a reason that repeats is told once."""
    width = min(_WIDTH, max((len(row.text) for row in rows), default=0))
    outcome = max((len(row.words) for row in rows), default=0)
    lines, before = [], ""
    for row in rows:
        text = row.text if len(row.text) <= width else f"{row.text[: width - 1]}…"
        reason = row.reason if row.reason != before else "〃"
        before = row.reason
        lines.append(f"  {row.mark} {row.words:<{outcome}}  {text:<{width}}  {reason}".rstrip())
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
