"""Activation patterns of ReLU networks along orbits."""

from __future__ import annotations

import numpy as np

from conserved.arithmetic.functions import FormalRing
from conserved.arithmetic.real import Reals
from conserved.arithmetic.scalars import Array
from conserved.arithmetic.tape import Tape
from conserved.errors import Redraw
from conserved.problem import Problem
from conserved.symmetry import Elements, act_on_inputs

_PROBES = 256  # real inputs on which every unit must be active at least once
_PATTERN_POINTS = 100_000  # real inputs looked at together
_ROUNDS = 400


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
