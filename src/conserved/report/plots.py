"""What a report draws: curves over one axis, and what was concluded from them.

A plot is plain numbers and words. It is thinned here, once, to what a screen can show, so that a
long run makes no larger a file than a short one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conserved.dynamics.outcomes import Outcome, mark, outcome_in_words
from conserved.errors import InputError

Style = Literal["line", "points", "guide"]

POINTS = 240  # of a thinned curve, before the extremes are added
ROWS = 12  # of the table behind a plot
CURVES = 8  # of one plot: as many as there are colours to tell apart
DIGITS = 8  # significant digits kept: zooming in shows no steps


@dataclass(frozen=True)
class Series:
    """One curve.

    Args:
        label: its name in the legend.
        y: values, as many as the plot has x; what is not finite leaves a gap.
        style: "line", "points" (a line with its points marked) or "guide" (a thin reference line).
    """

    label: str
    y: ArrayLike
    style: Style = "line"


@dataclass(frozen=True)
class Plot:
    """Curves over one axis.

    Args:
        title: what one sees in it, as a sentence.
        caption: how it was made and how to read it.
        x_label, y_label: the axes, with units.
        x: (n,) ascending.
        series: the curves; more than eight are too many to tell apart.
        log_x, log_y: logarithmic axes; values that are not positive leave gaps.

    Raises:
        InputError: curves of another length than x, x that does not ascend, no curve or too many.

    Example:
        >>> plot = Plot("It is flat.", "", "time", "h", [0, 1, 2], (Series("h", [3, 3, 3]),))
        >>> plot.data()["y"]
        [[3.0, 3.0, 3.0]]
    """

    title: str
    caption: str
    x_label: str
    y_label: str
    x: ArrayLike
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False

    def __post_init__(self) -> None:
        x = self._x
        if x.ndim != 1 or not len(x) or not np.isfinite(x).all() or (np.diff(x) < 0).any():
            raise InputError("x", self.title, "x is a non-empty vector that ascends")
        if not 1 <= len(self.series) <= CURVES:
            raise InputError("series", len(self.series), f"a plot has 1 to {CURVES} curves")
        for series in self.series:
            if np.shape(series.y) != x.shape:
                advice = f"has shape {np.shape(series.y)}, but x has {x.shape}"
                raise InputError("series", series.label, advice)

    @property
    def _x(self) -> NDArray[np.float64]:
        return np.asarray(self.x, dtype=np.float64)

    @property
    def _y(self) -> NDArray[np.float64]:
        """All curves (s, n), with NaN where nothing can be drawn."""
        y = np.array([np.asarray(s.y, dtype=np.float64) for s in self.series])
        y[~np.isfinite(y)] = np.nan
        if self.log_y:
            y[~(y > 0)] = np.nan
        if self.log_x:
            y[:, ~(self._x > 0)] = np.nan
        return y

    def data(self) -> dict[str, Any]:
        """What the browser draws, thinned: every extreme of every curve is kept."""
        chosen = thinned(self._y)
        drawn = chosen if not self.log_x else chosen[self._x[chosen] > 0]
        return {
            "x": [_rounded(v) for v in self._x[drawn]],
            "y": [[_rounded(v) for v in row] for row in self._y[:, drawn]],
            "labels": [s.label for s in self.series],
            "styles": [s.style for s in self.series],
            "xLabel": self.x_label,
            "yLabel": self.y_label,
            "logX": self.log_x,
            "logY": self.log_y,
        }

    def rows(self) -> Iterator[list[str]]:
        """The table behind the plot: x and every curve at a few places, first and last included."""
        y = self._y
        for i in _spread(len(self._x), ROWS):
            yield [f"{self._x[i]:.6g}", *("–" if np.isnan(v) else f"{v:.6g}" for v in y[:, i])]

    @property
    def last(self) -> int:
        """Index of the last place that is drawn."""
        return len(self.data()["x"]) - 1

    @property
    def description(self) -> str:
        """The plot in words, for those who do not see it."""
        x, parts = self._x, []
        for series, y in zip(self.series, self._y, strict=True):
            seen = y[~np.isnan(y)]
            if len(seen):
                ends = f"from {seen[0]:.3g} to {seen[-1]:.3g}"
                parts.append(
                    f"{series.label} goes {ends}, between {seen.min():.3g} and {seen.max():.3g}"
                )
            else:
                parts.append(f"{series.label} has no value that can be drawn")
        across = f"{self.x_label} from {x[0]:.3g} to {x[-1]:.3g}"
        return f"{self.y_label} against {across}: {'; '.join(parts)}."


@dataclass(frozen=True)
class VerdictRow:
    """What watching one law came to.

    Args:
        law: its name.
        outcome: one of the words of ``conserved.dynamics.outcomes``.
        evidence: the numbers that say so, in one sentence.
        since: the first step that violated it, or None.
    """

    law: str
    outcome: Outcome
    evidence: str
    since: int | None = None

    @property
    def mark(self) -> str:
        """The outcome as a sign, so that colour is not needed."""
        return mark(self.outcome)

    @property
    def words(self) -> str:
        """The outcome, and since when."""
        return outcome_in_words(self.outcome, self.since)


@dataclass(frozen=True)
class Evidence:
    """What a simulation showed.

    Args:
        summary: what was run, on which data, for how long.
        verdicts: one for each law watched.
        plots: in the order in which one would show them.
        facts: (name, value) pairs that replay it: solver, tolerance, seed.
        title: what tells it apart where there are several.
        notes: what several verdicts have in common.
    """

    summary: str
    verdicts: tuple[VerdictRow, ...] = ()
    plots: tuple[Plot, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    title: str = ""
    notes: tuple[str, ...] = ()


def thinned(y: NDArray[np.float64], points: int = POINTS) -> NDArray[np.intp]:
    """Places to keep of curves (s, n): evenly spread ones, and the extremes of each stretch.

    Example:
        >>> spike = np.zeros((1, 100_000))
        >>> spike[0, 54_321] = 1.0
        >>> kept = thinned(spike)
        >>> len(kept) < 1000, bool(54_321 in kept)
        (True, True)
    """
    count = y.shape[1]
    even = _spread(count, points)
    if count <= points:
        return even
    kept = set(even.tolist())
    stretches = np.array_split(np.arange(count), points // 8)
    for row in y:
        for stretch in stretches:
            part = row[stretch]
            if not np.isnan(part).all():
                kept |= {int(stretch[np.nanargmin(part)]), int(stretch[np.nanargmax(part)])}
    return np.array(sorted(kept), dtype=np.intp)


def _spread(count: int, most: int) -> NDArray[np.intp]:
    """At most so many of the integers below ``count``, evenly, first and last included."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.intp))


def _rounded(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if isfinite(value) else None
