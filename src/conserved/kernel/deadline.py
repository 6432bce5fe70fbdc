"""A time limit on exact linear algebra, looked at between its steps.

Used where an answer may be left out, such as the reasons for a count; bounds that keep their best
value so far have a clock of their own.
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


def check_time() -> None:
    """Raise when a limit is set and has passed.

    Raises:
        OutOfTimeError: it has.
    """
    end = _END.get()
    if end is not None and perf_counter() >= end:
        raise OutOfTimeError("the time allowed is used up")
