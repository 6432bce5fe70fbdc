"""The value of every operation of programs, and how gradients flow back through it.

One entry an operation in ``OPERATIONS``; ``conserved.kernel.shapes`` has their shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from conserved.kernel.entries import EntryError, entry
from conserved.kernel.errors import DegenerateSampleError
from conserved.kernel.functions import FormalRing, is_named
from conserved.kernel.program import Node
from conserved.kernel.scalars import Array, Scalars

LEAD = 3  # axes in front of the tensor's: jet, batch, datum

Pullback = Callable[[Array], Array]
Result = tuple[Array, tuple[Pullback, ...]]
Operation = Callable[[FormalRing, Node, Sequence[Array]], Result]


def exact(ring: FormalRing, value: int | str) -> Any:
    """An exact number in these scalars.

    Raises:
        DegenerateSampleError: its denominator is 0 mod p.
    """
    if is_named(value):
        return ring.constant(str(value))
    return _number(ring.scalars, value)


@lru_cache(maxsize=2**16)  # the constants of a program are the same at every evaluation
def _number(scalars: Scalars, value: int | str) -> Any:
    if isinstance(value, int):
        return scalars.from_integers(value).item()
    try:
        return entry(value).value(scalars).item()
    except EntryError as error:
        raise DegenerateSampleError(f"the constant {value}: {error}") from error


def _constant(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    shape, entries = node.data
    known: dict[int | str, Any] = {value: exact(ring, value) for value in set(entries)}
    values = np.array([known[value] for value in entries], dtype=ring.scalars.dtype)
    return values.reshape(1, 1, 1, *shape), ()


def _add(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    a, b, to_a, to_b = _aligned(ring, args)
    return ring.add(a, b), (to_a, to_b)


def _mul(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    a, b, to_a, to_b = _aligned(ring, args)
    return ring.mul(a, b), (lambda g: to_a(ring.mul(g, b)), lambda g: to_b(ring.mul(g, a)))


def _scale(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    factor = exact(ring, node.data[0])
    return ring.scale(args[0], factor), (lambda g: ring.scale(g, factor),)


def _power(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    (x,), (exponent,) = args, node.data
    if exponent == 1:
        return x, (lambda g: g,)
    lower = ring.power(x, exponent - 1)
    slope = ring.scale(lower, ring.scalars.fraction(exponent, 1))
    return ring.mul(lower, x), (lambda g: ring.mul(g, slope),)


def _reciprocal(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    inverse = ring.inverse(args[0])
    slope = ring.neg(ring.mul(inverse, inverse))
    return inverse, (lambda g: ring.mul(g, slope),)


def _root(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    (x,) = args
    root = ring.square_root(x)
    slope = ring.root_slope(x, root)
    return root, (lambda g: ring.mul(g, slope),)


def _function(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    (x,), (name,) = args, node.data
    value = ring.function(name, x)
    return value, (lambda g: ring.mul(g, ring.slope(name, x, value)),)


def _sum(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    (x,), axis = args, LEAD + node.data[0]
    length = x.shape[axis]
    value = ring.scalars.reduce(x.sum(axis=axis, keepdims=True))
    return value, (lambda g: np.repeat(g, length, axis=axis),)


def _matmul(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    """Matrix product; a vector on the left is a row."""
    left, right = args
    if right.ndim == LEAD + 2 and right.shape[2] == 1:
        return _rows_times_matrix(ring, left, right)
    a, b, to_a, to_b = _aligned(ring, args)
    value = ring.matmul(a, b)
    shape = value.shape
    if left.ndim == LEAD + 1:
        value = value.reshape(*shape[:LEAD], *node.shape)

    def back_a(g: Array) -> Array:
        return to_a(ring.matmul(_restored(g, shape), _transposed(b)))

    def back_b(g: Array) -> Array:
        return to_b(ring.matmul(_transposed(a), _restored(g, shape)))

    return value, (back_a, back_b)


def _restored(gradient: Array, shape: tuple[int, ...]) -> Array:
    return gradient.reshape(*gradient.shape[:LEAD], *shape[LEAD:])


def _rows_times_matrix(ring: FormalRing, x: Array, matrix: Array) -> Result:
    """x @ M for a parameter matrix: all data and token axes become the rows of one product."""
    weight = matrix[:, :, 0]
    rows = x.reshape(*x.shape[:2], -1, x.shape[-1])
    product = _shared_product(ring, rows, weight)
    value = product.reshape(*product.shape[:2], *x.shape[2:-1], product.shape[-1])

    def as_rows(gradient: Array) -> Array:
        return gradient.reshape(*gradient.shape[:2], -1, gradient.shape[-1])

    def to_x(gradient: Array) -> Array:
        flow = _shared_product(ring, as_rows(gradient), _transposed(weight))
        return flow.reshape(len(flow), *gradient.shape[1:-1], flow.shape[-1])

    def to_matrix(gradient: Array) -> Array:
        return ring.matmul(_transposed(rows), as_rows(gradient))[:, :, None]

    return value, (to_x, to_matrix)


def _shared_product(ring: FormalRing, rows: Array, weight: Array) -> Array:
    """rows (J, B, R, n) @ weight (J, B, n, h); flat when all fields share the weight."""
    if weight.strides[1] == 0 and weight.shape[1] > 1:
        jet, batch, count, inner = rows.shape
        flat = ring.matmul(rows.reshape(jet, batch * count, inner), weight[:, 0])
        return flat.reshape(len(flat), batch, count, flat.shape[-1])
    return ring.matmul(rows, weight)


def _inverse(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    inverse = _inverted(ring, args[0])

    def back(g: Array) -> Array:
        turned = _transposed(inverse)
        return ring.neg(ring.matmul(ring.matmul(turned, g), turned))

    return inverse, (back,)


def _inverted(ring: FormalRing, matrix: Array) -> Array:
    """Gauss–Jordan on jets, without looking for pivots; singular leading blocks are invalid."""
    size = matrix.shape[-1]
    identity = np.broadcast_to(np.eye(size, dtype=matrix.dtype), matrix.shape[1:])
    joint = np.concatenate([matrix, np.zeros_like(matrix)], axis=-1)
    joint[0, ..., size:] = identity
    for k in range(size):
        row = ring.mul(joint[..., k : k + 1, :], ring.inverse(joint[..., k : k + 1, k : k + 1]))
        cleared = ring.sub(joint, ring.mul(joint[..., :, k : k + 1], row))
        cleared[..., k : k + 1, :] = row
        joint = cleared
    return joint[..., size:]


def _reshape(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    (x,) = args
    old = x.shape[LEAD:]
    value = x.reshape(*x.shape[:LEAD], *node.shape)
    return value, (lambda g: g.reshape(*g.shape[:LEAD], *old),)


def _transpose(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    order = (*range(LEAD), *(LEAD + axis for axis in node.data))
    inverse = sorted(range(len(order)), key=order.__getitem__)  # argsort of NumPy takes 20 µs
    return args[0].transpose(order), (lambda g: g.transpose(inverse),)


def _broadcast(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    (x,) = args
    padded = _padded(x, len(node.shape))
    back = _summed_to(ring, padded, x.shape[LEAD:])
    return np.broadcast_to(padded, (*x.shape[:LEAD], *node.shape)), (back,)


def _concat(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    axis = LEAD + node.data[0]
    jets = max(map(len, args))
    front = np.broadcast_shapes(*(x.shape[1:LEAD] for x in args))
    parts, backs, start = [], [], 0
    for x in args:
        wide = np.zeros((jets, *front, *x.shape[LEAD:]), dtype=x.dtype)
        wide[: len(x)] = x
        parts.append(wide)
        cut = (*(slice(None),) * axis, slice(start, start + x.shape[axis]))
        to_x = _summed_to(ring, x, x.shape[LEAD:])
        backs.append(lambda g, cut=cut, to_x=to_x: to_x(g[cut]))
        start += x.shape[axis]
    return np.concatenate(parts, axis=axis), tuple(backs)


def _slice(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    (x,) = args
    cut: Any = (..., *(slice(start, stop, step) for start, stop, step in node.data))
    shape = x.shape[LEAD:]

    def back(g: Array) -> Array:
        out = np.zeros((*g.shape[:LEAD], *shape), dtype=g.dtype)
        out[cut] = g
        return out

    return x[cut], (back,)


def _gather(ring: FormalRing, node: Node, args: Sequence[Array]) -> Result:
    (x,), (axis, indices) = args, node.data
    positions = np.array(indices)
    length = x.shape[LEAD + axis]

    def back(g: Array) -> Array:
        out = np.zeros((*g.shape[: LEAD + axis], length, *g.shape[LEAD + axis + 1 :]), g.dtype)
        moved, target = np.moveaxis(g, LEAD + axis, 0), np.moveaxis(out, LEAD + axis, 0)
        np.add.at(target, positions, moved)
        return ring.scalars.reduce(out)

    return np.take(x, positions, axis=LEAD + axis), (back,)


OPERATIONS: dict[str, Operation] = {
    "constant": _constant,
    "add": _add,
    "mul": _mul,
    "scale": _scale,
    "matmul": _matmul,
    "sum": _sum,
    "power": _power,
    "reciprocal": _reciprocal,
    "root": _root,
    "function": _function,
    "inverse": _inverse,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast": _broadcast,
    "concat": _concat,
    "slice": _slice,
    "gather": _gather,
}


# shapes


def _aligned(ring: FormalRing, args: Iterable[Array]) -> tuple[Array, Array, Pullback, Pullback]:
    """Both with as many tensor axes (ones in front), and the pullbacks of broadcasting them."""
    a, b = args
    rank = max(a.ndim, b.ndim) - LEAD
    wide_a, wide_b = _padded(a, rank), _padded(b, rank)
    return (
        wide_a,
        wide_b,
        _summed_to(ring, wide_a, a.shape[LEAD:]),
        _summed_to(ring, wide_b, b.shape[LEAD:]),
    )


def _padded(x: Array, rank: int) -> Array:
    missing = rank - (x.ndim - LEAD)
    return x.reshape(*x.shape[:LEAD], *(1,) * missing, *x.shape[LEAD:]) if missing else x


def _summed_to(ring: FormalRing, target: Array, shape: tuple[int, ...]) -> Pullback:
    """The pullback of broadcasting ``target``: sum over the axes along which it was repeated."""
    wide = target.shape

    def back(gradient: Array) -> Array:
        axes = tuple(
            axis for axis in range(2, len(wide)) if wide[axis] == 1 and gradient.shape[axis] > 1
        )
        if axes:
            gradient = ring.scalars.reduce(gradient.sum(axis=axes, keepdims=True))
        return gradient.reshape(*gradient.shape[:LEAD], *shape)

    return back


def _transposed(x: Array) -> Array:
    return x.swapaxes(-1, -2)
