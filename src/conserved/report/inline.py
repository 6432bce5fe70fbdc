"""What a page holds so that it needs nothing else: style, scripts, numbers, and a policy.

The content security policy allows the scripts and the style of the very page, by their hashes, and
nothing else.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

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
