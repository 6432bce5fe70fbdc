"""The counts of 2307.00144: 100 random networks, each certified, with the laws written down.

Every network is analysed from both sides: the rank of the Lie closure bounds the number of laws
from above, laws that are found, verified and independent bound it from below. Both have to meet at
the number that an independent computation expects (``suite``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.analysis import analyze
from conserved.problem import Problem
from conserved.zoo import style
from conserved.zoo.claim import Claim
from conserved.zoo.figure import Measurement
from conserved.zoo.suite import SUITE_SEED, SuiteCase, draw_suite

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MINUTE = 60.0  # the published SageMath code took 17 of them for the linear networks alone
_KINDS = (("linear", "linear", style.BLUE, "o"), ("relu", "ReLU", style.VERMILION, "s"))


@dataclass(frozen=True)
class Row:
    """One network.

    Attributes:
        network: its text.
        expected: the number of laws by the independent computation.
        parameters: D.
        lower, upper: the bounds met.
        certified: they meet, and the upper one is rigorous.
        laws: as they are written.
        seconds: of the analysis.
    """

    network: str
    expected: int
    parameters: int
    lower: int
    upper: int
    certified: bool
    laws: tuple[str, ...]
    seconds: float

    @property
    def right(self) -> bool:
        """Certified, with the number expected."""
        return self.certified and self.lower == self.upper == self.expected


@dataclass(frozen=True)
class CountsTable(Measurement):
    """All networks.

    Attributes:
        rows: one each.
        seed: of the suite.
    """

    rows: tuple[Row, ...]
    seed: int

    def claims(self) -> tuple[Claim, ...]:
        kinds = []
        for kind, name, _, _ in _KINDS:
            rows = self.of(kind)
            right = sum(row.right for row in rows)
            words = f"{name} networks certified with the expected count"
            kinds.append(Claim(words, right if rows else float("nan"), "=", len(rows)))
        seconds = sum(row.seconds for row in self.rows)
        return (*kinds, Claim("time for all, laws included", seconds, "≤", MINUTE, "s"))

    def of(self, kind: str) -> tuple[Row, ...]:
        """The networks of one kind."""
        return tuple(row for row in self.rows if row.network.startswith(f"{kind}:"))

    def chart(self) -> str:
        lines = [f"{'networks':<10}{'number':>8}{'laws':>14}{'parameters':>14}{'seconds':>10}"]
        for kind, name, _, _ in _KINDS:
            rows = self.of(kind)
            if rows:
                laws = _span([row.upper for row in rows])
                sizes = _span([row.parameters for row in rows])
                seconds = sum(row.seconds for row in rows)
                lines.append(f"{name:<10}{len(rows):>8}{laws:>14}{sizes:>14}{seconds:>10.2f}")
        wrong = [row for row in self.rows if not row.right]
        lines += [f"{row.network}: {row.lower} to {row.upper}, not {row.expected}" for row in wrong]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        return {"suite_seed": self.seed, "networks": [asdict(row) for row in self.rows]}

    def draw(self) -> Figure:
        figure = style.figure(style.ONE_COLUMN, 3.1)
        axes = figure.subplots()
        self._draw_counts(axes)
        return figure

    def _draw_counts(self, axes: Axes) -> None:
        most = max(row.expected for row in self.rows)
        axes.plot([0, most], [0, most], color=style.GREY, linewidth=0.8, zorder=1)
        for kind, name, color, mark in _KINDS:
            rows = self.of(kind)
            points, repeats = np.unique(
                [(row.expected, row.upper) for row in rows], axis=0, return_counts=True
            )
            x, y = points.T
            axes.scatter(x, y, 14.0 * repeats, color=color, marker=mark, alpha=0.6, linewidths=0)
            right = sum(row.right for row in rows)
            height = 0.97 if kind == "linear" else 0.88
            words = f"{name}: {right} of {len(rows)} certified"
            style.tag(axes, words, (0.03, height), color, va="top")
        seconds = sum(row.seconds for row in self.rows)
        style.tag(axes, f"all in {seconds:.1f} s", (0.97, 0.04), style.BLACK, ha="right")
        style.panel(
            axes,
            "Conservation laws of 100 networks",
            x="expected (independent computation)",
            y="counted (both bounds)",
        )
        axes.set_aspect("equal")


def measure(seed: int = 0, cases: Sequence[SuiteCase] | None = None) -> CountsTable:
    """Analyse every network of the suite.

    Args:
        seed: of the analyses; the suite itself is always the same.
        cases: other networks with the counts expected of them.
    """
    chosen = draw_suite() if cases is None else cases
    return CountsTable(tuple(_row(case, seed + k) for k, case in enumerate(chosen)), SUITE_SEED)


def _row(case: SuiteCase, seed: int) -> Row:
    start = perf_counter()
    analysis = analyze(Problem.from_text(case.network), seed=seed)
    return Row(
        network=case.network,
        expected=case.laws,
        parameters=analysis.problem.network.size,
        lower=analysis.count.lower,
        upper=analysis.count.upper,
        certified=analysis.count.certified,
        laws=tuple(law.text for law in analysis.laws),
        seconds=round(perf_counter() - start, 6),
    )


def _span(numbers: Sequence[int]) -> str:
    return f"{min(numbers)}–{max(numbers)}"
