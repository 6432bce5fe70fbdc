"""Trainers that call us, with the signatures of Lightning's and of the Hugging Face Trainer's."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from conserved.errors import InputError
from conserved.monitor.run import Run
from conserved.watching.callbacks import lightning_callback, trainer_callback
from conserved.watching.log.files import records
from tests.watching.runs import batches, mlp, mlp_laws

torch = pytest.importorskip("torch", reason="needs the extra torch")


def installed(monkeypatch: pytest.MonkeyPatch, name: str, **classes: type) -> None:
    """A package of that name is there, and has these classes."""
    parts = name.split(".")
    for k in range(1, len(parts) + 1):
        module = ModuleType(".".join(parts[:k]))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    for key, value in classes.items():
        setattr(sys.modules[name], key, value)


def batch() -> tuple[Any, Any]:
    return next(iter(batches(1)))


class Callback:
    """As ``lightning.pytorch.callbacks.Callback``, the hooks that a fit calls."""

    def on_train_start(self, trainer: Any, pl_module: Any) -> None: ...

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None: ...

    def on_train_end(self, trainer: Any, pl_module: Any) -> None: ...

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None: ...


class LightningTrainer:
    """What a fit does, as far as a callback sees it."""

    def __init__(self, callbacks: list[Any], *, breaks: bool = False, accumulates: int = 1) -> None:
        self.callbacks, self.breaks = callbacks, breaks
        self.accumulate_grad_batches = accumulates
        assert all(isinstance(callback, Callback) for callback in callbacks)
        self.optimizers: list[Any] = []
        self.model: Any = None  # the module, in what replicates it
        self.global_step = 0  # steps of all optimizers

    def call(self, hook: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self, *arguments)

    def fit(self, module: Any, steps: int) -> None:
        self.optimizers = self.optimizers or [torch.optim.SGD(module.parameters(), lr=0.01)]
        self.model = self.model or module
        x, y = batch()
        try:
            self.call("on_train_start", module)
            for index in range(steps):
                loss = ((module(x) - y) ** 2).mean() / self.accumulate_grad_batches
                loss.backward()
                if (index + 1) % self.accumulate_grad_batches == 0:
                    for optimizer in self.optimizers:
                        optimizer.step()
                        self.global_step += 1
                    module.zero_grad()
                if self.breaks and index == 2:
                    raise KeyboardInterrupt
                self.call("on_train_batch_end", module, {"loss": loss.detach()}, (x, y), index)
            self.call("on_train_end", module)
        except KeyboardInterrupt as error:
            self.call("on_exception", module, error)


@pytest.mark.parametrize("home", ["lightning.pytorch", "pytorch_lightning"])
def test_lightning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str) -> None:
    installed(monkeypatch, home, Callback=Callback)
    log = tmp_path / "run.jsonl"
    callback = lightning_callback(laws=mlp_laws(), log=log)
    module = mlp()
    module.example_input_array = None
    LightningTrainer([callback]).fit(module, 5)
    assert callback.watch.steps == 5
    assert not callback.watch.violated
    found = list(records(log))
    assert [line["kind"] for line in found] == ["run", *["step"] * 5, "verdict"]
    assert [set(line.get("metrics", {})) for line in found[2:-1]] == [{"loss"}] * 4


def test_lightning_breaks_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, "lightning.pytorch", Callback=Callback)
    log = tmp_path / "run.jsonl"
    module = mlp()
    module.example_input_array = batch()[0]
    callback = lightning_callback(log=log, cache=False)
    LightningTrainer([callback], breaks=True).fit(module, 5)
    assert [line["kind"] for line in records(log)] == ["run", *["step"] * 3, "verdict"]


def test_lightning_divides_a_loss_that_is_accumulated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is noted is the mean of the batches of a step."""
    installed(monkeypatch, "lightning.pytorch", Callback=Callback)
    log = tmp_path / "run.jsonl"
    callback = lightning_callback(laws=mlp_laws(), log=log)
    module = mlp()
    module.example_input_array = None
    x, y = batch()
    loss = ((module(x) - y) ** 2).mean().item()
    LightningTrainer([callback], accumulates=4).fit(module, 12)
    steps = [line for line in records(log) if line["kind"] == "step"]
    assert len(steps) == 3
    assert steps[0]["metrics"]["loss"] == pytest.approx(loss)


def test_lightning_counts_the_steps_of_each_optimizer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed(monkeypatch, "lightning.pytorch", Callback=Callback)
    callback = lightning_callback(laws=mlp_laws(), log=tmp_path / "run.jsonl")
    module = mlp()
    module.example_input_array = None
    trainer = LightningTrainer([callback])
    trainer.optimizers = [torch.optim.SGD(part.parameters(), lr=0.01) for part in module[::2]]
    trainer.global_step = 3 * 10  # of a checkpoint
    trainer.fit(module, 2)
    assert callback.watch.steps == 12


def test_a_trainer_that_begins_at_0_begins_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A script that is run again with the same log; a pickled callback is as good as new."""
    installed(monkeypatch, "lightning.pytorch", Callback=Callback)
    log = tmp_path / "run.jsonl"
    for seed, steps in (0, 5), (1, 3):
        callback = pickle.loads(pickle.dumps(lightning_callback(laws=mlp_laws(), log=log)))
        module = mlp(seed)
        module.example_input_array = None
        LightningTrainer([callback]).fit(module, steps)
        assert callback.watch.steps == steps
    shown = Run(log)
    shown.update()
    assert (shown.steps, [event.text for event in shown.marks.events]) == (3, ["began anew"])
    assert shown.head.laws[0].start == pytest.approx(callback.watch.tracks[0].start, rel=1e-6)


class TrainerCallback:
    """As ``transformers.TrainerCallback``."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None: ...

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None: ...

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None: ...


class AcceleratedOptimizer(torch.optim.Optimizer):
    """As accelerate's: around the optimizer of the user."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer

    def step(self, closure: Any = None) -> None:
        self.optimizer.step(closure)


def test_the_trainer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, "transformers", TrainerCallback=TrainerCallback)
    log = tmp_path / "run.jsonl"
    callback = trainer_callback(laws=mlp_laws(), log=log)
    assert isinstance(callback, TrainerCallback)
    model = mlp()
    optimizer = AcceleratedOptimizer(torch.optim.AdamW(model.parameters(), lr=0.01))
    args, state, control = SimpleNamespace(), SimpleNamespace(global_step=0), SimpleNamespace()
    given = {"model": model, "optimizer": optimizer, "lr_scheduler": None, "train_dataloader": []}
    callback.on_train_begin(args, state, control, **given)
    x, y = batch()
    for _ in range(4):
        loss = ((model(x) - y) ** 2).mean()
        model.zero_grad()
        loss.backward()
        optimizer.step()
        state.global_step += 1
        callback.on_log(args, state, control, logs={"loss": loss.item(), "epoch": 0}, **given)
    callback.on_train_end(args, state, control, **given)
    found = list(records(log))
    assert [line["kind"] for line in found] == ["run", *["step"] * 4, "verdict"]
    assert found[0]["optimizer"].startswith("AdamW")
    assert "loss" in found[2]["metrics"]


def test_a_run_that_goes_on_counts_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, "transformers", TrainerCallback=TrainerCallback)
    callback = trainer_callback(laws=mlp_laws(), log=tmp_path / "run.jsonl")
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    state = SimpleNamespace(global_step=70)
    callback.on_train_begin(None, state, None, model=model, optimizer=optimizer)
    assert callback.watch.steps == 70
    callback.on_train_end(None, state, None)


def test_a_run_that_broke_off_is_closed_by_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The Trainer tells callbacks of no exception."""
    installed(monkeypatch, "transformers", TrainerCallback=TrainerCallback)
    callback = trainer_callback(laws=mlp_laws(), log=tmp_path / "run.jsonl")
    model, state = mlp().eval(), SimpleNamespace(global_step=0)  # as from_pretrained leaves it
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    callback.on_train_begin(None, state, None, model=model, optimizer=optimizer)
    assert model.training, "laws are those of training"
    first = callback.watch
    callback.on_train_begin(None, state, None, model=model, optimizer=optimizer)
    assert first.closed
    assert not callback.watch.closed
    callback.on_train_end(None, state, None)


@pytest.mark.parametrize(
    "make, package", [(lightning_callback, "lightning"), (trainer_callback, "transformers")]
)
def test_without_the_package(monkeypatch: pytest.MonkeyPatch, make: Any, package: str) -> None:
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=f"pip install {package}"):
        make()
