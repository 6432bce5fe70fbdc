"""Matrix products and convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.networks.torch.ops.elementwise import add, scaled
from conserved.networks.torch.values import Context
from conserved.networks.tracing import Var, concatenate

Value = Any
Places = NDArray[np.intp]


def linear(c: Context, x: Value, weight: Value, bias: Value = None) -> Var:
    y = c.var(x) @ c.var(weight).T
    return y if bias is None else y + c.var(bias)


def matmul(c: Context, x: Value, y: Value) -> Var:
    """Vectors on the right are columns."""
    a, b = c.var(x), c.var(y)
    if len(b.shape) > 1:
        return a @ b
    product = a @ b.reshape(-1, 1)
    return product.reshape(*a.shape[:-1])


def addmm(c: Context, x: Value, a: Value, b: Value, *, beta: float = 1, alpha: float = 1) -> Value:
    product = matmul(c, a, b)
    product = product if alpha == 1 else scaled(c, product, alpha)
    return add(c, product, x, alpha=beta)


def einsum(c: Context, equation: str, tensors: Sequence[Value], *, path: Any = None) -> Var:
    """One tensor after the other, each by one batched matrix product."""
    inputs, _, output = equation.replace(" ", "").partition("->")
    names = inputs.split(",")
    if "." in equation or not _ or any(len(set(n)) < len(n) for n in names):
        raise c.refused("einsum is read with an arrow, without dots and repeated letters")
    total, known = c.var(tensors[0]), names[0]
    for k, name in enumerate(names[1:], start=1):
        later = set(output).union(*names[k + 1 :])
        total, known = _contracted(total, known, c.var(tensors[k]), name, later)
    for letter in [n for n in known if n not in output]:
        axis = known.index(letter)
        total = total.sum(axis).reshape(*total.shape[:axis], *total.shape[axis + 1 :])
        known = known.replace(letter, "")
    return total.transpose(*(known.index(letter) for letter in output))


def _contracted(a: Var, left: str, b: Var, right: str, later: set[str]) -> tuple[Var, str]:
    """Two tensors summed over the letters that nobody needs later."""
    size = dict(zip(left, a.shape, strict=True)) | dict(zip(right, b.shape, strict=True))
    both = [n for n in left if n in right]
    batch = [n for n in both if n in later]
    inner = [n for n in both if n not in later]
    rows = [n for n in left if n not in right]
    columns = [n for n in right if n not in left]

    def arranged(x: Var, names: str, front: list[str], back: list[str]) -> Var:
        order = [*batch, *front, *back]
        sizes = [size[n] for n in batch]
        turned = x.transpose(*(names.index(n) for n in order))
        return turned.reshape(*sizes, prod(size[n] for n in front), prod(size[n] for n in back))

    product = arranged(a, left, rows, inner) @ arranged(b, right, inner, columns)
    names = "".join([*batch, *rows, *columns])
    return product.reshape(*(size[n] for n in names)), names


def bilinear(c: Context, x: Value, y: Value, weight: Value, bias: Value = None) -> Var:
    """Σ_ij x_i W_oij y_j."""
    a, b, w = c.var(x), c.var(y), c.var(weight)
    outer = a.reshape(*a.shape, 1) * b.reshape(*b.shape[:-1], 1, b.shape[-1])
    flat = outer.reshape(*a.shape[:-1], -1) @ w.reshape(w.shape[0], -1).T
    return flat if bias is None else flat + c.var(bias)


# convolutions


def windows(
    shape: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
) -> tuple[Places, tuple[int, ...]]:
    """(places (outputs, kernel), shape of the outputs); −1 stands for padding."""
    places = np.arange(prod(shape)).reshape(shape)
    places = np.pad(places, padding, constant_values=-1)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(places, reach)
    thin = (slice(None, None, s) for s in stride)
    inside = (slice(None, None, d) for d in dilation)
    view = view[(*thin, *inside)]
    out = view.shape[: len(shape)]
    return view.reshape(prod(out), -1), out


def at_places(x: Var, places: Places) -> Var:
    """Entries of the last axis, 0 where a place is −1: (…, *places.shape)."""
    length = x.shape[-1]
    if (places < 0).any():
        zeros = x.recording.constant(np.zeros((*x.shape[:-1], 1), dtype=np.int64))
        x = concatenate([x, zeros])
    flat = np.where(places < 0, length, places).ravel().tolist()
    return x.take(flat, len(x.shape) - 1).reshape(*x.shape[:-1], *places.shape)


def convolution(rank: int) -> Callable[..., Var]:
    """conv1d, conv2d, conv3d: rows of patches times a matrix."""

    def conv(
        c: Context,
        x: Value,
        weight: Value,
        bias: Value = None,
        stride: Sequence[int] | int = 1,
        padding: Sequence[int] | int | str = 0,
        dilation: Sequence[int] | int = 1,
        groups: int = 1,
    ) -> Var:
        x, w = c.var(x), c.var(weight)
        if len(x.shape) == rank + 1:
            raise c.refused("give a batch axis")
        kernel = w.shape[2:]
        step, apart = (_each(v, rank) for v in (stride, dilation))
        around = _padding(padding, kernel, apart)
        places, out = windows(x.shape[2:], kernel, step, around, apart)
        y = _patched(x, places, w.reshape(groups, w.shape[0] // groups, -1))
        y = y if bias is None else y + c.var(bias)
        return y.transpose(0, 2, 1).reshape(x.shape[0], w.shape[0], *out)

    return conv


def _patched(x: Var, places: Places, matrix: Var) -> Var:
    """(batch, outputs, channels): patches of x times (groups, channels of each, patch)."""
    batch, channels = x.shape[:2]
    groups, each, _ = matrix.shape
    patches = at_places(x.reshape(batch, groups, channels // groups, -1), places)
    patches = patches.transpose(0, 1, 3, 2, 4).reshape(batch, groups, len(places), -1)
    if groups == 1:
        return patches.reshape(batch, len(places), -1) @ matrix.reshape(each, -1).T
    return (patches @ matrix.T).transpose(0, 2, 1, 3).reshape(batch, len(places), -1)


def transposed_windows(
    shape: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    more: Sequence[int],
    dilation: Sequence[int],
) -> tuple[Places, tuple[int, ...]]:
    """(places (outputs, kernel), shape of the outputs): which input each output is made of."""
    lines, out = [], []
    for n, k, s, p, extra, d in zip(shape, kernel, stride, padding, more, dilation, strict=True):
        length = (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
        reached = np.arange(length)[:, None] + p - d * np.arange(k)
        line = np.where((reached % s == 0) & (reached >= 0) & (reached < n * s), reached // s, -1)
        lines.append(line)
        out.append(length)
    places = np.zeros((1, 1), dtype=np.intp)
    for line, n in zip(lines, shape, strict=True):
        wide, thin = places[:, None, :, None], line[None, :, None, :]
        made = np.where((wide < 0) | (thin < 0), -1, wide * n + thin)
        places = made.reshape(len(places) * len(line), -1)
    return places, tuple(out)


def transposed_convolution(rank: int) -> Callable[..., Var]:
    """conv_transpose1d, 2d, 3d: the same, where a stride spreads the inputs."""

    def conv(
        c: Context,
        x: Value,
        weight: Value,
        bias: Value = None,
        stride: Sequence[int] | int = 1,
        padding: Sequence[int] | int = 0,
        output_padding: Sequence[int] | int = 0,
        groups: int = 1,
        dilation: Sequence[int] | int = 1,
    ) -> Var:
        x, w = c.var(x), c.var(weight)
        if len(x.shape) == rank + 1:
            raise c.refused("give a batch axis")
        sizes = (_each(v, rank) for v in (stride, padding, output_padding, dilation))
        places, out = transposed_windows(x.shape[2:], w.shape[2:], *sizes)
        inside, each = w.shape[0] // groups, w.shape[1]
        matrix = w.reshape(groups, inside, each, -1).transpose(0, 2, 1, 3)
        y = _patched(x, places, matrix.reshape(groups, each, -1))
        y = y if bias is None else y + c.var(bias)
        return y.transpose(0, 2, 1).reshape(x.shape[0], groups * each, *out)

    return conv


def _each(value: Sequence[int] | int, rank: int) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value,) * rank
    return tuple(value) * rank if len(value) == 1 else tuple(value)


def _padding(
    padding: Sequence[int] | int | str, kernel: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    if isinstance(padding, str):
        total = [
            d * (k - 1) if padding == "same" else 0 for k, d in zip(kernel, dilation, strict=True)
        ]
        return [(n // 2, n - n // 2) for n in total]
    return [(n, n) for n in _each(padding, len(kernel))]


PRODUCTS: dict[str, Callable[..., Value]] = {
    "linear": linear,
    "matmul": matmul,
    "mm": matmul,
    "bmm": matmul,
    "mv": matmul,
    "dot": matmul,
    "addmm": addmm,
    "baddbmm": addmm,
    "einsum": einsum,
    "bilinear": bilinear,
    "conv1d": convolution(1),
    "conv2d": convolution(2),
    "conv3d": convolution(3),
    "conv_transpose1d": transposed_convolution(1),
    "conv_transpose2d": transposed_convolution(2),
    "conv_transpose3d": transposed_convolution(3),
}
