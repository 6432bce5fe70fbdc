"""Small runs for tests: a model, its laws, a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import conserved as cq


def mlp(seed: int = 0) -> Any:
    """Two hidden layers with biases, in float64."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    layers = (nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    return nn.Sequential(*layers).double()


def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nobody says where to keep things, and the user has no home."""

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("CONSERVED_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nowhere)


@cache
def mlp_laws() -> cq.BlockLaws:
    import torch

    return cq.block_laws(mlp().float(), torch.zeros(1, 4))


def batches(count: int, seed: int = 1, rows: int = 16) -> Iterable[tuple[Any, Any]]:
    import torch

    draws = torch.Generator().manual_seed(seed)
    for _ in range(count):
        x = torch.randn(rows, 4, generator=draws, dtype=torch.float64)
        yield x, torch.randn(rows, 3, generator=draws, dtype=torch.float64)


def train(
    model: Any,
    optimizer: Any,
    steps: int = 12,
    *,
    between: Callable[[int], None] = lambda step: None,
    before: Callable[[int], None] = lambda step: None,
    forward: Any = None,
    seed: int = 1,
) -> None:
    """``before`` acts on gradients ahead of each step, ``between`` after it."""
    run = model if forward is None else forward
    dtype = next(model.parameters()).dtype
    for step, (x, y) in enumerate(batches(steps, seed), 1):
        optimizer.zero_grad()
        ((run(x.to(dtype)) - y.to(dtype)) ** 2).mean().backward()
        before(step)
        optimizer.step()
        between(step)


SGD = [
    {"lr": 0.02},
    {"lr": 0.01, "momentum": 0.8, "dampening": 0.2, "weight_decay": 0.01},
    {"lr": 0.01, "momentum": 0.5, "nesterov": True},
]
