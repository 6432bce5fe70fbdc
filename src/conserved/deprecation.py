"""Old public names: kept for one release, with a warning that names the new one."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Made = TypeVar("Made", bound=Callable[..., Any])


def warn(old: str, new: str) -> None:
    """Say to whoever called the caller what the new name is."""
    message = f"{old} is now {new}; the old name goes with the next minor release"
    warnings.warn(message, DeprecationWarning, stacklevel=3)


def renamed_argument(old: str, new: str) -> Callable[[Made], Made]:
    """A function, or a method such as ``__init__``, that still takes an argument by its old name.

    Example:
        >>> @renamed_argument("colour", "color")
        ... def paint(color):
        ...     return color
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     paint(colour="red")
        'red'
    """

    def around(made: Made) -> Made:
        @functools.wraps(made)
        def called(*args: Any, **named: Any) -> Any:
            if old in named:
                if new in named:
                    raise TypeError(f"{old} is the old name of {new}: give {new} alone")
                warn(f"the argument {old}", new)
                named[new] = named.pop(old)
            return made(*args, **named)

        return called  # type: ignore[return-value]

    return around


def renamed_names(module: str, names: Mapping[str, tuple[str, object]]) -> Callable[[str], Any]:
    """A module's ``__getattr__`` that knows old names: (new name, what it is) by old name.

    Example:
        >>> look_up = renamed_names("paint", {"Colour": ("Color", str)})
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     look_up("Colour")
        <class 'str'>
    """

    def look_up(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        new, value = names[name]
        warn(f"{module}.{name}", f"{module}.{new}")
        return value

    return look_up


class RenamedWord(str):
    """A word of an answer that still equals its old form, with a warning.

    Example:
        >>> word = RenamedWord("violated", "broken")
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     word == "violated", word == "broken", word == "conserved"
        (True, True, False)
    """

    _old: str

    def __new__(cls, word: str, old: str) -> RenamedWord:
        made = super().__new__(cls, word)
        made._old = old
        return made

    def __reduce__(self) -> tuple[type[RenamedWord], tuple[str, str]]:
        return RenamedWord, (str(self), self._old)

    def __eq__(self, other: object) -> bool:
        if str.__eq__(self, other) is True:
            return True
        if not isinstance(other, str) or other != self._old:
            return False
        warn(f"'{self._old}'", f"'{self}'")
        return True

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__
