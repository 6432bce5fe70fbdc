"""Small analyses, plots and runs to report on, and hostile ones."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np

from conserved.analysis import Analysis, analyze
from conserved.law import GramLaw, GramTerm, Layout, PolynomialLaw
from conserved.law.polynomial import Polynomial
from conserved.networks import Linear
from conserved.problem import Problem
from conserved.report import Evidence, Plot, Series, VerdictRow
from conserved.simulate import Dataset, Dynamics, GradientDescent
from conserved.simulate.record import Ledger, Rung, Simulation, Trajectory, Verdict

CERTIFICATE = {"schema": "conserved.certificate/1", "laws": [1, 2, 3]}


@cache
def analysis(network: str = "linear:3-2-2", symmetry: str = "none") -> Analysis:
    return analyze(Problem.from_text(network, symmetry=symmetry))


def evidence(points: int = 2000) -> Evidence:
    """Four plots as a long run leaves them."""
    rng = np.random.default_rng(0)
    t = np.linspace(0, 40, points)
    noise = [np.abs(np.cumsum(1e-15 * rng.normal(size=points))) for _ in range(4)]
    values = Plot(
        "The laws along training",
        "Flat is conserved.",
        "time",
        "value",
        t,
        (
            Series("balance", 1.5 + noise[0]),
            Series("range", 0.3 + noise[1]),
            Series("‖W1‖²", 2 - np.exp(-t / 5)),
        ),
    )
    drift = Plot(
        "How far the laws drift",
        "",
        "time",
        "share",
        t,
        (Series("balance", noise[2]), Series("loss", np.exp(-t / 6), "guide")),
        log_y=True,
    )
    steps = 2.0 ** np.arange(-9, -2)
    rungs = Plot(
        "Drift against step size",
        "",
        "step size η",
        "drift",
        steps,
        (Series("balance", 0.3 * steps, "points"), Series("false", 0.4 + 0 * steps, "points")),
        log_x=True,
        log_y=True,
    )
    ledger = Plot(
        "Ledger", "", "step", "size", np.arange(points), (Series("left", noise[3]),), log_y=True
    )
    rows = (
        VerdictRow("balance", "conserved", "drift 1e-14"),
        VerdictRow("‖W1‖²", "violated", "moves by 0.7"),
    )
    return Evidence("Gradient flow.", rows, (values, drift, rungs, ledger), (("seed", "0"),))


PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "' onmouseover='alert(4)",
    "<!--<script>",
    "]]>\u2028\u2029{{ 7*7 }}{% raw %}",
    "javascript:alert(5)",
    r"\href{javascript:alert(6)}{x}",
)


class Named(Linear):
    """A linear network that calls itself something else."""

    def __init__(self, spec: str) -> None:
        super().__init__(3, 2, 2)
        self.spec = spec


def hostile(payload: str) -> tuple[Analysis, Evidence]:
    """The payload wherever text from outside can stand."""
    plain = analysis()
    layout = Layout(((payload, (2,)), ("b", (1,))))
    law = PolynomialLaw(
        layout=layout,
        components=(Polynomial.of({(0, 2): Fraction(1), (1,): Fraction(1)}),),
        title=payload,
        independent=1,
    )
    problem = Problem(network=Named(payload))
    reasons = replace(plain.explanation, reasons=(payload,))
    bad = replace(plain, problem=problem, laws=(law,), explanation=reasons, notes=(payload,))
    curves = (Series(payload, [1.0, 2.0]),)
    plot = Plot(payload, payload, payload, payload, [0.0, 1.0], curves)
    rows = (VerdictRow(payload, "violated", payload),)
    return bad, Evidence(payload, rows, (plot,), ((payload, payload),))


def balance(independent: int = 3) -> GramLaw:
    layout = Layout((("W1", (2, 3)), ("W2", (2, 2))))
    terms = GramTerm("W1", 0), GramTerm("W2", 1, -1)
    return GramLaw(layout=layout, terms=terms, independent=independent)


def simulation(
    *,
    dynamics: Dynamics | None = None,
    outcome: str = "drifting as predicted",
    complete: bool = True,
    laws: int = 1,
) -> Simulation:
    """A run of five records, its numbers made up."""
    moves = dynamics or GradientDescent(rate=0.1, steps=40)
    count = 5
    law = balance()
    drift = np.linspace(0, 1e-3, count)[:, None] * np.array([1.0, 0.5, 0.25])
    run = Trajectory(
        dynamics=moves,
        times=np.linspace(0, 4, count),
        steps=np.arange(0, 50, 10),
        lengths=np.linspace(0, 2, count),
        losses=np.array([2.0, 1.0, 0.5, 0.25, 0.125]),
        thetas=np.zeros((count, 10)),
        values=tuple(np.array([1.0, 2.0, 3.0]) + drift for _ in range(laws)),
        stopped="all steps taken",
        complete=complete,
        evaluations=40,
    )
    ledger = Ledger(
        rule="h(θ⁺) = h(θ) + η² gᵀMg",
        steps=np.array([10, 20, 30]),
        predicted=drift[1:4] - 1e-16,
        observed=drift[1:4],
        residual=1e-16,
        units=0.5,
        audited=30,
    )
    rungs = tuple(Rung("rate", 0.1 / 2**i, 1e-3 / 2**i, 1e-15) for i in range(3))
    verdict = Verdict(
        law=law,
        outcome=outcome,  # type: ignore[arg-type]
        reason="halves with the step",
        start=3.0,
        drift=1e-3,
        reach=0.5,
        rungs=rungs,
        ledger=ledger,
    )
    none = np.zeros((4, 3))
    return Simulation(
        problem=Problem.from_text("linear:3-2-2"),
        dynamics=moves,
        data=Dataset("teacher", "a random network of the same shape", none, none[:, :2]),
        augment="none",
        route="data one by one",
        seed=7,
        trajectory=run,
        ladder=(),
        verdicts=(verdict,) * laws,
        seconds=0.5,
        complete=complete,
    )
