"""One budget for a whole analysis: kept, and nothing found by then is lost."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pytest

import conserved as cq
from conserved.analysis import Analysis
from conserved.kernel.deadline import late, stoppable, time_limit, time_share, untimed, within
from tests.cli.shell import shell


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A clock on which each look takes a second."""
    looks = itertools.count()
    monkeypatch.setattr("conserved.kernel.deadline.perf_counter", lambda: next(looks))
    return looks


PROBLEMS = [
    pytest.param("linear:6-4-2", {}, id="points"),
    pytest.param("linear:6-3-2", {"symmetry": "permutation"}, id="averages"),
    pytest.param("mlp:3-3-1,act=tanh,bias", {"symmetry": "permutation"}, id="orbits"),
    pytest.param("linear:4-3-2", {"flow": "momentum:1"}, id="momentum"),
]


@pytest.mark.parametrize("network, options", PROBLEMS)
def test_all_steps_share_one_budget(
    network: str, options: dict[str, str], clock: Iterator[int]
) -> None:
    problem = cq.Problem.from_text(network, **options)
    found = cq.analyze(problem, budget=100)
    assert 60 < next(clock) <= 150
    assert found.count.lower <= found.count.upper <= problem.state.size
    assert "budget" in " ".join((*found.notes, *found.verdict))


def test_what_was_found_is_kept(clock: Iterator[int]) -> None:
    """More time, better bounds on both sides; in the end all of it."""
    problem = cq.Problem.from_text("linear:5-3-2", symmetry="permutation")
    whole = cq.analyze(problem)
    counts = []
    for budget in (3, 150, 600, 1200, 100_000):
        found = cq.analyze(problem, budget=budget).count
        assert found.lower <= whole.count.lower
        assert found.upper >= whole.count.upper
        counts.append((found.lower, found.upper))
    assert counts[0] == (0, problem.state.size)
    assert counts[-1] == (whole.count.lower, whole.count.upper)
    assert any(0 < lower < upper for lower, upper in counts)


def test_no_time_at_all_is_said() -> None:
    found = cq.analyze(cq.Problem.from_text("linear:3-2-2"), budget=1e-9)
    assert str(found.count) == "at most 10"
    assert "budget" in found.closure.stopped
    assert found.notes == ("the search for laws was not finished: the budget was used up",)


def test_a_budget_that_is_enough_changes_nothing() -> None:
    problem = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
    plain, within_it = cq.analyze(problem), cq.analyze(problem, budget=1e6)
    assert (plain.count, plain.laws) == (within_it.count, within_it.laws)
    assert plain.explanation.reasons == within_it.explanation.reasons
    assert plain.notes == within_it.notes == ()


@pytest.mark.parametrize("network, options", PROBLEMS)
def test_a_quarter_more_time_than_it_takes_is_enough(
    network: str, options: dict[str, str], clock: Iterator[int]
) -> None:
    """What a step leaves of its share is for those behind it, and the last may use all."""
    problem = cq.Problem.from_text(network, **options)
    start = next(clock)
    whole = cq.analyze(problem, budget=1e9)
    found = cq.analyze(problem, budget=5 / 4 * (next(clock) - start))
    assert (found.count, found.architecture, found.laws) == (
        whole.count,
        whole.architecture,
        whole.laws,
    )
    assert found.explanation.reasons == whole.explanation.reasons


def test_whoever_stops_it_gets_what_is_known() -> None:
    """As when the time is up: bounds hold, laws are kept, and the reason is named."""
    problem = cq.Problem.from_text("linear:6-3-2", symmetry="permutation")
    whole, looks = cq.analyze(problem).count, itertools.count()
    with stoppable() as stop:

        def report(stage: str, rank: int, dimension: int) -> None:
            if stage == "brackets up to length 2" and next(looks):
                stop.ask()

        found = cq.analyze(problem, progress=report)
    assert 0 < found.count.lower <= whole.lower
    assert whole.upper <= found.count.upper < problem.state.size
    assert "the run was interrupted" in " ".join((found.closure.stopped, *found.notes))
    assert "budget" not in " ".join(found.verdict)


HEAVY = [  # each takes far longer, most of them in a step of their own
    pytest.param("lightning:dim=8,tokens=4", {"symmetry": "orthogonal"}, id="averaging"),
    pytest.param("linear:60-40-20", {}, id="closure"),
    pytest.param("swiglu:60-80-20", {}, id="search"),
    pytest.param("attention:dim=40,tokens=8,head=10,heads=4", {}, id="attention"),
    pytest.param("mlp:8-6-1,act=tanh,bias", {"symmetry": "permutation"}, id="orbits"),
]


@pytest.mark.slow
@pytest.mark.parametrize("network, options", HEAVY)
def test_a_heavy_problem_ends_in_time(network: str, options: dict[str, str]) -> None:
    problem = cq.Problem.from_text(network, **options)
    start = perf_counter()
    found = cq.analyze(problem, budget=2)
    assert perf_counter() - start < 3.5
    assert isinstance(found, Analysis)
    assert "budget" in " ".join((found.closure.stopped, *found.notes, *found.verdict))


MODEL = """
import conserved as cq

def model():
    return cq.networks.parse_network("attention:dim=8,tokens=3,head=4,heads=2")
"""


def test_block_laws_within_a_budget(clock: Iterator[int]) -> None:
    network = cq.networks.parse_network("attention:dim=4,tokens=3,head=2,heads=2")
    whole = cq.block_laws(network)
    none = cq.block_laws(network, budget=5)
    assert (none.laws, none.lower) == ((), 0)
    assert none.notes == ("the budget was used up before any law was found",)
    kept = []
    for budget in range(1000, 8000, 1000):
        found = cq.block_laws(network, budget=budget)
        assert set(found.laws) <= set(whole.laws)
        assert len(found.primes) == len(whole.primes) or "budget" in found.notes[-1]
        kept.append(len(found.laws))
    assert kept[0] == 0
    assert kept[-1] == len(whole.laws)


def test_the_command_line_keeps_it(tmp_path: Path) -> None:
    """Also with --blocks and --start, which come after."""
    file = tmp_path / "m.py"
    file.write_text(MODEL)
    told = shell("analyze", f"{file}:model", "--blocks", "--budget", "1e-9")
    assert "the budget was used up" in told.stdout
    told = shell("analyze", "linear:3-2-2", "--start", "zeros:W1", "--budget", "1e-9", "--json")
    assert "the budget was used up before the rank at zeros:W1 was known" in told.stderr
    assert json.loads(told.stdout)["closure"]["closed"] is False
    assert told.returncode == 3


def test_shares_and_ends() -> None:
    with within(None), time_share(1 / 2):
        assert not late()
    with time_limit(0), pytest.raises(AssertionError), untimed():
        assert late()
    with stoppable() as stop, time_limit(1e6):
        stop.ask()
        assert late()
        with untimed():
            assert not late()
    with time_limit(1e6), time_share(0):
        assert late()
    with time_limit(0), time_share(1):
        assert late()
