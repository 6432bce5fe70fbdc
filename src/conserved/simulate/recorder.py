"""Keeping what a run passes through, while it runs, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.scalars import Array

CHECKS = 8  # moments that every accuracy of a run meets exactly
_ROWS = 400
_ENTRIES = 4 * 10**6  # of all θ kept; 32 MB
_PROBES = 40  # steps whose gradient is kept
_PROBED_ENTRIES = 2 * 10**6


@dataclass(frozen=True, eq=False)
class Row:
    """One moment kept: time, step, length of the path so far, θ; ``check``: never dropped."""

    time: float
    step: int
    length: float
    theta: Array
    check: bool


@dataclass(frozen=True, eq=False)
class Probe:
    """A gradient met on the way: at which step and θ, over which data (None for all)."""

    step: int
    theta: Array
    gradient: Array
    chosen: NDArray[np.intp] | None


@dataclass(frozen=True)
class Main:
    """The run that others repeat at other accuracies: steps planned, time reached, and whether it
    came to its end.
    """

    planned: int
    time: float
    complete: bool


class Recorder:
    """Rows of a run; when there are too many, every other one is dropped.

    Each row is added in one piece, so whenever a run is interrupted its record is valid.

    Args:
        theta: the state at the start.
        size: of θ, with which the state begins; its path is what is measured.
    """

    def __init__(self, theta: Array, size: int | None = None) -> None:
        self.size = len(theta) if size is None else size
        self.current = Row(0.0, 0, 0.0, theta.copy(), True)
        self.rows = [self.current]
        self.probes: list[Probe] = []
        self.evaluations = 0
        self.stopped = "interrupted"
        self.complete = False
        self._most = max(4 * CHECKS, min(_ROWS, _ENTRIES // len(theta)))
        self._most_probes = max(4, min(_PROBES, _PROBED_ENTRIES // len(theta)))
        self._every = self._every_probe = 1

    def move(self, time: float, step: int, theta: Array, check: bool = False) -> None:
        """The run has gone straight to this θ."""
        length = self.current.length + float(
            np.linalg.norm((theta - self.current.theta)[: self.size])
        )
        self.current = row = Row(time, step, length, theta, check)
        if check or step % self._every == 0:
            self.rows.append(row)
            if len(self.rows) > self._most:
                self._every *= 2
                kept = self._every
                self.rows = [r for r in self.rows if r.check or r.step % kept == 0]

    def probe(
        self, step: int, theta: Array, gradient: Array, chosen: NDArray[np.intp] | None
    ) -> None:
        """A gradient was evaluated before the step of this number."""
        if step % self._every_probe:
            return
        self.probes.append(Probe(step, theta, gradient, chosen))
        if len(self.probes) > self._most_probes:
            self._every_probe *= 2
            kept = self._every_probe
            self.probes = [p for p in self.probes if p.step % kept == 0]

    def finish(self, stopped: str, *, complete: bool) -> None:
        """The run is over; its last row is kept, and one that all accuracies meet if complete."""
        self.stopped, self.complete = stopped, complete
        self.close()
        if complete:
            self.rows[-1] = replace(self.rows[-1], check=True)

    def close(self) -> None:
        """Keep the last moment, also of a run that was interrupted."""
        if self.current is not self.rows[-1]:
            self.rows.append(self.current)


def check_steps(steps: int) -> list[int]:
    """The steps that every accuracy meets: denser at the start, where most happens.

    Example:
        >>> check_steps(1000)
        [16, 62, 141, 250, 391, 562, 766, 1000]
    """
    wanted = {max(1, round(steps * (k / CHECKS) ** 2)) for k in range(1, CHECKS + 1)}
    return sorted(wanted)
