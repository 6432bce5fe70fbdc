"""Valid certificates, small and of every kind, that the tests then spoil."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import conserved as cq
from conserved.certificate import Certificate, Minor, check_certificate, read_text
from conserved.certificate.laws import program_of
from conserved.certificate.make import certify
from conserved.closure import lie_closure
from conserved.errors import InputError
from conserved.kernel.minor import largest_minor
from conserved.law import Law, Layout, Polynomial, RationalLaw, SpanLaw, SpanPart
from conserved.problem import Problem
from tests.verification.laws import attention, balanced, per_unit

TURN = {
    "turn.json": {
        "schema": "conserved.group/1",
        "name": "fivefold rotations",
        "generators": [[["cos(2*pi/5)", "-sin(2*pi/5)"], ["sin(2*pi/5)", "cos(2*pi/5)"]]],
    }
}
ZERO_SUM = (("1", "0", "0", "-1"), ("0", "1", "0", "-1"), ("0", "0", "1", "-1"))
NAMES = (
    "linear",
    "ReLU with bias",
    "two heads",
    "nothing conserved",
    "open",
    "range under a symmetry",
    "quotient under a symmetry",
    "group from a file",
    "one cell of patterns",
)


def range_law(layout: Layout) -> Law:
    """The zero-sum part of the rows of W1 spans a constant plane."""
    return SpanLaw(
        layout=layout,
        origin="data symmetry",
        what="range",
        parts=(SpanPart("W1", 1, ZERO_SUM),),
        vectors=(0, 1),
        pivots=(0, 1),
        place="on the zero-sum part of the features",
    )


def quotient(layout: Layout) -> Law:
    """(w1 − w3) / (w2 − w3) of one row that sees cyclic shifts only."""
    pair = Polynomial.of({(0,): 1, (2,): -1}), Polynomial.of({(1,): 1, (2,): -1})
    return RationalLaw(layout=layout, origin="data symmetry", components=(pair,))


@cache
def sample(name: str) -> Certificate:
    problem, laws = _made(name)
    closure = lie_closure(problem)
    architecture = lie_closure(problem.architecture()) if problem.symmetric else None
    return certify(problem, closure, laws, architecture=architecture)


def _made(name: str) -> tuple[Problem, list[Law]]:
    if name == "linear":
        problem = cq.Problem.from_text("linear:3-2-2")
        return problem, balanced(Layout.of(problem.network.parameters))
    if name == "ReLU with bias":
        problem = cq.Problem.from_text("relu:2-3-2,bias")
        return problem, per_unit(Layout.of(problem.network.parameters))
    if name == "two heads":
        problem = cq.Problem.from_text("attention:dim=2,tokens=2,head=1,heads=2")
        return problem, attention(Layout.of(problem.network.parameters), 2)
    if name == "nothing conserved":
        return cq.Problem.from_text("mlp:2-2-1,act=tanh"), []
    if name == "open":
        problem = cq.Problem.from_text("linear:1-2-2-1")
        return problem, balanced(Layout.of(problem.network.parameters))
    if name == "range under a symmetry":
        problem = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
        layout = Layout.of(problem.network.parameters)
        return problem, [*balanced(layout), range_law(layout)]
    if name == "quotient under a symmetry":
        problem = cq.Problem.from_text("linear:3-1", symmetry="shift")
        return problem, [quotient(Layout.of(problem.network.parameters))]
    if name == "group from a file":
        problem = cq.Problem.from_text("linear:2-1-1", symmetry="turn.json", files=TURN)
        return problem, balanced(Layout.of(problem.network.parameters))
    assert name == "one cell of patterns"
    problem = cq.Problem.from_text("relu:3-4-2", symmetry="permutation")
    return problem, per_unit(Layout.of(problem.network.parameters))


def minor_of(laws: Sequence[Law], size: int, most: int) -> Minor:
    """The largest minor of the gradients of some laws."""
    return largest_minor([program_of(law) for law in laws], size, most=most, seed=0)


@cache
def text(name: str) -> str:
    return sample(name).text()


def document(name: str) -> dict[str, Any]:
    """The JSON object of a sample, fresh each time."""
    found: dict[str, Any] = json.loads(text(name))
    return found


def accepted(data: Any) -> bool:
    """Whether a JSON object is read and nothing in it refuted."""
    try:
        return check_certificate(read_text(json.dumps(data))).valid
    except InputError:
        return False
