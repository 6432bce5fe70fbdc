"""What is shown of a run: a verdict for each law, and curves as a screen can show them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.dynamics.outcomes import SOUND, URGENT, Finding, Outcome, mark, said_once
from conserved.law.grouping import block_of, natural
from conserved.monitor.run import Run
from conserved.watching.log.pyramid import Columns
from conserved.watching.log.reading import shown
from conserved.watching.log.rows import FIELDS
from conserved.watching.tracks import RATIO_LOST, Track

_RECENT = 60  # events that are shown

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """What became of one family of laws so far.

    Args:
        law: its place in the log.
        text: its formula.
        block: the part of the model, "" for several.
        found: the verdict.
        drift: (h − h(0)) / size at the last look.
        residual, gradient: the largest of the run, in roundings; NaN where there is none.
        due: what the law is due to, "" for the architecture.
    """

    law: int
    text: str
    block: str
    found: Finding
    drift: float
    residual: float
    gradient: float
    due: str = ""

    @property
    def outcome(self) -> Outcome:
        """One of five."""
        return self.found.outcome

    @property
    def mark(self) -> str:
        """The outcome as a sign."""
        return mark(self.outcome)

    @property
    def inside(self) -> str:
        """The formula without the name of the block, for where that stands above it."""
        if not self.block:
            return self.text
        return re.sub(rf"(?<![\w.]){re.escape(self.block)}\.", "", self.text)

    @property
    def name(self) -> str:
        """The block, then the formula."""
        return f"{self.block}: {self.inside}" if self.block else self.text

    @property
    def weight(self) -> tuple[int, float]:
        """How much it asks to be looked at: the less, the more."""
        worst = np.nanmax([self.residual, self.gradient, 0.0])
        return URGENT.index(self.outcome), -float(worst)


def rows(run: Run) -> list[Row]:
    """A row for each law: the verdict of the log, or what it would be now."""
    with run.lock:
        drift = _drift(run, run.last[0])
        (low, high), bounds = run.extremes("value"), run.pyramid.rows
        moved = np.fmax(np.abs(_drift(run, low)), np.abs(_drift(run, high)))
        residual, gradient = run.extremes("residual")[1], run.extremes("gradient")[1]
        told = _told(run)
        since = {e.law: e for e in reversed(run.marks.events) if e.what == "violated"}
    out = []
    for k, law in enumerate(run.head.laws):
        event = since.get(k)
        track = Track(
            text=law.text,
            tensors=law.tensors,
            without_eps=law.without_eps,
            predicted=0.0 if law.ledger and not np.isnan(run.last[1, k]) else None,
            moved=float(np.nan_to_num(moved[k], posinf=np.inf)),
            residual=_known(residual[k]),
            worst=_known(gradient[k]),
            since=None if event is None else event.step,
            reason="" if event is None else event.text,
            looks=bounds if np.isfinite(run.last[0, k]) else 0,
            rule=run.head.optimizer,
            why_not=law.why_not or RATIO_LOST,
            precision=run.head.precision,
            due=law.due,
        )
        found = told.get(k) or track.finding
        numbers = float(drift[k]), float(residual[k]), float(gradient[k])
        block = block_of(law.tensors)
        out.append(Row(k, law.text, block, found, *numbers, law.due))
    return out


def grouped(several: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Rows by the part of the model, in the order of their names."""
    blocks: dict[str, list[Row]] = {}
    for row in several:
        blocks.setdefault(row.block, []).append(row)
    return sorted(blocks.items(), key=lambda item: natural(item[0]))


def _told(run: Run) -> dict[int, Finding]:
    """The verdicts of a closed log, by law."""
    found = {}
    for row in run.marks.closed or []:
        law, outcome = row.get("law"), row.get("outcome")
        if isinstance(law, int) and outcome in URGENT:
            since = row.get("since")
            known = since if isinstance(since, int) else None
            reason = shown(row.get("reason"))
            # an older log has whole sentences alone; a cause may be that of several laws
            whole = "" if outcome in SOUND else reason
            common = shown(row.get("common", whole))
            found[law] = Finding.of(outcome, reason, common, known)
    return found


def _known(value: float) -> float:
    return 0.0 if np.isnan(value) else float(value)


def _drift(run: Run, values: Floats) -> Floats:
    start = np.array([law.start for law in run.head.laws])
    size = np.array([law.size for law in run.head.laws])
    return np.asarray((values - start) / size)


def state(run: Run) -> dict[str, Any]:
    """What changes on the page while a run is written, beside the curves."""
    several = rows(run)
    reasons, notes = said_once(row.found for row in several)
    count = Counter(row.outcome for row in several)
    first, last = run.pyramid.bounds or (0, 0)
    return {
        "steps": [first, last],
        "rows": run.pyramid.rows,
        "closed": run.marks.closed is not None,
        "unread": run.marks.unread,
        "count": {outcome: count[outcome] for outcome in URGENT},
        "outcome": [URGENT.index(row.outcome) for row in several],
        "words": [row.found.words for row in several],
        "reason": reasons,
        "notes": notes,
        "drift": _plain([row.drift for row in several], 3),
        "residual": _plain([row.residual for row in several], 3),
        "gradient": _plain([row.gradient for row in several], 3),
        "metrics": list(run.metrics),
        "events": [[e.step, e.what, e.law, e.text] for e in run.marks.events[-_RECENT:]],
    }


def curves(
    run: Run, laws: Sequence[int], first: int, last: int, most: int, digits: int = 7
) -> dict[str, Any]:
    """Curves over steps first … last, in about so many columns.

    Returns:
        Where each column is drawn; of each law asked for the least and the greatest drift and
        predicted drift there (as shares of its size), the greatest residual and gradient (in
        roundings); the greatest residual and gradient of any law; the metrics.
    """
    with run.lock:
        every = range(len(run.head.laws))
        wanted = [place for name in FIELDS for place in run.places(name, laws)]
        wanted += run.places("residual", every) + run.places("gradient", every)
        begin = len(FIELDS) * len(every)
        wanted += list(range(begin, begin + len(run.metrics)))
        seen = run.columns(first, last, wanted, most)
        names = list(run.metrics)
    sizes = [len(laws)] * len(FIELDS) + [len(every)] * 2 + [len(names)]
    cuts = np.cumsum(sizes)[:-1]
    parts = [
        _Part(low, high)
        for low, high in zip(np.split(seen.low, cuts, 1), np.split(seen.high, cuts, 1), strict=True)
    ]
    value, predicted, residual, gradient, residuals, gradients, metrics = parts
    shown = {}
    for k, law in enumerate(laws):
        start, size = run.head.laws[law].start, run.head.laws[law].size
        drift = [(value.low[:, k] - start) / size, (value.high[:, k] - start) / size]
        told = [(predicted.low[:, k] - start) / size, (predicted.high[:, k] - start) / size]
        shown[str(law)] = {
            "drift": [_plain(edge, digits) for edge in drift],
            "predicted": [_plain(edge, digits) for edge in told],
            "residual": _plain(residual.high[:, k], digits),
            "gradient": _plain(gradient.high[:, k], digits),
        }
    worst = {"residual": residuals, "gradient": gradients}
    return {
        "x": _middles(seen),
        "laws": shown,
        "worst": {name: _plain(part.worst, digits) for name, part in worst.items()},
        "metrics": {name: metrics.plain(k, digits) for k, name in enumerate(names)},
    }


@dataclass(frozen=True)
class _Part:
    """Extremes (n, curves) of some curves."""

    low: Floats
    high: Floats

    def plain(self, k: int, digits: int) -> list[list[float | None]]:
        return [_plain(self.low[:, k], digits), _plain(self.high[:, k], digits)]

    @property
    def worst(self) -> Floats:
        """The greatest of all curves in each column."""
        if not self.high.shape[1]:
            return np.full(len(self.high), np.nan)
        return np.asarray(np.fmax.reduce(self.high, 1))


def _middles(seen: Columns) -> list[float]:
    """Where columns are drawn: in their middle, the first and the last at their ends."""
    middle = (seen.first + seen.last) / 2
    if len(middle) > 1:
        middle[0], middle[-1] = seen.first[0], seen.last[-1]
    return [float(x) for x in middle]


def _plain(values: Sequence[float] | Floats, digits: int) -> list[float | None]:
    """As JSON has it; None for what is not finite."""
    return [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in values]
