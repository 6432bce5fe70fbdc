"""Scaled dot-product attention as one operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conserved.networks.torch.ops.elementwise import add, scaled
from conserved.networks.torch.ops.reductions import softmax
from conserved.networks.torch.values import Context, Masked
from conserved.networks.tracing import Var

Value = Any


def attention(
    c: Context,
    query: Value,
    key: Value,
    value: Value,
    attn_mask: Value = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Var:
    """softmax(s Q Kᵀ + mask) V; s is 1/√head unless given."""
    q, k, v = (c.var(x) for x in (query, key, value))
    if enable_gqa:
        k, v = (_shared(x, q.shape[-3]) for x in (k, v))
    scores: Value = scaled(c, q @ k.T, q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        keep = np.tril(np.ones(scores.shape[-2:], dtype=np.int64))
        scores = Masked(scores, np.broadcast_to(keep, scores.shape))
    elif attn_mask is not None:
        scores = masked(c, scores, attn_mask)
    weights = softmax(c, scores, -1)
    return (weights * c.drawn() if dropout_p else weights) @ v


def _shared(x: Var, heads: int) -> Var:
    """Heads of keys and values that several queries share."""
    each = heads // x.shape[-3]
    return x.take(np.repeat(np.arange(x.shape[-3]), each).tolist(), len(x.shape) - 3)


def masked(c: Context, scores: Var, mask: Value) -> Value:
    """Scores with a mask: True or a finite number where they count."""
    if c.is_constant(mask) and not mask.is_floating_point():
        keep = np.broadcast_to(np.asarray(mask).astype(np.int64), scores.shape)
        return Masked(scores, keep)
    return add(c, scores, mask)


ATTENTION: dict[str, Callable[..., Value]] = {"scaled_dot_product_attention": attention}
