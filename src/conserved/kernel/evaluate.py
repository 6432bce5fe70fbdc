"""Programs evaluated and differentiated over any scalars: jets over GF(p), float64.

Every value has axes (jet, batch, datum, *tensor). Batch: one vector field each. Datum: the points
of that field's dataset (one point, or a whole orbit), summed over in the gradient. Parameters have
datum axis 1 and always the full batch, so gradients stay apart per field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.deadline import check_time
from conserved.kernel.functions import FormalRing
from conserved.kernel.operations import LEAD, OPERATIONS, Pullback
from conserved.kernel.program import CHOICES, Node, Program
from conserved.kernel.scalars import Array

Choose = Callable[[int, Node, Array], Array]  # (position, node, argument) → 0/1 values


class Run:
    """One evaluation of a program, ready to be differentiated once.

    Args:
        program: what to evaluate.
        ring: jets over residues or reals, with elementary functions.
        theta: (jet, batch, D).
        inputs: one array (batch, datum, *shape) for each input of the program.
        choose: values of gates, maxima and orders; by default those of real arguments.

    Attributes:
        output: the result, (jet, batch, datum, *shape).
        volume: entries of all values on the way that the derivative passes through.
    """

    def __init__(
        self,
        program: Program,
        ring: FormalRing,
        theta: Array,
        inputs: Sequence[Array] = (),
        choose: Choose | None = None,
    ) -> None:
        self.program = program
        self.ring = ring
        self.jets, self.batch = theta.shape[:2]
        named = {("parameter", name): v for name, v in split(program, theta).items()}
        for (name, _), value in zip(program.inputs, inputs, strict=True):
            named["input", name] = value[None]
        self._backs: list[tuple[Pullback, ...]] = []
        values: list[Array] = []
        self.volume = 0
        for index, node in enumerate(program.nodes):
            check_time()
            backs: tuple[Pullback, ...] = ()
            if node.op in ("parameter", "input"):
                value = named[node.op, node.data[0]]
            elif node.op in CHOICES:
                value = (choose or real_choice)(index, node, values[node.args[0]])
            else:
                arguments = [values[i] for i in node.args]
                value, backs = OPERATIONS[node.op](ring, node, arguments)
            values.append(value)
            kept = program.on_parameters[index]
            self.volume += value.size if kept else 0
            self._backs.append(backs if kept else ())
        self.output = values[program.output]

    def gradient(self, seed: Array) -> Array:
        """Jᵀ·seed (jet, batch, D), seed shaped like the output, summed over data. Once only."""
        return self._flat(self.gradients(seed))

    def gradients(self, seed: Array) -> dict[str, Array]:
        """The same by parameter, (jet, batch, 1, *shape); none of those with no part in it."""
        program, ring = self.program, self.ring
        partial: dict[int, Array] = {program.output: seed}
        found: dict[str, Array] = {}
        for index in range(len(program.nodes) - 1, -1, -1):
            node, gradient = program.nodes[index], partial.pop(index, None)
            if gradient is None:
                continue
            check_time()
            if node.op == "parameter":
                held = found.get(node.data[0])
                found[node.data[0]] = gradient if held is None else ring.add(held, gradient)
                continue
            for argument, back in zip(node.args, self._backs[index], strict=False):
                if program.on_parameters[argument]:
                    flow, held = back(gradient), partial.get(argument)
                    partial[argument] = flow if held is None else ring.add(held, flow)
            self._backs[index] = ()
        return found

    def _flat(self, found: Mapping[str, Array]) -> Array:
        flat = np.zeros((self.jets, self.batch, self.program.size), dtype=self.ring.scalars.dtype)
        start = 0
        for name, shape in self.program.parameters:
            size = prod(shape)
            if name in found:
                gradient = found[name]
                block = flat[: len(gradient), :, start : start + size]
                block[...] = gradient.reshape(*gradient.shape[:2], size)
            start += size
        return flat


def split(program: Program, theta: Array) -> dict[str, Array]:
    """A flat θ with axes (jet, batch, D) as views (jet, batch, 1, *shape), by name."""
    views, start = {}, 0
    for name, shape in program.parameters:
        block = theta[:, :, start : start + prod(shape)]
        views[name] = block.reshape(*block.shape[:2], 1, *shape)
        start += prod(shape)
    return views


# choices


def real_choice(index: int, node: Node, z: Array) -> Array:
    """What real arguments choose: the sign, the place of the largest, the order."""
    if z.dtype.kind != "f" or len(z) == 0:
        raise ValueError("gates over GF(p) must be given")
    z = z[:1]
    if node.op == "gate":
        return np.asarray(z > 0, dtype=z.dtype)
    if node.op == "order":  # P with sorted = P z
        places = np.argsort(z, axis=-1, kind="stable")
        return np.asarray(places[..., None] == np.arange(z.shape[-1]), dtype=z.dtype)
    axis = LEAD + node.data[0]
    best = np.expand_dims(np.argmax(z, axis=axis), axis)
    steps = np.arange(z.shape[axis]).reshape(-1, *(1,) * (z.ndim - axis - 1))
    return np.asarray(best == steps, dtype=z.dtype)


def given(choices: Mapping[int, NDArray[Any]]) -> Choose:
    """Recorded choices by node, arrays (batch, datum, *shape)."""
    return lambda index, node, z: choices[index][None].astype(z.dtype, copy=False)
