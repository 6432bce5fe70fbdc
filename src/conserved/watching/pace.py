"""Which steps of a run are looked at: every so many, or as many as a share of its time pays for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from numbers import Integral, Real
from time import perf_counter
from typing import Any

from conserved.errors import InputError

_TICK = 1e-9  # seconds, less than a step takes


def _nothing() -> None:
    """Nothing is under way that a look would wait for."""


class Pace:
    """Tells when the next look is due.

    Args:
        every: steps between looks, at least.
        overhead: the share of the time of training that looks may take; None for any.
        ready: waits until all is done that a look would have to wait for.
        clock: seconds.

    Raises:
        InputError: no such pace.

    Example:
        >>> pace = Pace(3)
        >>> [pace.due(taken) for taken in range(5)]
        [True, False, False, True, False]
    """

    def __init__(
        self,
        every: int,
        overhead: float | None = None,
        *,
        ready: Callable[[], None] = _nothing,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        steps: Any = every
        share: Any = overhead
        if not (isinstance(steps, Integral) and int(steps) >= 1):
            raise InputError("every", every, "a step is looked at every 1, 2, 3, … steps")
        if share is not None and not (isinstance(share, Real) and 0 < float(share) < 1):
            raise InputError("overhead", overhead, "give a share of the time, such as 0.02")
        self.every, self.overhead = every, overhead
        self._ready, self._clock = ready, clock
        self._last: int | None = None  # steps taken before the last look
        self._wait = 1  # steps from it to the next
        self._begun = self._spent = 0.0  # when the last look did, and its seconds
        self._taken = [0.0, 0.0]  # seconds of the last look, before its step and after

    def due(self, taken: int) -> bool:
        """Whether the step after so many is looked at."""
        if taken % self.every:
            return False
        return self.overhead is None or self._last is None or taken >= self._last + self._wait

    @contextmanager
    def before(self, taken: int) -> Iterator[None]:
        """Around the part of a look that is before the step."""
        if self.overhead is None:
            yield
            return
        self._ready()
        begun = self._clock()
        yield
        trained = begun - self._begun - self._spent
        self._taken[0] = self._spent = self._clock() - begun
        if self._last is not None and taken > self._last:
            step = max(trained, _TICK) / (taken - self._last)
            self._wait = max(1, ceil(sum(self._taken) / (self.overhead * step)))
        self._begun, self._last = begun, taken

    @contextmanager
    def after(self) -> Iterator[bool]:
        """Around the part after it; gives whether the next step is looked at."""
        if self.overhead is None:
            yield self.every == 1
            return
        self._ready()
        begun = self._clock()
        yield self.every == 1 and self._wait == 1
        self._taken[1] = self._clock() - begun
        self._spent += self._taken[1]
