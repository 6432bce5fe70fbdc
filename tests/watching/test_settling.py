"""A step is settled with the look at the next, or when somebody asks: nothing else changes."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import conserved as cq
from conserved.watching.log.files import records
from conserved.watching.log.index import Index
from tests.watching.runs import batches, mlp, mlp_laws, train

torch = pytest.importorskip("torch")

OPTIMIZERS = {
    "momentum": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=0.01),
    "dampened": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, dampening=0.3),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
}


def watched(log: Path, name: str = "momentum", **options: Any) -> tuple[Any, Any, Any]:
    model = mlp()
    optimizer = OPTIMIZERS[name](model.parameters())
    return model, optimizer, cq.watch(model, optimizer, laws=mlp_laws(), log=log, **options)


def lines(log: Path) -> list[dict[str, Any]]:
    return [record for record in records(log) if record["kind"] == "step"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_asking_at_every_step_tells_the_same(name: str, tmp_path: Path) -> None:
    found = []
    for asked in (False, True):
        log = tmp_path / f"{asked}.jsonl"
        model, optimizer, watch = watched(log, name)
        with watch:
            train(model, optimizer, 10, between=lambda _, w=watch, a=asked: a and w.tracks)
        found.append(lines(log))
    assert [line["step"] for line in found[0]] == list(range(1, 11))
    for one, other in zip(*found, strict=True):
        for what in ("value", "residual", "gradient"):
            a, b = (np.array(line[what], dtype=float) for line in (one, other))
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-6)
        assert one["rates"] == other["rates"]


@pytest.mark.parametrize("name", ["momentum", "nesterov", "adam"])
@pytest.mark.parametrize("asked", [False, True])
def test_rates_and_numbers_are_those_of_their_step(name: str, asked: bool, tmp_path: Path) -> None:
    """The last one too; an evaluation in between is not the next step."""
    log = tmp_path / "run.jsonl"
    model, optimizer, watch = watched(log, name)
    rate = optimizer.param_groups[0]["lr"]
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    def between(step: int) -> None:
        schedule.step()
        assert not asked or watch.verdict()
        with torch.no_grad():
            model(torch.ones(1, 4, dtype=torch.float64))
        watch.note(after=step)

    with watch:
        train(model, optimizer, 4, before=lambda step: watch.note(loss=step), between=between)
    assert [line["rates"][0] for line in lines(log)] == [rate / 2**k for k in range(4)]
    told = [line["metrics"] for line in lines(log)]
    assert told == [{"loss": k, "after": k} for k in (1, 2, 3, 4)]
    assert not watch.violated


def noted(log: Path) -> list[tuple[int, dict[str, float]]]:
    return [(r["step"], r["metrics"]) for r in records(log) if r["kind"] == "note"]


def test_a_number_told_after_the_line_has_a_line_of_its_own(tmp_path: Path) -> None:
    """A checkpoint has the line of its step; what is noted then is that step's all the same."""
    log = tmp_path / "run.jsonl"
    model, optimizer, watch = watched(log)

    def between(step: int) -> None:
        if step in (2, 5):
            model.state_dict()
        watch.note(after=step)

    with watch:
        train(model, optimizer, 5, between=between)
    assert noted(log) == [(2, {"after": 2}), (5, {"after": 5})]
    told = {line["step"]: line.get("metrics") for line in lines(log)}
    assert told == {k: None if k in (2, 5) else {"after": k} for k in range(1, 6)}
    assert not [line for line in lines(log) if line.get("metrics") == {}]
    seen = Index(log)
    seen.update()
    assert (seen.pyramid.rows, seen.marks.unread) == (5, 0)
    seen.close()


def test_numbers_of_steps_without_a_look_are_not_lost(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    model, optimizer, watch = watched(log, every=3)
    with watch:
        train(model, optimizer, 5, between=lambda step: watch.note(**{f"n{step}": step}))
    assert [line.get("metrics") for line in lines(log)] == [{"n1": 1}, {"n2": 2, "n3": 3, "n4": 4}]
    assert noted(log) == [(5, {"n5": 5})]


def test_a_line_that_is_due_survives_a_kill(tmp_path: Path) -> None:
    """It is written when the next step begins, with what was noted by then."""
    log = tmp_path / "run.jsonl"
    model, optimizer, watch = watched(log, "nesterov")
    met = []

    def between(step: int) -> None:
        watch.note(after=step)
        model(torch.ones(1, 4, dtype=torch.float64))
        met.append([line["metrics"] for line in lines(log)])

    train(model, optimizer, 3, between=between)
    assert met == [[{"after": k} for k in range(1, n)] for n in (2, 3, 4)]
    watch.close()


def test_a_checkpoint_has_a_line_for_each_of_its_steps(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    model, optimizer, watch = watched(log)
    met = []

    def between(step: int) -> None:
        if step == 3:
            model.state_dict()
        if step == 6:
            optimizer.state_dict()
        met.append(len(lines(log)))

    train(model, optimizer, 7, between=between)
    assert met == [0, 1, 3, 3, 4, 6, 6]
    watch.close()
    assert len(lines(log)) == 7


def changed_by_assignment(model: Any) -> None:
    model[0].weight.data = model[0].weight.data * 2


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.float(),
        changed_by_assignment,
    ],
)
def test_what_happens_to_a_model_after_training_is_no_violation(
    change: Any, tmp_path: Path
) -> None:
    log = tmp_path / "run.jsonl"
    model, optimizer, watch = watched(log)
    train(model, optimizer, 5)
    change(model)
    watch.close()
    assert not watch.violated, watch.verdict()
    last = lines(log)[-1]
    assert last["step"] == 5
    assert last["residual"] == [None] * len(watch.tracks)


def test_a_change_between_steps_is_told_of_the_step_that_met_it(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    model, optimizer, watch = watched(log)

    def between(step: int) -> None:
        if step == 4:
            with torch.no_grad():
                model[2].weight[0, 0] += 0.5

    with watch:
        train(model, optimizer, 6, between=between)
    assert {track.since for track in watch.violated} == {5}
    assert all("2.weight changed between steps 4 and 5" in t.reason for t in watch.violated)
    known = [None not in line["residual"] for line in lines(log)]
    assert known == [True, True, True, False, True, True]


def exact() -> list[Any]:
    """Laws that are followed one by one."""
    return list(mlp_laws().laws[0].laws)


def test_a_change_is_told_of_exact_laws_too() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

    def between(step: int) -> None:
        if step == 4:
            model[2].weight.data[0, 0] += 0.5

    with cq.watch(model, optimizer, laws=exact()) as watch:
        train(model, optimizer, 8, between=between)
    assert {(track.since, track.reason) for track in watch.tracks} == {
        (5, "2.weight changed between steps 4 and 5")
    }
    assert all(track.residual < 10 for track in watch.tracks)


@pytest.mark.parametrize("laws", [exact, mlp_laws])
def test_what_is_frozen_for_a_while_goes_on(laws: Any) -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

    def between(step: int) -> None:
        if step in (4, 8):
            model[2].weight.requires_grad_(step == 8).grad = None

    with cq.watch(model, optimizer, laws=laws()) as watch:
        train(model, optimizer, 12, between=between)
    assert not watch.violated, watch.verdict()
    assert {track.looks for track in watch.tracks} == {8}
    for track in watch.tracks:
        assert track.predicted == pytest.approx(track.value, rel=1e-12)
        assert track.residual < 10


@pytest.mark.parametrize("kept", [False, True])
def test_a_checkpoint_of_averaged_weights_is_no_violation(kept: bool, tmp_path: Path) -> None:
    """An average of the weights takes their place, is saved, and they are put back."""
    log = tmp_path / "run.jsonl"
    model, optimizer, watch = watched(log)

    def between(step: int) -> None:
        if step == 4:
            held = [p.detach().clone() for p in model.parameters()]
            for p in model.parameters():
                p.data.mul_(0.9)
            model.state_dict()
            for p, value in zip(model.parameters(), held, strict=True):
                if kept:
                    p.data.copy_(value)

    with watch:
        train(model, optimizer, 8, between=between)
    reasons = [track.reason for track in watch.tracks]
    if kept:
        assert not watch.violated, watch.verdict()
    else:
        assert all("changed between steps 4 and 5" in reason for reason in reasons)
    known = [None not in line["residual"] for line in lines(log)]
    assert known == [step != 4 for step in range(1, 9)]


def test_a_group_may_be_taken_away(tmp_path: Path) -> None:
    model = mlp()
    groups = [{"params": list(layer.parameters())} for layer in (model[0], model[2], model[4])]
    optimizer = torch.optim.SGD(groups, lr=0.02, momentum=0.9)

    def between(step: int) -> None:
        if step == 3:
            for p in optimizer.param_groups.pop(-1)["params"]:
                p.requires_grad_(False).grad = None

    with cq.watch(model, optimizer, laws=mlp_laws(), log=tmp_path / "run.jsonl") as watch:
        train(model, optimizer, 6, between=between)
    assert watch.steps == 6
    assert not watch.violated, watch.verdict()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("given", [False, True])
def test_a_fused_optimizer_takes_the_scale_off_itself(
    given: bool, exact: bool, momentum: float, tmp_path: Path
) -> None:
    """It also leaves a step out by itself: that counts, and nothing is tested."""
    log = tmp_path / "run.jsonl"
    model = mlp().float()
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.02, momentum=momentum, nesterov=momentum > 0, fused=True
    )
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=3)
    laws = [mlp_laws(), *(mlp_laws().laws[0].laws if exact else ())]
    options = {"scaler": scaler} if given else {}
    with cq.watch(model, optimizer, laws=laws, log=log, **options) as watch:
        for step, (x, y) in enumerate(batches(10), 1):
            optimizer.zero_grad()
            scaler.scale(((model(x.float()) - y.float()) ** 2).mean()).backward()
            if step in (4, 10):
                model[0].weight.grad[0, 0] = float("inf")  # what an overflow leaves
            scaler.step(optimizer)
            scaler.update()
    assert len(watch.tracks) == len(laws) + 1
    assert not watch.violated, watch.verdict()
    assert {track.outcome for track in watch.tracks} == {"drifting as predicted"}
    for name in ("residual", "gradient"):
        known = [None not in line[name] for line in lines(log)]
        assert known == [step not in (4, 10) for step in range(1, 11)]
    skipped = [record["step"] for record in records(log) if record.get("what") == "skipped"]
    assert skipped == [4, 10]


def test_a_fault_of_the_last_step_is_found_at_the_end(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    model, optimizer, watch = watched(log)

    def spoil(*_: Any) -> None:
        with torch.no_grad():
            model[2].weight.mul_(1.01 if told else 1)

    optimizer.register_step_pre_hook(spoil)
    told: list[int] = []
    train(model, optimizer, 5, before=lambda step: told.append(step) if step == 5 else None)
    watch.close()
    assert {track.since for track in watch.violated} == {5}


def test_a_copy_of_a_watched_model_is_not_watched(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    model, optimizer, watch = watched(log)
    train(model, optimizer, 2)
    copied = copy.deepcopy(model)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    for other in (copied, torch.load(file, weights_only=False)):
        train(other, torch.optim.SGD(other.parameters(), lr=0.1), 2)
        assert other.state_dict().keys() == model.state_dict().keys()
    assert watch.steps == 2
    train(model, optimizer, 2)
    assert not watch.violated
    watch.close()
    assert len(lines(log)) == 4
