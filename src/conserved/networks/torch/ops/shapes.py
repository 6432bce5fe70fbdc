"""Operations that only move entries: views, permutations, slices, selections, copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from conserved.networks.torch.values import Chosen, Context, Masked, Tokens
from conserved.networks.tracing import Var, concatenate

Value = Any


def moving(native: Callable[..., Var]) -> Callable[..., Value]:
    """An operation on one tensor that moves its entries, for all that a tensor stands for."""

    def operation(c: Context, x: Value, *args: Any, **kwargs: Any) -> Value:
        if isinstance(x, Masked):
            keep = c.by_torch(x.keep, *args, **kwargs)
            return Masked(native(c, x.scores, *args, **kwargs), np.asarray(keep))
        if isinstance(x, Tokens | Chosen):
            return type(x)(_rows_at(x.rows, positions(c, x.shape, *args, **kwargs)))
        return native(c, c.var(x), *args, **kwargs)

    return operation


def positions(c: Context, shape: Sequence[int], *args: Any, **kwargs: Any) -> Any:
    """Where the entries of a result come from, found by torch itself: an array of flat places."""
    return c.by_torch(np.arange(prod(shape)).reshape(shape), *args, **kwargs)


def gathered(x: Var, places: Any) -> Var:
    """The entries at flat places, in the shape of the places."""
    return x.reshape(-1).take(places.ravel().tolist()).reshape(*places.shape)


def _rows_at(rows: Var, places: Any) -> Var:
    width = rows.shape[-1]
    return rows.reshape(-1, width).take(places.ravel().tolist()).reshape(*places.shape, width)


@moving
def replaced(c: Context, x: Var, *args: Any, **kwargs: Any) -> Var:
    """Any operation that moves entries."""
    places = positions(c, x.shape, *args, **kwargs)
    if places.size == prod(x.shape) and (places.ravel() == np.arange(places.size)).all():
        return x.reshape(*places.shape)
    return gathered(x, places)


@moving
def reshaped(c: Context, x: Var, size: Sequence[int]) -> Var:
    return x.reshape(*size)


@moving
def permuted(c: Context, x: Var, dims: Sequence[int]) -> Var:
    return x.transpose(*(d % len(x.shape) for d in dims))


@moving
def transposed(c: Context, x: Var, dim0: int, dim1: int) -> Var:
    axes = list(range(len(x.shape)))
    axes[dim0], axes[dim1] = axes[dim1], axes[dim0]
    return x.transpose(*axes)


@moving
def flattened(c: Context, x: Var, start_dim: int = 0, end_dim: int = -1) -> Var:
    rank = len(x.shape)
    start, end = (d % rank if rank else 0 for d in (start_dim, end_dim))
    return x.reshape(*x.shape[:start], prod(x.shape[start : end + 1]), *x.shape[end + 1 :])


@moving
def unflattened(c: Context, x: Var, dim: int, sizes: Sequence[int]) -> Var:
    dim %= len(x.shape)
    known = prod(n for n in sizes if n != -1)
    parts = (x.shape[dim] // known if n == -1 else n for n in sizes)
    return x.reshape(*x.shape[:dim], *parts, *x.shape[dim + 1 :])


@moving
def flipped(c: Context, x: Var) -> Var:
    """The last two axes in each other's place; a vector as it is."""
    axes = list(range(len(x.shape)))
    return x.transpose(*axes[:-2], *reversed(axes[-2:]))


@moving
def unsqueezed(c: Context, x: Var, dim: int) -> Var:
    shape = list(x.shape)
    shape.insert(dim % (len(shape) + 1), 1)
    return x.reshape(*shape)


@moving
def squeezed(c: Context, x: Var, dim: int | Sequence[int] | None = None) -> Var:
    rank = len(x.shape)
    every = range(rank) if dim is None else [dim] if isinstance(dim, int) else dim
    gone = {d % rank for d in every if rank and x.shape[d] == 1}
    return x.reshape(*(n for d, n in enumerate(x.shape) if d not in gone))


@moving
def expanded(c: Context, x: Var, size: Sequence[int], *, implicit: bool = False) -> Var:
    padded = (1,) * (len(size) - len(x.shape)) + x.shape
    return x.broadcast_to(*(n if s == -1 else s for s, n in zip(size, padded, strict=True)))


@moving
def sliced(
    c: Context,
    x: Var,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Var:
    key: list[slice] = [slice(None)] * len(x.shape)
    key[dim] = slice(start, end, step)
    return x[tuple(key)]


@moving
def selected(c: Context, x: Var, dim: int, index: int) -> Var:
    key: list[Any] = [slice(None)] * len(x.shape)
    key[dim] = index
    return x[tuple(key)]


def copied(c: Context, x: Value, *args: Any, **kwargs: Any) -> Value:
    """Copies, and conversions between floating-point types, which are no rounding here."""
    dtype = kwargs.get("dtype")
    if dtype is not None and not (dtype.is_floating_point or isinstance(x, Tokens | Chosen)):
        raise c.refused(f"{str(dtype).removeprefix('torch.')} has no derivative")
    if dtype is not None and dtype.is_floating_point and dtype.itemsize < 4:
        kind = str(dtype).removeprefix("torch.")
        raise c.refused(f"rounds to {kind}; a network is read in float32 or float64")
    return x


def detached(c: Context, x: Value) -> Value:
    if isinstance(x, Var) and c.on_parameters(x):
        raise c.refused("where gradients stop, training follows no gradient of this function")
    return x


def split(c: Context, x: Value, size: int | Sequence[int], dim: int = 0) -> list[Value]:
    length = x.shape[dim]
    sizes = [size] * -(-length // size) if isinstance(size, int) else list(size)
    starts = np.cumsum([0, *sizes]).tolist()
    return [
        _part(c, x, dim, first, min(first + n, length))
        for first, n in zip(starts, sizes, strict=False)
    ]


def chunked(c: Context, x: Value, chunks: int, dim: int = 0) -> list[Value]:
    return split(c, x, max(1, -(-x.shape[dim] // chunks)), dim)


def _part(c: Context, x: Value, dim: int, start: int, stop: int) -> Value:
    key: list[slice] = [slice(None)] * len(x.shape)
    key[dim] = slice(start, stop)
    if isinstance(x, Masked):
        return Masked(x.scores[tuple(key)], x.keep[tuple(key)])
    if isinstance(x, Tokens | Chosen):
        return type(x)(x.rows[(*key, slice(None))])
    return c.var(x)[tuple(key)]


def unbind(c: Context, x: Value, dim: int = 0) -> list[Value]:
    dim %= len(x.shape)
    parts = [_part(c, x, dim, i, i + 1) for i in range(x.shape[dim])]
    shape = (*x.shape[:dim], *x.shape[dim + 1 :])
    if isinstance(x, Tokens | Chosen):
        return [type(x)(part.rows.reshape(*shape, part.rows.shape[-1])) for part in parts]
    return [c.var(part).reshape(*shape) for part in parts]


def cat(c: Context, tensors: Sequence[Value], dim: int = 0) -> Value:
    if all(isinstance(x, Tokens) for x in tensors):
        rank = len(tensors[0].shape)
        return Tokens(concatenate([x.rows for x in tensors], dim % rank))
    parts = [x for x in tensors if tuple(x.shape) != (0,)]  # torch skips an empty vector
    return concatenate([c.var(x) for x in parts], dim)


def stack(c: Context, tensors: Sequence[Value], dim: int = 0) -> Var:
    parts = [c.var(x) for x in tensors]
    shape = list(parts[0].shape)
    dim %= len(shape) + 1
    shape.insert(dim, 1)
    return concatenate([x.reshape(*shape) for x in parts], dim)


def indexed(c: Context, x: Value, indices: Sequence[Value]) -> Value:
    """Selection by constant indices; by tokens, a table is looked up."""
    given = [index for index in indices if index is not None]
    if len(given) == 1 and isinstance(given[0], Tokens) and indices[0] is not None:
        return looked_up(c, x, given[0])
    if any(not c.is_constant(index) for index in given):
        raise c.refused("its indices depend on data")
    return replaced(c, x, indices)


def looked_up(c: Context, weight: Value, indices: Value) -> Value:
    """Rows of a table by index: one-hot rows times the table."""
    return _rows_of(c, c.var(weight), indices)


def embedded(
    c: Context, weight: Value, indices: Value, padding_idx: int = -1, *args: Any, **kwargs: Any
) -> Value:
    """Rows of a table, of which one is 0 and stays."""
    table = c.var(weight)
    if padding_idx >= 0 and not c.is_constant(weight):
        kept = np.ones((table.shape[0], 1), dtype=np.int64)
        kept[padding_idx] = 0
        table = table * table.recording.constant(kept)
    return _rows_of(c, table, indices)


def _rows_of(c: Context, table: Var, indices: Value) -> Value:
    if isinstance(indices, Tokens):
        if indices.rows.shape[-1] != table.shape[0]:
            advice = f"tokens are below {indices.rows.shape[-1]}, the table has {table.shape[0]}"
            raise c.refused(f"{advice} rows")
        flat = table.reshape(table.shape[0], -1)
        return (indices.rows @ flat).reshape(*indices.shape, *table.shape[1:])
    if not c.is_constant(indices):
        raise c.refused("its indices are no token indices")
    chosen = np.asarray(indices)
    return table.take(chosen.ravel().tolist()).reshape(*chosen.shape, *table.shape[1:])


def index_select(c: Context, x: Value, dim: int, index: Value) -> Value:
    if isinstance(index, Tokens):
        return looked_up(c, x, index)
    if not c.is_constant(index):
        raise c.refused("its indices depend on data")
    return c.var(x).take(np.asarray(index).ravel().tolist(), dim)


def one_hot(c: Context, x: Value, num_classes: int = -1) -> Value:
    if not isinstance(x, Tokens) or num_classes not in (-1, x.rows.shape[-1]):
        raise c.refused("it is given no token indices of as many classes")
    return x.rows


def taken_along(c: Context, x: Value, dim: int, index: Value, **kwargs: Any) -> Value:
    """gather: at constant places, or at places of maxima."""
    x = c.var(x)
    if isinstance(index, Chosen):
        rank, dim = len(x.shape), dim % len(x.shape)
        order = [*(axis for axis in range(rank) if axis != dim), dim]
        column = x.transpose(*order).reshape(*(x.shape[axis] for axis in order), 1)
        rows = index.rows.transpose(*order, rank)
        found = (rows @ column).reshape(*(index.shape[axis] for axis in order))
        return found.transpose(*np.argsort(order).tolist())
    if not c.is_constant(index):
        raise c.refused("its indices depend on data")
    return replaced(c, x, dim, index)


def padded(c: Context, x: Value, pad: Sequence[int], value: float | None = None) -> Var:
    """Constant padding: entries of a further place that holds the value."""
    x = c.var(x)
    places = positions(c, x.shape, pad, -1)
    filled = concatenate([x.reshape(-1), c.var(float(value or 0)).reshape(1)])
    flat = np.where(places < 0, prod(x.shape), places)
    return gathered(filled, flat)


def overwritten(c: Context, x: Value, source: Value, non_blocking: bool = False) -> Var:
    return c.var(source).broadcast_to(*x.shape)


def index_put(
    c: Context, x: Value, indices: Sequence[Value], values: Value, accumulate: bool = False
) -> Var:
    if accumulate:
        raise c.refused("entries at one place are not added up")
    return _written_at(c, x, values, lambda there: (indices, there))


def scatter(c: Context, x: Value, dim: int, index: Value, src: Value) -> Var:
    return _written_at(c, x, src, lambda there: (dim, index, there))


def _written_at(c: Context, x: Value, source: Value, args: Callable[[Any], tuple[Any, ...]]) -> Var:
    """Entries of one tensor at constant places of another; torch itself says where."""
    import torch

    x, y = c.var(x), c.var(source)
    own, other = prod(x.shape), prod(y.shape)
    there = torch.arange(own, own + other, dtype=torch.float64).reshape(y.shape)
    places = c.by_torch(np.arange(own).reshape(x.shape), *args(there))
    return gathered(concatenate([x.reshape(-1), y.reshape(-1)]), places)


def full_like(c: Context, x: Value, fill_value: Value, **kwargs: Any) -> Value:
    """A constant: the shape alone counts."""
    import torch

    return torch.full(tuple(x.shape), fill_value, dtype=torch.float64)


def lower(c: Context, x: Value, diagonal: int = 0) -> Value:
    """tril and triu: products with a mask."""
    x = c.var(x)
    return x * c.recording.constant(c.by_torch(np.ones(x.shape, np.int64), diagonal))


SHAPES: dict[str, Callable[..., Value]] = {
    "view": reshaped,
    "_unsafe_view": reshaped,
    "reshape": reshaped,
    "flatten": flattened,
    "unflatten": unflattened,
    "permute": permuted,
    "transpose": transposed,
    "t": flipped,
    "mT": flipped,
    "unsqueeze": unsqueezed,
    "squeeze": squeezed,
    "expand": expanded,
    "slice": sliced,
    "select": selected,
    "clone": copied,
    "alias": copied,
    "contiguous": copied,
    "_to_copy": copied,
    "detach": detached,
    "split": split,
    "chunk": chunked,
    "split_with_sizes": split,
    "unbind": unbind,
    "cat": cat,
    "stack": stack,
    "index": indexed,
    "embedding": embedded,
    "index_select": index_select,
    "one_hot": one_hot,
    "gather": taken_along,
    "repeat": replaced,
    "flip": replaced,
    "roll": replaced,
    "diagonal": replaced,
    "unfold": replaced,
    "repeat_interleave": replaced,
    "pixel_shuffle": replaced,
    "upsample_nearest2d": replaced,
    "constant_pad_nd": padded,
    "copy": overwritten,
    "index_put": index_put,
    "scatter": scatter,
    "full_like": full_like,
    "tril": lower,
    "triu": lower,
}
