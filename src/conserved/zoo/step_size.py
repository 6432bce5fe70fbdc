"""Drift against step size: a ReLU network on real digits (2012.04728, 2307.00144).

Gradient flow keeps ‖W1[j,:]‖² + b1[j]² − ‖W2[:,j]‖² for every hidden unit j. A step of
size η moves it by exactly η² gᵀMg (M the matrix of the quadratic form), so over a fixed horizon the
drift halves when the step halves, and under SGD every step can be predicted to rounding. The law
with the bias left out looks much the same on paper and passes neither test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.dynamics.outcomes import REFUSED, ROUNDINGS
from conserved.kernel.scalars import Array
from conserved.law import GramLaw, GramTerm, Law, Layout
from conserved.problem import Problem
from conserved.simulate import (
    Dataset,
    GradientDescent,
    StochasticDescent,
    Verdict,
    make_dataset,
    simulate,
)
from conserved.verification import verify
from conserved.zoo import style
from conserved.zoo.chart import Curve, chart
from conserved.zoo.claim import Claim
from conserved.zoo.figure import Measurement, rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NETWORK, LOSS = "relu:16-12-10,bias", "cross-entropy"
DATA, SAMPLES = "digits", 300
HORIZON = 3.2
RATES = tuple(0.064 / 2**k for k in range(5))
SGD = StochasticDescent(rate=0.05, steps=1280, size=32)
HALVES, STANDS = 0.15, 1.2  # |ratio − 2| of a true law; the ratio of a false one


@dataclass(frozen=True, eq=False)
class StepSizeFigure(Measurement):
    """Two laws side by side: as it is, and with the bias left out.

    Attributes:
        texts: of both laws.
        proved: whether each is an exact identity.
        data: what was trained on, in words.
        rates: step sizes, each half of the one before.
        drifts: (2, rates) the largest |h(T) − h(0)| over the units, after the same horizon.
        verdicts: on both laws under SGD, with their ledgers.
    """

    texts: tuple[str, str]
    proved: tuple[bool, bool]
    data: str
    rates: tuple[float, ...]
    drifts: Array
    verdicts: tuple[Verdict, Verdict]

    def claims(self) -> tuple[Claim, ...]:
        true, false = self.ratios
        residuals = [v.ledger.units if v.ledger else float("nan") for v in self.verdicts]
        far = float(np.abs(true - 2).max())
        return (
            Claim("with bias: an exact identity (1: yes)", self.proved[0], "=", 1),
            Claim("with bias: halving the step halves the drift, off by", far, "≤", HALVES),
            Claim("with bias: SGD step against prediction", residuals[0], "≤", ROUNDINGS, "ε"),
            Claim("without bias: an exact identity (1: yes)", self.proved[1], "=", 0),
            Claim("without bias: halving divides the drift by", float(false.max()), "≤", STANDS),
            Claim("without bias: SGD step against prediction", residuals[1], "≥", REFUSED, "ε"),
        )

    @property
    def ratios(self) -> Array:
        """(2, rates − 1) drift at a step over drift at half of it."""
        ratios: Array = self.drifts[:, :-1] / self.drifts[:, 1:]
        return ratios

    def chart(self) -> str:
        rates = np.array(self.rates)
        curves = [
            Curve(name, rates[::-1], drift[::-1])
            for name, drift in zip(("with bias", "without"), self.drifts, strict=True)
        ]
        words = f"drift after time {HORIZON:g} (both axes logarithmic)"
        return chart(curves, x="step size", y=words, log=True)

    def to_json(self) -> dict[str, Any]:
        return {
            "network": NETWORK,
            "loss": LOSS,
            "data": self.data,
            "horizon": HORIZON,
            "rates": rounded(self.rates),
            "sgd": SGD.to_json(),
            "laws": [
                {
                    "text": text,
                    "exact_identity": bool(proved),
                    "drifts": rounded(drift),
                    "outcome": verdict.outcome,
                    "reason": verdict.reason,
                    "ledger": None if verdict.ledger is None else verdict.ledger.to_json(),
                }
                for text, proved, drift, verdict in zip(
                    self.texts, self.proved, self.drifts, self.verdicts, strict=True
                )
            ],
        }

    def draw(self) -> Figure:
        figure = style.figure(style.TWO_COLUMNS, 2.7)
        left, right = figure.subplots(1, 2)
        self._draw_drifts(left)
        self._draw_ledger(right)
        return figure

    def _draw_drifts(self, axes: Axes) -> None:
        axes.set(xscale="log", yscale="log")
        rates = np.array(self.rates)
        axes.plot(
            rates, self.drifts[0][-1] * rates / rates[-1], "--", color=style.GREY, linewidth=0.9
        )
        for drift, color in zip(self.drifts, (style.BLUE, style.VERMILION), strict=True):
            axes.plot(rates, drift, "o-", color=color, linewidth=1.5, markersize=4)
        style.panel(
            axes, f"Drift after time {HORIZON:g}", x="step size η", y="largest |h(T) − h(0)|"
        )
        style.plain_ticks(axes, self.rates, [f"{rate:g}" for rate in self.rates], "x")
        axes.set_ylim(top=4 * self.drifts.max())
        style.tag(axes, "bias left out: stays", (0.03, 0.97), style.VERMILION, va="top")
        style.tag(axes, "true law: ∝ η", (0.97, 0.25), style.BLUE, ha="right")

    def _draw_ledger(self, axes: Axes) -> None:
        axes.set_yscale("log")
        for verdict, color in zip(self.verdicts, (style.BLUE, style.VERMILION), strict=True):
            ledger = verdict.ledger
            if ledger is None:
                continue
            gap = np.abs(ledger.observed - ledger.predicted).max(axis=1)[1:]
            axes.plot(ledger.steps[1:], gap, color=color, linewidth=1.5)
        style.panel(
            axes, "SGD: change of h, observed − predicted", x="step", y="largest over units"
        )
        style.tag(axes, "bias left out", (0.97, 0.85), style.VERMILION, ha="right", va="top")
        style.tag(axes, "true law: rounding error", (0.97, 0.22), style.BLUE, ha="right")


def measure(
    seed: int = 0,
    data: Dataset | str = DATA,
    laws: tuple[Law, Law] | None = None,
    rates: tuple[float, ...] = RATES,
    sgd: StochasticDescent = SGD,
) -> StepSizeFigure:
    """Descend with several step sizes over the same horizon, then with SGD.

    Args:
        seed: draws the data, the start and the minibatches.
        data: a data set or the name of one.
        laws: the true law and the false one; by default with the bias and without.
        rates: step sizes, each half of the one before.
        sgd: for the ledger.

    Raises:
        ConservedError: the data are not installed.
    """
    problem = Problem.from_text(NETWORK, loss=LOSS)
    if isinstance(data, str):
        rng = np.random.default_rng([seed, 3])
        data = make_dataset(problem, data, samples=SAMPLES, rng=rng)
    true, false = laws or (unit_law(problem, bias=True), unit_law(problem, bias=False))
    common: dict[str, Any] = {"data": data, "seed": seed}
    ends = []
    for rate in rates:
        steps = GradientDescent(rate=rate, steps=round(HORIZON / rate))
        run = simulate(problem, [true, false], dynamics=steps, ladder=False, **common).trajectory
        ends.append([float(np.abs(run.drift(law)[-1]).max()) for law in (0, 1)])
    verdicts = simulate(problem, [true, false], dynamics=sgd, **common).verdicts
    proved = verify(problem, [true, false], seed=seed).holds
    return StepSizeFigure(
        texts=(true.text, false.text),
        proved=(proved[0], proved[1]),
        data=f"{len(data)} of {data.summary}",
        rates=rates,
        drifts=np.array(ends).T,
        verdicts=(verdicts[0], verdicts[1]),
    )


def unit_law(problem: Problem, *, bias: bool) -> Law:
    """Incoming² (with bias² or without) − outgoing², for every hidden unit.

    Example:
        >>> print(unit_law(Problem.from_text(NETWORK), bias=False))
        ‖W1[j,:]‖² − ‖W2[:,j]‖², j = 1 … 12
    """
    terms = [GramTerm("W1", 0), GramTerm("b1", 0), GramTerm("W2", 1, -1)]
    layout = Layout.of(problem.network.parameters)
    return GramLaw(layout=layout, terms=tuple(terms if bias else terms[::2]), part="diagonal")
