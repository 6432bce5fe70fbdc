"""A run as text for a terminal or a pipe, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from conserved.dynamics.outcomes import URGENT, Outcome, mark
from conserved.law.grouping import natural
from conserved.monitor import view
from conserved.monitor.page import short, status
from conserved.monitor.run import Run
from conserved.watching.look.probes import part_in_words

_WIDTH = 100
_LAW = 66  # characters of a law
_ROWS = 60  # laws that are listed
_IN = 2 * " "
_OWN = 32 * " "
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
    for outcome in URGENT:
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
    if head.probe < 1:
        lines.append(part_in_words(head.probe))
    if run.marks.unread:
        lines.append(f"{run.marks.unread:,} lines of the log could not be read.")
    return "\n".join(lines)


def _listed(outcome: Outcome, rows: Sequence[view.Row], shown: Sequence[view.Row]) -> list[str]:
    """Laws of one verdict: what they have in common, and each with its numbers."""
    if not rows:
        return []
    lines = [f"{mark(outcome)} {outcome}, {len(rows):,}"]
    alike: dict[tuple[int | None, str], list[view.Row]] = {}
    for row in shown:
        alike.setdefault((row.found.since, row.found.common), []).append(row)
    for (since, common), several in alike.items():
        words = ("" if since is None else f"since step {since:,}: ") + common
        lines += wrap(words, _WIDTH, initial_indent=_IN, subsequent_indent=_IN)
        for row in several:
            text = row.text if len(row.text) <= _LAW else f"{row.text[: _LAW - 1]}…"
            drift, beyond, slope = map(short, (row.drift, row.residual, row.gradient))
            lines.append(f"  {drift:>10}  {beyond:>7}  {slope:>7}  {text}")
            if row.due:
                lines += wrap(row.found.own, _WIDTH, initial_indent=_OWN, subsequent_indent=_OWN)
    if len(shown) < len(rows):
        lines.append(f"  … and {len(rows) - len(shown):,} more")
    return lines


def _counted(rows: Sequence[view.Row]) -> str:
    """How many of each outcome: 2 violated, 5 conserved."""
    counts = {outcome: sum(row.outcome == outcome for row in rows) for outcome in URGENT}
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
        "probe": run.head.probe,
        "unread": run.marks.unread,
        "count": state["count"],
        "laws": [
            {
                "law": row.text,
                "block": row.block,
                "outcome": row.outcome,
                "since": row.found.since,
                "due": row.due,
                "reason": row.found.reason,
                **{name: state[name][row.law] for name in ("drift", "residual", "gradient")},
            }
            for row in view.rows(run)
        ],
    }
