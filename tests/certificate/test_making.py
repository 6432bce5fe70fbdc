"""How certificates are made: what is left out, what comes first, networks beyond the grammar."""

from __future__ import annotations

import json
from typing import Any

import pytest

import conserved as cq
from conserved.certificate import check_certificate, read_text
from conserved.certificate.make import certify
from conserved.closure import lie_closure
from conserved.errors import ConservedError, InputError
from conserved.kernel.certificate import NEXT
from conserved.law import Layout
from tests.certificate.samples import accepted, sample
from tests.verification.laws import balanced


def test_laws_that_add_nothing_are_left_out() -> None:
    problem = cq.Problem.from_text("linear:3-2-2")
    laws = balanced(Layout.of(problem.network.parameters))
    certificate = certify(problem, lie_closure(problem), laws + laws)
    assert [law.independent for law in certificate.laws] == [3]


def test_the_architecture_comes_first() -> None:
    problem = sample("range under a symmetry").problem
    laws = list(sample("range under a symmetry").laws)
    closures = lie_closure(problem), lie_closure(problem.architecture())
    certificate = certify(problem, closures[0], laws[::-1], architecture=closures[1])
    assert certificate == sample("range under a symmetry")


def test_a_symmetry_needs_both_closures() -> None:
    problem = sample("range under a symmetry").problem
    with pytest.raises(ConservedError, match="the bound for all data is needed"):
        certify(problem, lie_closure(problem), [])


def test_a_spent_budget_is_told() -> None:
    """With no time the closure has the fields alone; the certificate says so."""
    problem = cq.Problem.from_text("linear:4-5-3")
    closure = lie_closure(problem, budget=1e-9)
    claim = certify(problem, closure, balanced(Layout.of(problem.network.parameters))).claims[0]
    assert claim.status == "OPEN"
    assert claim.next == (NEXT["laws"], NEXT["closure"])
    assert claim.lower.laws == 15 < claim.upper.laws


class Renamed(cq.networks.Linear):
    """The network of a user, with a name of its own."""

    def __init__(self, spec: str = "mine:3-2-2", scale: int = 1) -> None:
        super().__init__(3, 2, 2)
        self.spec, self.scale = spec, scale

    def forward(self, parameters: Any, x: Any) -> Any:
        return super().forward(parameters, x).scale(self.scale)


def test_networks_beyond_the_grammar_are_certified() -> None:
    """The file alone is enough: it holds the program."""
    problem = cq.Problem(network=Renamed(scale=3))
    certificate = cq.analyze(problem).certificate
    found = check_certificate(read_text(certificate.text()))
    assert found.status == "CERTIFIED"
    assert type(read_text(certificate.text()).problem.network) is cq.networks.Given
    symmetric = cq.Problem(network=Renamed(scale=3), symmetry=cq.symmetry.Permutation(3))
    certificate = cq.analyze(symmetric).certificate
    assert check_certificate(read_text(certificate.text())).status == "CERTIFIED"


def test_a_name_of_the_grammar_is_for_its_network_alone() -> None:
    same = cq.Problem(network=Renamed("linear:3-2-2"))
    assert certify(same, lie_closure(same), []).claims[0].upper.laws == 3
    other = cq.Problem(network=Renamed("linear:3-2-2", 5))
    with pytest.raises(InputError, match="its program is another network's"):
        certify(other, lie_closure(other), [])


def test_another_program_is_refuted() -> None:
    """x ↦ 3 W2 W1 x is balanced; with its square in place of the factor it is not."""
    data = json.loads(cq.analyze(cq.Problem(network=Renamed(scale=3))).certificate.text())
    scaled = next(i for i, node in enumerate(data["program"]["nodes"]) if node[0] == "scale")
    above = data["program"]["nodes"][scaled][1]
    data["program"]["nodes"][scaled] = ["add", [*above, 0], []]
    with pytest.raises(InputError):
        read_text(json.dumps(data))
    data["program"]["nodes"][scaled] = ["function", above, ["tanh"]]
    assert check_certificate(read_text(json.dumps(data))).status == "CERTIFIED"  # true as well
    first = next(i for i, node in enumerate(data["program"]["nodes"]) if node[0] == "matmul")
    data["program"]["nodes"][first + 1] = ["power", [first], [2]]
    assert not accepted(data)
