"""The heat map as a figure; matplotlib is imported on use and never drives a window."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from conserved.atlas.cells import Atlas
from conserved.atlas.grid import Panel, panels
from conserved.atlas.heatmap import FAILED, HEADING, PENDING, UNSURE, marks, number, unsure
from conserved.errors import ConservedError, InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import BoundaryNorm, Colormap
    from matplotlib.figure import Figure

_FORMATS = (".png", ".pdf", ".svg")
_CELL = 0.36  # inches
_MARGIN = (2.2, 1.5)  # inches a panel needs beside and above its cells
_WIDEST = 14.0  # inches, then the next panel starts a new line
_TALLEST = 120.0  # inches; above, a figure is of no use and a strain on memory
_LIGHT = 0.6  # share of the scale above which a cell is light and its number dark
_COLOURS = 12  # at most; more could not be told apart


def require_figure(path: str | PathLike[str]) -> None:
    """Refuse, before anything is computed, a figure that could not be drawn.

    Raises:
        InputError: no matplotlib, an unknown format, a missing folder.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        advice = "needs matplotlib: pip install 'conserved[plot]'"
        raise InputError("path", path, advice) from error
    if Path(path).suffix.lower() not in _FORMATS:
        raise InputError("path", path, f"the name ends in {', '.join(_FORMATS)}")
    if not Path(path).absolute().parent.is_dir():
        raise InputError("path", path, "its folder does not exist")


def draw(atlas: Atlas, path: str | PathLike[str]) -> None:
    """Draw the heat map into a file; colours are told apart by any kind of sight.

    Args:
        atlas: what to draw.
        path: .png, .pdf or .svg.

    Raises:
        InputError: see ``require_figure``; also when there is no cell to draw.
        ConservedError: the file cannot be written.
    """
    require_figure(path)
    tables = panels(atlas)
    if not tables:
        raise InputError("path", path, "no problem with a symmetry to draw")
    figure = _figure(tables)
    try:
        figure.savefig(path, dpi=150, bbox_inches="tight")
    except OSError as error:
        raise ConservedError(f"figure '{path}': {error.strerror or error}") from error


def _figure(tables: tuple[Panel, ...]) -> Figure:
    from matplotlib.figure import Figure

    width = _CELL * max(len(table.columns) for table in tables) + _MARGIN[0]
    height = _CELL * max(len(table.rows) for table in tables) + _MARGIN[1]
    across = min(len(tables), max(1, int(_WIDEST // width)))
    down = -(-len(tables) // across)
    if max(width, height * down) > _TALLEST:
        raise InputError("atlas", f"{len(tables)} panels", "too large to draw; sweep less at once")
    size = (max(across * width + 1.2, 5.0), down * height + 0.9)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(HEADING, fontsize="large")
    cells = [cell for table in tables for cell in table.cells.values()]
    figure.supxlabel(marks(cells), fontsize="small")
    axes = figure.subplots(down, across, squeeze=False)
    colours, norm = _scale(max([1, *(cell.added_upper or 0 for cell in cells)]))
    for axis in axes.flat[len(tables) :]:
        axis.set_axis_off()
    for axis, table in zip(axes.flat, tables, strict=False):
        _draw_panel(axis, table, colours, norm)
    _draw_scale(figure, axes.ravel().tolist(), colours, norm)
    return figure


def _scale(most: int) -> tuple[Colormap, BoundaryNorm]:
    """Whole numbers to colours that keep their order without red or green."""
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm

    step = -(-(most + 1) // _COLOURS)
    colours = colormaps["cividis"]
    return colours, BoundaryNorm([n - 0.5 for n in range(0, most + 1 + step, step)], colours.N)


def _draw_scale(figure: Figure, axes: list[Axes], colours: Colormap, norm: BoundaryNorm) -> None:
    from matplotlib.cm import ScalarMappable

    ticks = [bound + 0.5 for bound in norm.boundaries[:-1]]
    figure.colorbar(
        ScalarMappable(norm, colours), ax=axes, ticks=ticks, label="laws added, at most", aspect=30
    )


def _draw_panel(axis: Axes, table: Panel, colours: Colormap, norm: BoundaryNorm) -> None:
    from matplotlib.patches import Rectangle

    light = _LIGHT * float(norm.boundaries[-1])
    for y, row in enumerate(table.rows):
        for x, column in enumerate(table.columns):
            cell = table.cells.get((row, column))
            if cell is None:
                continue
            text, added = number(cell), cell.added_upper
            face = "white" if text in (FAILED, PENDING) else colours(norm(added or 0))
            hatch = "////" if unsure(cell) else None
            corner = (x - 0.5, y - 0.5)
            axis.add_patch(Rectangle(corner, 1, 1, fc=face, ec="white", hatch=hatch, lw=0.8))
            dark = text in (FAILED, PENDING) or (added or 0) > light
            ink = "black" if dark else "white"
            ground = {"fc": face, "ec": "none", "pad": 1.5}  # so that hatching does not cross it
            shown = text + UNSURE * unsure(cell)
            axis.text(x, y, shown, ha="center", va="center", color=ink, bbox=ground)
    labels = [" ".join(word for word in row if word) for row in table.rows]
    upright = 90 if max(map(len, table.columns)) > 3 else 0
    axis.set_xticks(range(len(table.columns)), table.columns, rotation=upright)
    axis.set_yticks(range(len(table.rows)), labels)
    axis.set_xlim(-0.5, len(table.columns) - 0.5)
    axis.set_ylim(len(table.rows) - 0.5, -0.5)
    axis.set_xlabel(table.column_name)
    axis.set_ylabel(f"{table.row_name}, loss" if table.row_name else "loss")
    axis.set_title(table.title.replace(" · ", "\n"), fontsize="small", loc="left")
    axis.set_aspect("equal")
    axis.tick_params(length=0)
