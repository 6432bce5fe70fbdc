"""What real networks choose, where rounding cannot have chosen it.

Beside each value stands the size of what was added up to make it: whatever is rounded on the way
is at most a few thousand units in the last place of that. A sign, a largest entry or an order
counts where the numbers that decide differ by far more.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.evaluate import Run, real_choice
from conserved.kernel.functions import FormalRing
from conserved.kernel.program import Node, Program
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array

_CERTAIN = 2.0**-26  # of the size: half of the digits, so up to 2^26 roundings
_FLAT = 2.0**-10  # a function is taken for linear over less than this


class Sized(FormalRing):
    """(value, size) in place of a jet; to first order in the rounding."""

    def __init__(self) -> None:
        super().__init__(Reals())

    def add(self, a: Array, b: Array) -> Array:
        return _pair(a[0] + b[0], _size(a) + _size(b))

    def sub(self, a: Array, b: Array) -> Array:
        return _pair(a[0] - b[0], _size(a) + _size(b))

    def neg(self, x: Array) -> Array:
        return _pair(-x[0], _size(x))

    def mul(self, a: Array, b: Array) -> Array:
        return _pair(a[0] * b[0], _size(a) * _size(b))

    def matmul(self, a: Array, b: Array) -> Array:
        return _pair(a[0] @ b[0], _size(a) @ _size(b))

    def scale(self, x: Array, factor: float | int | Array) -> Array:
        return _pair(x[0] * factor, _size(x) * np.abs(factor))

    def inverse(self, x: Array) -> Array:
        value, size = self.scalars.inverse(x[0]), _size(x)
        return _pair(value, _unless(_doubtful(x[0], size), size * value**2))

    def square_root(self, x: Array) -> Array:
        (root, fine), size = self.scalars.square_root(x[0]), _size(x)
        lost = ~fine | _doubtful(x[0], size)
        return _pair(root, _unless(lost, size * self.scalars.inverse(root)))

    def function(self, name: str, z: Array) -> Array:
        plain, size = FormalRing(self.scalars), _size(z)
        value = plain.function(name, z[:1])
        slope = plain.slope(name, z[:1], value)
        spread = np.abs(value[0]) + np.abs(slope[0]) * size
        return _pair(value[0], _unless(_CERTAIN * size > _FLAT, spread))


def _doubtful(value: Array, size: Array) -> NDArray[np.bool_]:
    """Whether it may be 0, or of the other sign."""
    doubtful: NDArray[np.bool_] = ~(np.abs(value) > _CERTAIN * size)
    return doubtful


def _unless(lost: NDArray[np.bool_], size: Array) -> Array:
    kept: Array = np.where(lost, np.inf, size)
    return kept


def _pair(value: Array, size: Array) -> Array:
    return np.stack(np.broadcast_arrays(value, size))


def _size(x: Array) -> Array:
    """What is known exactly, as far as float64 holds it, has its own size."""
    here = np.abs(x[0])
    size: Array = here if len(x) == 1 else np.maximum(x[1], here)
    return size


def flattened(program: Program) -> Program:
    """The same, its inputs being parameters after the others."""
    nodes = tuple(
        replace(node, op="parameter", data=("input of " + node.data[0],))
        if node.op == "input"
        else node
        for node in program.nodes
    )
    inputs = tuple(("input of " + name, shape) for name, shape in program.inputs)
    return Program((*program.parameters, *inputs), (), nodes, program.output)


def certain_choices(
    program: Program, theta: Array, inputs: Array, rounded: Array
) -> tuple[dict[int, NDArray[np.int8]], NDArray[np.bool_]]:
    """What real networks choose at points, by node (points, *shape); and where that is certain.

    Args:
        program: of the network, with one input.
        theta: (points, D) in float64.
        inputs: (points, *shape).
        rounded: sizes of the inputs, likewise.
    """
    count = len(theta)
    met: dict[int, NDArray[np.int8]] = {}
    sure = np.ones(count, dtype=np.bool_)

    def choose(index: int, node: Node, z: Array) -> Array:
        chosen = real_choice(index, node, z)
        wide = np.broadcast_to(chosen[0, :, 0], (count, *node.shape))
        met[index] = wide.astype(np.int8)
        sure[:] &= _certain(node, z)
        return chosen

    values = np.concatenate([theta, inputs.reshape(count, -1)], axis=1)
    sizes = np.concatenate([np.abs(theta), rounded.reshape(count, -1)], axis=1)
    with np.errstate(all="ignore"):  # what overflows is not certain
        Run(flattened(program), Sized(), np.stack([values, sizes]), (), choose)
    return met, sure


def _certain(node: Node, z: Array) -> NDArray[np.bool_]:
    """Where a choice is beyond doubt, (points,) or (1,)."""
    value, size = z[0, :, 0], _size(z)[:, 0]
    if node.op == "gate":
        fine = ~_doubtful(value, size) | (size == 0)
    else:
        axis = len(node.shape) - 2 if node.op == "order" else node.data[0]
        value, size = (np.moveaxis(part, 1 + axis, -1) for part in (value, size))
        places = np.argsort(value, axis=-1)
        value, size = (np.take_along_axis(part, places, axis=-1) for part in (value, size))
        steps, doubt = np.diff(value, axis=-1), size[..., 1:] + size[..., :-1]
        if node.op == "argmax":  # the largest against all others
            steps, doubt = value[..., -1:] - value[..., :-1], size[..., -1:] + size[..., :-1]
        fine = (steps > _CERTAIN * doubt) | (doubt == 0)
    found: NDArray[np.bool_] = fine.reshape(len(value), prod(fine.shape[1:])).all(axis=1)
    return found
