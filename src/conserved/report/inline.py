"""What a page holds so that it needs nothing else: style, scripts, numbers, and a policy.

The content security policy allows the scripts and the style of the very page, by their hashes, and
nothing else.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from conserved.errors import InputError
from conserved.files import write_whole

if TYPE_CHECKING:
    from jinja2 import Environment

ASSETS = Path(__file__).parent / "assets"
VENDOR = Path(__file__).parent / "vendor"
# Told apart without colour as well: one pattern for each of the eight colours.
DASHES = ("", "7 4", "2 3", "10 3 2 3", "14 4", "4 2", "2 6", "8 2 2 2 2 2")


def embedded(value: object) -> str:
    r"""JSON that is inert inside a script element.

    Example:
        >>> embedded("</script>")
        '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda m: f"\\u{ord(m[0]):04x}", text)


@dataclass(frozen=True)
class Download:
    """A file that the page carries."""

    name: str
    words: str
    text: str

    @property
    def link(self) -> str:
        """A link that needs neither a script nor a server."""
        return f"data:application/json;base64,{b64encode(self.text.encode()).decode()}"

    @property
    def size(self) -> str:
        kilobytes = len(self.text.encode()) / 1000
        return f"{kilobytes:.0f} kB" if kilobytes >= 10 else f"{kilobytes:.1f} kB"


def embedded_file(name: str, words: str, value: object) -> Download:
    """JSON that a reader can take out of the page.

    Raises:
        TypeError, ValueError: what is no JSON.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
    return Download(name, words, text)


def written(page: str, path: str | os.PathLike[str]) -> Path:
    """A page in a file, whole or not at all; folders on the way are made.

    Raises:
        InputError: a place that cannot be written to.
    """
    try:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, page.encode())
    except (OSError, TypeError, ValueError) as error:  # the latter two: no name of a file
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise InputError("path", path, f"cannot be written ({reason})") from error
    return target


def policy(style: str, scripts: Sequence[str], *, connect: bool = False) -> str:
    """Nothing but the style and scripts of this page, and no string ever becomes code.

    Args:
        style, scripts: their texts.
        connect: whether the page asks its own server for data.
    """
    allowed = " ".join(_source(script) for script in scripts) or "'none'"
    asking = "connect-src 'self'; " if connect else ""
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_source(style)}; img-src data:; "
        f"{asking}base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )


def _source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def page_style(*more: Path) -> str:
    """The style of every page, and that of one."""
    return "".join(map(_read, (VENDOR / "uPlot.min.css", ASSETS / "report.css", *more)))


@cache
def page_scripts(*own: str | Path) -> tuple[str, ...]:
    """The scripts that draw charts, and those of one page."""
    shared = VENDOR / "uPlot.iife.min.js", ASSETS / "charts.js"
    return tuple(map(_read, (*shared, *(ASSETS / path for path in own))))


def _read(path: Path) -> str:
    return path.read_text("utf-8")


@cache
def environment(*folders: Path) -> Environment:
    """Templates of these folders, escaping all they are given."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
