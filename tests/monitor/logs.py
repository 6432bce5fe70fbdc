"""Logs of runs that never were: two laws hold, one drifts, and what else a test asks for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

TEXTS = (
    "‖layers.0.up.weight[j,:]‖² − ‖layers.0.down.weight[:,j]‖², j = 1 … 8",
    "‖layers.1.up.weight[j,:]‖² − ‖layers.1.down.weight[:,j]‖², j = 1 … 8",
    "embed.weightᵀ embed.weight − head.weightᵀ head.weight",
)
TENSORS = (
    ("layers.0.up.weight", "layers.0.down.weight"),
    ("layers.1.up.weight", "layers.1.down.weight"),
    ("embed.weight", "head.weight"),
)


def law(text: str, tensors: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    short = text if len(text) <= 60 else text[:59] + "…"
    kept = {"functions": 8, "probed": True, "without_eps": False, "degree": 2, "ledger": True}
    return {"text": text, "short": short, "tensors": list(tensors), **kept, "start": 1.0, **more}


def head(laws: Iterable[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    several = laws or [law(text, names) for text, names in zip(TEXTS, TENSORS, strict=True)]
    return {
        "kind": "run",
        "schema": "conserved.watch/1",
        "run": "0123456789abcdef",
        "part": 0,
        "from": 0,
        "time": "2026-01-02T03:04:05Z",
        "model": "Block",
        "parameters": 1234,
        "loss": "mse",
        "optimizer": "SGD, momentum 0.9",
        "every": 1,
        "precision": 2.0**-23,
        "laws": [{"size": 2.0, **one} for one in several],
        **more,
    }


def step(number: int, laws: int = 3, **more: Any) -> dict[str, Any]:
    """Values that are a function of the step, so that a test knows them."""
    values = numbers(number, laws)
    return {
        "kind": "step",
        "step": number,
        "seconds": 0.1 * number,
        **{name: list(row) for name, row in zip(FIELDS, values, strict=True)},
        "rates": [0.1],
        "metrics": {"loss": 1.0 / number},
        **more,
    }


FIELDS = ("value", "predicted", "residual", "gradient")


def numbers(number: int, laws: int = 3) -> np.ndarray:
    """(4, laws)."""
    rng = np.random.default_rng(number)
    drift = 1e-4 * number * np.arange(laws)
    noise = 1e-8 * rng.normal(size=laws)
    return np.stack(
        [1 + drift + noise, 1 + drift, rng.gamma(2, size=laws), rng.gamma(1, size=laws)]
    )


def verdict(number: int, outcomes: Sequence[str]) -> dict[str, Any]:
    rows = [
        {"law": k, "outcome": outcome, "since": 7 if outcome == "violated" else None, "reason": "…"}
        for k, outcome in enumerate(outcomes)
    ]
    return {"kind": "verdict", "step": number, "verdicts": rows}


def text(*lines: dict[str, Any]) -> str:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def write(path: Path, *lines: dict[str, Any], mode: str = "w") -> Path:
    with path.open(mode, encoding="utf-8") as file:
        file.write(text(*lines))
    return path


def finished(path: Path, steps: int = 300) -> Path:
    """A whole run: one law is conserved, one drifts, one is violated since step 7."""
    path.write_text(_finished(steps), encoding="utf-8")
    return path


@cache
def _finished(steps: int) -> str:
    rows = [step(n) for n in range(1, steps + 1)]
    event = {"kind": "event", "step": 7, "what": "violated", "law": 2, "text": "head.weight"}
    outcomes = ("conserved", "drifting as predicted", "violated")
    return text(head(), *rows[:6], event, *rows[6:], verdict(steps, outcomes))
