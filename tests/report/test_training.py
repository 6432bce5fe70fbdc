"""From a simulation to what is shown of it."""

from __future__ import annotations

import numpy as np
import pytest

from conserved.law import GramLaw, GramTerm, Layout
from conserved.report import render
from conserved.report.training import evidence
from conserved.simulate import GradientFlow, simulate
from tests.report import samples
from tests.report.reading import assert_accessible, assert_offline_and_inert, parsed


def test_a_descent_has_all_five_plots() -> None:
    shown = evidence(samples.simulation())
    titles = [plot.title for plot in shown.plots]
    assert titles == [
        "The laws along training",
        "How far the laws drift",
        "Drift against step size",
        "Drift against prediction",
        "What the prediction leaves over",
    ]
    assert {plot.x_label for plot in shown.plots} == {"step", "step size η"}
    values, drift, rungs, against, ledger = shown.plots
    assert [series.label for series in values.series] == [
        f"W1 W1ᵀ − W2ᵀ W2 · {label}" for label in ("1,1", "1,2", "2,2")
    ]
    assert drift.series[0].y[-1] == pytest.approx(1e-3 / 0.5)  # over the reach
    assert list(rungs.x) == [0.025, 0.05, 0.1]
    assert np.allclose(rungs.series[0].y, [2.5e-4, 5e-4, 1e-3])
    assert np.allclose(rungs.series[-1].y, [2.5e-4, 5e-4, 1e-3])  # the guide is proportional
    assert [series.label for series in against.series] == ["W1 W1ᵀ − W2ᵀ W2 · 1,1", "predicted"]
    assert np.allclose(against.series[0].y, [2.5e-4, 5e-4, 7.5e-4])
    assert np.allclose(against.series[1].y, [2.5e-4, 5e-4, 7.5e-4])
    assert np.allclose(ledger.series[0].y, 1e-16, rtol=0.5)


def test_a_flow_runs_over_time_and_knows_its_tolerance() -> None:
    shown = evidence(samples.simulation(dynamics=GradientFlow(time=4.0)))
    assert shown.plots[0].x_label == "time"
    assert list(shown.plots[0].x) == [0, 1, 2, 3, 4]


def test_verdicts_are_passed_on_with_a_mark() -> None:
    for outcome, mark in [
        ("conserved", "✓"),
        ("drifting as predicted", "✓"),
        ("violated", "✗"),
        ("not tested", "?"),
    ]:
        (row,) = evidence(samples.simulation(outcome=outcome)).verdicts
        assert (row.outcome, row.mark) == (outcome, mark)
        assert row.evidence == "halves with the step"
    summary = evidence(samples.simulation(outcome="violated")).summary
    assert summary.startswith("Families of laws: 1 violated. The loss goes from 2 to 0.125")


def test_a_real_run_is_shown() -> None:
    """A true law and a planted false one, along gradient flow."""
    analysis = samples.analysis()
    layout = Layout.of(analysis.problem.network.parameters)
    false = GramLaw(layout=layout, terms=(GramTerm("W1", 0, 1), GramTerm("W2", 1, 1)), part="trace")
    run = simulate(analysis.problem, (*analysis.laws, false), dynamics=GradientFlow(time=1.0))
    shown = evidence(run)
    assert [row.mark for row in shown.verdicts] == ["✓", "✗"]
    true, wrong, _ = (np.asarray(series.y) for series in shown.plots[1].series)
    assert true.max() < 1e-10 < 1e-3 < wrong.max() <= 1
    assert_offline_and_inert(render(analysis, run))


def test_an_interrupted_run_says_so() -> None:
    assert evidence(samples.simulation(complete=False)).summary.startswith("Interrupted")
    assert "Interrupted" not in evidence(samples.simulation()).summary


@pytest.mark.parametrize("laws", [0, 1, 5, 30])
def test_any_number_of_laws_makes_a_page(laws: int) -> None:
    run = samples.simulation(laws=laws)
    shown = evidence(run)
    assert all(1 <= len(plot.series) <= 8 for plot in shown.plots)
    assert len(shown.verdicts) == laws
    page = render(samples.analysis(), run)
    assert_offline_and_inert(page)
    assert_accessible(page)
    assert len([f for f in parsed(page).all("figure") if f.get("data-plot")]) == len(shown.plots)
