"""Is every pattern of choices met by some real network and input?

Fix a pattern. An argument with private coordinates, parameters or inputs on which no argument left
over depends, can be given any sign by them, without a change to the others: so arguments are taken
away one after the other, and set in the opposite order. Dependence is read off the program, by
marking a coordinate and seeing what is marked. An argument has to be linear in its private
coordinates, with a slope that is there whatever has been chosen (a bias, a first layer); or else it
is 0 where its slope is, and its gate multiplies nothing but itself, as in relu(z).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.deadline import check_time
from conserved.kernel.evaluate import Run
from conserved.kernel.functions import FormalRing
from conserved.kernel.program import Node, Program
from conserved.kernel.real import Reals
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array
from conserved.kernel.signs import flattened

_MARKS = 10**8  # coordinates times arguments beyond which nothing is looked at
_VALUES = 10**7  # of all that is evaluated at once

Marks = NDArray[np.bool_]
Draw = Callable[[], Mapping[int, Array]]  # choices of one point, by node


def is_free(
    program: Program, first: Sequence[int], draw: Draw, scalars: Residues, rng: np.random.Generator
) -> bool:
    """Whether all patterns are known to be met.

    Args:
        program: with choices.
        first: where each distinct argument of choices stands among all their entries.
        draw: random choices of one point (1, 1, *shape), mod the same prime.
        scalars: mod a prime that nobody could foresee.
        rng: draws points.
    """
    joined = _arguments(program)
    width = joined.size
    if width * joined.shape[0] > _MARKS:
        return False
    places = np.array(first)
    marks = _marked(joined, rng)[:, places]
    alone = _multiply_themselves(program)[places]
    looking = _Looking(joined, places, draw, scalars, rng)
    left = np.ones(len(places), dtype=np.bool_)
    inputs = np.arange(joined.size)[:, None] >= program.size
    while left.any():
        check_time()
        private = marks & left & (marks[:, left].sum(axis=1) == 1)[:, None]
        met = np.zeros_like(left)
        for some in (~inputs, inputs):
            block = private & some & alone & ~met
            if block.any():
                straight, _, doubling = looking.along(block.any(axis=1))
                met |= block.any(axis=0) & straight & doubling
        if not met.any():
            fixed = private & looking.fixed_slopes(left)[:, None]
            single = fixed & (np.cumsum(fixed, axis=0) == 1)
            if single.any():
                straight, moving, _ = looking.along(single.any(axis=1))
                met = single.any(axis=0) & straight & moving
        if not met.any():
            return False
        left &= ~met
    return True


def _arguments(program: Program) -> Program:
    """(θ, x) ↦ the arguments of all choices, one after the other."""
    flat = flattened(program)
    nodes = list(flat.nodes)
    parts = []
    for index in program.choices:
        (argument,) = program.nodes[index].args
        shape = (int(np.prod(nodes[argument].shape)),)
        nodes.append(Node("reshape", (argument,), shape, shape))
        parts.append(len(nodes) - 1)
    total = (sum(nodes[part].shape[0] for part in parts),)
    nodes.append(Node("concat", tuple(parts), (0,), total))
    return Program(flat.parameters, (), tuple(nodes), len(nodes) - 1)


def _marked(joined: Program, rng: np.random.Generator) -> Marks:
    """(coordinates, arguments): which coordinates an argument is made from, by NaN."""
    size = joined.size
    step = max(1, _VALUES // (joined.volume() + size))
    parts = []
    for start in range(0, size, step):
        check_time()
        count = min(step, size - start)
        theta = np.broadcast_to(rng.uniform(1, 2, size), (1, count, size)).copy()
        theta[0, np.arange(count), start + np.arange(count)] = np.nan
        with np.errstate(all="ignore"):
            run = Run(joined, FormalRing(Reals()), theta, (), _same(1.5))
        parts.append(np.isnan(np.broadcast_to(run.output[0, :, 0], (count, *joined.shape))))
    return np.concatenate(parts)


def _same(value: float) -> Callable[[int, Node, Array], Array]:
    return lambda index, node, z: np.full((1, 1, 1, *node.shape), value)


def _multiply_themselves(program: Program) -> Marks:
    """For each entry of an argument whether its gate is a factor of it alone."""
    uses: dict[int, list[Node]] = {}
    for node in program.nodes:
        for argument in set(node.args):
            uses.setdefault(argument, []).append(node)
    found = []
    for index in program.choices:
        (argument,) = program.nodes[index].args
        alone = (
            program.nodes[index].op == "gate"
            and index != program.output
            and all(
                node.op == "mul" and sorted(node.args) == sorted((index, argument))
                for node in uses.get(index, [])
            )
        )
        found += [alone] * int(np.prod(program.nodes[argument].shape))
    return np.array(found, dtype=np.bool_)


class _Looking:
    """Some of the arguments, by their places, along some of the coordinates."""

    def __init__(
        self,
        joined: Program,
        places: NDArray[np.intp],
        draw: Draw,
        scalars: Residues,
        rng: np.random.Generator,
    ) -> None:
        self.joined, self.places, self.draw = joined, places, draw
        self.scalars, self.rng = scalars, rng

    def fixed_slopes(self, left: Marks) -> Marks:
        """(coordinates,): where slopes of arguments left are made from no choice, by NaN."""
        seed = np.zeros((1, 1, 1, *self.joined.shape))
        seed[..., self.places[left]] = 1
        theta = self.rng.uniform(1, 2, (1, 1, self.joined.size))
        with np.errstate(all="ignore"):
            run = Run(self.joined, FormalRing(Reals()), theta, (), _same(np.nan))
            slopes = run.gradient(seed)[0, 0]
        found: Marks = ~np.isnan(slopes)
        return found

    def along(self, moved: Marks) -> tuple[Marks, Marks, Marks]:
        """For each argument f of these coordinates b: whether it is linear, moves, is 2f at 2b."""
        scalars = self.scalars
        start, toward = scalars.random(self.rng, (2, self.joined.size))
        toward = np.where(moved, toward, scalars.reduce(toward - toward))
        twice = np.where(moved, scalars.reduce(2 * start), start)
        points = [start, start + toward, start - toward, twice]
        theta = np.stack([scalars.reduce(point) for point in points])[None]
        drawn, ring = self.draw(), FormalRing(scalars, int(self.rng.integers(2**62)))
        run = Run(self.joined, ring, theta, (), lambda index, node, z: drawn[index][None])
        values = np.broadcast_to(run.output[0, :, 0], (4, *self.joined.shape))[:, self.places]
        here, there, back, double = values
        return (
            scalars.is_zero(scalars.reduce(there + back - 2 * here)),
            ~scalars.is_zero(scalars.reduce(there - here)),
            scalars.is_zero(scalars.reduce(double - 2 * here)),
        )
