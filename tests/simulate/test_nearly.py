"""Data that are only nearly symmetric: rates by two roads, and drifts that are told before."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is the other road")

import torch

import conserved as cq
from conserved.errors import InputError
from conserved.law import GramLaw, GramTerm, Law
from conserved.simulate import (
    Dataset,
    Dynamics,
    GradientDescent,
    GradientFlow,
    Momentum,
    Simulation,
    StochasticDescent,
    simulate,
)
from conserved.simulate.breaking import averaged, rates
from conserved.simulate.objective import make_objective

PROBLEM = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
LAWS = cq.analyze(PROBLEM).laws
DUE = next(law for law in LAWS if law.origin == "data symmetry")
OWN = next(law for law in LAWS if law.origin == "architecture")
FALSE = GramLaw(layout=PROBLEM.state, terms=(GramTerm("W1", 0),), origin="data symmetry")


def dataset(samples: int = 6, seed: int = 1) -> Dataset:
    rng = np.random.default_rng(seed)
    return Dataset(
        "made", "made up", rng.standard_normal((samples, 4)), rng.standard_normal((samples, 1))
    )


def closed(data: Dataset) -> Dataset:
    """Every reordering of every input, with its label."""
    orders = [list(order) for order in permutations(range(4))]
    inputs = np.concatenate([data.inputs[:, order] for order in orders])
    return Dataset("closed", "closed", inputs, np.concatenate([data.labels] * len(orders)))


def run(dynamics: Dynamics, *laws: Law, data: Dataset | None = None, **more: object) -> Simulation:
    kind = more.pop("augment", "none")
    return simulate(
        PROBLEM,
        laws,
        dynamics=dynamics,
        data=data or dataset(),
        augment=kind,
        **more,  # type: ignore[arg-type]
    )


# ------------------------------------------------------------------ rates


def test_rates_are_those_of_the_moments_that_break() -> None:
    """−⟨∇h, ∇(½⟨A(S − S_G), A⟩ − ⟨A, C − C_G⟩)⟩, by torch, with the group listed."""
    data, rng = dataset(), np.random.default_rng(2)
    theta = rng.standard_normal(10)
    plain = make_objective(PROBLEM, data, "none", rng)
    full = averaged(PROBLEM, data, "none")
    assert full is not None
    ours = rates(plain, full, DUE, theta)
    x, y = torch.tensor(data.inputs), torch.tensor(data.labels)
    second, mixed = x.T @ x / len(x), y.T @ x / len(x)
    orders = [list(order) for order in permutations(range(4))]
    breaks = second - sum(second[o][:, o] for o in orders) / 24
    mixed = mixed - sum(mixed[:, o] for o in orders) / 24

    def loss(at: torch.Tensor) -> torch.Tensor:
        a = at[8:].reshape(1, 2) @ at[:8].reshape(2, 4)
        return 0.5 * (a @ breaks * a).sum() - (a * mixed).sum()

    gradient = torch.func.grad(loss)(torch.tensor(theta)).numpy()
    np.testing.assert_allclose(ours, -DUE.gradient(theta) @ gradient, rtol=1e-9, atol=1e-12)
    assert np.abs(ours).max() > 0.01


def test_rates_are_linear_in_what_breaks() -> None:
    """Half of the data closed: half of the rate."""
    base, rng = dataset(), np.random.default_rng(2)
    theta = rng.standard_normal(10)
    whole = closed(base)
    many = Dataset("x", "x", np.tile(base.inputs, (24, 1)), np.tile(base.labels, (24, 1)))
    both = Dataset("x", "x", np.r_[many.inputs, whole.inputs], np.r_[many.labels, whole.labels])

    def rate(data: Dataset) -> np.ndarray:
        full = averaged(PROBLEM, data, "none")
        assert full is not None
        return rates(make_objective(PROBLEM, data, "none", rng), full, DUE, theta)

    np.testing.assert_allclose(rate(both), rate(base) / 2, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(rate(whole), 0, atol=1e-12)


# ------------------------------------------------------------------ one run


RUNS = [
    (GradientFlow(time=1.0), "none"),
    (GradientDescent(rate=0.01, steps=80), "none"),
    (StochasticDescent(rate=0.01, steps=80, size=3), "none"),
    (StochasticDescent(rate=0.01, steps=80, size=3), "random"),
]


@pytest.mark.parametrize("dynamics, augment", RUNS, ids=str)
def test_a_true_law_drifts_as_predicted_and_a_false_one_is_broken(
    dynamics: Dynamics, augment: str
) -> None:
    true, false = run(dynamics, DUE, FALSE, augment=augment).verdicts
    assert true.outcome == "drifting as predicted", true.reason
    assert false.outcome == "violated", false.reason
    ledger, c = true.ledger, true.component
    assert ledger is not None
    assert np.abs(ledger.observed[:, c]).max() > 1e-3
    np.testing.assert_allclose(ledger.predicted[:, c], ledger.observed[:, c], atol=1e-10)
    assert "breaks the symmetry predicts" in true.reason


@pytest.mark.parametrize("dynamics, augment", RUNS[:2], ids=str)
def test_on_closed_data_nothing_drifts(dynamics: Dynamics, augment: str) -> None:
    found = run(dynamics, DUE, data=closed(dataset(3)), augment=augment).verdicts[0]
    assert found.outcome == "conserved", found.reason


def test_laws_of_the_architecture_are_judged_as_ever() -> None:
    flow = run(GradientFlow(time=1.0), OWN).verdicts[0]
    assert flow.outcome == "conserved"
    assert (
        run(GradientDescent(steps=50), replace(FALSE, origin="architecture")).verdicts[0].outcome
        == "violated"
    )


# ------------------------------------------------------------------ over seeds


@pytest.mark.parametrize("batch", [None, pytest.param(3, marks=pytest.mark.slow)])
def test_spreads_over_seeds_are_predicted(batch: int | None) -> None:
    dynamics: Dynamics = GradientDescent(rate=0.002, steps=100)
    if batch:
        dynamics = StochasticDescent(rate=0.002, steps=100, size=batch)
    found = run(dynamics, DUE, augment="random", seeds=24)
    (spread,) = found.diffusion
    assert spread.holds
    assert found.holds
    assert spread.predicted[1] > 1e-4
    assert 0.5 < spread.measured[1] / spread.predicted[1] < 2
    assert found.to_json()["diffusion"][0]["seeds"] == 24


def test_spreads_of_false_laws_are_not() -> None:
    found = run(GradientDescent(rate=0.002, steps=100), FALSE, augment="random", seeds=8)
    (spread,) = found.diffusion
    assert not spread.holds
    assert not found.holds


def test_a_spread_that_is_wrong_is_seen() -> None:
    """Predictions for half the rate, or a quarter of the variance, do not pass."""
    from conserved.simulate.diffusion import _compared

    rng = np.random.default_rng(0)
    ends = 0.3 * rng.standard_normal((32, 1))
    law = DUE
    for told, holds in ((0.3, True), (0.1, False), (0.9, False)):
        assert _compared(law, (np.zeros(1), np.array([told**2])), ends).holds is holds
    assert not _compared(law, (np.ones(1), np.array([0.09])), ends).holds


@pytest.mark.parametrize(
    "dynamics, augment, seeds, told",
    [
        (GradientDescent(steps=5), "none", 8, "random augmentation"),
        (Momentum(steps=5), "random", 8, "plain steps: gd or sgd"),
        (GradientDescent(steps=5, decay=0.1), "random", 8, "without weight decay"),
        (GradientDescent(steps=5), "random", 1, "a whole number from 2 to 1,000"),
        (GradientDescent(steps=5), "random", 2.5, "a whole number from 2 to 1,000"),
    ],
)
def test_refused(dynamics: Dynamics, augment: str, seeds: int, told: str) -> None:
    with pytest.raises(InputError, match=told):
        run(dynamics, DUE, augment=augment, seeds=seeds)
