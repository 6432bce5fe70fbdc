"""Every solved problem from both sides: laws written down or proved to exist."""

from __future__ import annotations

import pytest

import conserved as cq
from tests.cases import CASES, Case

# no closed form is known for all of the laws: the number that is written down
WRITTEN = {
    "linear:1-2-2-1": 6,
    "linear:1-3-2-1": 9,
    "linear:2-2-2 rotation:4": 3,
    "poly:2-2-2,power=2 rotation:8 equivariant": 2,
    "poly:3-1-1,power=3 icosahedral": 1,
}
SLOW = {"linear:30-30-30", "linear:7-3-7", "linear:6-2-6"}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(c, id=c.id, marks=[pytest.mark.slow] if c.network in SLOW else [])
        for c in CASES
    ],
)
def test_both_bounds_meet(case: Case) -> None:
    analysis = cq.analyze(case.problem())
    written = WRITTEN.get(case.id, case.laws)
    assert analysis.count == cq.Count(case.laws, case.laws, True, written)
    assert analysis.architecture.lower == case.architecture
    assert analysis.architecture.upper == case.architecture
    assert analysis.from_data_symmetry == case.laws - case.architecture
    origins = [law.origin for law in analysis.laws]
    assert origins == sorted(origins), "architecture laws come first"


def test_the_open_ones_are_in_the_table() -> None:
    assert WRITTEN.keys() <= {case.id for case in CASES}
