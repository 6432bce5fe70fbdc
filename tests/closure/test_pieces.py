"""Counts of networks with gates that hang together, and with square roots (theory §12)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import conserved as cq
from conserved.kernel.choices import pieces
from conserved.networks import Network, Parameter
from conserved.networks.tracing import concatenate
from tests.cases import sweep


class Custom(Network):
    """A network given by its parameters and a function."""

    family = "custom"

    def __init__(self, parameters: dict[str, Any], forward: Any, inputs: Any, outputs: Any) -> None:
        self._forward = forward
        named = [Parameter(name, shape) for name, shape in parameters.items()]
        self._declare("custom", named, inputs, outputs)

    def forward(self, parameters: Any, x: Any) -> Any:
        return self._forward(parameters, x)


def counted(network: Network, loss: str = "mse") -> tuple[int, int, bool]:
    """(laws found, upper bound, certified)."""
    problem = cq.Problem(network=network, loss=cq.losses.parse_loss(loss))
    analysis = cq.analyze(problem)
    count = analysis.count
    return count.lower, count.upper, count.certified


def pair(p: Any, x: Any, how: str) -> Any:
    a, b = x @ p["W"].T
    if how == "sort":
        return (x @ p["W"].T).sort() @ p["V"].T
    if how == "one relu":
        gate = (a - b).relu()
        low, high = a - gate, b + gate
    else:
        low, high = a - (a + b.scale(-1)).relu(), b + (a - b).relu()
    return concatenate([low.reshape(1), high.reshape(1)]) @ p["V"].T


@pytest.mark.parametrize("how", ["sort", "one relu", "two relus"])
def test_sorted_pairs_keep_two_laws(how: str) -> None:
    network = Custom({"W": (2, 3), "V": (2, 2)}, lambda p, x: pair(p, x, how), (3,), (2,))
    assert counted(network) == (2, 2, True)


def gains(p: Any, x: Any) -> Any:
    rows = p["V"] * (p["V"] * p["V"]).sum(1).rsqrt() * p["g"].reshape(-1, 1)
    return (x @ rows.T).relu() @ p["U"].T


@pytest.mark.parametrize("hidden", sweep([4, 8], 2))
def test_weight_norm_with_relu(hidden: int) -> None:
    """‖v_j‖² and g_j² − ‖u_j‖² for each unit."""
    shapes = {"V": (hidden, 3), "g": (hidden,), "U": (2, hidden)}
    assert counted(Custom(shapes, gains, (3,), (2,))) == (2 * hidden, 2 * hidden, True)


def attention(heads: int, shared: bool) -> Network:
    tokens, dim, head = 2, 3, 2

    def forward(p: Any, x: Any) -> Any:
        def per_head(name: str) -> Any:
            return (x @ p[name].T).reshape(tokens, heads, head).transpose(1, 0, 2)

        q, k = (z * (z * z).sum(2).rsqrt() for z in (per_head("Q"), per_head("K")))
        if shared:
            q, k = q * p["q"], k * p["k"]
        mixed = ((q @ k.transpose(0, 2, 1)).softmax() @ per_head("V")).transpose(1, 0, 2)
        return mixed.reshape(tokens, heads * head) @ p["O"]

    shapes: dict[str, Any] = {name: (heads * head, dim) for name in "QKVO"}
    if shared:
        shapes |= {"q": (head,), "k": (head,)}
    return Custom(shapes, forward, (tokens, dim), (tokens, dim))


@pytest.mark.parametrize(
    "heads, shared, laws", sweep([(2, True, 12), (1, False, 5), (2, False, 10)], 3)
)
def test_normalised_queries_and_keys(heads: int, shared: bool, laws: int) -> None:
    assert counted(attention(heads, shared)) == (laws, laws, True)


def normalised(channels: int, *, affine: bool) -> Network:
    """Batch normalisation over a datum of five inputs."""

    def forward(p: Any, x: Any) -> Any:
        z = x @ p["W"].T
        z = z - z.mean(0)
        z = z * (z * z).mean(0).rsqrt()
        if affine:
            z = (z * p["g"] + p["b"]).relu()
        return z @ p["V"].T

    shapes: dict[str, Any] = {"W": (channels, 2), "V": (1, channels)}
    if affine:
        shapes |= {"g": (channels,), "b": (channels,)}
    return Custom(shapes, forward, (5, 2), (5, 1))


def test_batch_normalisation() -> None:
    assert counted(normalised(4, affine=False)) == (4, 4, True)
    assert counted(normalised(2, affine=True)) == (4, 4, True)


@pytest.mark.parametrize("classes", sweep([3, 4], 2))
def test_cosine_heads(classes: int) -> None:
    def forward(p: Any, x: Any) -> Any:
        z = (x @ p["W"].T).function("tanh")
        rows = p["C"] * (p["C"] * p["C"]).sum(1).rsqrt()
        return (z * (z * z).sum(0).rsqrt()) @ rows.T

    network = Custom({"W": (3, 3), "C": (classes, 3)}, forward, (3,), (classes,))
    assert counted(network, "cross-entropy") == (classes, classes, True)


def looked_at(formula: Any) -> Any:
    network = Custom({"W": (2, 3), "V": (2, 2)}, formula, (3,), (2,))
    return pieces(network.program)


def test_gates_belong_to_their_arguments() -> None:
    def shared(p: Any, x: Any) -> Any:
        z = x @ p["W"].T
        return (z.relu() + z.scale(-3).relu() + z.abs() + z.scale("1/2").relu()) @ p["V"].T

    found = looked_at(shared)
    assert (found.count, found.free, found.linear) == (2, True, True)
    flips = sorted(bool(flip.all()) for flip in found.flipped.values())
    assert flips == [False, False, True]


def test_impossible_patterns_are_seen() -> None:
    def three(p: Any, x: Any) -> Any:
        a, b = x @ p["W"].T
        z = concatenate([(a.relu() + b.relu()).reshape(1), (a + b).relu().reshape(1)])
        return z @ p["V"].T

    def shifted(p: Any, x: Any) -> Any:
        z = x @ p["W"].T
        return (z.relu() + (z - 1).relu()) @ p["V"].T

    def positive(p: Any, x: Any) -> Any:
        return ((x @ p["W"].T) ** 2).relu() @ p["V"].T

    for formula in (three, shifted, positive):
        assert not looked_at(formula).free


def test_squares_of_gates_are_not_linear() -> None:
    assert not looked_at(lambda p, x: (x @ p["W"].T).relu() ** 2 @ p["V"].T).linear
    assert looked_at(lambda p, x: ((x @ p["W"].T).relu() @ p["V"].T).relu() @ p["V"].T).linear


def test_gates_of_parameters_are_one_cell() -> None:
    network = Custom(
        {"W": (2, 3), "V": (2, 2)}, lambda p, x: (x @ p["W"].relu().T) @ p["V"].T, (3,), (2,)
    )
    assert not pieces(network.program).with_inputs
    assert "one cell" in cq.lie_closure(cq.Problem(network=network)).note


def test_tied_autoencoder_keeps_the_range_of_its_weights() -> None:
    """x ↦ Wᵀ W x with more hidden units than inputs: W′ = W S, whatever the data."""
    network = Custom({"W": (3, 2)}, lambda p, x: (x @ p["W"].T) @ p["W"], (2,), (2,))
    analysis = cq.analyze(cq.Problem(network=network))
    assert analysis.count == cq.Count(2, 2, True, 2)
    assert [law.text for law in analysis.laws] == ["range of W"]


def test_mirror_descent_of_two_layers() -> None:
    """θ = u²: two laws in closed form, and a third, such as log(b/a)/(a − b) against the other."""

    def squared(p: Any, x: Any) -> Any:
        return (x @ (p["a"] ** 2).T) @ (p["b"] ** 2).T

    network = Custom({"a": (2, 1), "b": (1, 2)}, squared, (1,), (1,))
    assert cq.analyze(cq.Problem(network=network)).count == cq.Count(3, 3, True, 2)


def test_grouped_queries() -> None:
    """Two query heads on one key head: 3 + 3 laws."""

    def grouped(p: Any, x: Any) -> Any:
        queries = (x @ p["Q"].T).reshape(3, 2, 2).transpose(1, 0, 2)
        mixed = (queries @ (x @ p["K"].T).T).softmax() @ (x @ p["V"].T)
        return mixed.transpose(1, 0, 2).reshape(3, 4) @ p["O"]

    shapes = {"Q": (4, 3), "K": (2, 3), "V": (2, 3), "O": (4, 3)}
    analysis = cq.analyze(cq.Problem(network=Custom(shapes, grouped, (3, 3), (3, 3))))
    assert analysis.count == cq.Count(6, 6, True)
    assert [(law.text, law.independent) for law in analysis.laws] == [
        ("Σ_h Q_h Q_hᵀ − K Kᵀ, h = 1 … 2", 3),
        ("V Vᵀ − Σ_h O_h O_hᵀ, h = 1 … 2", 3),
    ]
    first, second = (law.latex for law in analysis.laws)
    assert first == r"\sum_{h=1}^{2} {Q}_{h} {Q}_{h}^\top - K K^\top"
    assert second == r"V V^\top - \sum_{h=1}^{2} {O}_{h} {O}_{h}^\top"
    theta = np.random.default_rng(0).standard_normal(36)
    q, k = theta[:12].reshape(2, 2, 3), theta[12:18].reshape(2, 3)
    by_hand = sum(head @ head.T for head in q) - k @ k.T
    np.testing.assert_allclose(analysis.laws[0].value(theta), by_hand[np.triu_indices(2)])


@pytest.mark.parametrize("width", [3, 16])
def test_root_mean_square_normalisation(width: int) -> None:
    """g_j² − ‖column j‖² for each gain, and ‖W1‖² of the layer below."""

    def forward(p: Any, x: Any) -> Any:
        z = x @ p["A"].T
        return (z * (z * z).mean(0).rsqrt() * p["g"]) @ p["B"].T

    shapes = {"A": (width, width), "g": (width,), "B": (2, width)}
    laws = width + 1
    assert counted(Custom(shapes, forward, (width,), (2,))) == (laws, laws, True)


def test_layer_normalisation() -> None:
    def forward(p: Any, x: Any) -> Any:
        z = x @ p["A"].T
        z = z - z.mean(0)
        return (z * (z * z).mean(0).rsqrt()) @ p["B"].T

    assert counted(Custom({"A": (4, 3), "B": (2, 4)}, forward, (3,), (2,))) == (6, 6, True)
