"""The suites of 2405.12888, drawn again: every count certified, and the one that is known."""

from __future__ import annotations

import pytest

import conserved as cq
from conserved.zoo.dynamics_suite import KINDS, draw_dynamics_suite


@pytest.mark.parametrize("kind", KINDS)
def test_every_count_is_certified(kind: str) -> None:
    for case in draw_dynamics_suite():
        if case.kind == kind:
            count = cq.analyze(cq.Problem.from_text(case.network, flow=case.flow)).count
            told = (count.certified, count.upper, count.written)
            assert told == (True, case.laws, case.laws), case.network
