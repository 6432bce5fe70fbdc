"""Brace patterns: one text for many, as in a shell.

``rotation:{2..16}`` stands for fifteen symmetries, ``poly:2-{1,2}-1,power={2,3}`` for four
networks. Braces do not nest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product
from math import prod

from conserved.errors import InputError, LimitError

SWEEP_LIMIT = 20_000  # problems in one sweep
PATTERN_LIMIT = 400  # characters; longer text is a mistake, not a pattern
_RANGE = re.compile(r"([0-9]{1,9})\.\.([0-9]{1,9})")


def expand(pattern: str, argument: str = "pattern") -> tuple[str, ...]:
    """All texts a brace pattern stands for, the last brace running fastest.

    Args:
        pattern: text with ``{a,b}`` (alternatives) and ``{2..16}`` (whole numbers, both ends
            included); the two mix, ``{2..5,8}``.
        argument: what errors call it, e.g. "--network".

    Raises:
        InputError: braces that do not match, nest or hold nothing; a range that goes down.
        LimitError: more than ``SWEEP_LIMIT`` texts, with the number.

    Example:
        >>> expand("linear:{3..4}-{1,2}-1")
        ('linear:3-1-1', 'linear:3-2-1', 'linear:4-1-1', 'linear:4-2-1')
        >>> expand("rotation:{5..2}", "--symmetry")
        Traceback (most recent call last):
        conserved.errors.InputError: --symmetry 'rotation:{5..2}': the range 5..2 goes down
    """
    if len(pattern) > PATTERN_LIMIT:
        raise InputError(argument, pattern, f"longer than {PATTERN_LIMIT} characters")
    try:
        pieces = [_choices(piece) for piece in _pieces(pattern)]
    except _BadPattern as error:
        raise InputError(argument, pattern, str(error)) from error
    require_small(prod(map(len, pieces)), f"{argument} '{pattern}'", "texts")
    return tuple("".join(words) for words in product(*pieces))


def expand_all(patterns: Iterable[str], argument: str) -> tuple[str, ...]:
    """The texts of several patterns in order, each once."""
    return tuple(dict.fromkeys(text for pattern in patterns for text in expand(pattern, argument)))


def require_small(count: int, what: str, unit: str) -> None:
    """Refuse a sweep that is too large, with the number.

    Raises:
        LimitError: ``count`` above ``SWEEP_LIMIT``.
    """
    if count > SWEEP_LIMIT:
        raise LimitError(f"{what}: {count:,} {unit}; the limit is {SWEEP_LIMIT:,} in one sweep")


class _BadPattern(Exception):
    """Braces that mean nothing; the message says why."""


def _pieces(pattern: str) -> list[str]:
    """Plain text and braces in turn; a brace keeps its opening bracket as a mark."""
    pieces, depth, current = [], 0, ""
    for letter in pattern:
        if letter == "{":
            if depth:
                raise _BadPattern("braces do not nest")
            pieces.append(current)
            depth, current = 1, "{"
        elif letter == "}":
            if not depth:
                raise _BadPattern("a '}' without its '{'")
            pieces.append(current)
            depth, current = 0, ""
        else:
            current += letter
    if depth:
        raise _BadPattern("a '{' without its '}'")
    return [*pieces, current]


def _choices(piece: str) -> list[str] | _Join:
    if not piece.startswith("{"):
        return [piece]
    return _Join([_alternative(word.strip()) for word in piece[1:].split(",")])


def _alternative(word: str) -> range | list[str]:
    if not word:
        raise _BadPattern("an alternative is empty; write {a,b} or {2..16}")
    if ".." not in word:
        return [word]
    match = _RANGE.fullmatch(word)
    if match is None:
        raise _BadPattern(f"'{word}' is no range; a range is two whole numbers, {{2..16}}")
    first, last = int(match[1]), int(match[2])
    if first > last:
        raise _BadPattern(f"the range {first}..{last} goes down")
    return range(first, last + 1)


class _Join:
    """Alternatives one after the other, counted without being written out."""

    def __init__(self, parts: list[range | list[str]]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[str]:
        return (str(choice) for part in self._parts for choice in part)
