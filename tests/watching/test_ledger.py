"""The ledger against runs in float64: every way in which SGD is used leaves nothing over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import conserved as cq
from conserved.errors import InputError
from tests.watching.runs import mlp, mlp_laws, train

torch = pytest.importorskip("torch", reason="needs the extra torch")


class SGDW(torch.optim.SGD):  # type: ignore[name-defined, misc]
    """Decay apart from the gradient."""

    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            held = group["weight_decay"]
            for p in group["params"]:
                p.data.mul_(1 - group["lr"] * held)
            group["weight_decay"] = 0.0
        super().step(closure)
        for group in self.param_groups:
            group["weight_decay"] = held


def settled(watched: Any, model: Any, drift: float = 1e-6) -> None:
    """Nothing violated, everything predicted to rounding, and something to predict."""
    assert not watched.violated, watched.verdict()
    moved = 0.0
    for track in watched.tracks:
        assert track.outcome == "drifting as predicted", track.verdict()
        assert track.residual < 50
        assert abs(track.value - track.predicted) < 1e-12 * track.size
        moved = max(moved, track.moved)
    assert moved > drift


KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "dampening": {"momentum": 0.8, "dampening": 0.4, "weight_decay": 0.1},
    "Nesterov": {"momentum": 0.9, "nesterov": True},
    "Nesterov and decay": {"momentum": 0.7, "nesterov": True, "weight_decay": 0.2},
    "decay": {"weight_decay": 0.1},
    "uphill": {"maximize": True, "weight_decay": 0.1, "lr": 0.002},
    "uphill, momentum": {"maximize": True, "momentum": 0.5, "lr": 0.002},
    "one at a time": {"momentum": 0.9, "foreach": False},
    "all at once": {"momentum": 0.9, "fused": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_sgd(kind: str) -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), **{"lr": 0.02, **KINDS[kind]})
    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        train(model, optimizer)
    settled(watched, model)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_decoupled_decay(momentum: float) -> None:
    model = mlp()
    optimizer = SGDW(model.parameters(), lr=0.02, momentum=momentum, weight_decay=0.3)
    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        train(model, optimizer)
    settled(watched, model)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_groups_with_rates_and_decays_of_their_own(momentum: float) -> None:
    """A law of tensors with two rates is that of the metric: each term over its rate."""
    model = mlp()
    groups = [
        {"params": model[0].parameters(), "lr": 0.01, "weight_decay": 0.1},
        {"params": model[2].parameters(), "lr": 0.02, "weight_decay": 0.0},
        {"params": model[4].parameters(), "lr": 0.04, "weight_decay": 0.3},
    ]
    optimizer = torch.optim.SGD(groups, momentum=momentum)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        train(model, optimizer, between=lambda step: schedule.step())
    settled(watched, model)


def test_rates_that_change_their_ratio_end_a_ledger() -> None:
    model = mlp()
    groups = [{"params": model[0].parameters()}, {"params": model[2:].parameters()}]
    optimizer = torch.optim.SGD(groups, lr=0.02)

    def change(step: int) -> None:
        if step == 5:
            optimizer.param_groups[0]["lr"] = 0.01

    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        train(model, optimizer, between=change)
    assert not watched.violated
    assert np.isnan(watched._observer.residual).sum() == 1  # that of the two groups
    across, alone = watched.tracks
    assert across.finding.outcome == "drifting"
    assert "changed their ratio" in across.finding.common
    assert alone.finding.outcome == "drifting as predicted"


def test_accumulation_clipping_and_a_warm_up_from_zero() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: min(1.0, k / 4))

    def more(step: int) -> None:
        for _ in range(2):
            ((model(torch.randn(8, 4).double())) ** 2).mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)

    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        train(model, optimizer, before=more, between=lambda step: schedule.step())
    settled(watched, model)


def test_a_watch_that_comes_late() -> None:
    """Velocities are measured where they were not seen to be made."""
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=0.1)
    train(model, optimizer, 5)
    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        train(model, optimizer, seed=2)
    settled(watched, model)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_look_every_third_step(momentum: float) -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=momentum)
    with cq.watch(model, optimizer, laws=mlp_laws(), every=3) as watched:
        train(model, optimizer)
    assert {track.looks for track in watched.tracks} == {4}
    settled(watched, model)


@pytest.mark.parametrize("dampening", [0.0, 0.5])
def test_frozen_layers_wait(dampening: float) -> None:
    model = mlp()
    model[2].requires_grad_(False)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.02, momentum=0.9, dampening=dampening, weight_decay=0.01
    )

    def thaw(step: int) -> None:
        model[2].requires_grad_(step >= 4)

    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        train(model, optimizer, 3)
        assert [t.outcome for t in watched.tracks] == ["not tested"] * len(watched.tracks)
        assert "frozen" in watched.verdict()
        train(model, optimizer, between=thaw)
    settled(watched, model)


def test_frozen_layers_have_laws_of_their_own() -> None:
    """Laws that are true now, and those that wait for a layer."""
    model = mlp().float()
    model[0].requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    x = torch.zeros(1, 4)
    with cq.watch(model, optimizer, x, unfreezing=True, cache=False) as watched:
        train(model, optimizer, 3)
        waiting = [t for t in watched.tracks if not t.looks]
        assert [t.tensors for t in waiting] == [("0.weight", "0.bias", "2.weight")]
        model[0].requires_grad_(True)
        train(model, optimizer, 6)
    assert not watched.violated
    assert all(t.looks for t in watched.tracks)


def test_a_closure_is_looked_at_when_it_has_run() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (model(torch.ones(3, 4).double()) ** 2).mean()
        loss.backward()
        return loss

    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        for _ in range(5):
            optimizer.step(closure)
    settled(watched, model)


def test_a_closure_that_fails_ends_its_step_alone() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

    def failing() -> Any:
        _closed(model, optimizer)
        raise MemoryError

    with cq.watch(model, optimizer, laws=mlp_laws()) as watched:
        for step in range(6):
            if step == 2:
                with pytest.raises(MemoryError):
                    optimizer.step(failing)
            else:
                optimizer.step(lambda: _closed(model, optimizer))
    assert watched.steps == 5
    assert {track.looks for track in watched.tracks} == {5}
    settled(watched, model)


@pytest.mark.parametrize("optimizer", ["Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "LBFGS"])
def test_others_drift_without_error(optimizer: str) -> None:
    model = mlp()
    made = getattr(torch.optim, optimizer)(model.parameters(), lr=0.01)
    with cq.watch(model, made, laws=mlp_laws()) as watched:
        if optimizer == "LBFGS":
            made.step(lambda: _closed(model, made))
        else:
            train(model, made)
    assert not watched.violated, watched.verdict()
    assert {t.outcome for t in watched.tracks} == {"drifting"}
    assert "that is no error" in watched.verdict()


@pytest.mark.parametrize("rate", [1e3, 1e6])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_step_that_makes_parameters_much_larger_is_no_violation(
    rate: float, momentum: float
) -> None:
    model = mlp().float()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=momentum)
    with cq.watch(model, optimizer, laws=mlp_laws()) as w:
        train(model, optimizer, 1)
    assert {track.outcome for track in w.tracks} == {"drifting as predicted"}, w.verdict()


def _closed(model: Any, optimizer: Any) -> Any:
    optimizer.zero_grad()
    loss = (model(torch.ones(3, 4).double()) ** 2).mean()
    loss.backward()
    return loss


def test_muon_beside_adam() -> None:
    model = mlp().float()
    flat = [p for p in model.parameters() if p.ndim == 2]
    rest = [p for p in model.parameters() if p.ndim != 2]
    both = [torch.optim.Muon(flat, lr=0.01), torch.optim.AdamW(rest, lr=0.01)]
    with cq.watch(model, both, laws=mlp_laws()) as watched:
        for step in range(5):
            for optimizer in both:
                optimizer.zero_grad()
            loss = (model(torch.randn(8, 4, generator=_seeded(step))) ** 2).mean()
            loss.backward()
            for optimizer in both:
                optimizer.step()
    assert watched.steps == 5
    assert not watched.violated, watched.verdict()
    assert {t.outcome for t in watched.tracks} == {"drifting"}


def _seeded(seed: int) -> Any:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("given", [True, False])
def test_half_precision_with_skipped_steps(given: bool) -> None:
    """A step left out is no step of the optimizer; the log says it where the scaler is known."""
    model = mlp().float()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
    taken, told = 0, []
    options = {"scaler": scaler} if given else {}
    with cq.watch(model, optimizer, laws=mlp_laws(), sinks=[told.append], **options) as watched:
        for step in range(8):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                loss = (model(torch.randn(8, 4, generator=_seeded(step))) ** 2).mean()
            scaler.scale(loss).backward()
            if step in (4, 7):
                model[0].weight.grad[0, 0] = float("inf")  # what an overflow leaves
            scaler.step(optimizer)
            scaler.update()
            taken += step not in (4, 7)
    assert watched.steps == taken == 6
    assert not watched.violated, watched.verdict()
    skipped = [(r["step"], r["law"]) for r in told if r.get("what") == "skipped"]
    assert skipped == ([(5, None), (7, None)] if given else [])


def test_a_scaler_is_one() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    with pytest.raises(InputError, match="scaler"):
        cq.watch(model, optimizer, laws=mlp_laws(), scaler=1024.0)  # type: ignore[arg-type]


def test_tied_weights_and_checkpoints() -> None:
    from torch import nn
    from torch.utils.checkpoint import checkpoint

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(5, 3)
            self.middle = nn.Linear(3, 3, bias=False)
            self.head = nn.Linear(3, 5, bias=False)
            self.head.weight = self.embedding.weight

        def forward(self, tokens: Any) -> Any:
            return self.head(self.middle(self.embedding(tokens)))

    torch.manual_seed(0)
    model = Tied()
    laws = cq.block_laws(model, torch.zeros(1, 1, dtype=torch.long))
    assert len(laws.laws) == 1  # EᵀE − MMᵀ − MᵀM
    model = model.double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    with cq.watch(model, optimizer, laws=laws) as watched:
        for step in range(8):
            optimizer.zero_grad(set_to_none=step % 2 == 0)
            tokens = torch.randint(5, (6, 1), generator=_seeded(step))
            out = checkpoint(model, tokens, use_reentrant=False)
            (out**2).mean().backward()
            optimizer.step()
    settled(watched, model)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_model() -> None:
    model = mlp()
    compiled = torch.compile(model)
    optimizer = torch.optim.SGD(compiled.parameters(), lr=0.02, momentum=0.9)
    with cq.watch(compiled, optimizer, laws=mlp_laws()) as watched:
        train(model, optimizer, forward=compiled)
    settled(watched, model)
