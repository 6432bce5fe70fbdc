"""The one clock of all budgets: a time limit on exact linear algebra, looked at between its steps.

Where an answer may be left out, such as the reasons for a count, ``check_time`` ends the work; a
bound that keeps its best value so far asks ``late``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter

from conserved.kernel.errors import ConservedError

_END: ContextVar[float | None] = ContextVar("end", default=None)


class OutOfTimeError(ConservedError):
    """The time allowed by ``time_limit`` is used up."""


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
    return end is not None and perf_counter() >= end


def check_time() -> None:
    """Raise when a limit is set and has passed.

    Raises:
        OutOfTimeError: it has.
    """
    if late():
        raise OutOfTimeError("the time allowed is used up")
