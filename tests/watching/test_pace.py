"""When steps are looked at."""

from itertools import pairwise

import pytest

import conserved as cq
from conserved.errors import InputError
from conserved.watching.pace import Pace
from tests.watching.runs import mlp, mlp_laws, train

torch = pytest.importorskip("torch")


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def paced(overhead, steps, look, step=1.0, every=1, within=0.0):
    """Steps that were looked at, the share of time that looks took, and what was foretold.

    Args:
        within: of a step's time what passes between the two parts of a look.
    """
    clock = Clock()
    pace, looked, foretold = Pace(every, overhead, clock=clock), [], []
    for taken in range(steps):
        clock.now += step - within
        if not pace.due(taken):
            clock.now += within
            continue
        looked.append(taken)
        with pace.before(taken):
            clock.now += 0.75 * look(taken)
        clock.now += within
        with pace.after() as soon:
            clock.now += 0.25 * look(taken)
        foretold.append(soon)
    spent = sum(look(taken) for taken in looked)
    return looked, spent / (steps * step), foretold


def gaps(looked):
    return {b - a for a, b in pairwise(looked)}


def test_looks_take_no_more_than_their_share():
    looked, share, _ = paced(1 / 32, 1000, lambda _: 0.25)
    assert looked[:2] == [0, 1]  # how long a step takes is not known before
    assert gaps(looked[1:]) == {8}
    assert share <= 1 / 32 + 0.25 / 1000


def test_time_within_a_step_counts_too():
    """Of L-BFGS nearly all is behind the look."""
    told = paced(1 / 32, 1000, lambda _: 0.25)
    assert paced(1 / 32, 1000, lambda _: 0.25, within=0.875) == told


def test_looks_that_come_to_nothing_keep_to_their_share():
    clock = Clock()
    clock.now = 1e6  # seconds since the machine was started
    pace, looked = Pace(1, 1 / 32, clock=clock), []
    for taken in range(100):
        clock.now += 1
        if pace.due(taken):
            looked.append(taken)
            with pace.before(taken):
                clock.now += 0.25
    assert gaps(looked[1:]) == {8}


def test_every_step_where_it_is_cheap():
    looked, share, foretold = paced(1 / 32, 50, lambda _: 1 / 64)
    assert looked == list(range(50))
    assert share == 1 / 64
    assert all(foretold)


def test_the_next_look_comes_when_it_was_foretold():
    looked, _, foretold = paced(1 / 32, 300, lambda taken: 1 / 64 if taken < 100 else 0.25)
    assert set(foretold) == {True, False}
    assert [b - a == 1 for a, b in pairwise(looked)] == foretold[:-1]


def test_both_limits_hold():
    looked, _, foretold = paced(1 / 32, 100, lambda _: 1 / 64, every=7)
    assert looked == list(range(0, 100, 7))
    assert not any(foretold)
    assert gaps(paced(1 / 32, 100, lambda _: 0.25, every=7)[0][1:]) == {14}


def test_a_run_is_looked_at_as_often_as_it_pays_for():
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    with cq.watch(model, optimizer, laws=mlp_laws(), overhead=0.01) as watched:
        train(model, optimizer, 60)
    assert 2 <= watched.tracks[0].looks < 30  # a look takes longer than so small a step
    assert watched.violated == []


def test_a_run_of_many_evaluations_a_step():
    """Looks of L-BFGS, which calls a closure, are paced by the whole of its steps."""
    model = mlp()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
    x, y = torch.ones(3, 4).double(), torch.ones(3, 3).double()

    def closure():
        optimizer.zero_grad()
        made = ((model(x) - y) ** 2).mean()
        made.backward()
        return made

    with cq.watch(model, optimizer, laws=mlp_laws(), overhead=0.01) as watched:
        for _ in range(30):
            optimizer.step(closure)
    assert watched.steps == 30
    assert 2 <= watched.tracks[0].looks < 30
    assert watched.violated == []


@pytest.mark.parametrize("overhead", [0, 1.0, -0.1, float("nan"), "0.02"])
def test_no_share_of_the_time(overhead):
    with pytest.raises(InputError, match=r"overhead.*0\.02"):
        Pace(1, overhead)


@pytest.mark.parametrize("every", [0, 2.5, "3"])
def test_no_number_of_steps(every):
    with pytest.raises(InputError, match="every"):
        Pace(every)
