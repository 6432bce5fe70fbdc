"""Result files as figures: dark on white, colours and marks apart for colour-blind readers."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito; the yellow is left out, it is too pale on white
BLACK, BLUE, VERMILION, GREEN, PURPLE = "#000000", "#0072B2", "#D55E00", "#009E73", "#AA4499"
_STYLES = ((BLUE, "o"), (VERMILION, "s"), (GREEN, "^"), (PURPLE, "D"), (BLACK, "v"))
_DPI = 110
_COLORS = 64


def draw(document: dict[str, Any], folder: Path) -> Path | None:
    """Write ``<folder>/<benchmark>.png``; None for a benchmark without a figure."""
    drawer = {
        "published_suite": _suite,
        "growth_parameters": _parameters,
        "growth_group": _group,
    }.get(document["benchmark"])
    if drawer is None:
        return None
    figure = drawer(document)
    machine = document["machine"]
    note = f"{machine['cpu']}, {machine['cores']} cores · median of {document['repetitions']}"
    figure.text(0.995, 0.005, note, ha="right", va="bottom", fontsize=7, color="#444444")
    path = folder / f"{document['benchmark']}.png"
    part = path.with_suffix(".png.tmp")
    _save(figure, part)
    part.replace(path)
    return path


def _save(figure: Figure, path: Path) -> None:
    """As PNG with a palette: a third of the size, and results are committed."""
    from PIL import Image  # matplotlib brings it

    raw = BytesIO()
    figure.savefig(raw, format="png", dpi=_DPI, facecolor="white")
    Image.open(raw).convert("RGB").quantize(_COLORS).save(path, format="png", optimize=True)


def _figure(columns: int, width: float) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure  # no pyplot: no global state, no display
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(width, 4.4))
    # room below for the note on the machine
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0, 0.03, 1, 0.97)))
    return figure, [figure.add_subplot(1, columns, i + 1) for i in range(columns)]


def _log_axes(axes: Axes, x: str, y: str, title: str, unit: str = "s") -> None:
    """Both axes logarithmic, labelled with plain numbers ("200") and units ("10 ms")."""
    from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

    axes.set(xscale="log", yscale="log", xlabel=x, ylabel=y)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(EngFormatter(unit))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_title(title, fontsize=11, loc="left")
    axes.grid(True, which="major", color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _families(points: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    families: dict[str, list[dict[str, Any]]] = {}
    for point in points:
        families.setdefault(point["family"], []).append(point)
    return families


def _target(axes: Axes, x: float, y: float, text: str) -> None:
    """A short bar that the curve below it has to stay under; readable where it does not."""
    paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
    axes.plot([x / 1.25, x * 1.25], [y, y], color="#666666", linewidth=2.5, zorder=1)
    axes.annotate(
        text, (x, y), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=8, bbox=paper
    )


def _suite(document: dict[str, Any]) -> Figure:
    figure, (axes,) = _figure(1, 6.4)
    networks = document["details"]["networks"]
    for kind, (color, marker) in zip(("linear", "relu"), _STYLES, strict=False):
        chosen = [n for n in networks if n["network"].startswith(f"{kind}:")]
        axes.plot(
            [n["parameters"] for n in chosen],
            [n["median_seconds"] for n in chosen],
            linestyle="none",
            color=color,
            marker=marker,
            markersize=5,
            alpha=0.8,
            label=f"{len(chosen)} {'ReLU' if kind == 'relu' else kind} networks",
        )
    total = document["measurements"][0]
    _log_axes(
        axes,
        "parameters D",
        "time of one closure",
        f"Published suite: all {len(networks)} in {total['median']:.2f} s, every count right",
    )
    mean = document["references"][0]["value"] / 50
    axes.axhline(mean, color=BLACK, linestyle="--", linewidth=1)
    axes.annotate(
        "SageMath code, mean of its 50 linear networks (cited): 20 s",
        (0.99, mean),
        xycoords=("axes fraction", "data"),
        xytext=(0, -4),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=8,
    )
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0.0, 0.9), fontsize=9)
    return figure


def _parameters(document: dict[str, Any]) -> Figure:
    figure, (time, memory) = _figure(2, 10.5)
    points = document["details"]["points"]
    for (family, chosen), (color, marker) in zip(_families(points).items(), _STYLES, strict=False):
        sizes = [point["parameters"] for point in chosen]
        for axes, quantity in ((time, "closure"), (memory, "peak memory")):
            scale = 1e6 if axes is memory else 1.0
            values = [scale * point["medians"][quantity] for point in chosen]
            axes.plot(sizes, values, color=color, marker=marker, label=family)
    dense = [point for point in points if "flint rank alone" in point["medians"]]
    for quantity, marker in (("flint rank alone", "x"), ("flint build + rank", "+")):
        time.plot(
            [point["parameters"] for point in dense],
            [point["medians"][quantity] for point in dense],
            color=BLACK,
            marker=marker,
            linestyle="--" if marker == "x" else ":",
            label=f"floor: {quantity.replace('flint', 'python-flint')}, D×D",
        )
    for entry in document["measurements"]:
        if entry["target"] is None or entry["unit"] == "×":
            continue
        axes, unit = (time, "s") if entry["unit"] == "s" else (memory, "MB")
        size = float(entry["name"].partition("(D=")[2].partition(")")[0])
        scale = 1e6 if axes is memory else 1.0
        _target(axes, size, scale * entry["target"], f"target {entry['target']:,.0f} {unit}")
    _log_axes(time, "parameters D", "time", "Time of one Lie closure")
    _log_axes(
        memory, "parameters D", "peak memory", "Peak memory of its process, Python included", "B"
    )
    for axes in (time, memory):
        axes.set_xlim(right=10_000)
    time.legend(frameon=False, fontsize=8, loc="lower right")
    memory.legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def _group(document: dict[str, Any]) -> Figure:
    """Left: both routes, as far as explicit orbits go; right: lifted moments, all orders."""
    from matplotlib.lines import Line2D

    figure, (both, beyond) = _figure(2, 10.5)
    points = document["details"]["points"]
    farthest = 3 * max(p["order"] for p in points if p.get("route", "orbits") == "orbits")
    handles = []
    for (family, chosen), (color, marker) in zip(_families(points).items(), _STYLES, strict=False):
        look: dict[str, Any] = {"color": color, "marker": marker, "markersize": 5}
        handles.append(Line2D([], [], **look, label=family))
        for route in ("orbits", "moments"):
            # integers of any size: matplotlib wants numbers with a point
            line = sorted(
                (float(p["order"]), p["median_seconds"])
                for p in chosen
                if p.get("route", "orbits") == route
            )
            near = [point for point in line if point[0] <= farthest]
            if near and route == "orbits":
                both.plot(*zip(*near, strict=True), **look, linestyle="--", markerfacecolor="white")
            elif near:
                both.plot(*zip(*near, strict=True), **look)
                beyond.plot(*zip(*line, strict=True), **look)
    _log_axes(both, "order of the group", "time", "Both routes, as far as explicit orbits go")
    _log_axes(beyond, "order of the group", "", "Lifted moments, all orders")
    _powers_of_ten(both)
    _powers_of_ten(beyond)
    beyond.sharey(both)
    routes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("explicit orbits", {"linestyle": "--", "markerfacecolor": "white"}),
        ("lifted moments", {"linestyle": "-"}),
    )
    for text, look in routes:
        handles.append(Line2D([], [], color="#555555", marker="o", **look, label=text))
    figure.legend(handles=handles, frameon=False, fontsize=8, loc="outside upper center", ncols=4)
    return figure


def _powers_of_ten(axes: Axes) -> None:
    from matplotlib.ticker import LogFormatterMathtext, LogLocator

    axes.xaxis.set_major_locator(LogLocator(numticks=8))
    axes.xaxis.set_major_formatter(LogFormatterMathtext())
