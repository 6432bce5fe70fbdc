"""A reproduction for people: text in a terminal, a record and a picture in a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from os import W_OK, PathLike, access
from pathlib import Path
from textwrap import indent

from conserved.errors import InputError
from conserved.files import write_whole
from conserved.zoo.figure import PUBLISHED, Reproduction

_COLORS = 96  # of a picture: a third of the size of true colour
NO_PICTURE = "no picture: pip install 'conserved[plot]'"


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        record: the JSON file.
        picture: the PNG file, or None without matplotlib.
    """

    record: Path
    picture: Path | None


def as_text(found: Reproduction, written: Written | None = None) -> str:
    """The claim of the figure, each check with its numbers, and the figure in characters."""
    head = f"{found.published.name}: {found.published.title} ({found.published.source})"
    width = max(len(claim.text) for claim in found.claims)
    checks = [
        f"  {'PASS' if claim.holds else 'FAIL'}  {claim.text:<{width}}  {claim.numbers}"
        for claim in found.claims
    ]
    failed = sum(not claim.holds for claim in found.claims)
    count = len(found.claims)
    verdict = f"All {count} checks pass" if found.holds else f"{failed} of {count} checks FAIL"
    lines = [f"{verdict}; seed {found.seed}, {found.seconds:.3g} s."]
    if written is not None:
        picture = NO_PICTURE if written.picture is None else str(written.picture)
        lines.append(f"{written.record}, {picture}")
    blocks = [head, "\n".join(checks), indent(found.measurement.chart(), "  "), "\n".join(lines)]
    return "\n\n".join(blocks)


def listed() -> str:
    """All names with what they show.

    Example:
        >>> print(listed().splitlines()[0].partition(" ")[0])
        polynomial
    """
    rows = [(entry.name, entry.title, entry.source) for entry in PUBLISHED.values()]
    return aligned(rows)


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns of text.

    Example:
        >>> print(aligned([("a", "long", "x"), ("bcd", "e", "y")]))
        a    long  x
        bcd  e     y
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def make_folder(folder: str | PathLike[str]) -> Path:
    """A folder that can be written to, before anything is measured.

    Raises:
        InputError: it cannot be made, or not written to.
    """
    place = Path(folder)
    if place.is_file():
        raise InputError("folder", folder, "is a file; give a folder of yours")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("folder", folder, error.strerror or str(error)) from error
    if not access(place, W_OK):
        raise InputError("folder", folder, "cannot be written; give a folder of yours")
    return place


def save(found: Reproduction, folder: str | PathLike[str]) -> Written:
    """Write NAME.json and, where matplotlib is installed, NAME.png; the folder is made.

    Raises:
        InputError: the files cannot be written.
    """
    place = make_folder(folder)
    record, picture = (place / f"{found.published.name}{end}" for end in (".json", ".png"))
    try:
        text = json.dumps(found.to_json(), ensure_ascii=False, allow_nan=False)
        write_whole(record, f"{text}\n".encode())
        drawn = _draw(found, picture)
    except OSError as error:
        raise InputError("folder", folder, error.strerror or str(error)) from error
    return Written(record, picture if drawn else None)


def _draw(found: Reproduction, path: Path) -> bool:
    try:
        figure = found.measurement.draw()
    except ImportError:  # matplotlib is an extra
        return False
    from PIL import Image  # matplotlib brings it

    raw, small = BytesIO(), BytesIO()
    figure.savefig(raw, format="png", facecolor="white")
    Image.open(raw).convert("RGB").quantize(_COLORS).save(small, format="png", optimize=True)
    write_whole(path, small.getvalue())
    return True
