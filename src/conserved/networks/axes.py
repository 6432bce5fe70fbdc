"""Which axes of parameters carry the features of inputs and outputs.

A rotation of the input features is made up for by one of some axes of the parameters, and one of
the output features is made by one of others. To first order this is linear: for an antisymmetric X
Σ_a c_a ∂f/∂θ·(X along axis a) + ∂f/∂x·Xx = 0, with one unknown c_a for each axis of fitting length,
and likewise Σ_a c_a ∂f/∂θ·(X along axis a) = Xf for outputs. Solved over GF(p) at random points,
c_a is 1 on the axes sought and 0 elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Literal

import numpy as np

from conserved.kernel.evaluate import Run
from conserved.kernel.functions import FormalRing
from conserved.kernel.primes import BLAS_PRIMES, prime_with_roots
from conserved.kernel.program import Program
from conserved.kernel.residues import Residues, residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array

Side = Literal["input", "output"]
Axis = tuple[str, int]
_SPARE = 8  # more conditions than unknowns


def feature_axes(program: Program) -> list[tuple[str, int, Side]]:
    """(parameter, axis, "input" or "output") of a program without roots and choices.

    Features of inputs and outputs are on their last axes. What no such axes make up for has none,
    and neither has a single feature, which nothing turns.

    Example:
        >>> from conserved.networks import Linear
        >>> feature_axes(Linear(4, 3, 2).program)
        [('W1', 1, 'input'), ('W2', 0, 'output')]
    """
    turned = _Turned(program)
    ((_, shape),) = program.inputs
    sides: list[tuple[Side, int]] = [("input", shape[-1]), ("output", program.shape[-1])]
    return [(*axis, side) for side, length in sides for axis in turned.axes(side, length)]


class _Turned:
    def __init__(self, program: Program) -> None:
        self.program = program
        roots = program.roots
        prime = BLAS_PRIMES[0] if roots == 1 else prime_with_roots(roots)
        self.scalars: Residues = residues(prime)
        self.rng = np.random.default_rng(program.size)  # any draws do
        nodes = (
            replace(node, op="parameter") if node.op == "input" else node for node in program.nodes
        )
        self.joint = replace(  # the input as one more parameter: points may then be jets
            program, parameters=(*program.parameters, *program.inputs), inputs=(),
            nodes=tuple(nodes),
        )  # fmt: skip

    def axes(self, side: Side, length: int) -> list[Axis]:
        places = [
            (name, axis)
            for name, shape in self.program.parameters
            for axis, size in enumerate(shape)
            if size == length
        ]
        if length == 1 or not places:
            return []
        rows = self.conditions(side, length, places)
        while len(rows) < len(places) + _SPARE:
            rows = np.concatenate([rows, self.conditions(side, length, places)])
        space = RowSpace(self.scalars, len(places) + 1)
        space.add(rows)
        if len(places) in space.pivots:  # no solution
            return []
        found = np.zeros(len(places), dtype=self.scalars.dtype)
        found[space.pivots] = space.basis[:, -1]
        if ((found != 0) & (found != 1)).any():
            return []
        return [place for place, c in zip(places, found, strict=True) if c]

    def conditions(self, side: Side, length: int, places: Sequence[Axis]) -> Array:
        """Rows (c_1, …, c_k, right-hand side) at one random point, one for each output entry."""
        scalars, rng = self.scalars, self.rng
        skew = scalars.random(rng, (length, length))
        skew = scalars.reduce(skew - skew.T)
        point = scalars.random(rng, (self.joint.size,))
        (name, shape) = self.program.inputs[0]
        moved = [*places, (name, len(shape) - 1)] if side == "input" else list(places)
        along = np.zeros((2, len(moved), self.joint.size), dtype=scalars.dtype)
        along[0] = point
        for row, (held, axis) in zip(along[1], moved, strict=True):
            start, size = self._place(held)
            tensor = point[slice(*start)].reshape(size)
            turned = scalars.matmul(skew, np.moveaxis(tensor, axis, 0).reshape(length, -1))
            back = np.moveaxis(turned.reshape(length, *np.delete(size, axis)), 0, axis)
            row[slice(*start)] = back.ravel()
        output = Run(self.joint, FormalRing(scalars), along).output
        slopes = output[1:].reshape(-1, output[0, 0].size) if len(output) > 1 else 0
        columns = np.broadcast_to(slopes, (len(moved), output[0, 0].size)).T
        if side == "input":
            return np.concatenate([columns[:, :-1], scalars.reduce(-columns[:, -1:])], axis=1)
        here = output[0, 0, 0].reshape(-1, length)
        right = scalars.matmul(here, skew.T).reshape(-1, 1)
        return np.concatenate([columns, right], axis=1)

    def _place(self, name: str) -> tuple[tuple[int, int], tuple[int, ...]]:
        start = 0
        for held, shape in self.joint.parameters:
            if held == name:
                return (start, start + prod(shape)), shape
            start += prod(shape)
        raise AssertionError("unreachable")
