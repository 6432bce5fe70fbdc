"""A run as a page: kept up to date by its server, or whole in one offline file."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from conserved._version import __version__
from conserved.dynamics.outcomes import ROUNDINGS, URGENT, mark
from conserved.errors import InputError
from conserved.files import write_whole
from conserved.monitor import view
from conserved.monitor.run import Run
from conserved.report.inline import (
    ASSETS,
    embedded,
    environment,
    page_scripts,
    page_style,
    policy,
)

OWN = Path(__file__).parent / "assets"
CHOSEN = 4  # laws with curves at a time: each has two
CLASSES = {
    "violated": "violated",
    "drifting as predicted": "predicted",
    "drifting": "drifting",
    "conserved": "conserved",
    "not tested": "untested",
}
_COLUMNS = (60, 400)  # of a curve in a file: with many laws, with few
_NUMBERS = 20_000  # of all curves in a file: some 160 kB
_TABLE = 200_000  # bytes of a table in a file
_ROW = 480  # of a row beside its words
_DIGITS = 4
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def page_policy(*, live: bool) -> str:
    """What the page may do: nothing but run its own scripts and, live, ask its server."""
    return policy(_style(), _scripts(), connect=live)


def live_page(run: Run, seq: int = 0) -> str:
    """The page that asks for its numbers."""
    return _page(run, view.rows(run), live=True, seq=seq)


def offline_page(run: Run) -> str:
    """The page with its numbers, below 0.5 MB however long the run is and many the laws are.

    Laws that ask most to be looked at come first where there is no room for all.
    """
    every = view.rows(run)
    urgent = sorted(every, key=lambda row: row.weight)
    listed, size = 0, 0
    while listed < len(urgent) and size < _TABLE:
        words = 3 * urgent[listed].text + urgent[listed].found.own  # the formula is there thrice
        size += _ROW + len(words.encode())
        listed += 1
    shown = sorted(urgent[:listed], key=lambda row: row.law)
    each = 6  # lists of numbers: two edges of drift and of its prediction, and two more
    columns = max(_COLUMNS[0], min(_COLUMNS[1], _NUMBERS // (each * max(1, listed))))
    drawn = [row.law for row in urgent[: min(listed, max(1, _NUMBERS // (each * columns)))]]
    first, last = run.pyramid.bounds or (0, 0)
    curves = view.curves(run, drawn, first, last, columns, _DIGITS)
    without = sorted({row.law for row in shown} - set(drawn))
    return _page(run, shown, live=False, curves=curves, chosen=drawn, without=without)


def write_offline(run: Run, path: str | Path) -> Path:
    """Write that page, whole or not at all.

    Raises:
        InputError: a place that cannot be written to.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, offline_page(run).encode())
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise InputError("report", str(path), f"cannot be written ({reason})") from error
    return target


def status(run: Run) -> str:
    """Where the run is, in one line."""
    _, last = run.pyramid.bounds or (0, 0)
    told = [f"step {last:,}"]
    if run.fault:
        return f"{told[0]}; then the log {run.fault}"
    if run.share < 0.999:
        told.append(f"{run.share:.0%} of the log is read")
    if run.marks.closed is not None:
        told.append("the run is closed")
    else:
        told.append(f"last written {_ago(run.idle)}")
    return ", ".join(told)


def _ago(seconds: float) -> str:
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now" if seconds < 10 else "less than a minute ago"


def _page(
    run: Run,
    rows: Sequence[view.Row],
    *,
    live: bool,
    seq: int = 0,
    curves: dict[str, Any] | None = None,
    chosen: Sequence[int] = (),
    without: Sequence[int] = (),
) -> str:
    from markupsafe import Markup

    state = view.state(run)
    first = [row.law for row in sorted(rows, key=lambda row: row.weight)]
    names = {row.law: row.name for row in rows}
    data = {
        "live": live,
        "seq": seq,
        "state": state if live else _trimmed(state, rows),
        "outcomes": URGENT,
        "classes": CLASSES,
        "marks": {outcome: mark(outcome) for outcome in URGENT},
        "names": names,
        "limit": ROUNDINGS,
        "most": CHOSEN,
        "least": 200 * run.head.precision,
        "chosen": list(chosen or first)[:CHOSEN],
        "without": list(without),
        "curves": curves,
    }
    template = environment(OWN, ASSETS).get_template("watch.html")
    return template.render(
        policy=page_policy(live=live),
        style=Markup(_style()),
        scripts=[Markup(script) for script in _scripts()],
        data=Markup(embedded(data)),
        names=names,
        version=f"conserved {__version__}",
        name=run.path.name,
        head=run.head,
        live=live,
        status=status(run),
        state=state,
        outcomes=URGENT,
        classes=CLASSES,
        blocks=view.grouped(rows),
        limit=round(ROUNDINGS),
        most=CHOSEN,
        left_out=_left_out(run, rows, without),
        facts=_facts(run),
        short=short,
    )


def _trimmed(state: dict[str, Any], rows: Sequence[view.Row]) -> dict[str, Any]:
    """Without what only an update needs, for the table is in the page, and of laws that it has."""
    kept = {name: {row.law: state[name][row.law] for row in rows} for name in ("outcome", "words")}
    return {**state, **kept, **{k: [] for k in ("reason", "drift", "residual", "gradient")}}


def _left_out(run: Run, rows: Sequence[view.Row], without: Sequence[int]) -> str:
    """What a file has no room for."""
    told = []
    if len(rows) < len(run.head.laws):
        told.append(f"The {len(rows):,} of {len(run.head.laws):,} laws that ask most to be seen.")
    if without:
        told.append(f"Curves of {len(rows) - len(without):,} of them are in this file.")
    return " ".join(told) + (f" conserved watch {run.path.name} shows all." if told else "")


def _facts(run: Run) -> list[tuple[str, str]]:
    head = run.head
    first, last = run.pyramid.bounds or (0, 0)
    looks = "every step" if head.every == 1 else f"every {head.every:,} steps"
    if head.overhead is not None:
        looks += f" where {head.overhead:.3g} of the time pays for it"
    count = sum(law.functions for law in head.laws)
    part = "" if head.probe == 1 else f"; of large families a random part of {head.probe:.3g}"
    facts = [
        ("log", run.path.name),
        ("model", f"{head.model}, {head.parameters:,} parameters"),
        ("loss", head.loss),
        ("optimizer", head.optimizer),
        ("laws", f"{len(head.laws):,} families, {count:,} functions{part}"),
        ("steps", f"{first:,} to {last:,}, a look {looks}: {run.pyramid.rows:,}"),
        ("rounding", f"{head.precision:.3g}, relative, of the parameters"),
        ("begun", head.time),
        ("run", head.run),
    ]
    if run.marks.unread:
        facts.append(("left out", f"{run.marks.unread:,} lines that could not be read"))
    return facts


def short(value: float) -> str:
    """Three digits.

    Example:
        >>> short(-1.23456e-5), short(float("nan")), short(12.3456)
        ('−1.23·10⁻⁵', '–', '12.3')
    """
    if not isfinite(value):
        return "–" if value != value else str(value).replace("inf", "∞")
    if value and not 1e-3 <= abs(value) < 1e6:
        head, exponent = f"{value:.2e}".split("e")
        return f"{head}·10{str(int(exponent)).translate(_RAISED)}".replace("-", "−")
    return f"{float(f'{value:.3g}'):g}".replace("-", "−")


def _style() -> str:
    return page_style(OWN / "watch.css")


def _scripts() -> tuple[str, ...]:
    return page_scripts(OWN / "watch.js")
