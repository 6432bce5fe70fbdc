"""Real training against its laws: they hold, and planted faults are named."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import conserved as cq
from conserved.errors import InputError
from conserved.watching import GradientError
from tests.watching.runs import batches, mlp, mlp_laws

torch = pytest.importorskip("torch", reason="needs the extra torch")

DATA = torch.Generator().manual_seed(5)


def model_of(seed: int = 0) -> Any:
    from examples.models import Llama

    torch.manual_seed(seed)
    return Llama(layers=2)


@cache
def laws() -> cq.BlockLaws:
    tokens = torch.zeros(1, 3, dtype=torch.long)
    return cq.block_laws(model_of(), tokens, loss="cross-entropy")


def loss_of(model: Any, batch: int = 4) -> Any:
    tokens = torch.randint(7, (batch, 6), generator=DATA)
    logits = model(tokens[:, :-1]).flatten(0, 1)
    return torch.nn.functional.cross_entropy(logits, tokens[:, 1:].flatten())


def test_gradients_of_a_model_hold_its_laws() -> None:
    model = model_of()
    report = cq.check_gradients(model, lambda: loss_of(model), laws=laws())
    assert report.holds
    assert report.checked == len(laws().laws)
    assert report.worst < 50


FAULTS = {
    "one head's gradient scaled": ("layers.0.attention.q.weight", lambda g: g[:4].mul_(2)),
    "a gain's gradient dropped": ("layers.1.before.weight", lambda g: g.zero_()),
    "one unit of the MLP wrong": ("layers.1.mlp.down.weight", lambda g: g[:, 2].neg_()),
    "an all-reduce left out": ("head.weight", lambda g: g.add_(0.01)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_named(fault: str) -> None:
    name, spoil = FAULTS[fault]
    model = model_of()
    loss_of(model).backward()
    spoil(dict(model.named_parameters())[name].grad)
    with pytest.raises(GradientError) as caught:
        cq.check_gradients(model, laws=laws())
    assert name in str(caught.value)


def test_a_wrong_backward_is_found() -> None:
    class Half(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g / 2

    model = model_of()
    inner = model.layers[0].mlp.up.forward
    model.layers[0].mlp.up.forward = lambda x: Half.apply(inner(x))
    with pytest.raises(GradientError, match=r"layers\.0\.mlp"):
        cq.check_gradients(model, lambda: loss_of(model), laws=laws())


OPTIMIZERS = {
    "plain": {"lr": 0.05},
    "momentum": {"lr": 0.02, "momentum": 0.9},
    "dampening": {"lr": 0.02, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
    "decay": {"lr": 0.05, "weight_decay": 0.1},
    "both": {"lr": 0.02, "momentum": 0.8, "weight_decay": 0.05},
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n == "both" else pytest.mark.slow) for n in OPTIMIZERS]
)
def test_sgd_drifts_as_predicted(name: str) -> None:
    """In float64 the ledger is right to rounding, step by step."""
    model = model_of().double()
    optimizer = torch.optim.SGD(model.parameters(), **OPTIMIZERS[name])
    with cq.watch(model, optimizer, laws=laws()) as watched:
        for _ in range(20):
            optimizer.zero_grad()
            loss_of(model).backward()
            optimizer.step()
    assert not watched.violated
    moved = 0.0
    for track in watched.tracks:
        if track.without_eps or track.predicted is None:
            continue
        moved = max(moved, abs(track.drift) / track.size)
        assert abs(track.value - track.predicted) <= 1e-11 * track.size
    assert moved > 1e-7


def test_schedules_and_clipping_change_nothing() -> None:
    model = model_of().double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8)
    watched = cq.watch(model, optimizer, laws=laws())
    for _ in range(10):
        optimizer.zero_grad()
        loss_of(model).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        schedule.step()
    watched.close()
    tracks = [t for t in watched.tracks if t.predicted is not None and not t.without_eps]
    assert all(abs(t.value - t.predicted) <= 1e-11 * t.size for t in tracks)
    assert "violated" not in watched.verdict()


def test_adam_is_no_error() -> None:
    model = model_of()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    with cq.watch(model, optimizer, laws=laws()) as watched:
        for _ in range(5):
            optimizer.zero_grad(set_to_none=True)
            loss_of(model).backward()
            optimizer.step()
    assert not watched.violated
    told = watched.verdict()
    assert (
        told.count("AdamW rescales every entry of the gradient, so θ does not move along it") == 1
    )
    assert told.count("no rule says how far, and that is no error") == 1


def test_a_fault_is_named_with_its_step() -> None:
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with cq.watch(model, optimizer, laws=laws()) as watched:
        for step in range(6):
            optimizer.zero_grad()
            loss_of(model).backward()
            if step == 3:
                model.layers[1].mlp.up.weight.grad.mul_(1.5)
            optimizer.step()
    assert {track.since for track in watched.violated} == {4}
    assert any("layers.1.mlp.up.weight" in track.text for track in watched.violated)
    assert (
        "violated since step 4: the gradient of layers.1.mlp.up.weight is 1.5 times"
        in watched.verdict()
    )


def test_a_change_by_hand_shows_in_the_ledger() -> None:
    model = model_of().double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with cq.watch(model, optimizer, laws=laws()) as watched:
        for step in range(4):
            optimizer.zero_grad()
            loss_of(model).backward()
            optimizer.step()
            if step == 1:
                with torch.no_grad():
                    model.norm.weight.mul_(1.3)
    changed = [t for t in watched.tracks if t.predicted is not None and "norm.weight" in t.text]
    assert changed
    assert {t.since for t in changed} == {3}
    assert all("norm.weight changed between steps 2 and 3" in t.verdict() for t in changed)


def test_a_log_is_a_line_a_step(tmp_path: Path) -> None:
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with cq.watch(model, optimizer, laws=laws(), log=tmp_path / "run.jsonl"):
        for _ in range(3):
            optimizer.zero_grad()
            loss_of(model).backward()
            optimizer.step()
    rows = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text("utf-8").splitlines()]
    assert [row["kind"] for row in rows] == ["run", "step", "step", "step", "verdict"]
    assert [row["step"] for row in rows[1:4]] == [1, 2, 3]
    for key in ("value", "predicted", "residual", "gradient"):
        assert all(len(row[key]) == len(laws().laws) for row in rows[1:4])


def test_after_closing_nothing_is_watched() -> None:
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    watched = cq.watch(model, optimizer, laws=laws())
    watched.close()
    loss_of(model).backward()
    optimizer.step()
    assert watched.steps == 0


def test_unusable_arguments() -> None:
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with pytest.raises(InputError, match="example"):
        cq.watch(model, optimizer)
    with pytest.raises(InputError, match="every"):
        cq.watch(model, optimizer, laws=laws(), every=0)
    with pytest.raises(InputError, match="no parameter has a gradient"):
        cq.check_gradients(model, laws=laws())
    with pytest.raises(InputError, match=r"'Llama': give a torch\.optim.Optimizer"):
        cq.watch(optimizer, model, laws=laws())
    other = torch.optim.SGD(model_of().parameters(), lr=0.1)
    with pytest.raises(InputError, match="'SGD': steps no parameter of this model"):
        cq.watch(model, other, laws=laws())
    for weights in model.state_dict(), "model.pt", None:
        with pytest.raises(InputError, match=r"give a torch\.nn\.Module"):
            cq.from_torch(weights, torch.zeros(1, 3))
        with pytest.raises(InputError, match=r"give a torch\.nn\.Module"):
            cq.watch(weights, optimizer, torch.zeros(1, 3))
    with pytest.raises(InputError, match="give an input of the model"):
        cq.check_gradients(model, lambda: loss_of(model))


def test_a_batch_as_in_training_is_an_example(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And a run on inputs of another size is told of."""
    monkeypatch.setenv("CONSERVED_CACHE", str(tmp_path))
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    batch = torch.randint(7, (4, 5), generator=DATA)
    with cq.watch(model, optimizer, batch, loss="cross-entropy") as w:
        loss_of(model).backward()
        optimizer.step()
        assert not w.violated
        assert "proved" not in w.verdict()
        loss_of(model)
        model(batch[:, :4])
        assert w.verdict().endswith(
            "The laws were proved for inputs of shape 5; the run has inputs of 4."
        )


def in_turn(model: Any, first: Any, second: Any, steps: int) -> None:
    """Each half is trained on a loss of its own, one after the other, as adversaries are."""
    for x, y in batches(steps):
        for optimizer, sign in ((first, 1), (second, -1)):
            model.zero_grad()
            (sign * ((model(x) - y) ** 2).mean()).backward()
            optimizer.step()


def test_optimizers_that_step_in_turn_are_told_and_not_judged() -> None:
    model = mlp()
    first = torch.optim.SGD(model[:2].parameters(), lr=0.01)
    second = torch.optim.SGD(model[2:].parameters(), lr=0.01)
    with (
        cq.watch(model, [first, second], laws=mlp_laws()) as found,
        pytest.warns(UserWarning, match="step on different gradients"),
    ):
        in_turn(model, first, second, 5)
    assert not found.violated, found.verdict()


def test_parts_of_a_model_have_watches_of_their_own() -> None:
    model = mlp()
    parts = model[:1], model[1:]  # the second has laws of its own
    first, second = (torch.optim.SGD(part.parameters(), lr=0.01) for part in parts)
    found = cq.watch(parts[1], second, laws=cq.block_laws(parts[1], torch.zeros(1, 6).double()))
    in_turn(model, first, second, 5)
    found.close()
    assert found.steps == 5
    assert {track.outcome for track in found.tracks} == {"drifting as predicted"}
