"""Every count of theory §14 by two roads: exact fields, and float64 autograd brackets."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="torch is the other road")

import conserved as cq
from conserved.certificate import check_certificate
from tests.dynamics.road import Equations
from tests.dynamics.table import COUNTS, UNWRITTEN

IDS = [f"{network} {flow}" for network, flow, _ in COUNTS]


def problem_of(network: str, flow: str) -> cq.Problem:
    return cq.Problem.from_text(network, flow=flow)


@pytest.mark.parametrize("network, flow, laws", COUNTS, ids=IDS)
def test_exact(network: str, flow: str, laws: int) -> None:
    analysis = cq.analyze(problem_of(network, flow))
    assert analysis.count.certified
    assert analysis.count.upper == laws
    assert analysis.count.written == UNWRITTEN.get((network, flow), laws)
    report = check_certificate(analysis.certificate, seed=3)
    assert report.status == "CERTIFIED"


# ------------------------------------------------------------------ the second road


LARGE = (
    *("linear:2-4-1", "linear:1-5-1", "linear:1-4-2"),
    *("linear:1-3-2", "linear:2-2-2-1", "linear:1-2-1-1"),
)
QUICK = ("decay:1/3", "rates:W1=3,W2=7", "mirror")  # flows whose floats take little time
FLOATS = [
    pytest.param(
        *case,
        id=f"{case[0]} {case[1]}",
        marks=[pytest.mark.slow] * (case[0] in LARGE or case[1] not in QUICK),
    )
    for case in COUNTS
    if case[1] != "natural"  # its fields are those of gradient flow
]


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.parametrize("network, flow, laws", FLOATS)
def test_float(network: str, flow: str, laws: int) -> None:
    found = (Equations(network, flow).laws(seed) for seed in range(3))
    assert next((count for count in found if count is not None), None) == laws
