"""Sums, means, norms and other functions of many entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from conserved.networks.torch.values import Chosen, Context, Masked
from conserved.networks.tracing import Var, concatenate

Value = Any
Axes = int | Sequence[int] | None


def axes_of(x: Value, dim: Axes) -> list[int]:
    """The axes meant; none given means all."""
    rank = len(x.shape)
    if dim is None or (not isinstance(dim, int) and not len(dim)):
        return list(range(rank))
    return sorted({d % rank for d in ([dim] if isinstance(dim, int) else dim)}) if rank else []


def summed(x: Var, axes: Sequence[int], keepdim: bool = False) -> Var:
    """The sum over some axes."""
    for axis in axes:
        x = x.sum(axis)
    return x if keepdim else dropped(x, axes)


def dropped(x: Var, axes: Sequence[int]) -> Var:
    """Without axes of length 1."""
    return x.reshape(*(n for axis, n in enumerate(x.shape) if axis not in axes))


def total(
    c: Context, x: Value, dim: Axes = None, keepdim: bool = False, *, dtype: Any = None
) -> Var:
    x = c.var(x)
    return summed(x, axes_of(x, dim), keepdim)


def mean(
    c: Context, x: Value, dim: Axes = None, keepdim: bool = False, *, dtype: Any = None
) -> Var:
    x = c.var(x)
    axes = axes_of(x, dim)
    count = prod(x.shape[axis] for axis in axes)
    return summed(x, axes, keepdim).scale(Fraction(1, count))


def variance(
    c: Context,
    x: Value,
    dim: Axes = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = 1,
) -> Var:
    x = c.var(x)
    axes = axes_of(x, dim)
    count = prod(x.shape[axis] for axis in axes)
    away = 1 if correction is None else correction
    if unbiased is not None:
        away = int(unbiased)
    centred = x - summed(x, axes, keepdim=True).scale(Fraction(1, count))
    if count == away:
        raise c.refused("the variance of one number")
    return summed(centred * centred, axes, keepdim).scale(1 / (count - Fraction(away)))


def deviation(c: Context, x: Value, dim: Axes = None, *args: Any, **kwargs: Any) -> Var:
    return variance(c, x, dim, *args, **kwargs).sqrt()


def var_mean(c: Context, x: Value, dim: Axes = None, **kwargs: Any) -> tuple[Var, Var]:
    return variance(c, x, dim, **kwargs), mean(c, x, dim, kwargs.get("keepdim", False))


def vector_norm(
    c: Context,
    x: Value,
    ord: float = 2,
    dim: Axes = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Var:
    x = c.var(x)
    axes = axes_of(x, dim)
    if ord == 1:
        return summed(x.abs(), axes, keepdim)
    if ord != 2:
        raise c.refused(f"the norm of order {ord:g}")
    return summed(x * x, axes, keepdim).sqrt()


def softmax(c: Context, x: Value, dim: int, *args: Any, **kwargs: Any) -> Var:
    """exp(z)/Σ exp(z), without the shift that torch makes against overflow."""
    weight = exponential(c, x)
    return weight / weight.sum(dim)


def exponential(c: Context, x: Value) -> Var:
    """exp(z), 0 where z is −∞."""
    if not isinstance(x, Masked):
        return c.var(x).function("exp")
    weight = x.scores.function("exp")
    return weight if x.keep.all() else weight * c.recording.constant(x.keep.astype(np.int64))


def log_softmax(c: Context, x: Value, dim: int, *args: Any, **kwargs: Any) -> Var:
    z = c.var(x)
    return z - z.function("exp").sum(dim).function("log")


def logsumexp(c: Context, x: Value, dim: Axes, keepdim: bool = False) -> Var:
    weight = exponential(c, x)
    return summed(weight, axes_of(weight, dim), keepdim).function("log")


def cumulative(c: Context, x: Value, dim: int, **kwargs: Any) -> Var:
    """Cumulative sums: a product with a triangle of ones."""
    x = c.var(x)
    dim %= len(x.shape)
    axes = [*(a for a in range(len(x.shape)) if a != dim), dim]
    triangle = c.recording.constant(np.triu(np.ones((x.shape[dim],) * 2, dtype=np.int64)))
    summed_up: Var = x.transpose(*axes) @ triangle
    return summed_up.transpose(*np.argsort(axes).tolist())


def product(
    c: Context, x: Value, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None
) -> Var:
    x = c.var(x)
    if dim is None:
        x, dim = x.reshape(-1), 0
    dim %= len(x.shape)
    parts = [x.take([k], dim) for k in range(x.shape[dim])]
    value = parts[0]
    for part in parts[1:]:
        value = value * part
    return value if keepdim else dropped(value, [dim])


def cumulative_product(c: Context, x: Value, dim: int, **kwargs: Any) -> Var:
    x = c.var(x)
    dim %= len(x.shape)
    parts = [x.take([0], dim)]
    for k in range(1, x.shape[dim]):
        parts.append(parts[-1] * x.take([k], dim))
    return concatenate(parts, dim)


def largest(c: Context, x: Value, dim: Axes = None, keepdim: bool = False) -> Var:
    """amax: over several axes one after the other is not one choice, so they become one axis."""
    x = c.var(x)
    axes = axes_of(x, dim)
    rest = [axis for axis in range(len(x.shape)) if axis not in axes]
    flat = x.transpose(*rest, *axes).reshape(*(x.shape[axis] for axis in rest), -1)
    value: Var = flat.max(-1)
    if not keepdim:
        return value
    return value.reshape(*(1 if axis in axes else n for axis, n in enumerate(x.shape)))


def smallest(c: Context, x: Value, dim: Axes = None, keepdim: bool = False) -> Var:
    return -largest(c, -c.var(x), dim, keepdim)


def maximum_along(
    c: Context, x: Value, dim: int | None = None, keepdim: bool = False
) -> Var | tuple[Value, Value]:
    """max: the largest of all, or values and places along an axis."""
    if dim is None:
        return largest(c, x)
    value = largest(c, x, dim, keepdim)
    return value, chosen_place(c, x, dim, keepdim)


def minimum_along(
    c: Context, x: Value, dim: int | None = None, keepdim: bool = False
) -> Var | tuple[Value, Value]:
    if dim is None:
        return smallest(c, x)
    return smallest(c, x, dim, keepdim), chosen_place(c, -c.var(x), dim, keepdim)


def chosen_place(c: Context, x: Value, dim: int | None = None, keepdim: bool = False) -> Chosen:
    """argmax, as one-hot rows."""
    x = c.var(x)
    if dim is None or dim % len(x.shape) != len(x.shape) - 1:
        raise c.refused("places of maxima are read along the last axis")
    rows = c.recording.add("argmax", (x,), (len(x.shape) - 1,))
    return Chosen(rows.reshape(*x.shape[:-1], 1, x.shape[-1]) if keepdim else rows)


def sorted_along(
    c: Context, x: Value, dim: int = -1, descending: bool = False, **kwargs: Any
) -> tuple[Var, Chosen]:
    x = c.var(x)
    if dim % len(x.shape) != len(x.shape) - 1:
        raise c.refused("tensors are sorted along the last axis")
    return top(c, x, x.shape[-1], largest_first=descending)


def top_k(
    c: Context, x: Value, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> tuple[Var, Chosen]:
    x = c.var(x)
    if dim % len(x.shape) != len(x.shape) - 1:
        raise c.refused("the largest are taken along the last axis")
    return top(c, x, k, largest_first=largest)


def top(c: Context, x: Var, k: int, *, largest_first: bool) -> tuple[Var, Chosen]:
    """The k largest or smallest, with their places: rows of the order, which is ascending."""
    n = x.shape[-1]
    order = c.recording.add("order", (x,), ())
    wanted = list(range(n - 1, n - 1 - k, -1)) if largest_first else list(range(k))
    rows = order.take(wanted, len(order.shape) - 2)
    value = (rows @ x.reshape(*x.shape, 1)).reshape(*x.shape[:-1], k)
    return value, Chosen(rows)


REDUCTIONS: dict[str, Callable[..., Value]] = {
    "sum": total,
    "mean": mean,
    "var": variance,
    "std": deviation,
    "var_mean": var_mean,
    "linalg_vector_norm": vector_norm,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
    "cumsum": cumulative,
    "prod": product,
    "cumprod": cumulative_product,
    "amax": largest,
    "amin": smallest,
    "max": maximum_along,
    "min": minimum_along,
    "argmax": chosen_place,
    "sort": sorted_along,
    "topk": top_k,
}
