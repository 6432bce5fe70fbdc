"""How figures look: columns of a paper, direct labels, colours that everyone can tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log10
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito, without the colours too pale for lines on white
BLACK, BLUE, VERMILION, GREEN, ORANGE, PURPLE = (
    "#000000",
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#CC79A7",
)
GREY = "#767676"
TWO_COLUMNS = 7.0  # inches
ONE_COLUMN = 3.4
DPI = 220
_APART = 0.09  # share of a panel that one line of words takes
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def figure(width: float, height: float) -> Figure:
    """An empty figure; no pyplot, so no window and no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=DPI)


def panel(axes: Axes, title: str, *, x: str = "", y: str = "") -> None:
    """Title at the left, no frame at the top and right, small type."""
    axes.set_title(title, loc="left", fontsize=8.5)
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.tick_params(labelsize=7, length=2.5)
    axes.spines[["top", "right"]].set_visible(False)


def plane(axes: Axes, title: str, *, x: str, y: str) -> None:
    """A panel with equal scales and a frame all round."""
    panel(axes, title, x=x, y=y)
    axes.set_aspect("equal")
    axes.spines[["top", "right"]].set_visible(True)


def tag(axes: Axes, text: str, at: tuple[float, float], color: str, **more: Any) -> None:
    """Words beside a curve, in its colour, on a ground that keeps them readable.

    Args:
        axes: where.
        text: the words.
        at: in shares of the panel, unless ``xycoords`` says otherwise.
        color: of the curve.
        more: as for ``Axes.annotate``.
    """
    ground = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0}
    settings: dict[str, Any] = {"xycoords": "axes fraction", "fontsize": 7.5, "bbox": ground}
    axes.annotate(text, at, color=color, **settings | more)


def name_ends(axes: Axes, labels: Sequence[tuple[str, float, str]], x: float) -> None:
    """Names at the right of curves, moved apart where they would meet.

    Args:
        axes: with all curves drawn, since names keep a share of its height apart.
        labels: (words, height of the curve's end, colour).
        x: where the names begin.
    """
    low, high = axes.get_ylim()
    apart = _APART * (high - low)
    placed: list[float] = []
    for words, height, color in sorted(labels, key=lambda label: label[1]):
        lines = words.count("\n") + 1
        lowest = placed[-1] + apart * (1 + lines) / 2 if placed else low + apart * lines / 2
        placed.append(max(height, lowest))
        tag(axes, words, (x, placed[-1]), color, xycoords="data", va="center")


def plain_ticks(axes: Axes, values: Sequence[float], labels: Sequence[str], axis: str) -> None:
    """Ticks at these values alone."""
    from matplotlib.ticker import NullFormatter, NullLocator

    chosen = axes.xaxis if axis == "x" else axes.yaxis
    chosen.set_ticks(list(values), labels=list(labels))
    chosen.set_minor_locator(NullLocator())
    chosen.set_minor_formatter(NullFormatter())


def power(value: float) -> str:
    """The power of ten that a number does not exceed, as text.

    Example:
        >>> power(3e-12), power(0.0)
        ('10⁻¹¹', '0')
    """
    if not value:
        return "0"
    return f"10{str(ceil(log10(value))).translate(_RAISED)}"
