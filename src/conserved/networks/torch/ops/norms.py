"""Normalisations: layer, RMS, group and batch norm; cosine similarity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from conserved.networks.torch.ops.reductions import axes_of, summed
from conserved.networks.torch.values import Context
from conserved.networks.tracing import Var

Value = Any


def normalised(x: Var, axes: Sequence[int], eps: Fraction, *, centred: bool = True) -> Var:
    """(x − mean)/√(variance + eps) over some axes."""
    share = Fraction(1)
    for axis in axes:
        share /= x.shape[axis]
    if centred:
        x = x - summed(x, axes, keepdim=True).scale(share)
    size = summed(x * x, axes, keepdim=True).scale(share)
    return x * (size + eps if eps else size).rsqrt()


def affine(c: Context, x: Var, weight: Value, bias: Value, shape: Sequence[int]) -> Var:
    """Gain and bias of a shape that broadcasts."""
    if weight is not None:
        x = x * c.var(weight).reshape(*shape)
    return x if bias is None else x + c.var(bias).reshape(*shape)


def layer_norm(
    c: Context,
    x: Value,
    normalized_shape: Sequence[int],
    weight: Value = None,
    bias: Value = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Var:
    x = c.var(x)
    axes = range(len(x.shape) - len(normalized_shape), len(x.shape))
    return affine(c, normalised(x, axes, c.eps(eps)), weight, bias, normalized_shape)


def rms_norm(
    c: Context,
    x: Value,
    normalized_shape: Sequence[int],
    weight: Value = None,
    eps: float | None = None,
) -> Var:
    """Without an eps torch takes the rounding unit of the type."""
    import torch

    x = c.var(x)
    axes = range(len(x.shape) - len(normalized_shape), len(x.shape))
    value = torch.finfo(c.node.meta["val"].dtype).eps if eps is None else eps
    scaled = normalised(x, axes, c.eps(value), centred=False)
    return affine(c, scaled, weight, None, normalized_shape)


def group_norm(
    c: Context,
    x: Value,
    num_groups: int,
    weight: Value = None,
    bias: Value = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Var:
    x = c.var(x)
    batch, channels, *rest = x.shape
    grouped = x.reshape(batch, num_groups, -1)
    back = normalised(grouped, [2], c.eps(eps)).reshape(batch, channels, *rest)
    return affine(c, back, weight, bias, (channels, *(1,) * len(rest)))


def batch_norm(
    c: Context,
    x: Value,
    weight: Value,
    bias: Value,
    running_mean: Value,
    running_var: Value,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Var:
    """In training over the batch, which then is one datum; else by the running statistics."""
    x = c.var(x)
    shape = (x.shape[1], *(1,) * (len(x.shape) - 2))
    if training:
        if not c.batched and "BatchNorm" in c.place():
            advice = "in train mode a datum is a batch: give batch=B (--batch B), or module.eval()"
            raise c.refused(advice)
        axes = [axis for axis in range(len(x.shape)) if axis != 1]
        return affine(c, normalised(x, axes, c.eps(eps)), weight, bias, shape)
    away = c.eps(eps)
    scale = (running_var + float(away)).rsqrt()
    x = (x - c.var(running_mean).reshape(*shape)) * c.var(scale).reshape(*shape)
    return affine(c, x, weight, bias, shape)


def functional_batch_norm(c: Context, *args: Any) -> tuple[Value, ...]:
    """What export makes of batch norm in train mode: the running statistics are no output."""
    return batch_norm(c, *args), None, None, None, None


def frozen_batch_norm(
    c: Context,
    x: Value,
    weight: Value,
    bias: Value,
    running_mean: Value,
    running_var: Value,
    momentum: float,
    eps: float,
) -> tuple[Value, ...]:
    args = (weight, bias, running_mean, running_var, False, momentum, eps)
    return batch_norm(c, x, *args), None, None


def without_statistics(
    c: Context, x: Value, weight: Value, bias: Value, training: bool, momentum: float, eps: float
) -> tuple[Value, ...]:
    """Batch norm that tracks nothing, and instance norm: each instance is a channel of its own."""
    return batch_norm(c, x, weight, bias, None, None, training, momentum, eps), None, None


def cosine_similarity(c: Context, x: Value, y: Value, dim: int = 1, eps: float = 1e-8) -> Var:
    a, b = c.var(x), c.var(y)
    c.constants.note(f"max(‖·‖, {eps:g}) of cosine similarities is read as ‖·‖")
    product = a * b
    axes = axes_of(product, dim)

    def length(z: Var) -> Var:
        wide = z.broadcast_to(*product.shape)
        return summed(wide * wide, axes).sqrt()

    return summed(product, axes) / (length(a) * length(b))


NORMS: dict[str, Callable[..., Value]] = {
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "_native_batch_norm_legit": without_statistics,
    "_native_batch_norm_legit_functional": functional_batch_norm,
    "_native_batch_norm_legit_no_training": frozen_batch_norm,
    "cosine_similarity": cosine_similarity,
}
