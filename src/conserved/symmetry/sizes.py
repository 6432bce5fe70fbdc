"""Sizes of groups: which are refused, and how they are told in messages."""

from __future__ import annotations

from math import inf, log10

from conserved.errors import InputError, LimitError, is_whole

GENERATOR_BYTES = 2**29  # of all generating matrices of one group together


def require_size(word: str, value: object, largest: int) -> int:
    """A size that is an integer from 1 to ``largest``, as Python's.

    Raises:
        InputError: not a positive integer.
        LimitError: larger than ``largest``; the message has both.

    Example:
        >>> require_size("rotation", 10**30, 10_000)
        Traceback (most recent call last):
        conserved.errors.LimitError: symmetry 'rotation': size about 10^30; the limit is 10,000
    """
    if not is_whole(value) or value < 1:
        raise InputError("symmetry", f"{word}:{value}", "its size is a positive whole number")
    if value > largest:
        raise LimitError(f"symmetry '{word}': size {readable(value)}; the limit is {largest:,}")
    return int(value)


def readable(number: int | float) -> str:
    """A natural number for a message: with commas, or its power of ten when very long.

    Example:
        >>> readable(3628800), readable(2**200)
        ('3,628,800', 'about 10^60')
    """
    if number == inf:
        return "infinitely many"
    if number != number:
        return "an unknown number of"
    # Python refuses to print more than 4300 digits, and nobody reads more than 15
    return f"{number:,}" if number < 10**15 else f"about 10^{log10(number):.0f}"


def counted(number: int | float, noun: str) -> str:
    """A number and its noun, plural where due.

    Example:
        >>> counted(1, "element"), counted(24, "element"), counted(inf, "element")
        ('1 element', '24 elements', 'infinitely many elements')
    """
    return f"{readable(number)} {noun}{'' if number == 1 else 's'}"


def require_generators_fit(name: str, count: int, dimension: int) -> None:
    """Refuse a group whose generating matrices would not fit in memory.

    Args:
        name: the group, for the message; cut when long.
        count: how many matrices, infinitesimal ones included.
        dimension: their size n.

    Raises:
        LimitError: more than ``GENERATOR_BYTES``.
    """
    needed = 8 * count * dimension**2
    if needed > GENERATOR_BYTES:
        raise LimitError(
            f"symmetry '{shortened(name)}': {counted(count, 'generator')} on "
            f"{counted(dimension, 'coordinate')} would take more than "
            f"{GENERATOR_BYTES / 2**30} GiB: take fewer coordinates"
        )


def shortened(text: str, limit: int = 80) -> str:
    """Text for a message, cut when long."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
