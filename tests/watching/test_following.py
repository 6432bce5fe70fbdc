"""Laws of an exact analysis along a run: whole orbits keep them, draws let them diffuse."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import conserved as cq
from conserved.errors import InputError
from conserved.kernel.real import Reals
from conserved.monitor.run import Run
from conserved.monitor.text import summary
from conserved.monitor.view import rows
from conserved.simulate import GradientDescent, simulate
from conserved.simulate.data import Dataset
from conserved.simulate.dynamics import Course
from conserved.simulate.haar import random_elements
from conserved.simulate.objective import SampledObjective
from conserved.simulate.recorder import Recorder
from conserved.watching.exactly.charts import charted
from tests.watching.runs import SGD

torch = pytest.importorskip("torch", reason="needs the extra torch")
slow = pytest.mark.slow
SETS, SHIFTS = "permutation", "shift"
ORDERS = {
    SETS: [list(order) for order in permutations(range(4))],
    SHIFTS: [[(k + s) % 4 for k in range(4)] for s in range(4)],
}
Batches = Callable[[Any, Any, Any], tuple[Any, Any]]


def model(hidden: int = 1, seed: int = 0) -> Any:
    from torch import nn

    torch.manual_seed(seed)
    layers = nn.Linear(4, hidden, bias=False), nn.Linear(hidden, 1, bias=False)
    return nn.Sequential(*layers).double()


@cache
def found(symmetry: str = SETS, hidden: int = 1) -> cq.Analysis:
    net = model(hidden).float()
    return cq.analyze(cq.from_torch(net, torch.zeros(1, 4), symmetry=symmetry))


@cache
def data(rows: int = 16) -> tuple[Any, Any]:
    """Features of unlike means, which a part of the group leaves unlike."""
    draws = torch.Generator().manual_seed(1)
    noise = torch.randn(rows, 5, generator=draws, dtype=torch.float64)
    x = 0.5 * noise[:, :4] + torch.tensor([1.0, 0.5, -1.0, 0.0], dtype=torch.float64)
    return x, 1 + 0.5 * noise[:, 4:]


def whole(symmetry: str) -> Batches:
    """Each datum with its orbit."""
    orders = ORDERS[symmetry]
    return lambda x, y, rng: (torch.cat([x[:, o] for o in orders]), y.repeat(len(orders), 1))


def drawn(orders: list[list[int]]) -> Batches:
    """Each datum moved by one of these at random."""

    def batch(x: Any, y: Any, rng: Any) -> tuple[Any, Any]:
        chosen = rng.integers(len(orders), size=len(x))
        return torch.stack([row[orders[k]] for row, k in zip(x, chosen, strict=True)]), y

    return batch


def plain(x: Any, y: Any, rng: Any) -> tuple[Any, Any]:
    return x, y


def train(
    batches: Batches,
    *,
    laws: Any = None,
    augment: Any = "full",
    steps: int = 150,
    hidden: int = 1,
    optimizer: Any = None,
    seed: int = 0,
    rows: int = 16,
    **options: Any,
) -> cq.watching.Watch:
    net, rng, (x, y) = model(hidden), np.random.default_rng(seed), data(rows)
    make = optimizer or (lambda p: torch.optim.SGD(p, lr=0.02))
    stepping = make(net.parameters())
    laws = found(hidden=hidden) if laws is None else laws
    with cq.watch(net, stepping, laws=laws, augment=augment, **options) as watched:
        for _ in range(watched.steps, steps):
            inputs, labels = batches(x, y, rng)
            stepping.zero_grad()
            (0.5 * (net(inputs) - labels) ** 2).mean().backward()
            stepping.step()
    return watched


def symmetric(watched: cq.watching.Watch) -> Any:
    """The track of the law that is due to the data."""
    (track,) = [t for t in watched.tracks if t.due]
    return track


@pytest.mark.parametrize("options", SGD, ids=lambda o: "-".join(o))
def test_whole_orbits_keep_ranges_and_directions(options: dict[str, Any]) -> None:
    """Of any step along gradients and velocities; the law of the architecture is forecast."""
    watched = train(whole(SETS), steps=15, optimizer=lambda p: torch.optim.SGD(p, **options))
    range_of = symmetric(watched)
    assert range_of.outcome == "conserved", watched.verdict()
    assert range_of.due == "due to the data symmetry (permutation)"
    assert range_of.moved < 1e-13
    assert all(t.residual < 10 and t.worst < 10 for t in watched.tracks)
    own = next(t for t in watched.tracks if not t.due)
    assert own.outcome == "drifting as predicted"
    assert own.predicted == pytest.approx(own.value, rel=1e-12)


def test_data_that_are_not_symmetric_violate_them() -> None:
    for batches in plain, drawn(ORDERS[SETS]):
        watched = train(batches, steps=3)
        assert symmetric(watched).outcome == "violated"
        assert symmetric(watched).since == 1
        assert "no union of whole orbits" in symmetric(watched).finding.reason
        assert [t.outcome for t in watched.tracks if not t.due] == ["drifting as predicted"]


@pytest.mark.parametrize("options", SGD, ids=lambda o: "-".join(o))
def test_draws_let_them_diffuse(options: dict[str, Any]) -> None:
    """Step by step as their draws say, to rounding, and with no mean."""
    watched = train(
        drawn(ORDERS[SETS]), augment="random", optimizer=lambda p: torch.optim.SGD(p, **options)
    )
    track = symmetric(watched)
    assert track.outcome == "drifting as predicted", watched.verdict()
    assert track.residual < 10
    assert track.draws.looks == 150
    assert abs(track.draws.met) < 4 * track.draws.spread
    assert track.draws.off < track.draws.limit < 7
    assert track.moved > 1e-4


def test_a_part_of_the_group_is_told() -> None:
    """Shifts by 0 and 1 alone: the mean over the draws is that of no average."""
    half = drawn(ORDERS[SHIFTS][:2])
    watched = train(half, augment="random", steps=200)
    track = symmetric(watched)
    assert track.outcome == "violated", watched.verdict()
    assert "does not average to 0" in track.finding.reason
    assert track.since > 128


@slow
def test_wider_networks_keep_a_range() -> None:
    track = symmetric(train(whole(SETS), hidden=2, steps=15))
    assert (track.text, track.outcome) == (
        "range of 0.weight on the zero-sum part of the features",
        "conserved",
    )


def test_a_run_that_is_killed_goes_on(tmp_path: Path) -> None:
    """What draws had done is read from the log: the end is that of a run that was not killed."""

    def train_on(first: int, log: Path, state: Any = None) -> tuple[Any, Any]:
        net = model()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.5)
        if state is not None:
            net.load_state_dict(state[0])
            optimizer.load_state_dict(state[1])
        x, y = data()
        watched = cq.watch(net, optimizer, laws=found(), augment="random", log=log)
        for step in range(watched.steps, first):
            inputs, labels = drawn(ORDERS[SETS])(x, y, np.random.default_rng(step))
            optimizer.zero_grad()
            (0.5 * (net(inputs) - labels) ** 2).mean().backward()
            optimizer.step()
        return watched, copy.deepcopy((net.state_dict(), optimizer.state_dict()))

    _, state = train_on(40, tmp_path / "killed.jsonl")  # and is not closed
    del _
    gc.collect()  # its process is gone
    killed, _ = train_on(80, tmp_path / "killed.jsonl", state)
    whole, _ = train_on(80, tmp_path / "whole.jsonl")
    one, other = symmetric(killed), symmetric(whole)
    assert killed.steps == whole.steps == 80
    assert one.chart == other.chart
    assert one.draws.looks == other.draws.looks == 80
    np.testing.assert_allclose(one.draws.kept[0], other.draws.kept[0], rtol=1e-6)
    np.testing.assert_allclose(one.draws.kept[3:], other.draws.kept[3:], rtol=1e-6)
    assert one.predicted == pytest.approx(other.predicted, rel=1e-6)
    assert (one.value, one.start) == pytest.approx((other.value, other.start), rel=1e-6)


def test_the_monitor_says_what_a_law_is_due_to(tmp_path: Path) -> None:
    """Closed, and while it runs: how far draws have come is an event."""
    log = tmp_path / "run.jsonl"
    train(drawn(ORDERS[SETS]), augment="random", log=log)
    lines = log.read_text("utf-8").splitlines(keepends=True)
    under_way = tmp_path / "more.jsonl"
    under_way.write_text("".join(lines[:-1]), "utf-8")
    for path in log, under_way:
        run = Run(path)
        run.update()
        (row,) = [row for row in rows(run) if row.due]
        assert row.due == "due to the data symmetry (permutation)"
        assert row.due in row.found.reason
        assert row.outcome == "drifting as predicted"
        assert "due to the data symmetry" in " ".join(summary(run).split())
        (event,) = [event for event in run.marks.events if event.what == "diffusing"]
        assert (event.step, event.law) == (128, row.law)
        assert "of the spread that they predict" in event.text
        run.close()


def test_data_that_are_not_moved_are_told() -> None:
    """A mean of ⟨∇h, g⟩ that is no chance, though nothing is drawn."""
    watched = train(plain, augment="random")
    assert symmetric(watched).outcome == "violated", watched.verdict()


def test_whole_orbits_are_conserved_however_they_are_called() -> None:
    track = symmetric(train(whole(SETS), augment="random"))
    assert track.outcome == "conserved"
    assert track.draws.spread < 1e-12
    assert track.draws.off < track.draws.limit


def test_adam_and_rates_that_differ_leave_the_mean_alone() -> None:
    def two_rates(parameters: Any) -> Any:
        first, last = parameters
        groups = [{"params": [first], "lr": 0.02}, {"params": [last], "lr": 0.01}]
        return torch.optim.SGD(groups)

    for make in (lambda p: torch.optim.Adam(p, lr=0.01)), two_rates:
        watched = train(drawn(ORDERS[SETS]), augment="random", steps=20, optimizer=make)
        track = symmetric(watched)
        # the direction of one tensor has one rate
        known = make is two_rates
        assert track.outcome == ("drifting as predicted" if known else "drifting")
        assert (track.draws.spread is not None) == known
        assert "is not told by fewer than 128 steps" in track.finding.reason


def test_what_is_refused() -> None:
    net = model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    own = [law for law in found().laws if law.origin == "architecture"]
    with pytest.raises(InputError, match="augment 'sampled': known: full, random"):
        cq.watch(net, optimizer, laws=found(), augment="sampled")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="needs laws due to a symmetry of the data"):
        cq.watch(net, optimizer, laws=own, augment="random")
    with pytest.raises(InputError, match=r"no parameter '0\.weight' of shape"):
        cq.watch(net[1], torch.optim.SGD(net[1].parameters()), laws=found())
    with pytest.raises(InputError, match=r"give block_laws\(…\), analyze\(…\)"):
        cq.watch(net, optimizer, laws=[3])


def test_laws_of_blocks_stand_beside() -> None:
    net, (x, y) = model().float(), data()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.02)
    blocks = cq.block_laws(net, torch.zeros(1, 4))
    with cq.watch(net, optimizer, laws=[blocks, found()]) as watched:
        inputs, labels = whole(SETS)(x.float(), y.float(), None)
        (net(inputs) - labels).square().mean().backward()
        optimizer.step()
    assert len(watched.tracks) == len(blocks.laws) + len(found().laws)
    assert not watched.violated, watched.verdict()
    net.zero_grad()
    report = cq.check_gradients(
        net, lambda: (net(inputs) - labels).square().mean(), laws=[blocks, found()]
    )
    assert report.checked == len(watched.tracks)


def test_the_same_numbers_through_simulate() -> None:
    """The same draws in NumPy, step by step: value, ledger and spread."""
    analysis, steps, rate, seed = found(), 40, 0.05, 5
    problem, (x, y) = analysis.problem, data()
    group = problem.group

    def batch(x: Any, y: Any, rng: Any) -> tuple[Any, Any]:
        moved = np.einsum("ia,iba->ib", x.numpy(), random_elements(group, len(x), rng).matrices)
        return torch.tensor(moved), y

    watched = train(
        batch,
        augment="random",
        steps=steps,
        seed=seed,
        optimizer=lambda p: torch.optim.SGD(p, lr=rate),
    )
    track = symmetric(watched)
    law = charted(next(l for l in analysis.laws if l.origin == "data symmetry"), track.chart)
    objective = SampledObjective(
        problem, Dataset("test", "", x.numpy(), y.numpy()), np.random.default_rng(seed)
    )
    theta = np.concatenate([p.detach().numpy().ravel() for p in model().parameters()])
    way: list[tuple[Any, Any]] = []
    course = Course(
        rng=np.random.default_rng(0), audit=lambda at, along, *rest: way.append((at, along))
    )
    recorder = Recorder(theta)
    GradientDescent(rate=rate, steps=steps).run(objective, theta, recorder, course)
    jumps = np.stack([rate * law.gradients(Reals(), at) @ along for at, along in way])
    end = recorder.current.theta
    kept = np.array(track.draws.kept)[:, :-1]
    assert len(jumps) == track.draws.looks == steps
    np.testing.assert_allclose(kept[3], -jumps.sum(axis=0), rtol=1e-9)
    np.testing.assert_allclose(kept[5], (jumps**2).sum(axis=0), rtol=1e-9)
    moved = np.abs(law.value(end) - law.value(theta)) / (np.abs(law.gradient(end)) @ np.abs(end))
    assert track.moved == pytest.approx(moved.max(), rel=1e-9)


@slow
def test_the_spread_is_that_over_seeds() -> None:
    """What one run predicts from its own draws, beside what simulate predicts without any."""
    analysis, (x, y) = found(), data()
    laws = [l for l in analysis.laws if l.origin == "data symmetry"]
    theta = np.concatenate([p.detach().numpy().ravel() for p in model().parameters()])
    track = symmetric(train(drawn(ORDERS[SETS]), augment="random", steps=100))
    simulated = simulate(
        analysis.problem,
        [charted(law, track.chart) for law in laws],
        dynamics=GradientDescent(rate=0.02, steps=100),
        data=Dataset("test", "", x.numpy(), y.numpy()),
        augment="random",
        start=theta,
        seeds=16,
        ladder=False,
    )
    (spread,) = simulated.diffusion
    assert spread.holds
    own = np.sqrt(np.array(track.draws.kept)[5, spread.component])
    assert own == pytest.approx(spread.predicted[1], rel=0.2)
    assert spread.measured[1] == pytest.approx(spread.predicted[1], rel=0.5)
