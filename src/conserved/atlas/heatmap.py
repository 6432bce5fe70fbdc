"""The heat map as text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from conserved.atlas.cells import Atlas, Cell
from conserved.atlas.grid import Panel, panels

NOTHING, PENDING, FAILED, UNSURE = "·", "–", "×", "?"
_WIDTH = 100  # columns of a terminal
_REASONS = 8  # at most so many are listed
HEADING = "Laws that the symmetry of the data adds, at most"


def heat_map(atlas: Atlas) -> str:
    """Upper bound with the symmetry minus upper bound for all data, cell by cell.

    Example:
        >>> from conserved.atlas import Case, Result
        >>> turned = Result(Case("linear:2-1-1", symmetry="rotation:3"), 0, 2, closed=True)
        >>> plain = Result(Case("linear:2-1-1"), 0, 1, closed=True)
        >>> print(heat_map(Atlas((turned, plain))).splitlines()[4])
        loss  rotation: 3
    """
    tables = panels(atlas)
    if not tables:
        return f"{HEADING}\n\nNo problem with a symmetry here."
    blocks = [HEADING, *(_table(panel) for panel in tables), _legend(atlas.cells)]
    return "\n\n".join(blocks)


def number(cell: Cell | None) -> str:
    """What stands in a cell: a number, or a mark for none, not computed yet, failed."""
    if cell is None:
        return ""
    if cell.failed:
        return FAILED
    added = cell.added_upper
    if added is None:
        return PENDING
    return str(added) if added else NOTHING


def unsure(cell: Cell | None) -> bool:
    """Whether a cell's number needs the mark: a bound that is not closed, or not proved."""
    return cell is not None and cell.added_upper is not None and not cell.sure


def _table(panel: Panel) -> str:
    """The panel, in as many strips as the width of a terminal makes it."""
    side = _side(panel)
    mark = any(map(unsure, panel.cells.values()))
    texts = [number(cell) for cell in panel.cells.values()]
    width = max(map(len, (*panel.columns, *texts)))
    head = f"{side[0]}  {panel.column_name}: "
    count = max(1, (_WIDTH - len(head)) // (width + 1 + mark))
    lines = [panel.title]
    for start in range(0, len(panel.columns), count):
        columns = panel.columns[start : start + count]
        lines += ["", head + _line(columns, width, [""] * len(columns), mark)]
        previous = panel.rows[0].network
        for row, label in zip(panel.rows, side[1:], strict=True):
            if row.network != previous:
                lines.append("")
                previous = row.network
            cells = [panel.cells.get((row, column)) for column in columns]
            marks = [UNSURE * unsure(cell) for cell in cells]
            lines.append(label.ljust(len(head)) + _line(map(number, cells), width, marks, mark))
    return "\n".join(line.rstrip() for line in lines)


def _line(texts: Iterable[str], width: int, marks: Sequence[str], mark: bool) -> str:
    cells = zip(texts, marks, strict=True)
    return " ".join(f"{text:>{width}}{sign:<{int(mark)}}" for text, sign in cells)


def _side(panel: Panel) -> list[str]:
    """Header and row labels, aligned."""
    rows = [(panel.row_name, "loss"), *panel.rows]
    first = max(len(row[0]) for row in rows)
    second = max(len(row[1]) for row in rows)
    gap = "  " if first else ""
    return [f"{name:>{first}}{gap}{loss:<{second}}" for name, loss in rows]


def marks(cells: Sequence[Cell]) -> str:
    """The marks among these cells and what they mean."""
    present = [f"{NOTHING} none"]
    present += [f"{mark} {meaning}" for mark, meaning, count in _marked(cells) if count]
    return "   ".join(present)


def _marked(cells: Sequence[Cell]) -> list[tuple[str, str, int]]:
    return [
        (UNSURE, "not closed or not proved", sum(map(unsure, cells))),
        (FAILED, "failed", sum(cell.failed for cell in cells)),
        (PENDING, "not computed yet", sum(number(cell) == PENDING for cell in cells)),
    ]


def _legend(cells: Sequence[Cell]) -> str:
    some = sum(1 for cell in cells if cell.added_upper)
    noun = "cell" if len(cells) == 1 else "cells"
    counts = [f"{len(cells):,} {noun}: {some:,} with room for laws that the symmetry adds"]
    counts += [f"{count:,} {meaning}" for _, meaning, count in _marked(cells) if count]
    lines = [
        "A number n: upper bound with the symmetry minus upper bound for all data, so at most n",
        "laws more where the bound for all data is sharp.",
        marks(cells),
        "; ".join(counts) + ".",
    ]
    return "\n".join([*lines, *_reasons(cells)])


def _reasons(cells: Iterable[Cell]) -> list[str]:
    """Why cells are marked, each reason once."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.weakness:
            mark = FAILED if cell.failed else UNSURE
            found[f"{mark} {cell.weakness}"].append(cell)
    lines = []
    for reason, marked in list(found.items())[:_REASONS]:
        case = marked[0].case
        where = " ".join((case.network, case.loss, case.symmetry, case.labels))
        more = f" and {len(marked) - 1:,} more" if len(marked) > 1 else ""
        lines.append(f"{reason} [{where}{more}]")
    if len(found) > _REASONS:
        lines.append(f"… and {len(found) - _REASONS:,} more reasons; --json has them all")
    return lines
