"""Loggers that a run is told to besides, with the signatures that the real ones have."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conserved.errors import InputError
from conserved.watching.sinks import sink, sinks_of
from tests.monitor import logs

HEAD = logs.head()
STEPS = [logs.step(n) for n in range(1, 6)]
EVENT = {"kind": "event", "step": 3, "what": "violated", "law": 2, "text": "head.weight"}
VERDICT = logs.verdict(5, ("conserved", "drifting as predicted", "violated"))
RECORDS = [HEAD, *STEPS[:2], EVENT, *STEPS[2:], VERDICT]
NAMES = ("000_layers.0.up.weight-layers.0.down.weight", "002_embed.weight-head.weight")


def tell(target: Any, records: Any = RECORDS, **options: Any) -> None:
    write = sink(target, **options)
    for record in records:
        write(record)


class SummaryWriter:
    """As ``torch.utils.tensorboard.SummaryWriter``."""

    def __init__(self) -> None:
        self.scalars: dict[str, dict[int, float]] = {}
        self.texts: dict[str, str] = {}

    def add_scalar(
        self,
        tag: str,
        scalar_value: float,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        assert isinstance(scalar_value, float)
        assert isinstance(global_step, int)
        assert not re.search(r"[^-/\w.]", tag, re.ASCII), "else it is renamed with a warning"
        self.scalars.setdefault(tag, {})[global_step] = scalar_value

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None, walltime: Any = None
    ) -> None:
        self.texts[tag] = text_string


def test_tensorboard() -> None:
    writer = SummaryWriter()
    tell(writer)
    assert writer.scalars["conserved/violated"] == {1: 0, 2: 0, 3: 1, 4: 1, 5: 1}
    worst = {n: float(logs.numbers(n)[2].max()) for n in range(1, 6)}
    assert writer.scalars["conserved/worst_residual"] == worst
    drift = writer.scalars[f"conserved/drift/{NAMES[1]}"]
    assert drift == {n: (logs.numbers(n)[0, 2] - 1) / 2 for n in range(1, 6)}
    assert "‖layers.0.up.weight[j,:]‖²" in writer.texts["conserved/laws"]
    assert f"{NAMES[1]}: violated" in writer.texts["conserved/verdicts"]


def test_every_so_many_looks() -> None:
    writer = SummaryWriter()
    tell(writer, every=2)
    assert list(writer.scalars["conserved/worst_residual"]) == [1, 3, 5]
    with pytest.raises(InputError, match="every"):
        sink(writer, every=0)


class MLflow:
    """As the module ``mlflow``."""

    def __init__(self) -> None:
        self.steps: list[int | None] = []
        self.names: set[str] = set()
        self.files: dict[str, str] = {}

    def log_metrics(
        self,
        metrics: dict[str, float],
        step: int | None = None,
        synchronous: bool | None = None,
        run_id: str | None = None,
        timestamp: int | None = None,
        model_id: str | None = None,
        dataset: Any = None,
    ) -> None:
        for name, value in metrics.items():
            assert re.fullmatch(r"[/\w.\- ]{1,250}", name, re.ASCII), "what mlflow allows"
            assert isinstance(value, float)
        self.names |= set(metrics)
        folders = {name.rpartition("/")[0] for name in self.names}
        assert not folders & self.names, "a metric is a file, which cannot be a folder too"
        self.steps.append(step)

    def log_text(self, text: str, artifact_file: str, run_id: str | None = None) -> None:
        self.files[artifact_file] = text


def test_mlflow() -> None:
    mlflow = MLflow()
    tell(mlflow)
    assert mlflow.steps == [1, 2, 3, 4, 5]
    assert set(mlflow.files) == {"conserved/laws.txt", "conserved/verdicts.txt"}


class Logger:
    """As ``lightning.pytorch.loggers.Logger``: metrics alone."""

    def __init__(self) -> None:
        self.steps: list[int | None] = []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.steps.append(step)


def test_a_lightning_logger() -> None:
    logger = Logger()
    tell(logger)
    assert logger.steps == [1, 2, 3, 4, 5]


class Run:
    """As ``wandb.Run``: a row is written when its step is left, and steps never go back."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.open: dict[str, Any] = {}
        self.step = 0
        self.defined: dict[str, str | None] = {}

    def define_metric(
        self,
        name: str,
        step_metric: str | None = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: str | None = None,
        goal: str | None = None,
        overwrite: bool | None = None,
    ) -> None:
        self.defined[name] = step_metric

    def log(
        self, data: dict[str, Any], step: int | None = None, commit: bool | None = None
    ) -> None:
        if step is not None and step < self.step:
            return  # as W&B does, with a warning
        if step is not None and step > self.step:
            self._leave(step)
        self.open.update(data)
        if commit or (commit is None and step is None):
            self._leave(self.step + 1)

    def _leave(self, step: int) -> None:
        if self.open:
            self.rows.append(self.open)
        self.open, self.step = {}, step


def test_wandb_steps_stay_those_of_the_loop() -> None:
    """A loop that logs with its own steps loses nothing of its own, nor of ours."""
    run = Run()
    write = sink(run)
    for record in RECORDS:
        write(record)
        if record["kind"] == "step":
            run.log({"loss": 1.0 / record["step"]}, step=record["step"])
    run._leave(99)
    assert run.defined["conserved/*"] == "conserved/step"
    losses = [row["loss"] for row in run.rows if "loss" in row]
    assert losses == [1.0 / n for n in range(1, 6)]
    ours = [row["conserved/step"] for row in run.rows if "conserved/step" in row]
    assert ours == [1, 2, 3, 4, 5]


def test_wandb_looks_of_one_row_are_the_worst_of_them() -> None:
    """A loop that logs every third step loses no spike: a row has one number of each name."""
    run = Run()
    write = sink(run)
    told = [5.0, 1.0, 2.0, 1.0, 7.0, 3.0]
    write(HEAD)
    for n, residual in enumerate(told, 1):
        write(logs.step(n, residual=[residual, None, None], value=[float(n), 1.0, 1.0]))
        if n % 3 == 0:
            run.log({"loss": 1.0})
    rows = [row for row in run.rows if "loss" in row]
    assert [row["conserved/worst_residual"] for row in rows] == [5.0, 7.0]
    assert [row["conserved/step"] for row in rows] == [3, 6]
    drift = next(name for name in rows[0] if name.startswith("conserved/drift/000"))
    assert rows[1][drift] - rows[0][drift] == 3 / HEAD["laws"][0]["size"], "the last"


def test_wandb_rows_of_their_own() -> None:
    """For a loop that logs nothing to W&B."""
    run = Run()
    tell(run, rows=True)
    assert [row["conserved/step"] for row in run.rows] == [1, 2, 3, 4, 5]
    worst = [float(logs.numbers(n)[2].max()) for n in range(1, 6)]
    assert [row["conserved/worst_residual"] for row in run.rows] == worst


def test_the_module_wandb_without_a_run() -> None:
    """As the module before ``wandb.init()``."""
    module = SimpleNamespace(run=None, log=print, define_metric=print)
    with pytest.raises(InputError, match=r"wandb.init\(\) first"):
        sink(module)
    module.run = run = Run()
    module.log, module.define_metric = run.log, run.define_metric
    tell(module, rows=True)
    assert len(run.rows) == 5


def test_tables_of_text_are_no_files_of_text() -> None:
    """As Lightning's ``WandbLogger``, which has tables under the name that MLflow has files."""

    class Tables(Logger):
        def log_text(self, key: str, columns: Any = None, data: Any = None) -> None:
            raise AssertionError("a table was written")

    logger = Tables()
    tell(logger)
    assert logger.steps == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("targets", [3, print, SummaryWriter(), "run.jsonl", None])
def test_sinks_are_a_list(targets: Any) -> None:
    with pytest.raises(InputError, match=r"sinks .*: give a list of loggers, \[logger\]"):
        sinks_of(targets)


def test_a_function_is_called_with_every_record() -> None:
    met: list[Any] = []
    tell(met.append)
    assert met == RECORDS


def test_of_many_laws_those_violated_are_told() -> None:
    many = [logs.law(f"law {k}", [f"w{k}"]) for k in range(40)]
    writer = SummaryWriter()
    rows = [{**logs.step(n, laws=40)} for n in (1, 2)]
    tell(writer, [logs.head(many), rows[0], {**EVENT, "law": 17}, rows[1]])
    assert {tag for tag in writer.scalars if "drift" in tag} == {"conserved/drift/017_w17"}
    assert list(writer.scalars["conserved/drift/017_w17"]) == [2]


def test_numbers_that_are_none_are_left_out() -> None:
    writer = SummaryWriter()
    row = logs.step(1, value=["nan", 1.0, "inf"], residual=None, gradient=[None, None, "nan"])
    tell(writer, [HEAD, row])
    drifts = [tag for tag in writer.scalars if "drift" in tag]
    assert drifts == ["conserved/drift/001_layers.1.up.weight-layers.1.down.weight"]
    assert set(writer.scalars) == {"conserved/violated", *drifts}


def test_a_sink_that_fails_says_so_once_and_training_goes_on() -> None:
    class Broken(SummaryWriter):
        def add_scalar(self, *arguments: Any, **more: Any) -> None:
            raise OSError("no space left")

    with pytest.warns(RuntimeWarning, match="left out: OSError: no space left") as caught:
        tell(Broken())
    assert len(caught) == 1
    calls: list[Any] = []

    def refuse(record: Any) -> None:
        calls.append(record)
        raise ValueError("down")

    with pytest.warns(RuntimeWarning, match="down"):
        tell(refuse)
    assert len(calls) == 1


@pytest.mark.parametrize("target", [None, 5, object(), "run.jsonl"])
def test_what_is_no_logger_is_refused(target: Any) -> None:
    with pytest.raises(InputError, match="SummaryWriter"):
        sink(target)


@pytest.mark.slow
def test_the_real_tensorboard(tmp_path: Path) -> None:
    """What is written is what its own reader finds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("tensorboard", reason="pip install tensorboard")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from torch.utils.tensorboard import SummaryWriter as Real

        with Real(str(tmp_path)) as writer:
            tell(writer)
        found = EventAccumulator(str(tmp_path)).Reload()
    tags = found.Tags()["scalars"]
    assert f"conserved/drift/{NAMES[0]}" in tags
    worst = [(event.step, event.value) for event in found.Scalars("conserved/worst_residual")]
    assert worst == [(n, pytest.approx(logs.numbers(n)[2].max())) for n in range(1, 6)]
