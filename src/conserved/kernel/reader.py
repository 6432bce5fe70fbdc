"""Reading JSON that nobody vouches for: every value is checked, every error says where."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from conserved.kernel.errors import InputError

_FRACTION = re.compile(r"-?[0-9]{1,200}(/[1-9][0-9]{0,199})?")
LIST_LIMIT = 1_000_000  # entries of one list


class Reader:
    """A value in a JSON document, and the way to it.

    Args:
        value: as ``json.load`` gives it.
        path: where it stands ("laws[0].terms"), for error messages.

    Example:
        >>> Reader({"rank": "three"}, "closure")["rank"].integer(0, 10)
        Traceback (most recent call last):
        conserved.errors.InputError: closure.rank '"three"': a whole number from 0 to 10 is needed
    """

    def __init__(self, value: Any, path: str) -> None:
        self.value = value
        self.path = path

    def __getitem__(self, key: str) -> Reader:
        """The value under a key of an object.

        Raises:
            InputError: not an object, or no such key.
        """
        if not isinstance(self.value, dict):
            raise self.error("an object is needed")
        if key not in self.value:
            raise self.error(f"has no '{key}'")
        return Reader(self.value[key], f"{self.path}.{key}" if self.path else key)

    def keys(self, *allowed: str) -> None:
        """Refuse an object with other keys than these."""
        if not isinstance(self.value, dict):
            raise self.error("an object is needed")
        unknown = sorted(self.value.keys() - set(allowed))
        if unknown:
            raise self.error(f"unknown key '{unknown[0]}'")

    def items(self, exactly: int | None = None, most: int = LIST_LIMIT) -> list[Reader]:
        """The entries of a list."""
        if not isinstance(self.value, list):
            raise self.error("a list is needed")
        if exactly is not None and len(self.value) != exactly:
            raise self.error(f"a list of {exactly} is needed")
        if len(self.value) > most:
            raise self.error(f"more than {most:,} entries")
        return [Reader(item, f"{self.path}[{i}]") for i, item in enumerate(self.value)]

    def integer(self, least: int, most: int) -> int:
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(f"a whole number from {least} to {most} is needed")
        return value

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.error("true or false is needed")
        return self.value

    def text(self, limit: int = 200) -> str:
        """A text that a terminal prints and does not obey."""
        text = self.value
        if not isinstance(text, str) or len(text) > limit or not text.isprintable():
            raise self.error(f"a text of at most {limit:,} printable characters is needed")
        return text

    def choice(self, *known: str) -> str:
        if self.value not in known or not isinstance(self.value, str):
            raise self.error(f"known: {', '.join(known)}")
        return self.value

    def fraction(self) -> Fraction:
        """A fraction such as "-3/2", in lowest terms."""
        text = self.value
        if isinstance(text, str) and _FRACTION.fullmatch(text):
            number = Fraction(text)
            if str(number) == text:
                return number
        raise self.error('a fraction in lowest terms is needed, such as "-3/2"')

    def error(self, advice: str) -> InputError:
        """An error that says where, what was given and what would do."""
        import json

        shown = self.value
        if isinstance(shown, list | dict):  # what is wrong may be that it is long, or deep
            shown = f"{type(shown).__name__} of {len(shown)}"
        try:
            given = json.dumps(shown, ensure_ascii=False)
        except (TypeError, ValueError):
            given = "…"
        return InputError(self.path or "file", given, advice)
