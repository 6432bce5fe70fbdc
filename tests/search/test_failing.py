"""A search that fails costs neither bounds nor laws that were found before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import sleep

import pytest

import conserved as cq
from conserved import search
from conserved.errors import DegenerateSampleError
from conserved.fields import Fields
from conserved.kernel.deadline import OutOfTimeError, time_limit
from conserved.kernel.scalars import Array
from conserved.law import Law
from conserved.search import FIRST, WHOLE, State, Way, ansatz, monomials, run
from conserved.search.null import samples


def test_one_way_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise DegenerateSampleError("planted")

    monkeypatch.setattr(monomials, "_of_degrees", broken)
    analysis = cq.analyze(cq.Problem.from_text("poly:1-3-1,power=3"))
    whole = cq.lie_closure(cq.Problem.from_text("poly:1-3-1,power=3")).upper
    assert analysis.count.upper == whole
    assert analysis.laws
    assert any("laws (polynomials) was given up: planted" in note for note in analysis.notes)


@pytest.mark.parametrize("fault", [DegenerateSampleError("planted"), MemoryError()])
def test_a_whole_search_fails(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def broken(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr("conserved.search.state.make_fields", broken)
    analysis = cq.analyze(cq.Problem.from_text("linear:3-2-2"))
    assert analysis.count == cq.Count(3, 3, True, 0)  # the three are known to exist
    assert analysis.laws == ()
    assert any("a search for laws was given up" in note for note in analysis.notes)


@pytest.mark.parametrize(
    "fault", [DegenerateSampleError("planted"), MemoryError(), OutOfTimeError("planted")]
)
@pytest.mark.parametrize("after", [0, 1])
def test_laws_told_anew_are_not_lost(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, after: int
) -> None:
    """All quadratic laws stand in for sums of squares; a failure on the way leaves all of them."""
    problem = cq.Problem.from_text("linear:4-3-2")
    monkeypatch.setattr(ansatz, "_LARGE", 0)
    monkeypatch.setattr(ansatz, "_WIDE_LIMIT", 0)

    def broken(state: State) -> Iterator[list[Law]]:
        for law in list(ansatz.all_quadratic(state))[-1][:after]:
            yield [law]
        raise fault

    state = State(problem)
    run(state, FIRST)
    (squares,) = state.laws
    assert squares.independent == 3
    run(state, [replace(WHOLE, find=broken)])
    if after:
        assert [law.text for law in state.laws] == ["W1 W1ᵀ − W2ᵀ W2"]
        assert state.rank == 6
    else:
        assert state.laws == [squares]
    assert len(state.notes) == 1


def test_time_that_ends_in_the_middle_of_a_count_leaves_nothing_half_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = cq.Problem.from_text("linear:3-2-2")
    verify = search.state.verify

    def late(*_: object, **__: object) -> None:
        raise OutOfTimeError("late")

    monkeypatch.setattr("conserved.search.state.verify", late)
    state = State(problem)
    run(state, FIRST)
    assert (state.laws, state.rank) == ([], 0)
    monkeypatch.setattr("conserved.search.state.verify", verify)
    run(state, [Way("again", ansatz.quadratic)])
    assert [law.independent for law in state.laws] == [3]


def test_time_that_ends_while_points_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one batch of a large network more than the time allows."""
    drawn = []
    monkeypatch.setattr(ansatz, "_SAMPLE_BYTES", 1)  # a point at a time

    def slow(fields: Fields, count: int) -> tuple[Array, Array]:
        drawn.append(count)
        sleep(0.3)
        return samples(fields, count)

    monkeypatch.setattr(ansatz, "samples", slow)
    problem = cq.Problem.from_text("linear:60-60-1")
    assert problem.network.size > ansatz.JOINT_LIMIT
    state = State(problem)
    with time_limit(0.25):
        run(state, FIRST)
    assert drawn == [1]
    assert state.laws == []
    assert state.notes == ["the search for laws was not finished: the budget was used up"]
