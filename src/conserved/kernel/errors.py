"""One family of errors; each says in one line what was wrong and what would do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from numbers import Integral
from typing import TypeGuard


class ConservedError(Exception):
    """Base of every error this package raises on purpose.

    The message is one line and reads well without a traceback; the command line prints it as it is.
    """


class InputError(ConservedError, ValueError):
    """An argument cannot be used as given.

    Args:
        argument: the name the user knows it by ("network", "symmetry", "--budget").
        given: what was given, as the user typed it.
        advice: what is wrong and what would do, without a final full stop.

    Example:
        >>> print(InputError("network", "linear:0-2", "widths are positive integers"))
        network 'linear:0-2': widths are positive integers
    """

    def __init__(self, argument: str, given: object, advice: str) -> None:
        self.argument = argument
        self.given = given
        self.advice = advice
        super().__init__(_printable(f"{argument} {quoted(given)}: {advice}"))


class LimitError(ConservedError, ValueError):
    """A well-formed problem that is too large; the message has the estimate and the limit."""


class RankLimitError(LimitError):
    """More parameters than an exact rank fits in memory; laws can still be looked for."""


class DegenerateSampleError(ConservedError, ArithmeticError):
    """A degenerate random point (a zero divisor, a non-square); drawing again cures it."""


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is an integer, of Python or of NumPy, and no truth value.

    Example:
        >>> is_whole(3), is_whole(True), is_whole(3.0)
        (True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def require_text(argument: str, given: object, example: str) -> str:
    """What was given, where it is a text.

    Raises:
        InputError: it is none; ``example`` says what would do.
    """
    if not isinstance(given, str):
        raise InputError(argument, given, f"give a text such as {example}")
    return given


def nearest(name: str, known: Iterable[str]) -> str:
    """Advice for an unknown name: the nearest known one, or all of them.

    Example:
        >>> nearest("linaer", ["linear", "relu"])
        "did you mean 'linear'?"
        >>> nearest("zzz", ["linear", "relu"])
        'known: linear, relu'
    """
    known = sorted(known)
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"


def quoted(given: object, limit: int = 80) -> str:
    """A given value in quotes, cut when long.

    Example:
        >>> quoted(0)
        "'0'"
    """
    try:
        text = str(given)
    except ValueError:  # an integer of more digits than Python prints
        text = "an enormous number"
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return f"'{text}'"


def _printable(text: str) -> str:
    """One line that no terminal takes for a command."""
    return "".join(c if c.isprintable() else "?" for c in text)


for _error in (ConservedError, InputError, LimitError, RankLimitError, DegenerateSampleError):
    _error.__module__ = "conserved.errors"  # where users import it from
