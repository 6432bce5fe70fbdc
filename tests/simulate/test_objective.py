"""Values and gradients: against differences, against explicit orbits, as means of their parts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

import conserved as cq
from conserved.errors import InputError, LimitError
from conserved.kernel.functions import FormalRing
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array
from conserved.losses import LOSSES, AnyLoss, Loss, parse_loss
from conserved.networks import Network, Parameter, Var
from conserved.simulate import Dataset, initial, make_dataset
from conserved.simulate.haar import random_elements
from conserved.simulate.objective import (
    MomentObjective,
    Objective,
    PointObjective,
    SampledObjective,
    make_objective,
)
from conserved.symmetry import enumerate_group, parse_symmetry


def objective(
    network: str, symmetry: str = "none", *, loss: str = "mse", labels: str = "invariant"
) -> Objective:
    problem = cq.Problem.from_text(network, loss=loss, symmetry=symmetry, labels=labels)
    data = make_dataset(problem, "teacher", samples=4, rng=np.random.default_rng(1))
    return make_objective(problem, data, "full", np.random.default_rng(2))


def starts(found: Objective, count: int = 2) -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.stack([initial(found.problem.network, rng) for _ in range(count)])


NETWORKS = [
    ("linear:3-2-1", "mse"),
    ("linear:3-1", "logistic"),
    ("relu:3-4-2,bias", "poly:4"),
    ("poly:2-3-1,power=3", "exponential"),
    ("mlp:3-2-3,act=gelu,bias", "cross-entropy"),
    ("swiglu:2-3-2", "mse"),
    ("lightning:dim=3,tokens=2", "mse"),
    ("attention:dim=2,tokens=3,head=1,heads=2,causal", "mse"),
]


@pytest.mark.parametrize("network, loss", NETWORKS)
def test_gradients_are_derivatives_of_values(network: str, loss: str) -> None:
    found = objective(network, loss=loss)
    theta = starts(found)
    _, gradients = found.evaluate(theta)
    step = 1e-5 * np.eye(theta.shape[1])
    for point, gradient in zip(theta, gradients, strict=True):
        slopes = (found.value(point + step) - found.value(point - step)) / 2e-5
        np.testing.assert_allclose(slopes, gradient, atol=1e-8 * np.abs(gradient).max())


class LogCosh(Loss):
    """A loss of whoever needs one: Σ log cosh(ŷ − y), by its gradient and its value."""

    spec = "log-cosh"
    orders = "every order"

    def gradient(
        self, ring: FormalRing, prediction: Array, labels: Array, key: NDArray[np.uint64]
    ) -> Array:
        return ring.function("tanh", ring.sub(prediction, labels))

    def values(self, prediction: Array, labels: Array) -> Array:
        return np.log(np.cosh(prediction - labels)).sum(axis=-1)


DEFINITE = [parse_loss(f.example) for f in LOSSES.values() if f.build is not AnyLoss]


@pytest.mark.parametrize("loss", [*DEFINITE, LogCosh()], ids=lambda loss: loss.spec)
def test_slopes_of_losses(loss: Loss) -> None:
    """Also far out, where a naive formula overflows."""
    outputs = 3 if loss.one_hot else 1
    labels = np.eye(outputs)[[0] * 4] if outputs > 1 else np.array([[1.0], [-1.0], [1.0], [-1.0]])
    prediction = np.array([[0.3], [-0.2], [1.5], [0.7]]) * np.linspace(1, 2, outputs)
    for j in range(outputs):
        step = np.zeros(outputs)
        step[j] = 1e-6
        high, low = (loss.values((prediction + s * step)[None], labels)[0] for s in (1, -1))
        slope = loss.slopes(prediction[None], labels)[0, :, j]
        np.testing.assert_allclose((high - low) / 2e-6, slope, atol=1e-8)
    far = loss.slopes(np.full((1, 4, outputs), 600.0) * np.arange(1, outputs + 1), labels)
    assert np.isfinite(far).all()


def test_many_losses_at_once_are_refused() -> None:
    with pytest.raises(InputError, match="one definite loss"):
        objective("linear:2-1-1", loss="any")


VALUES = [  # by hand, for labels 1 (or the first class) and predictions 0 and 2
    ("mse", [1 / 2, 1 / 2]),
    ("poly:3", [-1 / 3, 1 / 3]),
    ("logistic", [np.log(2), np.log1p(np.exp(-2))]),
    ("exponential", [1.0, np.exp(-2)]),
    ("cross-entropy", [np.log(2), np.log1p(np.exp(-2))]),
]


@pytest.mark.parametrize("spec, expected", VALUES)
def test_values_of_losses(spec: str, expected: list[float]) -> None:
    loss = parse_loss(spec)
    prediction, label = np.array([[[0.0], [2.0]]]), np.ones((2, 1))
    if loss.one_hot:
        prediction, label = prediction * [1.0, 0.0], np.array([[1.0, 0.0]] * 2)
    np.testing.assert_allclose(loss.values(prediction, label)[0], expected)


def test_a_loss_given_by_its_gradient_trains() -> None:
    problem = cq.Problem(cq.networks.Linear(2, 1, 1), LogCosh())
    data = make_dataset(problem, "teacher", samples=4, rng=np.random.default_rng(1))
    found = make_objective(problem, data, "none", np.random.default_rng(2))
    laws = cq.analyze(problem).laws
    theta = starts(found, 1)
    for law in laws:
        moved = law.gradients(Reals(), theta[0]) @ found.evaluate(theta)[1][0]
        np.testing.assert_allclose(moved, 0, atol=1e-12)
    assert laws


SYMMETRIES = [
    ("linear:6-2-1", "permutation", "invariant"),
    ("linear:4-2-4", "hyperoctahedral", "equivariant"),
    ("linear:7-2-1", "permutation:6+none:1", "sign"),
    ("poly:3-2-1,power=2", "icosahedral", "invariant"),
    ("poly:2-2-1,power=3", "dihedral:7", "sign"),
    ("lightning:dim=3,tokens=2", "octahedral", "sign"),
]


class Causal(Network):
    """Each token's product with itself and those before it, and a bias: a lift nobody declared."""

    family = "causal"

    def __init__(self) -> None:
        parameters = [Parameter("Q", (2, 1)), Parameter("K", (2, 1)), Parameter("b", (1,))]
        self._declare("causal", parameters, (2, 2), (2, 1))

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        mask = x.recording.constant([[1, 0], [1, 1]])
        scores = (x @ parameters["Q"]) @ (x @ parameters["K"]).T * mask
        return scores.sum(1) + parameters["b"]


def test_moments_of_a_lift_that_is_found() -> None:
    """Tokens have other monomials each, of degrees 0 and 2."""
    problem = cq.Problem(network=Causal(), symmetry=parse_symmetry("rotation:5", 2))
    rng = np.random.default_rng(0)
    data = Dataset("drawn", "drawn", rng.normal(size=(3, 2, 2)), rng.normal(size=(3, 2, 1)))
    moments = MomentObjective(problem, data)
    orbits = PointObjective(problem, data, enumerate_group(problem.group, Reals()))
    theta = rng.normal(size=(2, problem.network.size))
    for a, b in zip(moments.evaluate(theta), orbits.evaluate(theta), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12 * np.abs(b).max())


@pytest.mark.parametrize("network, symmetry, labels", SYMMETRIES)
def test_moments_are_the_mean_over_the_orbit(network: str, symmetry: str, labels: str) -> None:
    moments = objective(network, symmetry, labels=labels)
    assert isinstance(moments, MomentObjective)
    problem = moments.problem
    elements = enumerate_group(problem.group, Reals())
    orbits = PointObjective(problem, moments.data, elements)
    theta = starts(moments)
    for chosen in (None, np.array([2, 0])):
        one, other = moments.evaluate(theta, chosen), orbits.evaluate(theta, chosen)
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12 * np.abs(b).max())


@pytest.mark.parametrize(
    "network, infinite, finite, labels",
    [
        ("lightning:dim=2,tokens=2", "orthogonal", "dihedral:16", "invariant"),
        ("lightning:dim=2,tokens=1", "special-orthogonal", "rotation:16", "invariant"),
        ("poly:2-2-1,power=2", "orthogonal", "dihedral:9", "invariant"),
        ("linear:2-2-2", "special-orthogonal", "rotation:5", "equivariant"),
        ("poly:4-2-1,power=2", "orthogonal:2+rotation:3", "dihedral:9+rotation:3", "invariant"),
        ("lightning:dim=4,tokens=2", "orthogonal:2+rotation:3", "dihedral:16+rotation:3", "sign"),
    ],
)
def test_an_infinite_group_averages_like_a_fine_finite_one(
    network: str, infinite: str, finite: str, labels: str
) -> None:
    """Moments of degree 6 cannot tell O(2) from a dihedral group with more than 6 rotations."""
    exact = objective(network, infinite, labels=labels)
    problem = cq.Problem.from_text(network, symmetry=finite, labels=labels)
    orbits = PointObjective(problem, exact.data, enumerate_group(problem.group, Reals()))
    theta = starts(exact)
    for a, b in zip(exact.evaluate(theta), orbits.evaluate(theta), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12 * np.abs(b).max())


def test_a_handful_of_random_elements_is_no_average() -> None:
    """The test above refuses a sampled average."""
    exact = objective("poly:2-2-1,power=2", "orthogonal")
    some = random_elements(exact.problem.group, 32, np.random.default_rng(0))
    sampled = PointObjective(exact.problem, exact.data, some)
    theta = starts(exact)
    gap = np.abs(exact.evaluate(theta)[1] - sampled.evaluate(theta)[1]).max()
    assert gap > 1e-3


def test_the_whole_is_the_mean_of_its_parts() -> None:
    for found in (objective("relu:3-4-2"), objective("lightning:dim=3,tokens=2", "orthogonal")):
        theta = starts(found)
        parts = [found.evaluate(theta, np.array([k])) for k in range(4)]
        for whole, part in zip(found.evaluate(theta), zip(*parts, strict=True), strict=True):
            np.testing.assert_allclose(whole, np.mean(part, axis=0), rtol=1e-12, atol=1e-13)


def test_points_in_pieces_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    found = objective("relu:3-4-2")
    theta = starts(found)
    whole = found.evaluate(theta)
    monkeypatch.setattr("conserved.simulate.objective._ENTRIES", 50)
    for a, b in zip(whole, found.evaluate(theta), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


@pytest.mark.parametrize(
    "symmetry",
    ["permutation:4", "permutation:9", "hyperoctahedral:7", "signflip:20", "orthogonal:3",
     "special-orthogonal:4", "orthogonal:2+negation:2", "2xorthogonal:2", "octahedral"],
)  # fmt: skip
def test_random_elements_are_elements(symmetry: str) -> None:
    """Orthogonal, of the right sign, and uniform as far as the mean tells."""
    n = {"octahedral": 3}.get(symmetry) or sum(
        int(part.split(":")[1]) * (2 if part.startswith("2x") else 1)
        for part in symmetry.split("+")
    )
    group = parse_symmetry(symmetry, n)
    found = random_elements(group, 4000, np.random.default_rng(0))
    identity = np.broadcast_to(np.eye(n), found.matrices.shape)
    np.testing.assert_allclose(found.matrices @ found.matrices.swapaxes(1, 2), identity, atol=1e-12)
    if "negation" not in symmetry and "2x" not in symmetry:
        np.testing.assert_allclose(np.linalg.det(found.matrices), found.signs, atol=1e-9)
    # the mean of the matrices projects on the fixed vectors
    fixed = np.full((n, n), 1 / n) if symmetry.startswith("permutation") else np.zeros((n, n))
    np.testing.assert_allclose(found.matrices.mean(axis=0), fixed, atol=0.08)


def test_labels_move_with_their_inputs_at_random() -> None:
    problem = cq.Problem.from_text("linear:3-3", symmetry="octahedral", labels="equivariant")
    data = make_dataset(problem, "random", samples=5, rng=np.random.default_rng(0))
    same = type(data)(data.name, data.summary, data.inputs, data.inputs)  # y = x, so gy = gx
    sampled = SampledObjective(problem, same, np.random.default_rng(1))
    value, gradient = sampled.evaluate(np.eye(3).reshape(1, -1))
    assert value[0] < 1e-28
    assert np.abs(gradient).max() < 1e-14
    bent = sampled.evaluate(np.diag([1.0, 1.0, 2.0]).reshape(1, -1))[1]
    assert np.abs(bent).max() > 0.1


def test_what_cannot_be_averaged_is_refused() -> None:
    with pytest.raises(LimitError, match="take mse, or a finite"):
        objective("linear:3-2-1", "orthogonal", loss="logistic")
    rng = np.random.default_rng(1)
    problem = cq.Problem.from_text("relu:8-2-1", symmetry="permutation")
    data = make_dataset(problem, "teacher", samples=2000, rng=rng)
    with pytest.raises(LimitError, match="take fewer samples"):
        make_objective(problem, data, "full", rng)
    with pytest.raises(InputError, match="known: full, random, none"):
        make_objective(problem, data, "half", rng)  # type: ignore[arg-type]
