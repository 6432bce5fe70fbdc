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
