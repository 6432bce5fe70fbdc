"""Flows other than gradient flow, followed in float64: their equations, and what verdicts say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import conserved as cq
from conserved.cli import run
from conserved.errors import InputError
from conserved.law import GramLaw, GramTerm
from conserved.law.timed import in_time
from conserved.problem import Problem
from conserved.simulate import GradientFlow, make_dataset, simulate
from conserved.simulate.motion import followed
from conserved.simulate.objective import make_objective

N = 12  # parameters of linear:2-3-2, six to a tensor
RATES = np.repeat([3.0, 7.0], 6)
State = np.ndarray


def momentum(s: State, g: State) -> State:
    v = s[N : 2 * N]
    return np.concatenate([v, -0.5 * v - g, [0.5 * s[-1]]])  # s = e^{t/2}


def nesterov(s: State, g: State) -> State:
    v = s[N : 2 * N]
    return np.concatenate([v, -3 / s[-1] * v - g, [1.0]])


def damped(s: State, g: State) -> State:
    """Friction 1/2, decay 1/10 and rates, and s = e^{t/10}."""
    v = s[N : 2 * N]
    return np.concatenate([v, -0.5 * v - 0.1 * s[:N] - RATES * g, [0.1 * s[-1]]])


def mirrored_momentum(s: State, g: State) -> State:
    v = s[N : 2 * N]
    return np.concatenate([s[:N] * v, -0.5 * v - g, [0.5 * s[-1]]])


EQUATIONS: dict[str, Callable[[State, State], State]] = {
    "momentum:1/2": momentum,
    "nesterov": nesterov,
    "momentum:1/2+decay:1/10+rates:W1=3,W2=7": damped,
    "mirror-momentum:1/2": mirrored_momentum,
    "momentum:0": lambda s, g: np.concatenate([s[N : 2 * N], -g, [1.0]]),
    "decay:1/3": lambda s, g: np.append(-s[:N] / 3 - g, s[-1] / 3),
    "rates:W1=3,W2=7": lambda s, g: -RATES * g,
    "mirror": lambda s, g: -s * g,
    "mirror:power=3": lambda s, g: -(s**3) * g,
    "mirror:W2": lambda s, g: -np.where(np.arange(N) < 6, 1, s) * g,
}


@pytest.mark.parametrize("flow", list(EQUATIONS))
def test_velocities_are_the_equations(flow: str) -> None:
    problem = Problem.from_text("linear:2-3-2", flow=flow)
    rng = np.random.default_rng(2)
    plain = make_objective(problem, make_dataset(problem, "random", rng=rng), "none", rng)
    moving = followed(plain)
    state = np.abs(moving.begin(rng.standard_normal(N), rng)) + 0.5
    assert len(state) == problem.state.size
    gradient = plain.evaluate(state[None, :N])[1][0]
    value, minus = moving.evaluate(state[None])
    np.testing.assert_allclose(-minus[0], EQUATIONS[flow](state, gradient), rtol=1e-12)
    assert value == plain.value(state[None, :N])


def test_natural_gradients_solve_the_normal_equations() -> None:
    """F δ = ∇L with F = mean JᵀJ, and δ in the range of F."""
    problem = Problem.from_text("linear:2-3-2", flow="natural")
    rng = np.random.default_rng(3)
    data = make_dataset(problem, "random", samples=5, rng=rng)
    plain = make_objective(problem, data, "none", rng)
    theta = rng.standard_normal(N)
    step = followed(plain).evaluate(theta[None])[1][0]
    w1, w2 = theta[:6].reshape(3, 2), theta[6:].reshape(2, 3)
    rows = []
    for x in data.inputs:
        for k in range(2):
            rows.append(np.append(np.outer(w2[k], x).ravel(), np.outer(np.eye(2)[k], w1 @ x)))
    jacobian = np.stack(rows)
    fisher = jacobian.T @ jacobian / 5
    np.testing.assert_allclose(fisher @ step, plain.evaluate(theta[None])[1][0], rtol=1e-9)
    null = np.linalg.svd(jacobian)[2][np.linalg.matrix_rank(jacobian) :]
    np.testing.assert_allclose(null @ step, 0, atol=1e-10)


FOLLOWED = [
    ("linear:2-3-2", "momentum:1/2"),
    ("linear:2-3-2", "nesterov"),
    ("linear:2-2-1", "decay:1/10"),
    ("linear:2-3-2", "rates:W1=3,W2=7"),
    ("linear:2-2-1", "mirror"),
    ("linear:2-2-1", "natural"),
    ("linear:2-3-2", "momentum:1+rates:W1=3,W2=7"),
]


@pytest.mark.parametrize("network, flow", FOLLOWED)
def test_true_laws_hold_and_false_ones_break(network: str, flow: str) -> None:
    """The law of gradient flow is false on all but one of these flows; Euclidean norms on all."""
    problem = Problem.from_text(network, flow=flow)
    laws = cq.analyze(problem).laws
    assert laws
    norm = GramLaw(layout=problem.state, terms=(GramTerm("W1", 0), GramTerm("W2", 1, 2)))
    found = simulate(problem, [*laws, norm], dynamics=GradientFlow(time=2.0))
    assert [verdict.outcome for verdict in found.verdicts] == ["conserved"] * len(laws) + [
        "violated"
    ]


def test_another_power_of_time_breaks() -> None:
    problem = Problem.from_text("linear:2-2-1", flow="decay:1/10")
    plain = cq.analyze(Problem.from_text("linear:2-2-1")).laws[0]
    laws = [in_time(plain, problem.state, k, problem.moves.unit) for k in (1, 2, 3)]
    found = simulate(problem, laws, dynamics=GradientFlow(time=2.0))
    assert [v.outcome for v in found.verdicts] == ["violated", "conserved", "violated"]


def test_the_path_is_that_of_parameters() -> None:
    problem = Problem.from_text("linear:2-2-1", flow="momentum:1/2")
    run = simulate(problem, [], dynamics=GradientFlow(time=1.0)).trajectory
    steps = np.diff(run.thetas[:, :6], axis=0)
    np.testing.assert_allclose(run.lengths[-1], np.linalg.norm(steps, axis=1).sum(), rtol=1e-12)
    np.testing.assert_allclose(run.thetas[:, -1], np.exp(run.times / 2), rtol=1e-12)


@pytest.mark.parametrize(
    "words, told",
    [
        (["--flow", "momentum", "--dynamics", "sgd"], "steps of sgd descend the gradient"),
        (["--flow", "sign"], "its field jumps; take steps, --dynamics sign"),
        (["--flow", "decay:1", "--weight-decay", "0.1"], "say decay:L in the flow"),
        (["--flow", "natural", "--symmetry", "orthogonal"], "over points"),
        (["--flow", "natural", "--loss", "poly:4"], "is followed for squared error"),
        (["--flow", "momentum", "--augment", "random", "--symmetry", "negation"], "needs steps"),
        (["--flow", "decay:W9=1"], "there is no W9"),
        (["--dynamics", "adamw", "--nesterov"], "adamw does not take it"),
        (["--dynamics", "momentum", "--dampening", "2"], "give a number below 1"),
    ],
)
def test_refused(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "linear:4-2-1", *words]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_outputs_have_no_loss() -> None:
    with pytest.raises(InputError, match="has no loss to train on"):
        simulate(Problem.from_text("linear:1-1", flow="outputs"), [])


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "linear:2-2-1", "--flow", "decay:1/10", "--time", "1"]
    assert run(words) == 0
    out = capsys.readouterr().out
    assert "flow      decay:1/10" in out
    assert "e^{t/5} (W1 W1ᵀ − W2ᵀ W2)" in out
    assert "conserved" in out
