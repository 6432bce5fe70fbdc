"""What torch.optim.SGD does to a law is what is forecast, to rounding."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is the other road")

import torch

import conserved as cq
from conserved.dynamics import Forecast, Steps
from conserved.law import GramLaw, Law

NETWORKS = ["relu:3-5-2,bias", "attention:dim=3,tokens=2,head=2", "linear:3-2-2"]
STEPS = [
    Steps(0.02, momentum, dampening, nesterov, decay)
    for momentum, dampening, nesterov, decay in product(
        (0.0, 0.9), (0.0, 0.3), (False, True), (0.0, 0.1)
    )
    if not (nesterov and (dampening or not momentum)) and not (dampening and not momentum)
]
MANY = 40


def trained(network: str, steps: Steps, seed: int = 0) -> tuple[list[np.ndarray], ...]:
    """θ, the buffers and the directions of real steps on minibatches of one datum."""
    built = cq.networks.parse_network(network)
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    tensors = [torch.nn.Parameter(0.7 * draw(*p.shape)) for p in built.parameters]
    named = dict(zip([p.name for p in built.parameters], tensors, strict=True))
    optimizer = torch.optim.SGD(
        tensors,
        lr=steps.rate,
        momentum=steps.momentum,
        dampening=steps.dampening,
        nesterov=steps.nesterov,
        weight_decay=steps.decay,
    )

    def flat(parts: list[torch.Tensor]) -> np.ndarray:
        return np.concatenate([part.detach().numpy().ravel() for part in parts]).copy()

    thetas, buffers, directions = [flat(tensors)], [], []
    for _ in range(MANY):
        x, y = draw(*built.input_shape), draw(*built.output_shape)
        optimizer.zero_grad()
        (0.5 * (_forward(network, named, x) - y) ** 2).sum().backward()
        gradient = flat([w.grad for w in tensors]) + steps.decay * thetas[-1]
        optimizer.step()
        buffer = gradient
        if steps.momentum:
            buffer = flat([optimizer.state[w]["momentum_buffer"] for w in tensors])
        ahead = gradient + steps.momentum * buffer if steps.nesterov else buffer
        thetas.append(flat(tensors))
        buffers.append(buffer)
        directions.append(ahead)
    return thetas, buffers, directions


def _forward(network: str, w: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    if network.startswith("attention"):
        weights = torch.softmax(x @ w["Q"].T @ w["K"] @ x.T, dim=-1)
        return weights @ x @ w["V"].T @ w["O"]
    z = w["W1"] @ x + w.get("b1", 0)
    return w["W2"] @ (torch.relu(z) if network.startswith("relu") else z) + w.get("b2", 0)


def residuals(law: Law, steps: Steps, run: tuple[list[np.ndarray], ...]) -> tuple[float, float]:
    """The largest difference between the forecast and what was, and the largest change."""
    thetas, buffers, directions = run
    forecast, wrong, moved = Forecast(steps), 0.0, 0.0
    start = law.value(thetas[0])
    told = start.copy()
    for theta, b, d, after in zip(thetas[:-1], buffers, directions, thetas[1:], strict=True):
        crossed = (law.value(d + b) - law.value(d - b)) / 4
        told = told + forecast.change(2 * law.value(theta), law.value(d), crossed)
        wrong = max(wrong, float(np.abs(law.value(after) - told).max()))
        moved = max(moved, float(np.abs(law.value(after) - start).max()))
    return wrong, moved


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("steps", STEPS, ids=str)
def test_sgd_of_torch(network: str, steps: Steps) -> None:
    laws = cq.analyze(cq.Problem.from_text(network)).laws
    run = trained(network, steps)
    assert laws
    for law in laws:
        wrong, moved = residuals(law, steps, run)
        assert wrong < 1e-11
        assert moved > 1e-5


@pytest.mark.parametrize(
    "steps", [Steps(0.02), Steps(0.02, 0.9, nesterov=True, decay=0.1)], ids=str
)
def test_a_false_law_is_no_law(steps: Steps) -> None:
    (law,) = cq.analyze(cq.Problem.from_text("relu:3-5-2,bias")).laws
    assert isinstance(law, GramLaw)
    terms = [term for term in law.terms if term.tensor != "b1"]  # the bias left out
    false = GramLaw(layout=law.layout, terms=tuple(terms), part=law.part)
    wrong, _ = residuals(false, steps, trained("relu:3-5-2,bias", steps))
    assert wrong > 1e-4


def test_a_wrong_setting_is_seen() -> None:
    steps = Steps(0.02, 0.9, decay=0.1)
    (law,) = cq.analyze(cq.Problem.from_text("linear:3-2-2")).laws
    run = trained("linear:3-2-2", steps)
    for other in (Steps(0.02, 0.9), Steps(0.02, 0.8, decay=0.1), Steps(0.02, 0.9, 0.1, decay=0.1)):
        assert residuals(law, other, run)[0] > 1e-4


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("degree", [1, 2])
def test_decoupled_decay(momentum: float, degree: int) -> None:
    """(1 − ηλ)θ first, as in SGDW."""
    loss = "cross-entropy" if degree == 1 else "mse"
    laws = cq.analyze(cq.Problem.from_text("linear:3-2-3", loss=loss)).laws
    law = next(law for law in laws if (law.kind == "linear") == (degree == 1))
    steps = Steps(0.05, momentum, decoupled=0.2)
    rng = np.random.default_rng(0)
    theta, b = rng.standard_normal(law.layout.size), 0.0
    forecast, told = Forecast(steps, degree), law.value(theta)
    for _ in range(30):
        x, y = rng.standard_normal(3), rng.standard_normal(3)
        w1, w2 = theta[:6].reshape(2, 3), theta[6:].reshape(3, 2)
        out = w2 @ w1 @ x
        left = np.exp(out) / np.exp(out).sum() - np.eye(3)[0] if degree == 1 else out - y
        g = np.concatenate([np.outer(w2.T @ left, x).ravel(), np.outer(left, w1 @ x).ravel()])
        b = momentum * b + g
        square = law.value(b) if degree == 2 else 0 * told
        told = told + forecast.change(0 * told, square, value=law.value(theta))
        theta = (1 - steps.rate * steps.decoupled) * theta - steps.rate * b
        np.testing.assert_allclose(law.value(theta), told, atol=1e-12)
