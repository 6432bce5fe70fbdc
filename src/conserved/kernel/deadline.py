"""The one clock of all budgets: one deadline for all that runs inside, looked at between steps.

Where an answer may be left out, such as the reasons for a count, ``check_time`` ends the work; a
bound that keeps its best value so far asks ``late``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from numbers import Real
from time import perf_counter

from conserved.kernel.errors import ConservedError, InputError

_END: ContextVar[float | None] = ContextVar("end", default=None)
_STOP: ContextVar[Stop | None] = ContextVar("stop", default=None)


class OutOfTimeError(ConservedError):
    """The time allowed by ``time_limit`` is used up."""


class Stop:
    """Ends the time of all that runs inside ``stoppable`` when it is asked to."""

    asked = False

    def ask(self) -> None:
        """From now on it is late, also for a signal handler to say."""
        self.asked = True


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Work that somebody may end early, with what was found by then, as a budget would.

    Example:
        >>> with stoppable() as stop:
        ...     stop.ask()
        ...     ended_by() if late() else "time is left"
        'the run was interrupted'
    """
    stop = Stop()
    token = _STOP.set(stop)
    try:
        yield stop
    finally:
        _STOP.reset(token)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Stop at the first ``check_time`` inside after so many seconds; an outer limit still holds.

    Example:
        >>> with time_limit(0):
        ...     check_time()
        Traceback (most recent call last):
        conserved.kernel.deadline.OutOfTimeError: the time allowed is used up
    """
    end, outer = perf_counter() + seconds, _END.get()
    token = _END.set(end if outer is None else min(end, outer))
    try:
        yield
    finally:
        _END.reset(token)


def within(budget: float | None) -> AbstractContextManager[None]:
    """The limit of a budget in seconds; none where there is no budget.

    Raises:
        InputError: a budget that is no positive number.
    """
    if budget is None:
        return nullcontext()
    if isinstance(budget, bool) or not isinstance(budget, Real) or not budget > 0:
        raise InputError("budget", budget, "a budget is a positive number of seconds")
    return time_limit(float(budget))


def time_share(part: float) -> AbstractContextManager[None]:
    """At most this part of the time that is left, where a limit is set."""
    end = _END.get()
    return nullcontext() if end is None else time_limit(part * (end - perf_counter()))


@contextmanager
def untimed() -> Iterator[None]:
    """No limit, for what has to be brought to an end so that nothing found is lost."""
    end, stop = _END.set(None), _STOP.set(None)
    try:
        yield
    finally:
        _END.reset(end)
        _STOP.reset(stop)


def limited() -> bool:
    """Whether a limit is set, so that the clock has to be looked at now and then."""
    return _END.get() is not None


def late() -> bool:
    """Whether a limit is set and has passed.

    Example:
        >>> with time_limit(0):
        ...     late()
        True
    """
    end = _END.get()
    return _stopped() or (end is not None and perf_counter() >= end)


def ended_by() -> str:
    """What made it late, in words."""
    return "the run was interrupted" if _stopped() else "the budget was used up"


def _stopped() -> bool:
    stop = _STOP.get()
    return stop is not None and stop.asked


def check_time() -> None:
    """Raise when a limit is set and has passed.

    Raises:
        OutOfTimeError: it has.
    """
    limited = _END.get() is not None or _STOP.get() is not None
    if limited and late():  # late() alone takes three times as long, and this is asked often
        raise OutOfTimeError("the time allowed is used up")
