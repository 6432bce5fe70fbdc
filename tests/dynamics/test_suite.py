"""The suites of 2405.12888, drawn again: every count certified, and the one that is known."""

from __future__ import annotations

import pytest

import conserved as cq
from conserved.zoo.dynamics_suite import DynamicsCase, draw_dynamics_suite
from tests.cases import sweep


@pytest.mark.parametrize(
    "case", sweep(draw_dynamics_suite(), 3), ids=lambda case: f"{case.kind} {case.network}"
)
def test_every_count_is_certified(case: DynamicsCase) -> None:
    count = cq.analyze(cq.Problem.from_text(case.network, flow=case.flow)).count
    assert (count.certified, count.upper, count.written) == (True, case.laws, case.laws)
