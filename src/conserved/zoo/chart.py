"""Curves in a terminal: Braille dots, each curve named at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from conserved.kernel.scalars import Array

_BLANK = 0x2800
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # column, then row, of one cell


@dataclass(frozen=True, eq=False)
class Curve:
    """A line through points.

    Args:
        label: what stands at its end.
        x, y: (N,), finite.
    """

    label: str
    x: Array
    y: Array


def chart(
    curves: Sequence[Curve], *, x: str, y: str, width: int = 56, height: int = 10, log: bool = False
) -> str:
    """The curves over common axes.

    Args:
        curves: at least one.
        x, y: names of the axes.
        width, height: of the area, in characters; each is 2 × 4 dots.
        log: whether both axes are logarithmic; all numbers are positive then.

    Returns:
        height + 3 lines.

    Example:
        >>> line = np.linspace(0, 1, 9)
        >>> print(chart([Curve("rises", line, line)], x="time", y="h", width=8, height=2))
        h
        1 │⠀⠀⠀⠀⣀⡤⠖⠋ rises
        0 │⣠⠴⠚⠉⠀⠀⠀⠀
          └────────
           0 time 1
    """
    scaled = [(np.log10(c.x), np.log10(c.y)) if log else (c.x, c.y) for c in curves]
    left, right = _range([s[0] for s in scaled])
    low, high = _range([s[1] for s in scaled])
    wide, tall = 2 * width, 4 * height
    cells = np.full((height, width), _BLANK)
    ends = []
    for across, up in scaled:
        steps = np.linspace(0, 1, 4 * wide)
        place = np.interp(steps, np.linspace(0, 1, len(across)), across)
        value = np.interp(steps, np.linspace(0, 1, len(up)), up)
        column = np.rint((place - left) / (right - left) * (wide - 1)).astype(int)
        row = np.rint((high - value) / (high - low) * (tall - 1)).astype(int)
        for i, j in zip(row.tolist(), column.tolist(), strict=True):
            cells[i // 4, j // 2] |= _DOTS[j % 2][i % 4]
        ends.append(int(row[-1]) // 4)
    names = _placed([c.label for c in curves], ends, height)
    top, bottom = (_number(10**v if log else v) for v in (high, low))
    margin = max(len(top), len(bottom))
    lines = [y]
    for i, line in enumerate(cells):
        mark = top if i == 0 else bottom if i == height - 1 else ""
        lines.append(f"{mark:>{margin}} │{''.join(map(chr, line))} {names[i]}".rstrip(" "))
    first, last = (_number(10**v if log else v) for v in (left, right))
    room = max(width - len(first) - len(last), len(x) + 2)
    lines.append(" " * margin + " └" + "─" * width)
    lines.append(" " * (margin + 2) + f"{first}{x:^{room}}{last}")
    return "\n".join(lines)


def _range(values: Sequence[Array]) -> tuple[float, float]:
    every = np.concatenate(values)
    low, high = float(every.min()), float(every.max())
    if high == low:
        spread = abs(high) or 1.0
        return low - spread, high + spread
    return low, high


def _placed(labels: Sequence[str], rows: Sequence[int], height: int) -> list[str]:
    """A label for each line; those that would meet move to the next free line."""
    lines = [""] * height
    for row, label in sorted(zip(rows, labels, strict=True)):
        free = sorted(range(height), key=lambda i: (abs(i - row), i))
        place = next((i for i in free if not lines[i]), None)
        if place is None:
            lines[row] += f", {label}"
        else:
            lines[place] = label
    return lines


def _number(value: float) -> str:
    return f"{value:.3g}"
