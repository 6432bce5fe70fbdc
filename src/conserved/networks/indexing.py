"""What stands in brackets behind a tensor, as ranges along its axes; whole numbers of any kind."""

from __future__ import annotations

from collections.abc import Iterable
from types import EllipsisType
from typing import Any

from conserved.errors import InputError, is_whole

Range = tuple[int, int, int]  # start, stop, step


def whole(value: Any, what: str) -> int:
    """A Python integer, from NumPy's too.

    Raises:
        InputError: anything else; ``what`` says in the message what was wanted.

    Example:
        >>> whole(3, "a length")
        3
    """
    if not is_whole(value):
        raise InputError("network", repr(value), f"{what} is a whole number")
    return int(value)


def position(index: Any, length: int, axis: int) -> int:
    """Where an index points on an axis; negative ones count from its end.

    Example:
        >>> position(-1, 3, axis=0)
        2
        >>> position(5, 3, axis=0)
        Traceback (most recent call last):
        conserved.errors.InputError: network 'index 5': axis 0 has length 3
    """
    at = whole(index, "an index")
    if not -length <= at < length:
        raise InputError("network", f"index {at}", f"axis {axis} has length {length}")
    return at % length


def ranges(key: Any, shape: tuple[int, ...]) -> tuple[list[Range], list[int]]:
    """Integers and slices with positive steps, as NumPy takes them.

    Returns:
        (start, stop, step) for each axis, and the lengths of the axes that are kept.

    Raises:
        InputError: positions outside an axis, nothing left of it, or other kinds of index.

    Example:
        >>> ranges((0, slice(1, None)), (2, 3))
        ([(0, 1, 1), (1, 3, 1)], [2])
    """
    found, kept = [], []
    for axis, (part, length) in enumerate(zip(_parts(key, shape), shape, strict=True)):
        if isinstance(part, slice):
            found.append(_forwards(part, length, axis))
            kept.append(len(range(*found[-1])))
        elif is_whole(part):
            start = position(part, length, axis)
            found.append((start, start + 1, 1))
        else:
            advice = "index tensors by integers and slices; take picks positions along an axis"
            raise InputError("network", repr(key), advice)
    return found, kept


def _parts(key: Any, shape: tuple[int, ...]) -> list[Any]:
    """One integer or slice for each axis."""
    parts = list(key) if isinstance(key, tuple) else [key]
    dots = [at for at, part in enumerate(parts) if isinstance(part, EllipsisType)]
    missing = len(shape) - len(parts) + len(dots)
    if missing < 0 or len(dots) > 1:
        advice = f"a tensor of shape {shape} takes {len(shape)} indices, with at most one '...'"
        raise InputError("network", repr(key), advice)
    at = dots[0] if dots else len(parts)
    parts[at : at + 1] = [slice(None)] * missing
    return parts


def _forwards(part: slice, length: int, axis: int) -> Range:
    ends = (part.start, part.stop) if part.step is None else (part.start, part.stop, part.step)
    for end in ends:
        if end is not None:
            whole(end, "an end or step of a slice")
    shown = "slice " + ":".join("" if end is None else str(end) for end in ends)
    if part.step is not None and part.step < 1:
        raise InputError("network", shown, "slices run forwards; take picks positions in any order")
    found = part.indices(length)
    if not range(*found):
        raise InputError("network", shown, f"empty: axis {axis} has length {length}")
    return found


def lengths(shape: Iterable[Any], size: int) -> tuple[int, ...]:
    """The shape of so many entries; one length may be −1, for what is left.

    Example:
        >>> lengths((2, -1), 6)
        (2, 3)
    """
    given = tuple(whole(length, "a length") for length in shape)
    rest = 1
    for length in given:
        rest *= 1 if length == -1 else length
    if given.count(-1) > 1 or rest < 1 or size % rest or (-1 not in given and rest != size):
        shown = ", ".join(map(str, given))
        raise InputError("network", f"reshape({shown})", f"the tensor has {size} entries")
    return tuple(size // rest if length == -1 else length for length in given)
