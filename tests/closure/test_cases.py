"""Every solved problem, on the automatic route and on every other one it has."""

from __future__ import annotations

import numpy as np
import pytest

import conserved as cq
from conserved.fields import MomentFields, OrbitFields
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.residues import residues
from conserved.kernel.rowspace import RowSpace
from conserved.symmetry import ORBIT_LIMIT
from tests.cases import CASES, ENGINE, Case, params


def assert_tight(closure: cq.Closure, laws: int) -> None:
    """The bound is the number of laws, and it came out of a finished, rigorous run."""
    assert closure.upper == laws
    assert closure.closed, closure.stopped
    assert closure.rigorous, closure.note


@pytest.mark.slow  # tests/search/test_certified.py asks the same of an analysis
@pytest.mark.parametrize("case", params(CASES))
def test_bound_is_the_known_count(case: Case) -> None:
    problem = case.problem()
    closure = cq.lie_closure(problem)
    assert_tight(closure, case.laws)
    if problem.symmetric:
        closure = cq.lie_closure(problem.architecture())
    assert_tight(closure, case.architecture)


LIFTED = tuple(
    case for case in CASES if case.loss == "mse" and case.problem().network.lift() is not None
)
ENUMERABLE = tuple(
    case for case in LIFTED if case.symmetry != "none" and case.problem().group.order <= ORBIT_LIMIT
)
# few generators, so that brackets past length 16 are needed, each over a long orbit
DEEP_ORBITS = tuple(
    case for case in ENUMERABLE if case.symmetry == "hyperoctahedral" and case.laws > 5
)


SLOW = pytest.mark.slow
LARGE = {"linear:30-30-30", "linear:7-3-7", "linear:6-2-6"}  # a second each, or much more


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, id=c.id, marks=[SLOW] if c.network in LARGE else []) for c in LIFTED],
)
def test_the_moment_route(case: Case) -> None:
    closure = cq.lie_closure(case.problem(), route="moments")
    assert closure.route.startswith("lifted moments")
    assert_tight(closure, case.laws)


LARGE_ORBITS = ("linear:6-5-1 permutation", "linear:8-2-2 permutation")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(c, id=c.id, marks=[pytest.mark.slow] * (c.id in LARGE_ORBITS))
        for c in ENUMERABLE
        if c not in DEEP_ORBITS
    ],
)
def test_the_orbit_route(case: Case) -> None:
    closure = cq.lie_closure(case.problem(), route="orbits")
    assert closure.route.startswith("explicit orbits")
    assert_tight(closure, case.laws)


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", params(tuple(c for c in DEEP_ORBITS if c.problem().group.order < 5000))
)
def test_the_orbit_route_past_brackets_of_length_16(case: Case) -> None:
    assert_tight(cq.lie_closure(case.problem(), route="orbits"), case.laws)


@pytest.mark.parametrize("case", params(DEEP_ORBITS))
def test_deep_closures_start_from_the_same_fields(case: Case) -> None:
    """What takes minutes on orbits: at least W(θ) itself is the same on both routes."""
    problem, scalars = case.problem(), residues(BLAS_PRIMES[0])
    spaces = [RowSpace(scalars, problem.network.size) for _ in range(2)]
    theta = scalars.random(np.random.default_rng(0), (1, 1, problem.network.size))
    rows = []
    for family, count in ((MomentFields, 8), (OrbitFields, 4)):
        fields = family(problem, scalars, np.random.default_rng(1))
        rows.append(fields.draw(count, theta)[1])
    for space, here, there in zip(spaces, rows, reversed(rows), strict=True):
        space.add(here)
        assert not space.remainder(there).any()
    assert spaces[0].rank == spaces[1].rank == 2


def test_the_table_is_whole() -> None:
    """A table cut short, or rows no test takes up, would pass in silence."""
    assert len(ENGINE) >= 80
    assert len(CASES) >= 90
    assert len(LIFTED) >= 70
    assert len(ENUMERABLE) >= 30
    assert len(DEEP_ORBITS) == 2
    assert {case.needs for case in CASES} == {"engine", "lift"}
    assert all(case in LIFTED for case in CASES if case.needs == "lift")
    assert all(case.laws >= case.architecture and case.source for case in CASES)
    families = {case.network.partition(":")[0] for case in ENGINE}
    assert families == set(cq.networks.FAMILIES)
