"""Fields from explicit data: single points for all data, whole orbits under a finite group.

Cost of one evaluation: one forward and one backward pass for each point of the orbit.
"""

from __future__ import annotations

import numpy as np

from conserved.arithmetic.tape import Tape, replay
from conserved.fields.base import Fields, Leaves
from conserved.fields.pattern import RealPattern
from conserved.kernel.functions import FormalRing
from conserved.kernel.real import Reals
from conserved.kernel.residues import Residues
from conserved.kernel.scalars import Array
from conserved.problem import Problem
from conserved.symmetry import Elements, act_on_inputs, enumerate_group


class OrbitFields(Fields):
    """One datum, or the orbit of one datum, per field.

    Leaves hold inputs (batch, *input), whose orbits are formed when a field is evaluated, labels
    (batch, *output) (for all data the pull v = ∇ℓ itself), keys (batch,) that fix formal losses,
    and one activation pattern (batch, data, *units) per ``relu`` call: for all data residues,
    under a symmetry 0 or 1 (as int8).

    ReLU: for all data the fields of all patterns count, as in 2307.00144: a law must survive every
    pattern. Each gate enters a field linearly, so random residues in place of 0 and 1 span the
    same space, and no pattern is rare. Under a symmetry, and for networks that do not declare
    ``free_gates``, the patterns are those of one real random network at real random inputs: the
    count is that of one cell of parameter space.
    """

    def __init__(self, problem: Problem, scalars: Residues, rng: np.random.Generator) -> None:
        super().__init__(problem, scalars, rng)
        self._elements: Elements | None = None
        self._pattern: RealPattern | None = None
        self.route = "single data points"
        network = problem.network
        if problem.symmetric:
            self._elements = enumerate_group(problem.group, scalars)
            self.route = f"explicit orbits of {problem.group.order:,} points"
        if network.piecewise:
            self._choose_patterns()
        points = 1 if self._elements is None else len(self._elements.matrices)
        self.sample_bytes = 8 * (5 * network.size + 3 * network.activations(points))

    def _choose_patterns(self) -> None:
        """Every pattern, or those of one real network; say which."""
        network = self.problem.network
        if self._elements is None and network.free_gates:
            if not network.all_patterns_count:
                self.note = (
                    "counted over every activation pattern, as in arXiv 2307.00144; where the "
                    "inputs of a narrow network reach only some, more is conserved"
                )
            return
        group = self.problem.group
        self._pattern = RealPattern(self.problem, enumerate_group(group, Reals()), self.rng)
        self.sampled_patterns = True
        self.note = "counted for one cell of activation patterns; other cells may differ"
        if network.free_gates:
            self.note += ", and all data are counted over every pattern: the two do not compare"
        if self._pattern.dead:
            self.note += f"; {self._pattern.dead} units are dead in it"

    def pull(self, leaves: Leaves, theta: Array) -> Array:
        inputs, labels, keys, *gates = leaves.arrays
        tape = Tape(self.ring, replay(gates))
        data, y = inputs[:, None], labels[:, None]
        if self._elements is not None:
            data = act_on_inputs(self._elements, inputs, self.scalars)
            y = self.problem.labels.act(self._elements, labels, self.scalars)
        output, variables = self.problem.network.run(tape, theta, data)
        seed = y[None]
        if self._elements is not None:
            seed = self.problem.loss.gradient(self.ring, output.value, seed, keys)
        return self.flat_gradient(tape, output, seed, variables)

    def draw_leaves(self, count: int) -> Leaves:
        network = self.problem.network
        keys = self.rng.integers(0, 2**63, size=count).astype(np.uint64)
        x = self.scalars.random(self.rng, (count, *network.input_shape))
        y = self.scalars.random(self.rng, (count, *network.output_shape))
        loss = self.problem.loss
        y = loss.pulls(self.scalars, y) if self._elements is None else loss.labels(y)
        gates: tuple[Array, ...] = ()
        if network.piecewise:
            real = self._pattern
            gates = self._free_gates(count) if real is None else real.draw(count)
        return Leaves((x, y, keys, *gates))

    def _free_gates(self, count: int) -> tuple[Array, ...]:
        """Independent random gates for every unit; shapes are learnt on a pass over zeros."""
        gates: list[Array] = []

        def free(z: Array) -> Array:
            gates.append(self.scalars.random(self.rng, z.shape[1:]))
            return gates[-1][None]

        network = self.problem.network
        theta = np.zeros((1, count, self.dimension), dtype=self.scalars.dtype)
        zeros = np.zeros((count, 1, *network.input_shape), dtype=self.scalars.dtype)
        ring = FormalRing(self.scalars)  # its own: nothing met here is a value of the fields
        network.run(Tape(ring, free), theta, zeros)
        return tuple(gates)
