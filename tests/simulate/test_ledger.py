"""The exact ledger: steps worked out by hand, independent of the code that predicts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import conserved as cq
from conserved.law import GramLaw, GramTerm, Law, Layout, Polynomial, PolynomialLaw
from conserved.simulate import (
    Adam,
    Descent,
    GradientDescent,
    Momentum,
    StochasticDescent,
    make_dynamics,
    simulate,
)
from conserved.simulate.ledger import DriftPredictions, predicted_drift
from tests.simulate.planted import column_sums, gram

LAYOUT = Layout.of(cq.networks.Linear(3, 2, 2).parameters)
BALANCE = gram(LAYOUT, "symmetric: W1.0 -1*W2.1")


def rows(law: GramLaw) -> list[np.ndarray]:
    """M of each function θᵀMθ, from its gradient: an independent road to it."""
    basis = np.eye(law.layout.size)
    slopes = np.stack([law.gradient(e) for e in basis])  # (D, c, D), row d is 2 M e_d
    return [0.5 * slopes[:, k] for k in range(law.size)]


def orthogonal_steps(
    law: GramLaw, dynamics: Descent, steps: int, rng: np.random.Generator, leak: float = 0.0
) -> tuple[DriftPredictions, list[np.ndarray]]:
    """A descent along made-up gradients with ⟨∇h, g⟩ = 0 (or a leak), and the θ it passes."""
    theta = rng.standard_normal(law.layout.size)
    predictions = DriftPredictions((law,), dynamics)
    state = dynamics.begin(theta)
    path = [theta]
    for _ in range(steps):
        normal = law.gradient(theta)
        g = rng.standard_normal(len(theta))
        g -= np.linalg.pinv(normal) @ (normal @ g) * (1 - leak)
        direction, state = dynamics.direction(theta, g, state)
        moved = theta - dynamics.rate * direction
        predictions.add(theta, direction, moved, dynamics.velocity(direction, state))
        theta = moved
        path.append(theta)
    predictions.close()
    return predictions, path


CASES = [
    GradientDescent(rate=0.1),
    GradientDescent(rate=0.1, decay=0.5),
    StochasticDescent(rate=0.05, decay=0.1),
    Momentum(rate=0.05, momentum=0.9),
    Momentum(rate=0.05, momentum=0.7, decay=0.3),
    Momentum(rate=0.05, momentum=0.8, dampening=0.5),
    Momentum(rate=0.05, momentum=0.8, nesterov=True),
    Momentum(rate=0.05, momentum=0.7, nesterov=True, decay=0.2),
    Momentum(rate=0.05, momentum=0.7, dampening=0.3, decay=0.2),
]


@pytest.mark.parametrize("dynamics", CASES, ids=lambda d: d.text)
def test_the_ledger_predict_every_step(dynamics: Descent) -> None:
    predictions, path = orthogonal_steps(BALANCE, dynamics, 150, np.random.default_rng(0))
    drift = predicted_drift(predictions, 0)
    assert drift is not None
    assert drift.audited == 150
    change = BALANCE.value(path[-1]) - BALANCE.value(path[0])
    np.testing.assert_allclose(drift.predicted[-1], change, rtol=1e-10)
    np.testing.assert_allclose(drift.observed[-1], change, rtol=1e-12)
    assert np.abs(change).min() > 1e-3  # something did happen
    assert drift.scaled.max() < 1e-14


@pytest.mark.parametrize("dynamics", CASES, ids=lambda d: d.text)
def test_the_ledger_refuse_a_leak(dynamics: Descent) -> None:
    predictions, _ = orthogonal_steps(BALANCE, dynamics, 150, np.random.default_rng(0), leak=1e-6)
    drift = predicted_drift(predictions, 0)
    assert drift is not None
    assert drift.scaled.max() > 1e-10


def test_the_rule_with_momentum_by_hand() -> None:
    """h − 2ημ/(1−μ) θᵀMv grows by η² (1+μ)/(1−μ) v⁺ᵀMv⁺, step by step."""
    dynamics = Momentum(rate=0.05, momentum=0.9)
    rate, mu = dynamics.rate, dynamics.momentum
    _, path = orthogonal_steps(BALANCE, dynamics, 40, np.random.default_rng(1))
    velocities = [(a - b) / rate for a, b in pairwise(path)]
    for matrix in rows(BALANCE):
        joint = [
            theta @ matrix @ theta - 2 * rate * mu / (1 - mu) * (theta @ matrix @ v)
            for theta, v in zip(path[1:], velocities, strict=True)
        ]
        grown = [rate**2 * (1 + mu) / (1 - mu) * (v @ matrix @ v) for v in velocities[1:]]
        np.testing.assert_allclose(np.diff(joint), grown, rtol=1e-9, atol=1e-13)


def test_the_rule_with_decay_by_hand() -> None:
    """h(θ⁺) = (1 − ηλ)² h(θ) + η² gᵀMg, on a real network's minibatch gradients."""
    problem = cq.Problem(network=cq.networks.Linear(3, 2, 2))
    dynamics = StochasticDescent(rate=0.05, steps=64, size=4, decay=0.3)
    found = simulate(problem, [BALANCE], dynamics=dynamics)
    path = found.trajectory.thetas
    assert len(path) == 65
    for before, after in pairwise(path):
        g = (before - after) / dynamics.rate - dynamics.decay * before
        expected = (1 - 0.05 * 0.3) ** 2 * BALANCE.value(before) + 0.05**2 * BALANCE.value(g)
        np.testing.assert_allclose(BALANCE.value(after), expected, rtol=1e-11, atol=1e-14)
    ledger = found.verdicts[0].ledger
    assert ledger is not None
    assert ledger.units < 10
    np.testing.assert_allclose(ledger.predicted[-1], ledger.observed[-1], rtol=1e-9)


def test_laws_with_a_linear_part() -> None:
    """θᵀMθ + lᵀθ + const: the constant drops out, and decay acts on both parts."""
    layout = Layout((("w", (3,)),))
    law = PolynomialLaw(
        layout=layout,
        components=(Polynomial.of({(0, 0): 1, (1, 1): -1, (2,): 3, (): 7}),),
    )
    dynamics = GradientDescent(rate=0.1, decay=0.2)
    theta, predictions = np.array([0.5, -1.0, 2.0]), DriftPredictions((law,), dynamics)
    values = [law.value(theta)]
    for g_free in (np.array([1.0, 0.5]), np.array([-2.0, 0.3])):
        slope = law.gradient(theta)[0]
        g = np.array([*g_free, -(slope[:2] @ g_free) / slope[2]])
        direction, state = dynamics.direction(theta, g, ())
        moved = theta - 0.1 * direction
        predictions.add(theta, direction, moved, dynamics.velocity(direction, state))
        theta = moved
        values.append(law.value(theta))
    predictions.close()
    drift = predicted_drift(predictions, 0)
    assert drift is not None
    np.testing.assert_allclose(drift.predicted[-1], values[-1] - values[0], rtol=1e-12)


def test_laws_without_a_rule_are_passed_over() -> None:
    layout = LAYOUT
    cubic = PolynomialLaw(layout=layout, components=(Polynomial.of({(0, 0, 0): 1}),))
    laws: tuple[Law, ...] = (cubic, BALANCE, column_sums(layout, "W2"))
    assert set(DriftPredictions(laws, GradientDescent()).tracked) == {1, 2}
    assert not DriftPredictions(laws, Adam()).tracked
    assert predicted_drift(DriftPredictions(laws, GradientDescent()), 0) is None


@pytest.mark.parametrize(
    "name, settings, words",
    [
        ("walk", {}, "unknown"),
        ("gd", {"size": 3}, "does not take it"),
        ("gd", {"rate": 0.0}, "above 0"),
        ("gd", {"rate": float("nan")}, "above 0"),
        ("gd", {"steps": 0}, "whole number"),
        ("gd", {"decay": -1.0}, "at least 0"),
        ("momentum", {"momentum": 1.0}, "below 1"),
        ("sgd", {"size": 0}, "whole number"),
        ("flow", {"rtol": 1e-20}, "at least"),
        ("flow", {"rtol": 0.5}, "at most"),
        ("flow", {"time": -1.0}, "above 0"),
        ("adam", {"epsilon": 0.0}, "above 0"),
    ],
)
def test_settings_are_checked(name: str, settings: dict[str, float], words: str) -> None:
    with pytest.raises(cq.errors.InputError, match=words):
        make_dynamics(name, **settings)


def test_ledger_of_wide_terms() -> None:
    """A law with rows of a block reads only these."""
    term = GramTerm("W1", 0, 1, (0, 1, 1)), GramTerm("W2", 1, -1, (0, 1, 1))
    law = GramLaw(layout=LAYOUT, terms=term, part="trace")
    predictions, path = orthogonal_steps(
        law, GradientDescent(rate=0.1), 70, np.random.default_rng(2)
    )
    drift = predicted_drift(predictions, 0)
    assert drift is not None
    np.testing.assert_allclose(drift.observed[-1], law.value(path[-1]) - law.value(path[0]))


@pytest.mark.parametrize("count", [1, 20, 100, 250])
def test_ledger_is_kept_all_along(count: int) -> None:
    """Short runs too leave a curve: up to 100 moments, evenly spread, the last one included."""
    problem = cq.Problem.from_text("linear:3-2-1")
    law = gram(Layout.of(problem.network.parameters), "symmetric: W1.0 -1*W2.1")
    dynamics = GradientDescent(rate=0.01, steps=count)
    ledger = simulate(problem, [law], dynamics=dynamics, ladder=False).verdicts[0].ledger
    assert ledger is not None
    every = -(-count // 100)
    assert ledger.steps.tolist() == sorted({*range(0, count + 1, every), count})
    at_first = simulate(
        problem, [law], dynamics=GradientDescent(rate=0.01, steps=every), ladder=False
    )
    assert at_first.verdicts[0].ledger is not None
    assert np.allclose(ledger.observed[1], at_first.verdicts[0].ledger.observed[-1], rtol=1e-9)
    assert np.allclose(ledger.predicted[1], ledger.observed[1], rtol=1e-9, atol=1e-15)
