"""Where a run is logged besides: TensorBoard, MLflow, W&B and what looks like them.

None of them is imported: an object is known by its methods. A sink that fails says so once, and the
training goes on without it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from math import isfinite
from typing import Any

from conserved.errors import InputError, is_whole

Record = Mapping[str, Any]
Write = Callable[[dict[str, float], int], None]

_ALONE = 32  # laws that are each logged by themselves; of more, those that were violated
_NAME = 120  # characters
_DRIFT = "conserved/drift/"
_KNOWN = (
    "a TensorBoard SummaryWriter (add_scalar), mlflow or a Lightning logger (log_metrics), "
    "a W&B run (log and define_metric), or a function of one record"
)


def sinks_of(targets: Any) -> list[Callable[[Record], None]]:
    """What writes records to each of several loggers.

    Raises:
        InputError: no list of loggers.
    """
    if isinstance(targets, str) or not isinstance(targets, Sequence):
        raise InputError("sinks", type(targets).__name__, "give a list of loggers, [logger]")
    return [sink(target) for target in targets]


def sink(target: Any, *, every: int = 1, rows: bool = False) -> Callable[[Record], None]:
    """What writes records of a run to a logger.

    Args:
        target: a ``SummaryWriter`` of ``torch.utils.tensorboard``, the module ``mlflow``, a
            Lightning logger, ``wandb`` or a W&B run, or a function that is called with each record
            of the log (docs/watch.md).
        every: log one look of so many.
        rows: of W&B: each look is a row of its own, and moves W&B's step on; for loops that log
            without ``step=``, or nothing. Else looks go with the next ``run.log(…)`` of the loop,
            and a row has the worst of several.

    Returns:
        A function of a record. It logs under ``conserved/``: how many laws are violated; the
        largest residual and gradient of any law, in roundings; drift and residual of each law where
        there are few, of those violated where there are many.

    Raises:
        InputError: an object of another kind.

    Example:
        >>> class Writer:
        ...     def add_scalar(self, tag, scalar_value, global_step=None):
        ...         print(tag, scalar_value, global_step)
        >>> write = sink(Writer())
        >>> write({"kind": "run", "laws": [], "from": 0})
        >>> write({"kind": "step", "step": 3, "residual": [0.5, 2.0], "gradient": None})
        conserved/violated 0.0 3
        conserved/worst_residual 2.0 3
    """
    if not is_whole(every) or every < 1:
        raise InputError("every", every, "a look is logged every 1, 2, 3, … looks")
    if hasattr(target, "add_scalar"):
        return _Sink(_tensorboard(target), _text_of(target, "add_text"), every)
    if hasattr(target, "log_metrics"):
        write = target.log_metrics
        return _Sink(lambda numbers, step: write(numbers, step=step), _file_of(target), every)
    if hasattr(target, "log") and hasattr(target, "define_metric"):
        return _Sink(_Rows(target, rows), None, every)
    if callable(target):
        return _guarded(target)
    raise InputError("sinks", type(target).__name__, f"give {_KNOWN}")


def _tensorboard(writer: Any) -> Write:
    def write(numbers: dict[str, float], step: int) -> None:
        for name, value in numbers.items():
            writer.add_scalar(name, value, step)

    return write


def _text_of(target: Any, method: str) -> Callable[[str, str], None] | None:
    return getattr(target, method, None)


def _file_of(target: Any) -> Callable[[str, str], None] | None:
    """MLflow's files of text; other loggers have tables under the same name."""
    text = getattr(target, "log_text", None)
    if text is None or "artifact_file" not in signature(text).parameters:
        return None
    return lambda name, words: text(words, f"{name}.txt")


class _Rows:
    """Writes to a W&B run, whose steps are counted by whoever else logs.

    A row that is not committed goes with the next of the loop. What several looks say of one row
    is the worst of them, for it has one number of each name.
    """

    def __init__(self, run: Any, rows: bool) -> None:
        if getattr(run, "run", self) is None:
            raise InputError("sinks", "wandb", "has no run: wandb.init() first")
        self._run, self._commit = run, rows
        self._held: dict[str, float] = {}
        self._at: int | None = None  # the step of the row that is open
        run.define_metric("conserved/step")
        run.define_metric("conserved/*", step_metric="conserved/step")

    def __call__(self, numbers: dict[str, float], step: int) -> None:
        now = getattr(getattr(self._run, "run", self._run), "step", None)
        if now is None or now != self._at:
            self._at, self._held = now, {}
        worst = {name: max(v, self._held.get(name, v)) for name, v in numbers.items()}
        drifts = {name: v for name, v in numbers.items() if name.startswith(_DRIFT)}
        self._held |= {**worst, **drifts}
        self._run.log({**self._held, "conserved/step": step}, commit=self._commit)


class _Sink:
    """Turns records into numbers with names."""

    def __init__(self, write: Write, note: Callable[[str, str], None] | None, every: int) -> None:
        self._write, self._note, self._every = _guarded(write), note, every
        self._names: list[str] = []
        self._start: list[float] = []
        self._size: list[float] = []
        self._violated: set[int] = set()
        self._looks = 0

    def __call__(self, record: Record) -> None:
        kind = record.get("kind")
        if kind == "run":
            self._head(record)
        elif kind == "event" and record.get("what") == "violated":
            self._violated.add(record.get("law") or 0)
        elif kind == "step":
            self._looks += 1
            if (self._looks - 1) % self._every == 0:
                self._write(self._numbers(record), int(record["step"]))
        elif kind == "verdict":
            self._say("conserved/verdicts", self._verdicts(record))

    def _head(self, record: Record) -> None:
        laws = record.get("laws") or []
        first = not self._names
        self._names = [_name(k, law) for k, law in enumerate(laws)]
        self._start = [law.get("start") or 0.0 for law in laws]
        self._size = [law.get("size") or 1.0 for law in laws]
        if first:  # a part that begins says it again
            texts = [f"{n}: {law['text']}" for n, law in zip(self._names, laws, strict=True)]
            self._say("conserved/laws", texts)

    def _say(self, name: str, lines: Sequence[str]) -> None:
        if self._note is not None and lines:
            note = _guarded(self._note)
            note(name, "\n".join(f"    {line}" for line in lines))  # as code in markdown

    def _verdicts(self, record: Record) -> list[str]:
        return [
            f"{self._names[row['law']]}: {row['outcome']}: {row.get('reason') or ''}"
            for row in record.get("verdicts") or []
        ]

    def _numbers(self, record: Record) -> dict[str, float]:
        numbers: dict[str, Any] = {"conserved/violated": len(self._violated)}
        for field in ("residual", "gradient"):
            known = [v for v in map(_real, record.get(field) or []) if v is not None]
            if known:
                numbers[f"conserved/worst_{field}"] = max(known)  # no name is another's folder
        values, residuals = record.get("value") or [], record.get("residual") or []
        for k, name in enumerate(self._names):
            if len(self._names) > _ALONE and k not in self._violated:
                continue
            value = _real(values[k]) if k < len(values) else None
            if value is not None:
                numbers[f"{_DRIFT}{name}"] = (value - self._start[k]) / self._size[k]
            if k < len(residuals):
                numbers[f"conserved/residual/{name}"] = _real(residuals[k])
        return {name: float(v) for name, v in numbers.items() if v is not None}


def _real(value: Any) -> float | None:
    """A number that can be drawn."""
    number = None if value is None else float(value)
    return number if number is not None and isfinite(number) else None


def _name(k: int, law: Mapping[str, Any]) -> str:
    """Of letters that every logger takes: the number of a law, and the tensors it speaks of.

    Example:
        >>> _name(3, {"tensors": ["layers.0.up.weight", "µ"]})
        '003_layers.0.up.weight-_'
    """
    tensors = "-".join(map(str, law.get("tensors") or []))
    return re.sub(r"[^A-Za-z0-9_.-]", "_", f"{k:03d}_{tensors}")[:_NAME]


def _guarded(write: Callable[..., None]) -> Callable[..., None]:
    """The same, which after a failure warns once and does nothing more."""
    failed = False

    def guarded(*arguments: Any) -> None:
        nonlocal failed
        if failed:
            return
        try:
            write(*arguments)
        except Exception as error:  # of another's code: whatever it is, the training goes on
            failed = True
            words = f"a sink of conserved failed and is left out: {type(error).__name__}: {error}"
            warnings.warn(words, RuntimeWarning, stacklevel=3)

    return guarded
