"""The vector fields of a problem: every direction in which some dataset of the class can pull.

A field is one datum (or one orbit) with its label. Fields are drawn at random and evaluated in
batches, on jets, at many points at once. Cost of one evaluation: one forward and one backward pass
for each point of the orbit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conserved.arithmetic.functions import FormalRing
from conserved.arithmetic.real import Reals
from conserved.arithmetic.residues import Residues
from conserved.arithmetic.scalars import Array
from conserved.arithmetic.tape import Tape, replay
from conserved.cost import sample_bytes
from conserved.errors import Redraw
from conserved.problem import Problem
from conserved.symmetry import ORBIT_LIMIT, Elements, act_on_inputs, enumerate_group

CHUNK_BYTES = 256 * 2**20
_PROBES = 256  # real inputs on which every unit must be active at least once
_ROUNDS = 400  # redraws of unlucky samples before the point itself is called unlucky


@dataclass(frozen=True)
class Leaves:
    """A batch of fields as data; axis 0 of every array is the batch.

    Args:
        inputs: x, (batch, data, *input).
        labels: y, (batch, data, *output); for all data the pull v itself, (batch, 1, *output).
        keys: (batch,) hash keys that fix formal losses.
        gates: activation patterns in the order of the ``relu`` calls, (batch, data, *units).
    """

    inputs: Array
    labels: Array
    keys: NDArray[np.uint64]
    gates: tuple[Array, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, index: NDArray[np.intp] | slice) -> Leaves:
        """The fields at these positions."""
        return Leaves(
            self.inputs[index],
            self.labels[index],
            self.keys[index],
            tuple(gate[index] for gate in self.gates),
        )

    @staticmethod
    def concatenate(parts: list[Leaves]) -> Leaves:
        """Several batches as one."""
        return Leaves(
            np.concatenate([part.inputs for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.keys for part in parts]),
            tuple(np.concatenate(gates) for gates in zip(*(p.gates for p in parts), strict=True)),
        )


class Fields:
    """Draws and evaluates the fields of a problem over GF(p).

    Args:
        problem: the four inputs.
        scalars: residues that decide.
        rng: draws data, labels, keys and patterns.

    ReLU: for all data the pattern is drawn freely, unit by unit, and the fields of all patterns
    count (a law must survive every pattern); under a symmetry the patterns along an orbit are
    those of one real random network at real random inputs.
    """

    def __init__(self, problem: Problem, scalars: Residues, rng: np.random.Generator) -> None:
        self.problem = problem
        self.scalars = scalars
        self.rng = rng
        self.ring = FormalRing(scalars, salt=int(rng.integers(2**62)))
        self.dimension = problem.network.size
        self.evaluations = 0
        self.invalid: NDArray[np.bool_] | None = None  # samples without a value, last evaluation
        self._elements: Elements | None = None
        self._pattern: RealPattern | None = None
        if problem.symmetric:
            self._elements = enumerate_group(problem.group, scalars, limit=ORBIT_LIMIT)
            if problem.network.piecewise:
                real = enumerate_group(problem.group, Reals(), limit=ORBIT_LIMIT)
                self._pattern = RealPattern(problem, real, rng)
        self.sample_bytes = sample_bytes(problem)

    def point(self) -> Array:
        """A random θ, (1, 1, D)."""
        return self.scalars.random(self.rng, (1, 1, self.dimension))

    def draw(self, count: int, theta: Array) -> tuple[Leaves, Array]:
        """Random fields and their values (count, D) at θ; unlucky samples are drawn again.

        Raises:
            Redraw: when no sample has a value at this θ (the point is to be drawn again).
        """
        leaves = self._draw_leaves(count)
        values = self.evaluate(leaves, theta)[0]
        for _ in range(_ROUNDS):
            if self.invalid is None:
                return leaves, values
            keep = np.flatnonzero(~self.invalid)
            fresh = self._draw_leaves(count - len(keep))
            leaves = Leaves.concatenate([leaves.take(keep), fresh])
            values = np.concatenate([values[keep], self.evaluate(fresh, theta)[0]])
            if self.invalid is not None:
                self.invalid = np.concatenate([np.zeros(len(keep), np.bool_), self.invalid])
        raise Redraw("no sample has a value at this point")

    def evaluate(self, leaves: Leaves, theta: Array) -> Array:
        """The fields at θ on jets: (jet, batch or 1, D) → (jet, batch, D), in chunks."""
        self.evaluations += len(leaves)
        step = self.batch_size(len(theta))
        shared = theta.shape[1] == 1
        parts, failed = [], []
        for start in range(0, len(leaves), step):
            part = leaves.take(slice(start, start + step))
            here = theta if shared else theta[:, start : start + step]
            self.ring.invalid = None
            parts.append(self._evaluate(part, here))
            bad = self.ring.invalid
            failed.append(np.broadcast_to(False if bad is None else bad, (len(part),)))
        invalid = np.concatenate(failed)
        self.invalid = invalid if invalid.any() else None
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def batch_size(self, jets: int) -> int:
        """How many samples of that many jet entries are evaluated at once."""
        return max(1, CHUNK_BYTES // (self.sample_bytes * jets))

    def arguments(self, theta: Array) -> list[tuple[str, Array]]:
        """What fresh fields, one at each θ of (1, batch, D), feed to transcendental functions."""
        met: list[tuple[str, Array]] = []
        self.ring.arguments = met
        self._evaluate(self._draw_leaves(theta.shape[1]), theta)
        self.ring.arguments = None
        return met

    def _evaluate(self, leaves: Leaves, theta: Array) -> Array:
        batch = len(leaves)
        wide = np.broadcast_to(theta, (len(theta), batch, self.dimension))
        tape = Tape(self.ring, replay(leaves.gates))
        network = self.problem.network
        output, variables = network.run(tape, wide, leaves.inputs)
        seed = leaves.labels[None]
        if self._elements is not None:
            loss = self.problem.loss
            seed = loss.gradient(self.ring, output.value, seed, leaves.keys)
        gradients = tape.gradients(output, seed, variables)
        flat = np.zeros((len(theta), batch, self.dimension), dtype=self.scalars.dtype)
        start = 0
        for parameter, gradient in zip(network.parameters, gradients, strict=True):
            block = flat[: len(gradient), :, start : start + parameter.size]
            block[...] = gradient.reshape(*gradient.shape[:2], -1)
            start += parameter.size
        return flat

    def _draw_leaves(self, count: int) -> Leaves:
        network = self.problem.network
        keys = self.rng.integers(0, 2**63, size=count).astype(np.uint64)
        x = self.scalars.random(self.rng, (count, *network.input_shape))
        y = self.scalars.random(self.rng, (count, *network.output_shape))
        if self._elements is None:
            gates = self._free_gates(count) if network.piecewise else ()
            return Leaves(x[:, None], y[:, None], keys, gates)
        orbit = act_on_inputs(self._elements, x, self.scalars)
        y = self.problem.loss.labels(y)
        labels = self.problem.labels.act(self._elements, y, self.scalars)
        gates = () if self._pattern is None else self._pattern.draw(count)
        return Leaves(orbit, labels, keys, gates)

    def _free_gates(self, count: int) -> tuple[Array, ...]:
        """Independent fair gates for every unit; shapes are learnt on a pass over zeros."""
        gates: list[Array] = []

        def flip(z: Array) -> Array:
            gates.append(self.rng.integers(0, 2, size=z.shape[1:]).astype(z.dtype))
            return gates[-1][None]

        network = self.problem.network
        theta = np.zeros((1, count, self.dimension), dtype=self.scalars.dtype)
        zeros = np.zeros((count, 1, *network.input_shape), dtype=self.scalars.dtype)
        network.run(Tape(self.ring, flip), theta, zeros)
        return tuple(gates)


class RealPattern:
    """Activation patterns of one real random network along the orbits of real random inputs.

    The network is redrawn until every unit is active somewhere: a unit that is dead at every input
    would only add the trivial law that its weights stay put.
    """

    def __init__(self, problem: Problem, elements: Elements, rng: np.random.Generator) -> None:
        self.problem = problem
        self.elements = elements
        self.rng = rng
        self.scalars = Reals()
        for _ in range(_ROUNDS):
            self.theta = self.scalars.random(rng, (1, 1, problem.network.size))
            if all(gate.any(axis=(0, 1)).all() for gate in self.draw(_PROBES)):
                return
        raise Redraw("every real random network had a dead unit")

    def draw(self, count: int) -> tuple[Array, ...]:
        """Patterns at ``count`` fresh real inputs: one array (count, data, *units) per call."""
        gates: list[Array] = []

        def sign(z: Array) -> Array:
            gates.append((z[0] > 0).astype(np.float64))
            return gates[-1][None]

        network = self.problem.network
        x = self.scalars.random(self.rng, (count, *network.input_shape))
        data = act_on_inputs(self.elements, x, self.scalars)
        theta = np.broadcast_to(self.theta, (1, count, network.size))
        network.run(Tape(FormalRing(self.scalars), sign), theta, data)
        return tuple(gates)
