"""Points of GF(p) at which every square root of a program exists.

Half of all numbers are squares, and a whole model has thousands of roots. Parameters are moved as
the program is evaluated: those that were used last before a root that is missing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from conserved.errors import DegenerateSampleError
from conserved.kernel.choices import any_value
from conserved.kernel.deadline import check_time
from conserved.kernel.functions import FormalRing
from conserved.kernel.operations import OPERATIONS
from conserved.kernel.program import CHOICES, Node, Program
from conserved.kernel.residues import Residues
from conserved.kernel.roots import is_square
from conserved.kernel.scalars import Array

_TRIES = 400  # lines along which parameters are moved for one root
_SOON = 24  # lines after which most of many roots exist, or never will
_REDRAWS = 16  # of a parameter in a row
_DRAWN = ("parameter", "input", *CHOICES)
_LINE, _LEAST, _ENTRIES = 2**13, 32, 2**17  # points looked at on a line, and entries of all

Pair = tuple[int, int]


class Point:
    """A random point, which ``settle`` moves until every root of the program exists."""

    def __init__(
        self,
        program: Program,
        scalars: Residues,
        rng: np.random.Generator,
        ring: type[FormalRing] = FormalRing,
    ) -> None:
        self.program, self.scalars, self.rng = program, scalars, rng
        self.ring = ring(scalars, salt=int(rng.integers(2**62)))
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
            check_time()
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
        free: list[int] = []
        shared: list[int] = []
        for attempt in range(_TRIES):
            missing = ~is_square(self.scalars, values[source][0, 0, 0])
            if not missing.any():
                return
            if attempt == _SOON and missing.sum() > max(_SOON, missing.size // 4):
                break
            check_time()
            if not free:
                free, shared = self._free(source, settled)
            turn, place = divmod(attempt, len(free))
            if shared or self.program.nodes[free[place]].op in CHOICES:
                self._redraw(free[place], [*shared, source], values)
                continue
            held = self._held(self.program.nodes[free[place]])
            pairs = [*_fitting(held.shape, missing.shape), None, None]
            self._move(free[place], source, pairs[turn % len(pairs)], values, missing)
        raise DegenerateSampleError("square roots that exist at no point drawn")

    def _move(
        self,
        leaf: int,
        source: int,
        pair: Pair | None,
        values: dict[int, Array],
        missing: NDArray[np.bool_],
    ) -> None:
        """Move a parameter along a line to where more roots exist, if there are more.

        Most arguments of roots are quadratic in one parameter: along a line, three values tell
        which points to take. Channels and tokens have roots of their own, and a point each.

        Args:
            leaf: the parameter, or the input.
            source: the argument of the roots.
            pair: an axis of the parameter, and that of the argument whose entries it makes.
            values: of all nodes so far; kept up to date.
            missing: which roots do not exist.
        """
        scalars, held = self.scalars, self._held(self.program.nodes[leaf])
        start, toward = held.copy(), self._direction(held, pair is None)

        def at(t: Array) -> dict[int, Array]:
            held[...] = scalars.reduce(start + scalars.mul(t, toward))
            return self._again(leaf, source, values)

        one, two = (at(scalars.from_integers(t))[source][0, 0, 0] for t in (1, 2))
        steps = self._steps((values[source][0, 0, 0], one, two), None if pair is None else pair[1])
        shape = [1] * held.ndim
        if pair is not None:
            shape[pair[0]] = -1
        found = at(steps.reshape(shape))
        if (~is_square(scalars, found[source][0, 0, 0])).sum() <= missing.sum():
            values.update(found)
        else:
            held[...] = start

    def _redraw(self, leaf: int, sources: Sequence[int], values: dict[int, Array]) -> None:
        """Draw a choice anew, or a slice of a parameter, if that loses no roots.

        Args:
            leaf: the choice, the parameter, or the input.
            sources: the arguments of all roots that depend on it.
            values: of all nodes so far; kept up to date.
        """
        node, best = self.program.nodes[leaf], self._lacking(sources, values)
        for _ in range(_REDRAWS):
            if node.op in CHOICES:
                kept = self._gates.pop(leaf)
            else:
                held = self._held(node)
                kept = held.copy()
                held[...] = self.scalars.reduce(held + self._direction(held, True))
            found = self._again(leaf, sources[-1], values)
            now = self._lacking(sources, found)
            if now <= best:
                best = now
                values.update(found)
            elif node.op in CHOICES:
                self._gates[leaf] = kept
            else:
                held[...] = kept
            if not best:
                return

    def _lacking(self, sources: Sequence[int], values: dict[int, Array]) -> int:
        """How many roots do not exist."""
        return sum(int((~is_square(self.scalars, values[i])).sum()) for i in sources)

    def _steps(self, along: tuple[Array, Array, Array], axis: int | None) -> Array:
        """Where quadratic functions are squares, most of them: one t, or one for each place.

        Args:
            along: their values at t = 0, 1, 2.
            axis: of the places.
        """
        scalars, (zero, one, two) = self.scalars, along
        bend = scalars.mul(scalars.reduce(two - 2 * one + zero), _half(scalars))
        slope = scalars.reduce(one - zero - bend)
        count = min(_LINE, max(_LEAST, _ENTRIES // zero.size))
        t = scalars.random(self.rng, (count, *(1,) * zero.ndim))
        t[0] = 0  # where nothing is missing, nothing moves
        values = scalars.reduce(zero + scalars.mul(t, scalars.reduce(slope + scalars.mul(t, bend))))
        exist = is_square(scalars, values)
        others = tuple(k for k in range(zero.ndim) if axis is None or k != axis)
        scores = exist.sum(axis=tuple(k + 1 for k in others)).reshape(count, -1)
        best: Array = t.ravel()[scores.argmax(axis=0)]
        return best

    def _direction(self, held: Array, some: bool) -> Array:
        """A random direction in which a parameter moves; now and then of one slice alone."""
        toward = self.scalars.random(self.rng, held.shape)
        if some and self.rng.integers(2):
            axis = int(self.rng.integers(held.ndim))
            kept = np.arange(held.shape[axis]) == self.rng.integers(held.shape[axis])
            toward *= kept.reshape(-1, *(1,) * (held.ndim - axis - 1))
        return toward

    def _again(self, leaf: int, source: int, values: dict[int, Array]) -> dict[int, Array]:
        """The values of the nodes up to a source that depend on a leaf, worked out again."""
        found, moved = dict(values), {leaf}
        for later in range(leaf, source + 1):
            node = self.program.nodes[later]
            if later == leaf or not moved.isdisjoint(node.args):
                moved.add(later)
                found[later] = self._value(later, node, found)
        return found

    def _held(self, node: Node) -> Array:
        if node.op == "parameter":
            return self.tensors[node.data[0]]
        names = [name for name, _ in self.program.inputs]
        return self.inputs[names.index(node.data[0])]

    def _free(self, source: int, settled: int) -> tuple[list[int], list[int]]:
        """What can be drawn anew for a root, and the arguments of earlier roots that it changes.

        Parameters, inputs and choices of no earlier root, where there are such; else those of the
        fewest, as where the weights between two norms are frozen.
        """
        mine = self._ancestors([source])
        leaves = [i for i in mine if self.program.nodes[i].op in _DRAWN]
        roots = [i for i in range(settled + 1) if self.program.nodes[i].op == "root"]
        for count in reversed(range(len(roots) + 1)):
            held = self._ancestors(roots[:count])
            if fresh := [i for i in leaves if i not in held]:
                shared = [self.program.nodes[i].args[0] for i in roots[count:]]
                return sorted(fresh, reverse=True), shared
        raise DegenerateSampleError("a square root of constants that does not exist")

    def _ancestors(self, nodes: Sequence[int]) -> set[int]:
        met: set[int] = set()
        waiting = list(nodes)
        while waiting:
            index = waiting.pop()
            if index not in met:
                met.add(index)
                waiting += self.program.nodes[index].args
        return met


def _fitting(leaf: Sequence[int], argument: Sequence[int]) -> list[Pair]:
    """Axes of a parameter and of the argument of roots that may be one: they are as long."""
    return [(i, k) for i, n in enumerate(leaf) for k, m in enumerate(argument) if n == m > 1]


def _half(scalars: Residues) -> Array:
    return np.asarray(scalars.fraction(1, 2), dtype=scalars.dtype)
