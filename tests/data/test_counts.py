"""Counts on classes of data that are no groups (theory §15), by two roads."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

pytest.importorskip("torch", reason="torch is the other road")

import torch
from torch import Tensor

import conserved as cq
from conserved.certificate import check_certificate, read_json, read_text
from conserved.errors import InputError
from conserved.losses import parse_loss
from conserved.networks import Network, Parameter, Var
from conserved.report import render, watch
from tests.data.road import Given
from tests.road.count import laws
from tests.road.forward import Model, group_of, layers, loss_of

# torch's own: it makes its rules for forward mode with torch.jit
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")

POINTS = {
    2: [[1, 0.5], [-0.75, 0.5], [0.5, -1], [0.25, 1.25]],
    3: [[1, 2, -1], [3, 0.5, 2], [-2, 1, 1.25], [1, 1, 4]],
}
LABELS = {1: [[1], [-2], [0.5], [3]], 2: [[1, 2], [-2, 0.25], [0.5, 1], [3, -1]]}
LINEAR_1 = ("linear:3-2-1", layers([3, 2, 1], lambda z: z))
LINEAR_2 = ("linear:3-2-2", layers([3, 2, 2], lambda z: z))
TANH = ("mlp:2-3-1,act=tanh,bias", layers([2, 3, 1], torch.tanh, bias=True))
Case = tuple[str, Model]


def floats(model: Model, loss: str = "mse", **data: object) -> Given:
    tensors = {
        key: torch.tensor(value, dtype=torch.float64) if isinstance(value, list) else value
        for key, value in data.items()
    }
    return Given(model, loss_of(loss), group_of("none", model.inputs[-1]), **tensors)


def both(problem: cq.Problem, road: Given) -> int:
    """The count that both roads find."""
    closure = cq.lie_closure(problem)
    assert closure.closed
    assert laws(road, seed=1, longest=6) == closure.upper
    return closure.upper


def listed(*counts: tuple[Case, tuple[int, ...]]) -> list[object]:
    """Each case on one to four data; where brackets in floats are long, among the slow tests."""
    return [
        pytest.param(
            *(case, n, laws),
            id=f"{case[0]}-{n}",
            marks=[pytest.mark.slow] * (case == TANH and n == 2),
        )
        for case, known in counts
        for n, laws in enumerate(known, start=1)
    ]


@pytest.mark.parametrize(
    "case, n, known",
    listed((LINEAR_1, (7, 5, 3, 3)), (LINEAR_2, (7, 5, 3, 3)), (TANH, (12, 3, 0, 0))),
)
def test_these_inputs_any_labels(case: Case, n: int, known: int) -> None:
    text, model = case
    rows = POINTS[model.inputs[0]][:n]
    problem = cq.Problem.from_text(text)
    problem = cq.Problem(problem.network, inputs=cq.data.points(rows))
    assert both(problem, floats(model, points=rows)) == known


@pytest.mark.parametrize(
    "case, n, known",
    listed((LINEAR_1, (7, 5, 3, 3)), (LINEAR_2, (9, 5, 3, 3)), (TANH, (12, 3, 0, 0))),
)
def test_these_samples_any_weights(case: Case, n: int, known: int) -> None:
    text, model = case
    rows, labels = POINTS[model.inputs[0]][:n], LABELS[model.outputs[0]][:n]
    network = cq.Problem.from_text(text).network
    problem = cq.Problem(network, inputs=cq.data.samples(rows, labels))
    assert both(problem, floats(model, points=rows, labels=labels)) == known


@pytest.mark.parametrize("k, h, m", [(1, 2, 1), (2, 2, 1), (2, 1, 2), (3, 2, 2)])
def test_a_subspace_is_a_smaller_network_and_frozen_directions(k: int, h: int, m: int) -> None:
    """Laws of k-h-m, and h(n−k) frozen directions."""
    n = 4
    rows = [[1, 0.5, -1, 2], [0, 3, 1, 1], [2, 2, 2, -1]][:k]
    problem = cq.Problem(cq.networks.Linear(n, h, m), inputs=cq.data.subspace(rows))
    found = both(problem, floats(layers([n, h, m], lambda z: z), basis=rows))
    small = cq.lie_closure(cq.Problem(cq.networks.Linear(k, h, m))).upper
    assert found == small + h * (n - k)


class Tied(Network):
    """x ↦ WᵀW x."""

    family = "tied"

    def __init__(self, n: int, h: int) -> None:
        self._declare("tied", [Parameter("W", (h, n))], (n,), (n,))

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        return x @ parameters["W"].T @ parameters["W"]


@pytest.mark.parametrize("n, h, known", [(2, 3, 2), (2, 4, 4), (3, 2, 0)])
def test_a_tied_autoencoder_keeps_the_range_of_its_weight(n: int, h: int, known: int) -> None:
    """W' = −2WN: the range of W, n(h − n) numbers for h > n."""

    def forward(p: Mapping[str, Tensor], x: Tensor) -> Tensor:
        return (x @ p["W"].T) @ p["W"]

    problem = cq.Problem(Tied(n, h), inputs=cq.data.autoencoding())
    road = floats(Model({"W": (h, n)}, (n,), (n,), forward), own=True)
    assert both(problem, road) == known
    found = cq.analyze(problem)
    assert found.count.certified
    assert found.count.written == known
    assert [law.text for law in found.laws] == ["range of W"] * (known > 0)


def test_inputs_at_right_angles_keep_more() -> None:
    """(1, 2, 1) ⊥ (−3, 1, 1), bias included: each input moves a part of the weights of its own."""
    rows = [[1, 2], [-3, 1]]
    problem = cq.Problem(cq.networks.MLP(2, 3, 1, bias=True), inputs=cq.data.points(rows))
    assert both(problem, floats(TANH[1], points=rows)) == 6


def test_one_hot_inputs_are_a_table() -> None:
    """Two factors with biases: the bias of the first is one more column of every row."""
    model = layers([3, 2, 2], lambda z: z, bias=True)
    network = cq.Problem.from_text("mlp:3-2-2,act=tanh,bias").network

    class Factors(Network):
        """x ↦ W2 (W1 x + b1) + b2."""

        family = "factors"

        def __init__(self) -> None:
            self._declare("factors", network.parameters, (3,), (2,))

        def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
            inner = x @ parameters["W1"].T + parameters["b1"]
            return inner @ parameters["W2"].T + parameters["b2"]

    known = {"all": 3, "one-hot": 5}
    assert cq.lie_closure(cq.Problem(Factors())).upper == known["all"]
    problem = cq.Problem(Factors(), inputs=cq.data.one_hot((3,)))
    rows = torch.eye(3).tolist()
    assert both(problem, floats(model, points=rows)) == known["one-hot"]


@pytest.mark.parametrize("loss", ["poly:3", "logistic", "exponential"])
def test_other_losses_on_samples(loss: str) -> None:
    rows, labels = POINTS[3][:2], [[1], [-1]]
    inputs = cq.data.samples(rows, labels)
    problem = cq.Problem(cq.networks.Linear(3, 2, 1), parse_loss(loss), inputs=inputs)
    road = floats(layers([3, 2, 1], lambda z: z), loss, points=rows, labels=labels)
    assert both(problem, road) == 5


def test_cross_entropy_on_samples() -> None:
    rows, labels = POINTS[3][:2], [[1, 0], [0, 1]]
    inputs = cq.data.samples(rows, labels)
    problem = cq.Problem(cq.networks.Linear(3, 2, 2), parse_loss("cross-entropy"), inputs=inputs)
    road = floats(layers([3, 2, 2], lambda z: z), "cross-entropy", points=rows, labels=labels)
    assert both(problem, road) == 7


def test_every_loss_on_samples_is_any_label() -> None:
    inputs = cq.data.samples(POINTS[3][:1], LABELS[2][:1])
    problem = cq.Problem(cq.networks.Linear(3, 2, 2), parse_loss("any"), inputs=inputs)
    any_label = cq.Problem(cq.networks.Linear(3, 2, 2), inputs=cq.data.points(POINTS[3][:1]))
    assert cq.lie_closure(problem).upper == cq.lie_closure(any_label).upper == 7


CERTIFIED = {
    "points": cq.data.points(POINTS[3][:2]),
    "samples": cq.data.samples(POINTS[3][:1], [[1, 2, 3]]),
    "subspace": cq.data.subspace(POINTS[3][:2]),
    "one-hot": cq.data.one_hot((3,)),
    "autoencoding": cq.data.autoencoding(),
    "in a subspace": cq.data.autoencoding(cq.data.subspace(POINTS[3][:2])),
    "these": cq.data.autoencoding(cq.data.points(POINTS[3][:2])),
}


@pytest.mark.parametrize("name", CERTIFIED)
def test_certificates_hold_the_data(name: str) -> None:
    """Both counts are proved again from the file alone, rows of numbers in it."""
    problem = cq.Problem(cq.networks.Linear(3, 2, 3), inputs=CERTIFIED[name])
    analysis = cq.analyze(problem)
    assert analysis.count.certified
    again = read_text(analysis.certificate.text())
    assert again.problem == problem
    report = check_certificate(again, seed=3)
    assert report.status == "CERTIFIED"
    assert report.error is not None
    assert report.error < 1e-8


def test_a_sample_more_refutes() -> None:
    """A law that two samples keep is broken by a third: its certificate with that is refused."""
    two, three = (cq.data.samples(POINTS[3][:n], LABELS[1][:n]) for n in (2, 3))
    analysis = cq.analyze(cq.Problem(cq.networks.Linear(3, 2, 1), inputs=two))
    document = analysis.certificate.to_json()
    document["data"] = three.stated.to_json()
    report = check_certificate(read_json(document), seed=1)
    assert report.status == "REFUTED"
    assert {statement.data for statement in report.refuted} == {"given"}


def test_listed_gates_are_those_of_one_network() -> None:
    """Patterns on fixed inputs do not move near a generic θ, so nothing is certified of others."""
    inputs = cq.data.points(POINTS[2][:3])
    analysis = cq.analyze(cq.Problem(cq.networks.ReLU(2, 3, 1), inputs=inputs))
    assert analysis.closure.one_cell
    assert not analysis.count.certified
    assert analysis.from_data_symmetry is None


def test_the_order_and_repetition_of_inputs_do_not_matter() -> None:
    rows = POINTS[3][:3]
    some = cq.data.points([*rows, *rows[::-1]])
    assert some == cq.data.points(rows)
    network = cq.networks.Linear(3, 2, 1)
    for listed in (rows, rows[::-1]):
        problem = cq.Problem(network, inputs=cq.data.points(listed))
        assert cq.lie_closure(problem).upper == 3


@pytest.mark.parametrize(
    "n, bias",
    [
        *((4, True), (6, True), (2, False), (4, False), (6, False)),
        pytest.param(2, True, marks=pytest.mark.slow),
    ],
)
def test_many_inputs_of_a_smooth_network_are_certified(n: int, bias: bool) -> None:
    """Arguments of tanh at more inputs than dimensions depend; fewer inputs bound the rest."""
    rows = [*POINTS[2], [2, 3], [1, 1]][:n]
    network = cq.networks.MLP(2, 3, 1, bias=bias)
    analysis = cq.analyze(cq.Problem(network, inputs=cq.data.points(rows)))
    assert analysis.count.certified
    road = floats(layers([2, 3, 1], torch.tanh, bias=bias), points=rows)
    assert laws(road, seed=1, longest=6) == analysis.count.upper
    assert len(analysis.closure.points) == (0 if n <= 2 + bias else 2 + bias)
    document = analysis.certificate.to_json()
    assert check_certificate(read_json(document), seed=2).status == "CERTIFIED"


def test_fewer_inputs_are_named_in_the_recipe() -> None:
    """And nothing else is taken for them."""
    problem = cq.Problem(cq.networks.MLP(2, 2, 1), inputs=cq.data.points(POINTS[2]))
    document = cq.analyze(problem).certificate.to_json()
    recipe = document["claims"][0]["upper"]["recipe"]
    assert recipe["points"] == [0, 1]
    for places in ([], [1, 0], [0, 0], [4], [-1], ["0"], 3):
        recipe["points"] = places
        with pytest.raises(InputError, match=r"recipe\.points"):
            read_json(document)
    recipe["points"] = [0]  # these alone pull less
    assert check_certificate(read_json(document), seed=2).status == "REFUTED"
    del recipe["points"]  # all of them: formal values are no longer shown generic
    assert check_certificate(read_json(document), seed=2).status == "REFUTED"
    recipe["points"] = [0, 1]
    document["claims"][1]["upper"]["recipe"]["points"] = [0]
    with pytest.raises(InputError, match=r"claims\[1\]\.upper\.recipe\.points"):
        read_json(document)


def test_a_report_of_given_data() -> None:
    """Runs are on the data given, along which the laws due to them hold."""
    inputs = cq.data.samples(POINTS[3][:2], LABELS[1][:2], "samples:two.csv")
    analysis = cq.analyze(cq.Problem(cq.networks.Linear(3, 2, 1), inputs=inputs))
    runs = watch(analysis)
    assert [run.data.summary for run in runs] == ["the inputs given, the labels given"] * 2
    assert all(verdict.outcome != "violated" for run in runs for verdict in run.verdicts)
    page = render(analysis, runs)
    assert "due to these data: 2" in page
    assert "--samples two.csv" in page
    assert "samples=&#39;two.csv&#39;" in page


@pytest.mark.parametrize("name", CERTIFIED)
def test_runs_are_on_data_of_the_class(name: str) -> None:
    analysis = cq.analyze(cq.Problem(cq.networks.Linear(3, 2, 3), inputs=CERTIFIED[name]))
    for run in watch(analysis):
        assert {verdict.outcome for verdict in run.verdicts} <= {
            "conserved",
            "drifting as predicted",
        }


@pytest.mark.parametrize(
    "flow, known", [("momentum", 10), ("decay:1/2", 7), ("rates:W1=3,W2=7", 7)]
)
def test_other_flows_on_given_data(flow: str, known: int) -> None:
    """Momentum on one input: 2 laws of 1-2-1, and W1 v with its velocity for v ⊥ x, 2 · 2 · 2."""
    problem = cq.Problem.from_text("linear:3-2-1", flow=flow)
    given = cq.Problem(problem.network, flow=problem.flow, inputs=cq.data.points(POINTS[3][:1]))
    analysis = cq.analyze(given)
    assert analysis.count.certified
    assert analysis.count.upper == known


FIVE = [[1, 2, -1], [3, 0.5, 2], [0, 1, 1], [1, 1, -2], [2, 2, 5]]


def test_gates_on_listed_inputs_are_counted_in_one_cell() -> None:
    """What is written down holds in every cell: on real gradients, whatever the parameters."""
    network = cq.Problem.from_text("relu:3-2-1").network
    five = cq.analyze(cq.Problem(network, inputs=cq.data.points(FIVE)))
    assert five.count.certified
    assert five.count.upper == 2
    assert "in one cell of activation patterns" in five.verdict[0]
    assert five.from_data_symmetry is None  # of two notions that do not compare
    two = cq.analyze(cq.Problem(network, inputs=cq.data.points(FIVE[:2])))
    assert not two.count.certified  # single cells may keep more
    frozen = [law for law in two.laws if law.origin == "data"]
    assert frozen
    generator = torch.Generator().manual_seed(0)
    x = torch.tensor(FIVE[:2], dtype=torch.float64)
    for _ in range(20):
        theta = torch.randn(8, generator=generator, dtype=torch.float64, requires_grad=True)
        weights = torch.randn(2, generator=generator, dtype=torch.float64)
        out = torch.relu(x @ theta[:6].reshape(2, 3).T) @ theta[6:]
        (gradient,) = torch.autograd.grad((weights * out).sum(), theta)
        for law in two.laws:
            slope = law.gradient(theta.detach().numpy()) @ gradient.numpy()
            assert abs(slope).max() < 1e-12
