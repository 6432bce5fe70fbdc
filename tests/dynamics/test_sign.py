"""Sign descent: exact counts, and the signs of gradients of real datasets, in float64."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is the other road")

import torch

import conserved as cq
from conserved.certificate import check_file
from conserved.dynamics import Sign
from conserved.errors import InputError
from conserved.kernel.fields import Fields
from conserved.law import Polynomial, PolynomialLaw
from conserved.networks import Network, Parameter
from conserved.networks.tracing import Var
from conserved.problem import Problem
from conserved.verification import verify
from tests.dynamics.road import Equations


class Twice(Network):
    """Two biases where one would do, as an LSTM has, and a parameter that is not used."""

    def __init__(self) -> None:
        named = [Parameter("W", (2, 2)), Parameter("b", (2,)), Parameter("c", (2,))]
        self._declare("twice", [*named, Parameter("idle", (1,))], (2,), (2,))

    def forward(self, p: Mapping[str, Var], x: Var) -> Var:
        return (x @ p["W"].T + p["b"] + p["c"]) + p["idle"][0] * 0


@pytest.mark.parametrize(
    "network, count",
    [
        ("linear:1-1-1", 1),  # |W1| − |W2|
        ("linear:1-2-1", 3),  # one field, so one vector of signs
        ("linear:1-1-1-1", 2),
        ("linear:2-1-1", 0),
        ("linear:1-1-2", 0),
        ("linear:2-3-2", 0),
        ("relu:2-3-2", 0),
        ("relu:2-2-1,bias", 0),
    ],
)
def test_counts_by_two_roads(network: str, count: int) -> None:
    found = cq.analyze(Problem.from_text(network, flow="sign"))
    assert found.count.certified
    assert found.count.upper == found.count.written == count
    assert rank_of_signs(network) == found.problem.network.size - count


def rank_of_signs(network: str) -> int:
    """Of the signs of gradients of random datasets, weighted points, in torch."""
    road = Equations(network, "gradient")
    generator = torch.Generator().manual_seed(3)
    theta = torch.randn(road.size, generator=generator, dtype=torch.float64)
    rows = []
    for _ in range(4 * road.size):  # data, whose combinations are gradients
        x = torch.randn(road.inputs, generator=generator, dtype=torch.float64)
        v = torch.randn(road.outputs, generator=generator, dtype=torch.float64)
        gates = torch.randint(2, (16,), generator=generator).double()
        rows.append(
            torch.func.grad(
                lambda at, x=x, v=v, gates=gates: (v * road.output(at, x, gates)).sum()
            )(theta)
        )
    weights = torch.randn(3000, len(rows), generator=generator, dtype=torch.float64)
    signs = torch.sign(weights @ torch.stack(rows)).unique(dim=0)
    return int(torch.linalg.matrix_rank(signs))


def test_equal_gradients_stay_together() -> None:
    """b and c always move alike, and what is not used stays."""
    found = cq.analyze(Problem(network=Twice(), flow=Sign()))
    assert found.count.certified
    assert found.count.upper == 3
    text = " | ".join(law.text for law in found.laws)
    assert "idle" in text
    assert "b[1] − c[1]" in text


def test_what_other_losses_keep() -> None:
    """Under cross-entropy pulls add up to 0: with two classes one is the other's opposite."""
    found = cq.analyze(Problem.from_text("linear:1-2", loss="cross-entropy", flow="sign"))
    assert found.count.certified
    assert found.count.upper == 1


def test_a_false_law_is_refused() -> None:
    """W1 + W2 is one on other cells, but here signs agree."""
    problem = Problem.from_text("linear:1-1-1", flow="sign")
    true, false = (
        PolynomialLaw(layout=problem.state, components=(Polynomial.of({(0,): 1, (1,): sign}),))
        for sign in (-1, 1)
    )
    assert verify(problem, [true, false]).holds == (True, False)


def test_certificates(tmp_path: object) -> None:
    path = f"{tmp_path}/sign.json"
    cq.analyze(Problem.from_text("linear:1-2-1", flow="sign")).certificate.save(path)
    assert check_file(path).status == "CERTIFIED"


def test_the_kernel_refuses_what_is_not_of_all_data(tmp_path: object) -> None:
    path = f"{tmp_path}/sign.json"
    analysis = cq.analyze(Problem.from_text("linear:1-2-1", loss="poly:4", flow="sign"))
    analysis.certificate.save(path)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("poly:4", "poly:3"))
    with pytest.raises(InputError, match="point one way only"):
        check_file(path)


@pytest.mark.parametrize(
    "more, told",
    [
        ({"loss": "poly:3"}, "gradients of poly:3 point one way only"),
        ({"symmetry": "negation"}, "goes with no class of data"),
        ({"autoencoding": True}, "goes with no class of data"),
        ({"flow": "sign+decay:1"}, "is the whole flow"),
    ],
)
def test_refused(more: Mapping[str, object], told: str) -> None:
    with pytest.raises(InputError) as caught:
        Problem.from_text("linear:2-2", **{"flow": "sign", **more})  # type: ignore[arg-type]
    assert told in str(caught.value)


@dataclass(frozen=True)
class _Step:
    """θ after steps of sign descent on ½(w₂ w₁ x − y)², data drawn anew each time."""

    steps: int = 200
    rate: float = 1e-3

    def run(self) -> np.ndarray:
        rng = np.random.default_rng(0)
        w = np.array([2.0, 1.0])
        for _ in range(self.steps):
            x, y = rng.standard_normal(2)
            w = w - self.rate * np.sign((w[0] * w[1] * x - y) * x * w[::-1])
        return w


def test_steps_keep_it() -> None:
    w = _Step().run()
    assert abs(w[0] - 2) > 0.005  # it moved
    assert abs((w[0] - w[1]) - 1) < 1e-12


def test_fields_do_not_depend_on_luck() -> None:
    """Every draw has one vector for each class."""
    from conserved.fields import make_fields
    from conserved.kernel.primes import BLAS_PRIMES
    from conserved.kernel.residues import residues

    problem = Problem(network=Twice(), flow=Sign())
    fields: Fields = make_fields(problem, residues(BLAS_PRIMES[0]), np.random.default_rng(5))
    _, values = fields.draw(20, fields.point())
    assert (values[:, 4:6] == values[:, 6:8]).all()  # b and c
    assert not values[:, 8].any()
