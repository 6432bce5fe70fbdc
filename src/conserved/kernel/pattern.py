"""Activation patterns of real networks on the data of fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.choices import real_choices
from conserved.kernel.program import Program
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array
from conserved.kernel.source import Source

_PROBES = 256  # real inputs on which every unit must be active at least once
_PATTERN_POINTS = 100_000  # real inputs looked at together
_ROUNDS = 100


class RealPattern:
    """Choices of real random networks at the real points of fields.

    One network, redrawn a few times for one in which every unit is active somewhere: a unit that
    is dead at every input only adds the trivial law that its weights stay put. Or, ``moving``, a
    fresh network for every input.

    Attributes:
        dead: how many units are dead in the network found.
    """

    def __init__(
        self,
        program: Program,
        source: Source,
        rng: np.random.Generator,
        *,
        moving: bool = False,
    ) -> None:
        self.program = program
        self.source = source
        self.rng = rng
        self.scalars = Reals()
        self.moving = moving
        self.dead = 0
        if moving:
            return
        self.theta, self.dead = self._draw_point()
        for _ in range(_ROUNDS):
            if not self.dead:
                return
            kept = self.theta
            theta, dead = self._draw_point()
            self.theta = theta if dead < self.dead else kept
            self.dead = min(dead, self.dead)

    def _draw_point(self) -> tuple[Array, int]:
        """A real θ and how many of its units no probe activates."""
        self.theta = self.scalars.random(self.rng, (1, 1, self.program.size))
        dead = sum(int((~gate.any(axis=(0, 1))).sum()) for gate in self.draw(_PROBES))
        return self.theta, dead

    def draw(self, count: int) -> tuple[NDArray[np.int8], ...]:
        """Patterns at ``count`` fresh real inputs: (count, data, *shape) for each choice."""
        step = max(1, _PATTERN_POINTS // self.source.points)
        parts = [self._draw(min(step, count - start)) for start in range(0, count, step)]
        return tuple(np.concatenate(gates) for gates in zip(*parts, strict=True))

    def _draw(self, count: int) -> list[NDArray[np.int8]]:
        program = self.program
        data = self.source.real(self.rng, count)
        if self.moving:
            theta = self.scalars.random(self.rng, (1, count, program.size))
        else:
            theta = np.broadcast_to(self.theta, (1, count, program.size))
        met = real_choices(program, theta, [data])
        return [met[index] for index in program.choices]
