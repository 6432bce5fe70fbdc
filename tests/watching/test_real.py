"""Real trainers and loggers, each where it is installed; the others are played in the suite."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import conserved as cq
from conserved.watching import lightning_callback, sink, trainer_callback
from conserved.watching.log.files import records
from tests.monitor import logs
from tests.watching.runs import mlp, mlp_laws, train

torch = pytest.importorskip("torch", reason="needs the extra torch")
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What other packages warn of is theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def real(name: str) -> Any:
    pytest.importorskip(name, reason=f"pip install {name}")
    return importlib.import_module(name)


def steps_of(log: Path) -> list[dict[str, Any]]:
    return [dict(line) for line in records(log) if line["kind"] == "step"]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_lightning(tmp_path: Path, precision: Any) -> None:
    """Batches that are accumulated, clipped gradients, and a run that goes on."""
    lightning = real("lightning")

    class Module(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp().float()
            self.example_input_array = torch.zeros(1, 4)

        def training_step(self, batch: Any, index: int) -> Any:
            return ((self.net(batch[0]) - batch[1]) ** 2).mean()

        def forward(self, x: Any) -> Any:
            return self.net(x)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)

    draws = torch.Generator().manual_seed(0)
    x, y = torch.randn(64, 4, generator=draws), torch.randn(64, 3, generator=draws)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=8)
    log, saved = tmp_path / "run.jsonl", tmp_path / "a.ckpt"
    for epochs, checkpoint in (2, None), (3, str(saved)):
        callback = lightning_callback(log=log)
        trainer = lightning.Trainer(
            callbacks=[callback],
            max_epochs=epochs,
            precision=precision,
            accumulate_grad_batches=2,
            gradient_clip_val=0.5,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Module(), data, ckpt_path=checkpoint)
        trainer.save_checkpoint(saved)
        assert callback.watch.steps == 4 * epochs
        assert {track.outcome for track in callback.watch.tracks} == {"drifting as predicted"}
    found = steps_of(log)
    assert [line["step"] for line in found] == list(range(1, 13))
    whole = float(((Module()(x[:16]) - y[:16]) ** 2).mean().detach())
    assert found[0]["metrics"]["loss"] == pytest.approx(whole, rel=0.02)


@pytest.mark.parametrize("half", [False, True])
def test_the_trainer(tmp_path: Path, half: bool) -> None:
    """As from_pretrained leaves a model: in evaluation, with dropout to come."""
    transformers = real("transformers")
    real("accelerate")
    torch.manual_seed(0)
    sizes = {"vocab_size": 32, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 16}
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes)).eval()
    draws = torch.Generator().manual_seed(0)
    rows = [torch.randint(0, 32, (12,), generator=draws) for _ in range(32)]
    log = tmp_path / "run.jsonl"
    callback = trainer_callback(rows[0][None], loss="cross-entropy", log=log)
    transformers.Trainer(
        model,
        transformers.TrainingArguments(
            output_dir=str(tmp_path),
            use_cpu=True,
            bf16=half,
            report_to=[],
            disable_tqdm=True,
            num_train_epochs=2,
            per_device_train_batch_size=4,
            logging_steps=4,
            save_strategy="no",
        ),
        train_dataset=[{"input_ids": row, "labels": row} for row in rows],
        callbacks=[callback],
        optimizers=(torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9), None),
    ).train()
    assert callback.watch.steps == 16
    assert not callback.watch.violated, callback.watch.verdict()
    noted = [line["step"] for line in steps_of(log) if "metrics" in line]
    assert noted == [4, 8, 12, 16]


def watched(target: Any) -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with cq.watch(model, optimizer, laws=mlp_laws(), sinks=[target]):
        train(model, optimizer, 5)


def test_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow = real("mlflow")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    with mlflow.start_run() as run:
        watched(mlflow)
    client = mlflow.MlflowClient()
    worst = client.get_metric_history(run.info.run_id, "conserved/worst_residual")
    assert [one.step for one in worst] == [1, 2, 3, 4, 5]
    files = {file.path for file in client.list_artifacts(run.info.run_id, "conserved")}
    assert files == {"conserved/laws.txt", "conserved/verdicts.txt"}


def test_wandb(tmp_path: Path) -> None:
    """Offline: a step of W&B is moved on where that was asked for, and by nothing else."""
    wandb = real("wandb")
    with wandb.init(mode="offline", dir=str(tmp_path), project="conserved") as run:
        watched(run)
        assert run.step == 0
        write = sink(run, rows=True)
        write(logs.head())
        for n in range(1, 4):
            write(logs.step(n))
        assert run.step == 3
