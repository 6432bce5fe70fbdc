"""Square roots over GF(p): points where all exist, and whether they are generic (theory §12).

A random point where every argument q_i is a square is a generic point of the cover y_i² = q_i,
provided that no product of some of the q_i is a constant times a square. Points are not drawn
blindly, which takes 2^k draws for k roots: where a root is missing, only the coordinates that its
argument depends on are drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.deadline import check_time
from conserved.kernel.errors import DegenerateSampleError
from conserved.kernel.evaluate import Choose, Run
from conserved.kernel.functions import FormalRing
from conserved.kernel.program import Program
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array

# (points (count, n), which of the points they stand for) → arguments of roots (count, k)
Arguments = Callable[[Array, NDArray[np.intp]], Array]

_ROUNDS = 2000  # redraws of a few coordinates before a point is given up
_AT_ONCE = 256  # points looked at together: of the few that still resist, several moves each
_SPARE = 24  # more points than roots: a false independence passes with probability 2^−24


class Roots:
    """The square roots of a program.

    Args:
        program: with or without roots.
        fixed: inputs are never drawn, so that all roots are functions of θ alone.

    Attributes:
        nodes: the roots, by position.
    """

    def __init__(self, program: Program, *, fixed: bool = False) -> None:
        self.nodes = tuple(i for i, node in enumerate(program.nodes) if node.op == "root")
        levels: list[int] = []
        for node in program.nodes:
            below = max((levels[i] for i in node.args), default=0)
            levels.append(below + (node.op == "root"))
        self.level = {i: levels[i] for i in self.nodes}
        self.of_data = tuple(i for i in self.nodes if program.on_inputs[i] and not fixed)
        self.of_parameters = tuple(i for i in self.nodes if i not in self.of_data)
        self._program = program
        if self.nodes:  # what comes after the last root does not matter here
            last = self.nodes[-1]
            self._program = replace(program, nodes=program.nodes[: last + 1], output=last)

    def __bool__(self) -> bool:
        return bool(self.nodes)

    def arguments(
        self,
        ring: FormalRing,
        wanted: Sequence[int],
        theta: Array,
        inputs: Sequence[Array],
        choose: Choose | None = None,
    ) -> Array:
        """The arguments of some roots at θ (1, batch, D) and data: (batch, k)."""
        values = ring.formal()
        recording = _Recording(values.scalars, values.salt)
        Run(self._program, recording, theta, inputs, choose)
        met = dict(zip(self.nodes, recording.met, strict=True))
        batch = theta.shape[1]
        columns = [np.broadcast_to(met[i][0], (batch, *met[i].shape[2:])) for i in wanted]
        return np.concatenate([column.reshape(batch, -1) for column in columns], axis=1)


class _Recording(FormalRing):
    """Keeps the arguments of square roots, whether or not they are squares."""

    def __init__(self, scalars: Residues, salt: int) -> None:
        super().__init__(scalars, salt)
        self.met: list[Array] = []

    def square_root(self, x: Array) -> Array:
        self.met.append(x)
        return super().square_root(x)


def settled(
    scalars: Residues, rng: np.random.Generator, points: Array, arguments: Arguments
) -> Array:
    """Points (count, n) like these at which all arguments are squares, none of them 0.

    Raises:
        DegenerateSampleError: some point resists.
    """
    points = points.copy()
    wrong = ~is_square(scalars, arguments(points, np.arange(len(points))))
    if not wrong.any():
        return points
    movable = _movable(_supports(scalars, rng, points[0], arguments))
    if (wrong.any(axis=0) & ~movable.any(axis=1)).any():
        raise DegenerateSampleError("square roots of what no move changes, of tokens for one")
    for _ in range(_ROUNDS):
        check_time()
        rows = np.flatnonzero(wrong.any(axis=1))
        if not len(rows):
            return points
        tries = max(1, _AT_ONCE // len(rows))
        many = np.repeat(rows, tries)
        chosen = movable[wrong[many].argmax(axis=1)]
        fresh = scalars.random(rng, (len(many), points.shape[1]))
        moved = np.where(chosen, fresh, points[many])
        still = ~is_square(scalars, arguments(moved, many))
        best = still.sum(axis=1).reshape(-1, tries).argmin(axis=1) + tries * np.arange(len(rows))
        better = still[best].sum(axis=1) <= wrong[rows].sum(axis=1)
        points[rows[better]] = moved[best[better]]
        wrong[rows[better]] = still[best[better]]
    raise DegenerateSampleError("square roots that exist at no point drawn")


def is_square(scalars: Residues, x: Array) -> NDArray[np.bool_]:
    """Which entries are squares other than 0."""
    half = (int(scalars.prime) - 1) // 2
    found: NDArray[np.bool_] = scalars.reduce(scalars.power(x, half)) == 1
    return found


def _supports(
    scalars: Residues, rng: np.random.Generator, point: Array, arguments: Arguments
) -> NDArray[np.bool_]:
    """(k, n): the coordinates on which each argument depends, as seen at one point."""
    size = len(point)
    moved = np.repeat(point[None], size + 1, axis=0)
    moved[np.arange(size), np.arange(size)] = scalars.random(rng, (size,))
    values = arguments(moved, np.zeros(size + 1, dtype=np.intp))
    return np.asarray(values[:-1] != values[-1]).T


def _movable(supports: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(k, n): of the coordinates on which an argument depends, those with the fewest others."""
    shared = np.where(supports, supports.sum(axis=0), len(supports) + 1)
    found: NDArray[np.bool_] = supports & (shared == shared.min(axis=1, keepdims=True))
    return found


def independent(scalars: Residues, *groups: Array) -> bool:
    """Whether no product of some of these functions is a constant times a square.

    Args:
        scalars: residues.
        groups: their values at random points, (count, k) each, more points than functions; equal
            columns of one group are one function, zeros have no part in it.

    Quadratic characters as a matrix over GF(2), with a column of ones: full column rank proves it.
    """
    columns = np.concatenate([np.unique(values, axis=1) for values in groups], axis=1)
    columns = columns[(columns != 0).all(axis=1)]
    signs = ~is_square(scalars, columns)
    ones = np.ones((len(signs), 1), dtype=np.bool_)
    table = np.concatenate([ones, signs], axis=1)
    return bool(_rank_of_bits(table) == table.shape[1])


def points_needed(k: int) -> int:
    """How many points tell k functions apart."""
    return k + _SPARE


def _rank_of_bits(table: NDArray[np.bool_]) -> int:
    rows = table.copy()
    rank = 0
    for column in range(rows.shape[1]):
        pivots = np.flatnonzero(rows[rank:, column])
        if not len(pivots):
            continue
        pivot = rank + int(pivots[0])
        rows[[rank, pivot]] = rows[[pivot, rank]]
        others = rows[:, column].copy()
        others[rank] = False
        rows[others] ^= rows[rank]
        rank += 1
    return rank
