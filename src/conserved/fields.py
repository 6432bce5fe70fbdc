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
_PATTERN_POINTS = 100_000  # real inputs looked at together
_ROUNDS = 400  # redraws of unlucky samples before the point itself is called unlucky


@dataclass(frozen=True)
class Leaves:
    """A batch of fields as data; axis 0 of every array is the batch.

    Args:
        inputs: x, (batch, *input); its orbit is formed when the field is evaluated.
        labels: y, (batch, *output); for all data the pull v = ∇ℓ itself.
        keys: (batch,) hash keys that fix formal losses.
        gates: activation patterns in the order of the ``relu`` calls, (batch, data, *units);
            for all data residues, under a symmetry 0 or 1 (as int8).
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

    ReLU: for all data the fields of all patterns count (a law must survive every pattern). Each
    gate enters a field linearly, so random residues in place of 0 and 1 span the same space, and
    no pattern is rare. Under a symmetry the patterns along an orbit are those of one real random
    network at real random inputs: the count is that of one cell of parameter space.
    """

    def __init__(self, problem: Problem, scalars: Residues, rng: np.random.Generator) -> None:
        self.problem = problem
        self.scalars = scalars
        self.rng = rng
        self.ring = FormalRing(scalars, salt=int(rng.integers(2**62)))
        self.dimension = problem.network.size
        self.evaluations = 0
        self.note = ""
        self.invalid: NDArray[np.bool_] | None = None  # samples without a value, last evaluation
        self._elements: Elements | None = None
        self._pattern: RealPattern | None = None
        if problem.symmetric:
            self._elements = enumerate_group(problem.group, scalars, limit=ORBIT_LIMIT)
            if problem.network.piecewise:
                real = enumerate_group(problem.group, Reals(), limit=ORBIT_LIMIT)
                self._pattern = RealPattern(problem, real, rng)
                self.note = "counted for one cell of activation patterns; others may differ"
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

    def arguments(self, theta: Array) -> tuple[list[tuple[str, Array]], NDArray[np.bool_]]:
        """What fresh fields, one at each θ of (1, batch, D), feed to transcendental functions.

        Returns:
            (family, arguments (1, batch, …)) of each call, and which samples had a value (batch,).
        """
        met: list[tuple[str, Array]] = []
        self.ring.arguments = met
        self.ring.invalid = None
        self._evaluate(self._draw_leaves(theta.shape[1]), theta)
        self.ring.arguments = None
        bad = False if self.ring.invalid is None else self.ring.invalid
        return met, ~np.broadcast_to(bad, (theta.shape[1],))

    def _evaluate(self, leaves: Leaves, theta: Array) -> Array:
        batch = len(leaves)
        wide = np.broadcast_to(theta, (len(theta), batch, self.dimension))
        tape = Tape(self.ring, replay(leaves.gates))
        network = self.problem.network
        data, labels = leaves.inputs[:, None], leaves.labels[:, None]
        if self._elements is not None:
            data = act_on_inputs(self._elements, leaves.inputs, self.scalars)
            labels = self.problem.labels.act(self._elements, leaves.labels, self.scalars)
        output, variables = network.run(tape, wide, data)
        seed = labels[None]
        if self._elements is not None:
            seed = self.problem.loss.gradient(self.ring, output.value, seed, leaves.keys)
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
            return Leaves(x, y, keys, self._free_gates(count) if network.piecewise else ())
        gates = () if self._pattern is None else self._pattern.draw(count)
        return Leaves(x, self.problem.loss.labels(y), keys, gates)

    def _free_gates(self, count: int) -> tuple[Array, ...]:
        """Independent random gates for every unit; shapes are learnt on a pass over zeros."""
        gates: list[Array] = []

        def free(z: Array) -> Array:
            gates.append(self.scalars.random(self.rng, z.shape[1:]))
            return gates[-1][None]

        network = self.problem.network
        theta = np.zeros((1, count, self.dimension), dtype=self.scalars.dtype)
        zeros = np.zeros((count, 1, *network.input_shape), dtype=self.scalars.dtype)
        network.run(Tape(self.ring, free), theta, zeros)
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
        points = len(self.elements.matrices)
        step = max(1, _PATTERN_POINTS // points)
        parts = [self._draw(min(step, count - start)) for start in range(0, count, step)]
        return tuple(np.concatenate(gates) for gates in zip(*parts, strict=True))

    def _draw(self, count: int) -> list[Array]:
        gates: list[Array] = []

        def sign(z: Array) -> Array:
            gates.append((z[0] > 0).astype(np.int8))
            return gates[-1][None].astype(z.dtype)

        network = self.problem.network
        x = self.scalars.random(self.rng, (count, *network.input_shape))
        # from near 0 to far away: with biases, patterns differ there
        x *= 10 ** self.rng.uniform(-2, 2, size=(count, *(1,) * len(network.input_shape)))
        data = act_on_inputs(self.elements, x, self.scalars)
        theta = np.broadcast_to(self.theta, (1, count, network.size))
        network.run(Tape(FormalRing(self.scalars), sign), theta, data)
        return gates
