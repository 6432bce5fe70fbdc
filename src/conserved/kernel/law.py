"""Laws as data: a program of parameters alone, whose entries h = (h_1, …, h_c) are conserved."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

import numpy as np

from conserved.kernel.errors import DegenerateSampleError
from conserved.kernel.evaluate import Run
from conserved.kernel.functions import FormalRing
from conserved.kernel.program import Program
from conserved.kernel.scalars import Array, Scalars

Origin = Literal["architecture", "data symmetry", "data"]  # what a law is due to

_ENTRIES = 2**23  # of the values of one evaluation
_UNFIT = ("function", "gate", "argmax", "order", "root")  # a law is rational


def fault_of_law(program: Program) -> str:
    """Why a program is no rational law, or ""."""
    if program.inputs:
        return "a law is a function of the parameters alone"
    unfit = sorted({node.op for node in program.nodes} & set(_UNFIT))
    return f"a law is rational, without {', '.join(unfit)}" if unfit else ""


def count(program: Program) -> int:
    """c, the number of functions."""
    return prod(program.shape)


def values(program: Program, scalars: Scalars, theta: Array) -> Array:
    """h at θ (batch, D): (batch, c).

    Raises:
        DegenerateSampleError: a denominator vanishes at one of them.

    Example:
        >>> from conserved.kernel.program import Node
        >>> from conserved.kernel.real import Reals
        >>> w = Node("parameter", (), ("w",), (2,))
        >>> square = Program((("w", (2,)),), (), (w, Node("power", (0,), (2,), (2,))), 1)
        >>> values(square, Reals(), np.array([[3.0, 1.0]]))
        array([[9., 1.]])
    """
    parts = _blocks(program, len(theta), 1)
    return np.concatenate([_value(_run(program, scalars, theta[None, part])) for part in parts])


def derivative(program: Program, scalars: Scalars, theta: Array, directions: Array) -> Array:
    """dh(w) at one θ (D,) for directions w (batch, D): (batch, c).

    Raises:
        DegenerateSampleError: a denominator vanishes at θ.
    """
    out = []
    for part in _blocks(program, len(directions), 2):
        along = directions[part]
        here = np.broadcast_to(theta, along.shape)
        output = _run(program, scalars, np.stack([here, along])).output
        if len(output) < 2:  # constant
            out.append(np.zeros((len(along), count(program)), dtype=scalars.dtype))
        else:
            out.append(output[1].reshape(len(along), -1))
    return np.concatenate(out)


def gradients(program: Program, scalars: Scalars, theta: Array, components: Sequence[int]) -> Array:
    """∇h_i at one θ (D,) for some i: (components, D).

    Raises:
        DegenerateSampleError: a denominator vanishes at θ.
    """
    out = []
    for part in _blocks(program, len(components), 2):
        chosen = np.array(components[part])
        here = np.broadcast_to(theta, (1, len(chosen), len(theta)))
        run = _run(program, scalars, here)
        seed = np.zeros((1, len(chosen), 1, count(program)), dtype=scalars.dtype)
        seed[0, np.arange(len(chosen)), 0, chosen] = 1
        out.append(run.gradient(seed.reshape(1, len(chosen), 1, *program.shape))[0])
    return np.concatenate(out)


def _run(program: Program, scalars: Scalars, theta: Array) -> Run:
    ring = FormalRing(scalars)
    run = Run(program, ring, theta)
    if ring.invalid is not None:
        raise DegenerateSampleError("a denominator vanishes at this point")
    return run


def _value(run: Run) -> Array:
    value = run.output[0]
    return np.broadcast_to(value, (run.batch, *value.shape[1:])).reshape(run.batch, -1)


def _blocks(program: Program, total: int, jets: int) -> list[slice]:
    step = max(1, _ENTRIES // (jets * (program.volume() + program.size)))
    return [slice(start, start + step) for start in range(0, total, step)]
