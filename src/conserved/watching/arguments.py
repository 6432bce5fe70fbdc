"""What is given to a watch, checked before anything is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conserved.errors import InputError, is_whole


def optimizers_of(optimizer: Any) -> list[Any]:
    """One, or several of a list, without what cannot be hooked around them.

    Raises:
        InputError: none.
    """
    several = isinstance(optimizer, Sequence) and not isinstance(optimizer, str)
    if several and not optimizer:
        raise InputError("optimizer", "()", "give one at least")
    return [_bare(one) for one in (optimizer if several else [optimizer])]


def _bare(optimizer: Any) -> Any:
    """What steps inside of a wrapper that is not made as torch's are, such as ``accelerate``'s."""
    while not hasattr(optimizer, "_optimizer_step_pre_hooks") and hasattr(optimizer, "optimizer"):
        optimizer = optimizer.optimizer
    return optimizer


def check_options(
    *, step: Any = None, seed: Any = 0, scaler: Any = None, log: Any = None, rotate: Any = 1
) -> None:
    """Numbers that are counts, and objects that are of a kind.

    Raises:
        InputError: naming the argument.
    """
    if step is not None and not (is_whole(step) and step >= 0):
        raise InputError("step", step, "give how many steps the run has taken: 0, 1, 2, …")
    if not (is_whole(seed) and seed >= 0):
        raise InputError("seed", seed, "give a whole number from 0")
    if not (is_whole(rotate) and rotate >= 1):
        raise InputError("rotate", rotate, "a part has 1 byte or more")
    if scaler is not None and (isinstance(scaler, type) or not hasattr(scaler, "get_scale")):
        raise InputError("scaler", type(scaler).__name__, "give a torch.amp.GradScaler")
    if log is not None and not (isinstance(log, (str, Path)) and Path(log).name):
        raise InputError("log", log, "give the path of a file, such as 'run.jsonl'")


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Metrics as numbers.

    Raises:
        InputError: naming one that is none.

    Example:
        >>> numbers({"loss": 1})
        {'loss': 1.0}
    """
    told = {}
    for key, value in metrics.items():
        try:
            told[key] = float(value)
        except (TypeError, ValueError, RuntimeError):
            kind = value if isinstance(value, str) else type(value).__name__
            raise InputError(key, kind, "give one number") from None
    return told
