"""What the command line meets outside: a terminal or none, and places to write to."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TextIO

import click

from conserved.errors import InputError

if TYPE_CHECKING:
    from conserved.kernel.deadline import Stop

INTERRUPTED = 130

WIDTH = 100  # columns of text
_NARROWEST = 20


def on_terminal() -> bool:
    """Whether somebody watches stderr, which may have been closed before we started."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def interruptible() -> Iterator[Stop]:
    """The first Ctrl-C ends what runs inside as a budget would; the second ends everything."""
    from conserved.kernel.deadline import stoppable

    before = signal.getsignal(signal.SIGINT)
    with stoppable() as stop:
        if before is not signal.default_int_handler:  # ignored in the background, or not ours
            yield stop
            return

        def ask(signum: int, frame: Any) -> None:
            stop.ask()
            signal.signal(signal.SIGINT, before)
            tell("conserved: interrupted; what is known so far follows, Ctrl-C again ends at once")

        signal.signal(signal.SIGINT, ask)
        try:
            yield stop
        finally:
            signal.signal(signal.SIGINT, before)


def columns() -> int:
    """How wide to set sentences: as the terminal, where it is narrower than our lines."""
    if sys.stdout is None or not sys.stdout.isatty():
        return WIDTH
    return max(_NARROWEST, min(WIDTH, get_terminal_size().columns))


def show(text: str) -> None:
    """Print to stdout; lines are broken where a terminal is narrower than they are.

    What goes to a file or a pipe keeps its lines, so that they can be searched and compared.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        text = fitted(text, get_terminal_size().columns)
    _print(text, sys.stdout)


def show_json(document: Any) -> None:
    """Print one JSON object; signs that the stream does not know are escaped, and none is lost."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    known = encoding.lower().replace("-", "") == "utf8"
    _print(json.dumps(document, ensure_ascii=not known), sys.stdout)


def tell(text: str) -> None:
    """Print to stderr."""
    _print(text, sys.stderr)


def _print(text: str, stream: TextIO | None) -> None:
    if stream is not None:  # None: closed before we started
        click.echo(text, file=stream)  # click would take UTF-8 in place of ASCII


def fitted(text: str, width: int) -> str:
    """Lines of at most this width, what goes on set in; words longer than a line are broken.

    Example:
        >>> print(fitted("  +3  W1 W1ᵀ − W2ᵀ W2  architecture, quadratic", 30))
          +3  W1 W1ᵀ − W2ᵀ W2
              architecture, quadratic
    """
    width = max(width, _NARROWEST)
    return "\n".join(part for line in text.split("\n") for part in _broken(line, width))


def _broken(line: str, width: int, indent: str = "") -> list[str]:
    """A line in parts, at a gap between columns where there is one, else between words."""
    if len(line) <= width:
        return [line]
    start = len(line) - len(line.lstrip())
    indent = indent or " " * (start + 4 if start else 2)
    gap = line.rfind("  ", start, width)
    if gap > width // 3:
        return [line[:gap].rstrip(), *_broken(indent + line[gap:].strip(), width, indent)]
    return wrap(line, width, subsequent_indent=indent)


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
