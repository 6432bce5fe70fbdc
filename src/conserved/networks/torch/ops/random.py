"""Operations that draw random numbers, where these count as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conserved.networks.torch.randomness import DRAWS
from conserved.networks.torch.values import Context
from conserved.networks.tracing import Var

Value = Any


def dropout(c: Context, x: Value, p: float, train: bool | None) -> tuple[Value, ...]:
    """x times a mask."""
    if not train:
        return x, None
    mask = c.drawn()
    return c.var(x) * mask, mask


def drawn(c: Context, *args: Any, **kwargs: Any) -> Var:
    """Numbers of their own, whatever they are drawn from."""
    return c.drawn()


RANDOM: dict[str, Callable[..., Value]] = {
    "native_dropout": dropout,
    **dict.fromkeys(DRAWS, drawn),
}
