"""Every solved problem that explicit orbits can reach."""

from __future__ import annotations

import pytest

import conserved as cq
from tests.cases import CASES, ENGINE, Case, params


def assert_tight(closure: cq.Closure, laws: int) -> None:
    """The bound is the number of laws, and it came out of a finished, rigorous run."""
    assert closure.upper == laws
    assert closure.closed, closure.stopped
    assert closure.rigorous, closure.note


@pytest.mark.parametrize("case", params())
def test_bound_is_the_known_count(case: Case) -> None:
    problem = case.problem()
    closure = cq.lie_closure(problem)
    assert_tight(closure, case.laws)
    if problem.symmetric:
        closure = cq.lie_closure(problem.architecture())
    assert_tight(closure, case.architecture)


def test_the_table_is_whole() -> None:
    """A table cut short, or rows no test takes up, would pass in silence."""
    assert len(ENGINE) >= 80
    assert {case.needs for case in CASES} == {"engine", "lift"}
    assert all(case.laws >= case.architecture and case.source for case in CASES)
    families = {case.network.partition(":")[0] for case in ENGINE}
    assert families == set(cq.networks.FAMILIES)
