"""The operations of programs: what constants each takes, and what shape it makes.

One entry an operation in ``SHAPES`` (its shape, or what is wrong) and ``DATA`` (its constants);
``conserved.kernel.evaluate`` has their values and derivatives. Axes count from 0, batches and data
are not among them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import lcm, prod
from typing import Any

from conserved.kernel.entries import EntryError, entry
from conserved.kernel.functions import ELEMENTARY, is_named

Shape = tuple[int, ...]
Made = Shape | str  # a shape, or what is wrong
Rule = Callable[[Sequence[Shape], tuple[Any, ...]], Made]

POWER_LIMIT = 4096
_MISFIT = "the shapes do not fit together"


def _broadcast(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    if len(shapes) != 2:
        return "takes two tensors"
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    if any(a != b and 1 not in (a, b) for a, b in zip(*padded, strict=True)):
        return _MISFIT
    return tuple(max(a, b) for a, b in zip(*padded, strict=True))


def _same(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    return shapes[0] if len(shapes) == 1 else "takes one tensor"


def _matmul(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    if len(shapes) != 2 or not shapes[0] or len(shapes[1]) < 2:
        return "takes a row or matrices, and matrices"
    (*left, inner), (*right, below, width) = shapes
    if inner != below:
        return _MISFIT
    if not left:  # a row
        return (*right, width)
    front = _broadcast((tuple(left[:-1]), tuple(right)), ())
    return front if isinstance(front, str) else (*front, left[-1], width)


def _sum(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    (axis,) = data
    if len(shapes) != 1 or not axis < len(shapes[0]):
        return "takes one tensor and one of its axes"
    return (*shapes[0][:axis], 1, *shapes[0][axis + 1 :])


def _along_axis(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    if len(shapes) != 1 or not data[0] < len(shapes[0]):
        return "takes one tensor and one of its axes"
    return shapes[0]


def _order(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    if len(shapes) != 1 or not shapes[0]:
        return "takes one tensor with a last axis"
    return (*shapes[0], shapes[0][-1])


def _reshape(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    if len(shapes) != 1 or prod(data) != prod(shapes[0]):
        return "takes one tensor and a shape of as many entries"
    return data


def _transpose(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    if len(shapes) != 1 or sorted(data) != list(range(len(shapes[0]))):
        return "takes one tensor and its axes in some order"
    return tuple(shapes[0][axis] for axis in data)


def _broadcast_to(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    if len(shapes) != 1:
        return "takes one tensor"
    return data if _broadcast((shapes[0], data), ()) == data else _MISFIT


def _concat(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    (axis,) = data
    if not shapes or not axis < len(shapes[0]):
        return "takes tensors and one of their axes"
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rest) > 1 or len({len(shape) for shape in shapes}) > 1:
        return _MISFIT
    length = sum(shape[axis] for shape in shapes)
    return (*shapes[0][:axis], length, *shapes[0][axis + 1 :])


def _slice(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    if len(shapes) != 1 or len(data) != len(shapes[0]):
        return "takes one tensor and (start, stop, step) for each axis"
    shape = []
    for length, (start, stop, step) in zip(shapes[0], data, strict=True):
        if not start < stop <= length or step < 1:
            return "ranges run forwards within their axes and are not empty"
        shape.append(len(range(start, stop, step)))
    return tuple(shape)


def _gather(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    axis, indices = data
    if len(shapes) != 1 or not axis < len(shapes[0]) or not indices:
        return "takes one tensor, one of its axes and positions along it"
    if max(indices) >= shapes[0][axis]:
        return "positions lie on the axis"
    return (*shapes[0][:axis], len(indices), *shapes[0][axis + 1 :])


def _inverse(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    if len(shapes) != 1 or len(shapes[0]) < 2 or shapes[0][-1] != shapes[0][-2]:
        return "takes square matrices"
    return shapes[0]


def _constant(shapes: Sequence[Shape], data: tuple[Any, ...]) -> Made:
    shape, entries = data
    if shapes or prod(shape) != len(entries):
        return "a constant has a shape and as many entries, and no arguments"
    return tuple(shape)


SHAPES: dict[str, Rule] = {
    "parameter": lambda shapes, data: "",
    "input": lambda shapes, data: "",
    "constant": _constant,
    "add": _broadcast,
    "mul": _broadcast,
    "scale": _same,
    "matmul": _matmul,
    "sum": _sum,
    "power": _same,
    "reciprocal": _same,
    "root": _same,
    "function": _same,
    "gate": _same,
    "argmax": _along_axis,
    "order": _order,
    "inverse": _inverse,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast": _broadcast_to,
    "concat": _concat,
    "slice": _slice,
    "gather": _gather,
}


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _wholes(value: Any) -> bool:
    return isinstance(value, tuple) and all(map(_whole, value))


def _exact(value: Any) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < 2**512
    if not isinstance(value, str):
        return False
    try:
        return is_named(value) or entry(value) is not None
    except EntryError:
        return False


DATA: dict[str, tuple[Callable[[tuple[Any, ...]], bool], str]] = {
    "constant": (
        lambda data: (
            len(data) == 2
            and _wholes(data[0])
            and isinstance(data[1], tuple)
            and all(map(_exact, data[1]))
        ),
        "a shape, and integers or texts such as '1/2', 'cos(2*pi/5)', 'sqrt(2)'",
    ),
    "scale": (lambda data: len(data) == 1 and _exact(data[0]), "an exact number"),
    "power": (
        lambda data: len(data) == 1 and _whole(data[0]) and 1 <= data[0] <= POWER_LIMIT,
        f"a whole exponent from 1 to {POWER_LIMIT:,}",
    ),
    "function": (
        lambda data: len(data) == 1 and data[0] in ELEMENTARY,
        f"one of {', '.join(ELEMENTARY)}",
    ),
    "reshape": (_wholes, "a shape"),
    "broadcast": (_wholes, "a shape"),
    "transpose": (_wholes, "axes"),
    "slice": (
        lambda data: all(_wholes(part) and len(part) == 3 for part in data),
        "(start, stop, step) for each axis",
    ),
    "gather": (
        lambda data: len(data) == 2 and _whole(data[0]) and _wholes(data[1]),
        "an axis and positions",
    ),
    **dict.fromkeys(
        ("sum", "argmax", "concat"),
        (lambda data: len(data) == 1 and _whole(data[0]), "one axis"),
    ),
}


def fault_of_data(op: str, data: tuple[Any, ...]) -> str:
    """What is wrong with the constants of an operation, or ""."""
    if op not in DATA:
        return f"{op} takes no constants" if data else ""
    fits, wanted = DATA[op]
    try:
        fine = fits(data)
    except TypeError:  # an unhashable name
        fine = False
    return "" if fine else f"{op} takes {wanted}"


def roots_of(op: str, data: tuple[Any, ...]) -> int:
    """k such that the constants of an operation exist in GF(p) for p ≡ 1 mod 4k."""
    if op == "scale":
        return exact_roots(data[0])
    if op != "constant":
        return 1
    return lcm(1, *map(exact_roots, {value for value in data[1] if isinstance(value, str)}))


def exact_roots(value: int | str) -> int:
    """The same for one number."""
    return 1 if isinstance(value, int) or is_named(value) else entry(value).roots
