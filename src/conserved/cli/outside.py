"""What the command line meets outside: a terminal or none, and places to write to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from conserved.errors import InputError


def on_terminal() -> bool:
    """Whether somebody watches stderr, which may have been closed before we started."""
    return sys.stderr is not None and sys.stderr.isatty()


def require_writable(**options: str | None) -> None:
    """Refuse files that could not be written, before anything is computed.

    Folders that are missing on the way will be made.

    Args:
        options: the file that each option names, if any.

    Raises:
        InputError: naming the option; also where two options name one file.
    """
    met: dict[Path, str] = {}
    for name, path in options.items():
        if path is None:
            continue
        option = f"--{name}"
        try:
            usable = _writable(path)
        except OSError:  # a name too long
            usable = False
        if not usable:
            raise InputError(option, path, "cannot be written; give a file in a folder of yours")
        place = Path(path).resolve()
        if place in met and not place.is_char_device():
            raise InputError(option, path, f"is the file of {met[place]} already; name another")
        met[place] = option


def _writable(path: str) -> bool:
    target = Path(path)
    folder = next(p for p in target.absolute().parents if p.exists())
    return not target.is_dir() and folder.is_dir() and os.access(folder, os.W_OK)
