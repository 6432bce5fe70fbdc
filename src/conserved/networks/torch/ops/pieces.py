"""Piecewise operations: gates, comparisons, selections, and pools of maxima and means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from conserved.networks.torch.ops.elementwise import is_number, mul
from conserved.networks.torch.ops.products import at_places, windows
from conserved.networks.torch.values import MINUS_INFINITY, Context, Masked, Tokens
from conserved.networks.tracing import Var

Value = Any
_TINY = 1e-3  # below it, what keeps a norm away from 0


def relu(c: Context, x: Value) -> Var:
    return c.var(x).relu()


def bent(c: Context, x: Var, below: Var) -> Var:
    """x where x > 0, else the other."""
    gate = x.gate()
    return below + gate * (x - below)


def leaky_relu(c: Context, x: Value, negative_slope: float = 0.01) -> Var:
    z = c.var(x)
    return bent(c, z, z.scale(c.exact(negative_slope)))


def prelu(c: Context, x: Value, weight: Value) -> Var:
    z, w = c.var(x), c.var(weight)
    if prod(w.shape) > 1:
        w = w.reshape(-1, *(1,) * (len(z.shape) - 2))
    return bent(c, z, z * w)


def elu(c: Context, x: Value, alpha: float = 1, scale: float = 1, input_scale: float = 1) -> Var:
    z = c.var(x)
    lower = (z.scale(c.exact(input_scale)).function("exp") - 1).scale(c.exact(alpha))
    return bent(c, z, lower).scale(c.exact(scale))


def selu(c: Context, x: Value) -> Var:
    return elu(c, x, 1.6732632423543772, 1.0507009873554805)


def celu(c: Context, x: Value, alpha: float = 1) -> Var:
    return elu(c, x, alpha, 1, 1 / alpha)


def absolute(c: Context, x: Value) -> Var:
    return c.var(x).abs()


def sign(c: Context, x: Value) -> Var:
    return c.var(x).gate().scale(2) - 1


def maximum(c: Context, x: Value, y: Value) -> Var:
    """A norm against a tiny number is the norm."""
    for one, other in ((x, y), (y, x)):
        if is_number(other) and 0 < float(other) < _TINY and c.is_root(one):
            c.constants.note(f"max(‖·‖, {float(other):g}) is read as ‖·‖")
            return c.var(one)
    return c.var(x).maximum(c.var(y))


def minimum(c: Context, x: Value, y: Value) -> Var:
    return -((-c.var(x)).maximum(-c.var(y)))


def clamp(c: Context, x: Value, min: Value = None, max: Value = None) -> Var:
    x = c.var(x)
    if min is not None:
        x = maximum(c, x, min)
    return x if max is None else minimum(c, x, max)


def relu6(c: Context, x: Value) -> Var:
    return clamp(c, x, 0, 6)


def hardtanh(c: Context, x: Value, min_val: float = -1, max_val: float = 1) -> Var:
    return clamp(c, x, min_val, max_val)


def hardsigmoid(c: Context, x: Value) -> Var:
    return clamp(c, c.var(x) + 3, 0, 6).scale(Fraction(1, 6))


def hardswish(c: Context, x: Value) -> Var:
    return c.var(x) * hardsigmoid(c, x)


def threshold(c: Context, x: Value, threshold: float, value: float) -> Var:
    z = c.var(x)
    gate = (z - c.var(threshold)).gate()
    return gate * (z - c.var(value)) + c.var(value)


def above(c: Context, x: Value, y: Value) -> Var:
    """x > y; equality has measure 0."""
    return (c.var(x) - c.var(y)).gate()


def below(c: Context, x: Value, y: Value) -> Var:
    return above(c, y, x)


def negation(c: Context, x: Value) -> Var:
    return 1 - c.var(x)


def where(c: Context, condition: Value, x: Value, y: Value) -> Value:
    """A choice between two tensors; −∞ on one side is a mask on the other."""
    if not c.is_constant(condition):
        gate = c.var(condition)
        return c.var(y) + gate * (c.var(x) - c.var(y))
    keep = np.asarray(condition).astype(np.int64)
    for one, other, kept in ((x, y, 1 - keep), (y, x, keep)):
        if is_number(one) and not isinstance(other, Masked) and float(one) <= MINUS_INFINITY:
            scores = c.var(other)
            shape = np.broadcast_shapes(scores.shape, kept.shape)
            return Masked(scores.broadcast_to(*shape), np.broadcast_to(kept, shape))
    if isinstance(x, Tokens) or isinstance(y, Tokens):
        raise c.refused("it chooses between token indices")
    first = c.recording.constant(keep)
    return first * c.var(x) + (1 - first) * c.var(y)


def masked_fill(c: Context, x: Value, mask: Value, value: Value) -> Value:
    return where(c, mask, value, x)


# pools


def _each(value: Sequence[int] | int, rank: int) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value,) * rank
    return tuple(value) * rank if len(value) == 1 else tuple(value)


def max_pool(rank: int) -> Callable[..., Var]:
    """max_pool1d, 2d: a choice in every window."""

    def pool(
        c: Context,
        x: Value,
        kernel_size: Sequence[int] | int,
        stride: Sequence[int] | int = (),
        padding: Sequence[int] | int = 0,
        dilation: Sequence[int] | int = 1,
        ceil_mode: bool = False,
    ) -> Var:
        x = c.var(x)
        kernel = _each(kernel_size, rank)
        step = kernel if not isinstance(stride, int) and not stride else _each(stride, rank)
        around = [(n, n) for n in _each(padding, rank)]
        front, shape = x.shape[:-rank], x.shape[-rank:]
        apart = _each(dilation, rank)
        if ceil_mode:
            around = _rounded_up(shape, kernel, step, around, apart)
        places, out = windows(shape, kernel, step, around, apart)
        inside = places.max(axis=1, keepdims=True)  # in place of padding, which never wins
        if (inside < 0).any():
            raise c.refused("a window has nothing but padding")
        places = np.where(places < 0, inside, places)
        return at_places(x.reshape(*front, -1), places).max(-1).reshape(*front, *out)

    return pool


def _rounded_up(
    shape: Sequence[int],
    kernel: Sequence[int],
    step: Sequence[int],
    around: Sequence[tuple[int, int]],
    apart: Sequence[int],
) -> list[tuple[int, int]]:
    """Padding with room for a last window that is cut off, where it starts before the padding."""
    found = []
    for n, k, s, (left, right), gap in zip(shape, kernel, step, around, apart, strict=True):
        reach = gap * (k - 1) + 1
        count = -(-(n + left + right - reach) // s) + 1
        count -= (count - 1) * s >= n + left
        found.append((left, max(0, (count - 1) * s + reach - n - left)))
    return found


def max_pool_with_places(c: Context, *args: Any) -> tuple[Value, None]:
    return max_pool(2)(c, *args), None


def averaged(c: Context, x: Value, rank: int) -> Var:
    """Any pool of means, as torch does it: a matrix of fractions, one row after the other."""
    x = c.var(x)
    front, shape = x.shape[:-rank], x.shape[-rank:]
    size = prod(shape)
    unit = np.eye(size).reshape(size, 1, *shape)
    table = c.by_torch(unit, *c.node.args[1:], **c.node.kwargs)
    out = table.shape[2:]
    entries = [Fraction(v).limit_denominator(10_000) for v in table.ravel().tolist()]
    matrix = np.array(entries, dtype=object).reshape(size, -1)
    pooled: Var = x.reshape(*front, size) @ c.recording.constant(matrix)
    return pooled.reshape(*front, *out)


PIECES: dict[str, Callable[..., Value]] = {
    "relu": relu,
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "elu": elu,
    "selu": selu,
    "celu": celu,
    "abs": absolute,
    "sign": sign,
    "sgn": sign,
    "maximum": maximum,
    "minimum": minimum,
    "clamp": clamp,
    "clamp_min": lambda c, x, min: clamp(c, x, min),
    "clamp_max": lambda c, x, max: clamp(c, x, None, max),
    "relu6": relu6,
    "hardtanh": hardtanh,
    "hardsigmoid": hardsigmoid,
    "hardswish": hardswish,
    "threshold": threshold,
    "gt": above,
    "ge": above,
    "lt": below,
    "le": below,
    "logical_not": negation,
    "bitwise_not": negation,
    "logical_and": mul,
    "bitwise_and": mul,
    "where": where,
    "masked_fill": masked_fill,
    "max_pool1d": max_pool(1),
    "max_pool2d": max_pool(2),
    "max_pool2d_with_indices": max_pool_with_places,
    "avg_pool1d": lambda c, x, *args: averaged(c, x, 1),
    "avg_pool2d": lambda c, x, *args: averaged(c, x, 2),
    "adaptive_avg_pool1d": lambda c, x, *args: averaged(c, x, 1),
    "adaptive_avg_pool2d": lambda c, x, *args: averaged(c, x, 2),
    "upsample_bilinear2d": lambda c, x, *args: averaged(c, x, 2),
}
