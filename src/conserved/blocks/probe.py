"""Exact probes of a whole model: a gradient at a random point of GF(p) where all its roots exist.

A law that holds at a random point with random R, mod a prime, is an identity but for the chance
that a polynomial that is not zero vanishes there; no D × D matrix is needed. Square roots exist at
half of all arguments only, so parameters are drawn again, a part at a time, as the program is
evaluated: those that were used last before a root that is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conserved.errors import DegenerateSampleError
from conserved.kernel.choices import any_value
from conserved.kernel.deadline import check_time
from conserved.kernel.evaluate import Run, split
from conserved.kernel.functions import FormalRing
from conserved.kernel.losses import Loss
from conserved.kernel.operations import OPERATIONS
from conserved.kernel.program import CHOICES, Node, Program
from conserved.kernel.real import Reals
from conserved.kernel.residues import Residues
from conserved.kernel.roots import is_square
from conserved.kernel.scalars import Array

_SAME = 6  # data at one point
_TRIES = 4000  # parts of parameters drawn again for one root


@dataclass(frozen=True, eq=False)
class Probe:
    """One point, one datum, one gradient.

    Attributes:
        scalars: GF(p).
        parameters, gradient: by name, in their shapes.
    """

    scalars: Residues
    parameters: dict[str, Array]
    gradient: dict[str, Array]


def probe(program: Program, loss: Loss, scalars: Residues, rng: np.random.Generator) -> Probe:
    """A random gradient of a program, all patterns of gates allowed.

    Raises:
        DegenerateSampleError: no point at which it has values was found.
    """
    point = _Point(program, scalars, rng)
    point.settle()
    run = Run(program, point.ring, point.theta(), point.inputs, point.choose)
    if point.ring.invalid is not None:
        raise DegenerateSampleError("a division by zero at this point")
    pull = scalars.random(rng, (1, 1, *program.shape))
    gradient = run.gradient(loss.pulls(scalars, pull)[None])
    return Probe(
        scalars,
        {name: value[0, 0, 0] for name, value in split(program, point.theta()).items()},
        {name: value[0, 0, 0] for name, value in split(program, gradient).items()},
    )


class _Point:
    """A point that is moved until every root of the program exists."""

    def __init__(self, program: Program, scalars: Residues, rng: np.random.Generator) -> None:
        self.program, self.scalars, self.rng = program, scalars, rng
        self.ring = FormalRing(scalars, salt=int(rng.integers(2**62)))
        self.tensors = {n: scalars.random(rng, shape) for n, shape in program.parameters}
        self.inputs = [scalars.random(rng, (1, 1, *shape)) for _, shape in program.inputs]
        self._gates: dict[int, Array] = {}

    def theta(self) -> Array:
        parts = [self.tensors[name].ravel() for name, _ in self.program.parameters]
        return np.concatenate(parts)[None, None]

    def choose(self, index: int, node: Node, z: Array) -> Array:
        """Random values for every choice, as if each were free: more than any network shows."""
        if index not in self._gates:
            self._gates[index] = any_value(self.scalars, self.rng, (1, 1), node)[None]
        return self._gates[index]

    def settle(self) -> None:
        """Evaluate node by node; at a root that is missing, draw again what was used last."""
        values: dict[int, Array] = {}
        settled = -1  # nodes up to here have their roots
        for index, node in enumerate(self.program.nodes):
            values[index] = self._value(index, node, values)
            if node.op == "root":
                self._repair(index, settled, values)
                values[index] = self._value(index, node, values)
                settled = index
        self.ring.invalid = None  # of points on the way

    def _value(self, index: int, node: Node, values: dict[int, Array]) -> Array:
        if node.op == "parameter":
            return self.tensors[node.data[0]][None, None, None]
        if node.op == "input":
            names = [name for name, _ in self.program.inputs]
            return self.inputs[names.index(node.data[0])][None]
        if node.op in CHOICES:
            return self.choose(index, node, values[node.args[0]])
        return OPERATIONS[node.op](self.ring, node, [values[i] for i in node.args])[0]

    def _repair(self, root: int, settled: int, values: dict[int, Array]) -> None:
        source = self.program.nodes[root].args[0]
        missing = self._missing(values[source])
        if not missing:
            return
        free = self._free(source, settled)
        for attempt in range(_TRIES):
            check_time()
            index = free[attempt % len(free)]
            node = self.program.nodes[index]
            held = self._held(node)
            old, kept = held.copy(), dict(values)
            self._redraw(held)
            moved: set[int] = set()
            for later in range(index, source + 1):
                if later == index or not moved.isdisjoint(self.program.nodes[later].args):
                    moved.add(later)
                    values[later] = self._value(later, self.program.nodes[later], values)
            now = self._missing(values[source])
            if now <= missing:
                missing = now
            else:
                held[...] = old
                values.update(kept)
            if not missing:
                return
        raise DegenerateSampleError("square roots that exist at no point drawn")

    def _missing(self, x: Array) -> int:
        return int((~is_square(self.scalars, x)).sum())

    def _held(self, node: Node) -> Array:
        if node.op == "parameter":
            return self.tensors[node.data[0]]
        names = [name for name, _ in self.program.inputs]
        return self.inputs[names.index(node.data[0])]

    def _redraw(self, held: Array) -> None:
        """One slice along one axis, or an entry of a vector."""
        axis = int(self.rng.integers(held.ndim))
        if held.shape[axis] == 1:
            axis = int(np.argmax(held.shape))
        cut = [slice(None)] * held.ndim
        cut[axis] = slice(place := int(self.rng.integers(held.shape[axis])), place + 1)
        held[tuple(cut)] = self.scalars.random(self.rng, held[tuple(cut)].shape)

    def _free(self, source: int, settled: int) -> list[int]:
        """Parameters and inputs that this root depends on and no earlier one."""
        mine = self._ancestors([source])
        earlier = self._ancestors(
            [i for i in range(settled + 1) if self.program.nodes[i].op == "root"]
        )
        leaves = [i for i in mine if self.program.nodes[i].op in ("parameter", "input")]
        fresh = [i for i in leaves if i not in earlier]
        if not fresh:
            raise DegenerateSampleError("a square root that depends on nothing of its own")
        return sorted(fresh, reverse=True)

    def _ancestors(self, nodes: Sequence[int]) -> set[int]:
        met: set[int] = set()
        waiting = list(nodes)
        while waiting:
            index = waiting.pop()
            if index not in met:
                met.add(index)
                waiting += self.program.nodes[index].args
        return met


class RealSamples:
    """Gradients in float64 near given parameters, for candidates.

    Args:
        program, loss: of the model.
        start: its own parameters by name, where known.
        rng: draws points and data.
    """

    def __init__(
        self,
        program: Program,
        loss: Loss,
        start: Mapping[str, NDArray[np.float64]],
        rng: np.random.Generator,
    ) -> None:
        self.program, self.loss, self.rng = program, loss, rng
        self._start, self._drawn = start, 0
        self._tensors: dict[str, Array] = {}

    def __call__(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """(parameters, gradient) of a random datum; the point moves every few of them."""
        if self._drawn % _SAME == 0:
            self._tensors = {
                name: self._near(name, shape) for name, shape in self.program.parameters
            }
        self._drawn += 1
        program, scalars = self.program, Reals()
        theta = np.concatenate([self._tensors[name].ravel() for name, _ in program.parameters])
        inputs = [self.rng.normal(size=(1, 1, *shape)) for _, shape in program.inputs]
        run = Run(program, FormalRing(scalars), theta[None, None], inputs)
        pull = self.loss.pulls(scalars, self.rng.normal(size=(1, 1, *program.shape)))
        gradient = split(program, run.gradient(pull[None]))
        return self._tensors, {name: value[0, 0, 0] for name, value in gradient.items()}

    def _near(self, name: str, shape: tuple[int, ...]) -> Array:
        held = self._start.get(name)
        noise: Array = self.rng.normal(size=shape)
        if held is None:
            spread: Array = noise / np.sqrt(shape[-1])
            return spread
        size = float(np.sqrt(np.mean(np.square(held)))) or 0.3
        near: Array = held + 0.3 * size * noise
        return near
