"""The cells of an atlas arranged in panels: which axis is a column, a row, a panel of its own."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from conserved.atlas.cells import Atlas, Cell

_NUMBERED = re.compile(r"([a-z-]+):([0-9]+)")  # a symmetry that is a family and a number
_SEPARATOR = re.compile(r"([:,=-])")


class Row(NamedTuple):
    """A row's value on the network's axis ("" where it does not vary), and its loss."""

    network: str
    loss: str


@dataclass(frozen=True)
class Panel:
    """One table of cells.

    Attributes:
        title: everything its cells share, with ``*`` where they differ.
        row_name: name of the network's axis in the rows ("power"), or "".
        column_name: what the columns are.
        rows, columns: in natural order.
        cells: by row and column; combinations nobody asked for are missing.
    """

    title: str
    row_name: str
    column_name: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    cells: dict[tuple[Row, str], Cell]


def panels(atlas: Atlas) -> tuple[Panel, ...]:
    """Numbered symmetries become columns, losses and the network's last axis rows, the rest panels.

    Without numbers, the longest axis takes the columns: the symmetry or one of the network's.
    """
    groups: dict[_Kind, list[_Point]] = defaultdict(list)
    for cell in atlas.cells:
        point = _point(cell)
        groups[point.kind].append(point)
    found: list[Panel] = []
    for kind in sorted(groups, key=lambda kind: [_natural(part) for part in kind]):
        found += _split(groups[kind])
    return tuple(found)


class _Kind(NamedTuple):
    """What two cells must share to stand in one table."""

    template: str
    family: str
    labels: str
    flow: str
    seed: str


class _Point(NamedTuple):
    kind: _Kind
    names: tuple[str, ...]  # of the axes: the symmetry, then the network's slots
    axes: tuple[str, ...]
    loss: str
    cell: Cell


_SYMMETRY = 0  # its place among the axes


def _point(cell: Cell) -> _Point:
    case = cell.case
    template, slots = _slots(case.network)
    match = _NUMBERED.fullmatch(case.symmetry)
    family, symmetry = (match[1], match[2]) if match else ("", case.symmetry)
    kind = _Kind(template, family, case.labels, case.flow, str(cell.result.seed))
    names, axes = (family or "symmetry", *slots), (symmetry, *slots.values())
    return _Point(kind, names, axes, case.loss, cell)


def _slots(network: str) -> tuple[str, dict[str, str]]:
    """A network's text with its numbers and choices taken out, and those by name.

    Example:
        >>> _slots("poly:2-1-1,power=3")
        ('poly:{}-{}-{},power={}', {'width 1': '2', 'width 2': '1', 'width 3': '1', 'power': '3'})
    """
    words = _SEPARATOR.split(network)
    template = [words[0]]
    slots: dict[str, str] = {}
    for i in range(1, len(words), 2):
        separator, word = words[i], words[i + 1]
        is_name = separator == "," or words[i + 2 : i + 3] == ["="]
        template += [separator, word if is_name else "{}"]
        if not is_name:
            name = words[i - 1] if separator == "=" else f"width {len(slots) + 1}"
            slots[name] = word
    return "".join(template), slots


def _split(points: list[_Point]) -> list[Panel]:
    """The panels of one kind: one for each value of the axes left over."""
    counts = [len(set(values)) for values in zip(*(point.axes for point in points), strict=True)]
    varying = [i for i, count in enumerate(counts) if count > 1] or [_SYMMETRY]
    numbered = points[0].kind.family and counts[_SYMMETRY] > 1
    column = _SYMMETRY if numbered else max(varying, key=lambda i: counts[i])
    rest = [i for i in varying if i != column]
    row = rest.pop() if rest and rest[-1] != _SYMMETRY else None
    groups: dict[tuple[str, ...], list[_Point]] = defaultdict(list)
    for point in points:
        groups[tuple(point.axes[i] for i in rest)].append(point)
    ordered = sorted(groups, key=lambda values: [_natural(value) for value in values])
    return [_panel(groups[values], row, column) for values in ordered]


def _panel(points: list[_Point], row: int | None, column: int) -> Panel:
    cells = {}
    for point in points:
        place = Row("" if row is None else point.axes[row], point.loss)
        cells[place, point.axes[column]] = point.cell
    names = points[0].names
    return Panel(
        title=_title(points[0], row, column),
        row_name="" if row is None else names[row],
        column_name=names[column],
        rows=tuple(sorted({r for r, _ in cells}, key=lambda r: [_natural(part) for part in r])),
        columns=tuple(sorted({c for _, c in cells}, key=_natural)),
        cells=cells,
    )


def _title(point: _Point, row: int | None, column: int) -> str:
    kind = point.kind
    symmetry, *values = ("*" if i in (row, column) else v for i, v in enumerate(point.axes))
    parts = [
        f"network {kind.template.format(*values)}",
        f"symmetry {kind.family}:{symmetry}" if kind.family else f"symmetry {symmetry}",
        f"labels {kind.labels}",
    ]
    parts += [f"flow {kind.flow}"] * (kind.flow != "gradient")
    parts += [f"seed {kind.seed}"] * (kind.seed != "0")
    return " · ".join(parts)


def _natural(text: str) -> list[tuple[int, str]]:
    """A sort key that puts poly:2 before poly:10."""
    words = re.findall(r"[0-9]+|[^0-9]+", text)
    return [(int(word), "") if word.isdigit() else (-1, word) for word in words]
