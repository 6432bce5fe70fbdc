"""Activation patterns of real networks on the data of fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.deadline import check_time
from conserved.kernel.errors import DegenerateSampleError
from conserved.kernel.program import Program
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array
from conserved.kernel.signs import certain_choices
from conserved.kernel.source import Source

_PROBES = 256  # real inputs on which every unit must be active at least once
_PATTERN_POINTS = 100_000  # real inputs looked at together
_ENTRIES = 2 * 10**7  # of all values at them
_ROUNDS = 100
_IDLE = 20  # draws without one pattern that is certain


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
        """Patterns at ``count`` fresh real inputs: (count, data, *shape) for each choice.

        Raises:
            DegenerateSampleError: rounding decides at all inputs.
        """
        entries = self.program.size + self.program.volume() + 1
        step = max(1, min(_PATTERN_POINTS, _ENTRIES // entries) // self.source.points)
        parts: list[list[NDArray[np.int8]]] = []
        left, idle = count, 0
        while left:
            check_time()
            found = self._draw(min(step, left))
            met = len(found[0])
            idle = 0 if met else idle + 1
            if idle > _IDLE:
                raise DegenerateSampleError("activation patterns that rounding decides")
            left -= met
            parts.append(found)
        return tuple(np.concatenate(gates) for gates in zip(*parts, strict=True))

    def _draw(self, count: int) -> list[NDArray[np.int8]]:
        """Those of so many real inputs that are certain."""
        program = self.program
        data = self.source.real(self.rng, count)
        order, shape = data.shape[1], data.shape[2:]
        sizes = np.abs(data)
        if self.source.points > 1:  # entries of an orbit are sums of those of one input
            sizes = sizes.max(axis=(1, -1), keepdims=True) * data.shape[-1]
            sizes = np.broadcast_to(sizes, data.shape)
        if self.moving:
            theta = self.scalars.random(self.rng, (count, program.size))
            # small ones too: at large ones rounding decides, where exponentials are summed
            theta *= 10 ** self.rng.uniform(-1.5, 0, size=(count, 1))
        else:
            theta = np.broadcast_to(self.theta[0], (count, program.size))
        points = (each.reshape(count * order, *shape) for each in (data, sizes))
        met, sure = certain_choices(program, np.repeat(theta, order, axis=0), *points)
        kept = sure.reshape(count, order).all(axis=1)
        chosen = (met[index] for index in program.choices)
        return [gates.reshape(count, order, *gates.shape[1:])[kept] for gates in chosen]
