"""Every way to train: its steps are those of torch, and its verdicts tell true laws from false."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is the other road")

import torch

import conserved as cq
from conserved.errors import InputError
from conserved.law import GramLaw
from conserved.simulate import (
    DYNAMICS,
    Adam,
    AdamW,
    Dataset,
    Descent,
    GradientDescent,
    Momentum,
    Muon,
    SharpnessAware,
    SignDescent,
    StochasticDescent,
    simulate,
)

STEPS = 20
NETWORKS = ["relu:3-5-2,bias", "attention:dim=3,tokens=2,head=2"]
Make = Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]
SGD, ADAM, ADAMW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
PAIRS: list[tuple[Descent, Make]] = [
    (GradientDescent(rate=0.05, decay=0.1), lambda p: SGD(p, 0.05, weight_decay=0.1)),
    (Momentum(rate=0.02), lambda p: SGD(p, 0.02, 0.9)),
    (Momentum(rate=0.02, dampening=0.4), lambda p: SGD(p, 0.02, 0.9, 0.4)),
    (
        Momentum(rate=0.02, nesterov=True, decay=0.1),
        lambda p: SGD(p, 0.02, 0.9, weight_decay=0.1, nesterov=True),
    ),
    (Adam(rate=0.01, decay=0.1), lambda p: ADAM(p, 0.01, weight_decay=0.1)),
    (AdamW(rate=0.01, decay=0.1), lambda p: ADAMW(p, 0.01, weight_decay=0.1)),
    (AdamW(rate=0.01, beta1=0.5, epsilon=1e-3), lambda p: ADAMW(p, 0.01, (0.5, 0.999), 1e-3, 0)),
]


def forward(network: str, w: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    if network.startswith("attention"):
        scores = x @ w["Q"].T @ w["K"] @ x.transpose(1, 2)
        return torch.softmax(scores, dim=-1) @ x @ w["V"].T @ w["O"]
    return torch.relu(x @ w["W1"].T + w["b1"]) @ w["W2"].T + w["b2"]


class Bench:
    """One network, data and start, trained by us and by torch."""

    def __init__(self, network: str) -> None:
        self.problem = cq.Problem.from_text(network)
        self.network = network
        net, rng = self.problem.network, np.random.default_rng(7)
        self.start = 0.7 * rng.standard_normal(net.size)
        x, y = (
            rng.standard_normal((6, *net.input_shape)),
            rng.standard_normal((6, *net.output_shape)),
        )
        self.data = Dataset("made", "made up", x, y)

    def ours(self, dynamics: Descent) -> np.ndarray:
        run = simulate(self.problem, [], dynamics=dynamics, data=self.data, start=self.start)
        return run.trajectory.thetas[-1]

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        parts, at = {}, 0
        for p in self.problem.network.parameters:
            values = torch.tensor(self.start[at : at + p.size]).reshape(p.shape)
            parts[p.name] = torch.nn.Parameter(values)
            at += p.size
        return parts

    def loss(self, parts: dict[str, torch.Tensor]) -> torch.Tensor:
        x, y = torch.tensor(self.data.inputs), torch.tensor(self.data.labels)
        return 0.5 * ((forward(self.network, parts, x) - y) ** 2).sum() / len(x)

    def torchs(self, make: Make) -> np.ndarray:
        parts = self.parameters()
        optimizer = make(list(parts.values()))
        for _ in range(STEPS):
            optimizer.zero_grad()
            self.loss(parts).backward()
            optimizer.step()
        return flat(parts.values())


def flat(parts: object) -> np.ndarray:
    return np.concatenate([part.detach().numpy().ravel() for part in parts])  # type: ignore[attr-defined]


def short(dynamics: Descent) -> Descent:
    return type(dynamics)(**{**vars(dynamics), "steps": STEPS})


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("dynamics, make", PAIRS, ids=lambda v: getattr(v, "text", ""))
def test_steps_are_those_of_torch(network: str, dynamics: Descent, make: Make) -> None:
    bench = Bench(network)
    ours, torchs = bench.ours(short(dynamics)), bench.torchs(make)
    assert np.abs(ours - bench.start).max() > 0.02
    np.testing.assert_allclose(ours, torchs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("network", NETWORKS)
def test_sam_by_hand(network: str) -> None:
    bench = Bench(network)
    theta, shapes = torch.tensor(bench.start), [p.shape for p in bench.problem.network.parameters]
    names = [p.name for p in bench.problem.network.parameters]

    def loss(at: torch.Tensor) -> torch.Tensor:
        parts = torch.split(at, [int(np.prod(shape)) for shape in shapes])
        named = {n: p.reshape(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        return bench.loss(named)

    gradient = torch.func.grad(loss)
    for _ in range(STEPS):
        g = gradient(theta)
        theta = theta - 0.05 * gradient(theta + 0.1 * g / g.norm())
    ours = bench.ours(SharpnessAware(rate=0.05, radius=0.1, steps=STEPS))
    np.testing.assert_allclose(ours, theta.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.slow
def test_muon_is_near_that_of_torch() -> None:
    """Torch iterates in bfloat16; polar factors here are exact."""
    bench = Bench(NETWORKS[1])
    ours = bench.ours(Muon(rate=0.01, steps=STEPS)) - bench.start
    theirs = bench.torchs(lambda p: torch.optim.Muon(p, lr=0.01, weight_decay=0.0)) - bench.start
    cosine = ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs)
    assert cosine > 0.97
    assert 0.7 < np.linalg.norm(theirs) / np.linalg.norm(ours) < 1.3


def test_signs_by_hand() -> None:
    bench = Bench(NETWORKS[0])
    parts = bench.parameters()
    for _ in range(STEPS):
        gradients = torch.autograd.grad(bench.loss(parts), list(parts.values()))
        with torch.no_grad():
            for part, gradient in zip(parts.values(), gradients, strict=True):
                part -= 0.002 * torch.sign(gradient)
    ours = bench.ours(SignDescent(rate=0.002, steps=STEPS))
    np.testing.assert_allclose(ours, flat(parts.values()), atol=1e-12)


OTHERS = [Adam, AdamW, SignDescent, Muon, SharpnessAware]


@pytest.mark.parametrize("kind", OTHERS)
def test_steps_that_are_no_gradients_say_so(kind: type[Descent]) -> None:
    """True laws move, and the reason says why; false ones fail on single steps."""
    problem = cq.Problem.from_text("relu:3-5-2,bias")
    (law,) = cq.analyze(problem).laws
    assert isinstance(law, GramLaw)
    without = tuple(term for term in law.terms if term.tensor != "b1")
    false = GramLaw(layout=law.layout, terms=without, part=law.part)
    dynamics = kind(rate=0.01, steps=STEPS)
    true, untrue = simulate(problem, [law, false], dynamics=dynamics).verdicts
    assert dynamics.ledger is None
    assert true.outcome == "drifting"
    assert kind.why_not in true.common
    assert "no rule says how far, and that is no error" in true.common
    assert true.holds
    assert untrue.words == "violated since step 1"
    assert "⟨∇h, g⟩ = 0 is off by" in untrue.reason
    assert not untrue.holds


@pytest.mark.parametrize("kind", [Adam, AdamW, SignDescent])
def test_two_biases_stay_together(kind: type[Descent]) -> None:
    """Equal gradients: b − c is kept by every step entry by entry."""
    from conserved.law import Polynomial, PolynomialLaw
    from tests.dynamics.test_sign import Twice

    problem = cq.Problem(network=Twice())
    law = PolynomialLaw(layout=problem.state, components=(Polynomial.of({(4,): 1, (6,): -1}),))
    found = simulate(problem, [law], dynamics=kind(rate=0.01, steps=STEPS)).verdicts[0]
    assert found.outcome == "conserved"


def test_sam_looks_at_one_batch() -> None:
    problem = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
    with pytest.raises(InputError, match="moves data between the two looks of sam"):
        simulate(problem, [], dynamics=SharpnessAware(steps=3), augment="random")


@pytest.mark.parametrize(
    "settings, told",
    [
        ({"nesterov": True, "dampening": 0.1}, "needs momentum, and no dampening"),
        ({"nesterov": True, "momentum": 0.0}, "needs momentum, and no dampening"),
        ({"dampening": 1.0}, "give a number below 1"),
        ({"dampening": -0.1}, "give a number at least 0"),
        ({"nesterov": "yes"}, "is True or False"),
    ],
)
def test_bad_settings(settings: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Momentum(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", list(DYNAMICS))
def test_the_protocol(name: str) -> None:
    """Every leaf starts by its name, says what tells its accuracies apart, and has a finer one."""
    dynamics = cq.simulate.make_dynamics(name)
    setting, value = dynamics.setting
    assert dynamics.text.startswith(name)
    assert dynamics.finer(2).setting == (setting, value / 2 if dynamics.stepwise else 5e-14)
    assert dynamics.to_json()["name"] == name
    assert (dynamics.ledger is not None) + bool(dynamics.why_not) == dynamics.stepwise


def asked_for(tree: ast.AST) -> list[str]:
    """Classes of dynamics that some isinstance asks for."""
    leaves = {kind.__name__ for kind in (*DYNAMICS.values(), Descent)}
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance"
    ]
    names = {n.id for call in calls for n in ast.walk(call.args[1]) if isinstance(n, ast.Name)}
    return sorted(names & leaves)


def test_nothing_asks_which_dynamics_it_is() -> None:
    room = Path(cq.simulate.__file__).parent
    for path in room.rglob("*.py"):
        assert asked_for(ast.parse(path.read_text("utf-8"))) == [], path
    assert asked_for(ast.parse("isinstance(x, Adam | int)")) == ["Adam"]
    assert StochasticDescent.stepwise
