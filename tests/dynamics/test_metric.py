"""A constant metric P = B Bᵀ, by its own fields and as gradient flow of θ = B φ."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import conserved as cq
from conserved.cli import run
from conserved.dynamics import Metric, parse_flow
from conserved.errors import InputError
from conserved.networks import Network, Parameter, parse_network
from conserved.networks.tracing import Var

B = ((2, 0, 0, 0), (1, 1, 0, 0), (0, -1, 3, 0), (1, 0, 2, 1))  # of the four entries of 1-2-1
P = [[sum(a * b for a, b in zip(one, two, strict=True)) for two in B] for one in B]


class Turned(Network):
    """``linear:1-2-1`` of θ = B φ."""

    spec = "turned"
    parameters = (Parameter("phi", (4,)),)
    input_shape = (1,)
    output_shape = (1,)

    def forward(self, p: dict[str, Var], x: Var) -> Var:
        rows = [sum(p["phi"][j] * b for j, b in enumerate(row) if b) for row in B]
        return (rows[0] * rows[2] + rows[1] * rows[3]) * x


def diagonal(*values: int) -> list[list[int]]:
    return [[v if i == j else 0 for j in range(len(values))] for i, v in enumerate(values)]


def test_it_is_gradient_flow_of_other_parameters() -> None:
    flow = cq.Problem(network=parse_network("linear:1-2-1"), flow=Metric.of(P))
    ours, theirs = cq.lie_closure(flow), cq.lie_closure(cq.Problem(network=Turned()))
    assert (ours.ranks, ours.upper, ours.closed) == (theirs.ranks, theirs.upper, theirs.closed)
    assert ours.upper == 3


def test_a_diagonal_one_is_rates() -> None:
    """Of linear 2-3-2: 3 on the entries of W1, 7 on those of W2."""
    network = parse_network("linear:2-3-2")
    metric = cq.analyze(cq.Problem(network=network, flow=Metric.of(diagonal(*[3] * 6, *[7] * 6))))
    rates = cq.analyze(cq.Problem(network=network, flow=parse_flow("rates:W1=3,W2=7")))
    assert metric.count == rates.count
    assert (metric.count.upper, metric.count.certified) == (6, True)


def test_generic_entries_lose_what_mixes_units() -> None:
    values = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37]
    problem = cq.Problem(network=parse_network("linear:2-3-2"), flow=Metric.of(diagonal(*values)))
    free = cq.Problem(network=parse_network("linear:2-3-2"), flow=parse_flow("rates:entries"))
    assert cq.lie_closure(problem).upper == cq.lie_closure(free).upper == 3


def test_from_a_file_with_a_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text("\n".join(",".join(map(str, row)) for row in P), "utf-8")
    line = ["analyze", "linear:1-2-1", "--flow", "metric:p.csv", "--certificate", "c.json"]
    assert run(line) == 0
    Path("p.csv").unlink()  # the certificate holds the matrix
    assert run(["check", "c.json"]) == 0
    document = json.loads(Path("c.json").read_text("utf-8"))
    assert document["flow"]["metric"][0] == ["4", "2", "0", "2"]
    document["flow"]["metric"][0][1] = "3"
    Path("c.json").write_text(json.dumps(document), "utf-8")
    assert run(["check", "c.json"]) == 2


def test_steps_follow_it() -> None:
    problem = cq.Problem(network=parse_network("linear:2-1-1"), flow=Metric.of(diagonal(4, 4, 9)))
    law = cq.analyze(problem).laws[0]
    dynamics = cq.simulate.GradientFlow(time=1.0)
    assert cq.simulate.simulate(problem, [law], dynamics=dynamics).verdicts[0].holds
    plain = cq.Problem(network=parse_network("linear:2-1-1"))
    assert not cq.simulate.simulate(plain, [law], dynamics=dynamics).verdicts[0].holds


@pytest.mark.parametrize(
    "rows, fault",
    [
        ([[1, 2], [3, 1]], "no square symmetric matrix"),
        ([[1, 2]], "no square symmetric matrix"),
        ([[1, 2], [2, 1]], "not positive definite"),
        ([[0]], "not positive definite"),
        (np.eye(201).astype(int), "201 rows; at most 200"),
    ],
)
def test_what_is_no_metric(rows: object, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        Metric.of(rows)


def test_it_fits_the_parameters_and_stands_alone() -> None:
    network = parse_network("linear:1-2-1")
    with pytest.raises(InputError, match="a metric has 4 rows and columns"):
        cq.Problem(network=network, flow=Metric((((Fraction(1),)),))).moves  # noqa: B018
    both = parse_flow("rates:W1=3+metric:none", tuple(map(tuple, np.eye(4, dtype=object))))
    with pytest.raises(InputError, match="takes the place of rates"):
        cq.Problem(network=network, flow=both).moves  # noqa: B018
    with pytest.raises(InputError, match=r"flow 'none\.csv'"):
        parse_flow("metric:none.csv")
