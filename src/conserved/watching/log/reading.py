"""Reading the log of a watched run (docs/watch.md), also while it is being written.

Every whole line is read once, with the place where it begins: the number of its file and a byte. A
broken last line waits until it is whole, or until the next run has taken it away.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from conserved.errors import InputError
from conserved.watching.log.files import SCHEMA, older_parts, part_path

PART = 1 << 48  # bytes: a place is number · PART + byte
_CHUNK = 1 << 20
_LONGEST = 1 << 28  # bytes of a line
_START = 256  # bytes: they hold the name of the run
_TEXT = 400  # characters of a name that are kept


@dataclass(frozen=True)
class WatchedLaw:
    """A family of laws as the log names it.

    Args:
        text, short: its formula, in full and cut.
        tensors: parameters it speaks of.
        functions: how many functions it has.
        without_eps: whether the eps of a norm breaks it, slowly.
        ledger: whether its drift is predicted.
        why_not: why it is not, where it is not.
        start: its value at step 0.
        size: of its terms, against which a drift is small or large.
        due: what it is due to, "" for the architecture.
    """

    text: str
    short: str
    tensors: tuple[str, ...]
    functions: int
    without_eps: bool
    ledger: bool
    why_not: str
    start: float
    size: float
    due: str = ""


@dataclass(frozen=True)
class Head:
    """The first line of a log.

    Args:
        run: an identifier.
        model, loss, optimizer: in words.
        parameters: D.
        every: steps between two looks, at least.
        overhead: the share of the time of training that looks may take; None for any.
        probe: the share of each large family that is looked at.
        precision: relative rounding of the parameters.
        time: when it was begun, ISO 8601.
        laws: in the order of every array.
    """

    run: str
    model: str
    parameters: int
    loss: str
    optimizer: str
    every: int
    overhead: float | None
    probe: float
    precision: float
    time: str
    laws: tuple[WatchedLaw, ...]


def head_of(line: Mapping[str, Any]) -> Head:
    """A ``run`` line as a head.

    Raises:
        ValueError: one that is none, or of another version.
    """
    if line.get("kind") != "run" or line.get("schema") != SCHEMA:
        raise ValueError(f"its first line is not a run line of {SCHEMA}")
    laws = line.get("laws")
    if not isinstance(laws, list) or not all(isinstance(law, dict) for law in laws):
        raise ValueError("its first line lists no laws")
    return Head(
        run=_text(line, "run"),
        model=_text(line, "model"),
        parameters=_whole(line, "parameters"),
        loss=_text(line, "loss"),
        optimizer=_text(line, "optimizer"),
        every=max(1, _whole(line, "every")),
        overhead=_real(line, "overhead") or None,
        probe=_real(line, "probe") or 1.0,
        precision=_real(line, "precision") or 2.0**-23,
        time=_text(line, "time"),
        laws=tuple(map(_law, laws)),
    )


def _law(law: Mapping[str, Any]) -> WatchedLaw:
    tensors = law.get("tensors")
    named = tensors if isinstance(tensors, list) else []
    return WatchedLaw(
        text=_text(law, "text"),
        short=_text(law, "short") or _text(law, "text"),
        tensors=tuple(map(shown, named)),
        functions=_whole(law, "functions"),
        without_eps=law.get("without_eps") is True,
        ledger=law.get("ledger") is True,
        why_not=_text(law, "why_not"),
        start=_real(law, "start"),
        size=_real(law, "size") or 1.0,
        due=_text(law, "due"),
    )


def shown(value: Any, most: int = _TEXT) -> str:
    r"""Text of a log as it is shown: cut, and without what would steer a terminal.

    Example:
        >>> shown("a\x1b[2Jb"), shown(None)
        ('a�[2Jb', '')
    """
    if not isinstance(value, str):
        return ""
    return "".join(c if c.isprintable() else "\ufffd" for c in value[:most])


def _text(line: Mapping[str, Any], name: str) -> str:
    return shown(line.get(name))


def _whole(line: Mapping[str, Any], name: str) -> int:
    value = line.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def _real(line: Mapping[str, Any], name: str) -> float:
    value = line.get(name)
    known = isinstance(value, int | float) and isfinite(value)
    return float(value) if known else 0.0  # type: ignore[arg-type]


def size_of(path: Path) -> int:
    """Bytes of all parts."""
    return sum(part.stat().st_size for part in (*older_parts(path), path) if part.exists())


class Follower:
    """Whole lines of a log that may still grow.

    Args:
        path: of the part that is written last, ``run.jsonl``.
        place: where to begin.
        void: stretches of the log [begin, end) that are passed over, in their order.
    """

    def __init__(self, path: Path, place: int = 0, void: Sequence[tuple[int, int]] = ()) -> None:
        self.path, self._void = path, void
        self._go(place)

    def _go(self, place: int) -> None:
        self.number, self.byte = divmod(place, PART)
        self._start = b""  # of the part that is read: another start is another file

    @property
    def place(self) -> int:
        """Where the next line begins."""
        return self.number * PART + self.byte

    @property
    def seen(self) -> int:
        """Bytes before that, of all parts."""
        full = [part.stat().st_size for part in older_parts(self.path)[: self.number]]
        return sum(full) + self.byte

    def read(self, most: int = _CHUNK) -> list[tuple[int, bytes]]:
        """The next lines with their places, of about so many bytes; none where there are no more.

        Raises:
            FileNotFoundError, OSError: a log that cannot be read.
            EOFError: a file that was written anew.
        """
        while lines := self._read(most):
            first, last = lines[0][0], lines[-1][0]
            met = next((v for v in self._void if v[0] <= last and first < v[1]), None)
            if met is None:
                return lines
            self._go(met[1])
            if before := [line for line in lines if line[0] < met[0]]:
                return before
        return []

    def _read(self, most: int) -> list[tuple[int, bytes]]:
        while True:
            done = part_path(self.path, self.number + 1)
            full = done.exists()  # asked before reading: what is read then is all there is
            if not full and self.number and not self.path.exists():
                return []  # renamed, and the next part is not begun
            with (done if full else self.path).open("rb") as file:
                start = file.read(_START)
                if not start.startswith(self._start) or os.fstat(file.fileno()).st_size < self.byte:
                    raise EOFError(f"{self.path} was written anew")
                self._start = start
                file.seek(self.byte)
                data = file.read(most)
            end = data.rfind(b"\n") + 1
            if end:
                return self._lines(data[:end])
            if len(data) == most and most < _LONGEST:
                most *= 2
                continue
            if not full:
                return []
            self.number, self.byte, self._start = self.number + 1, 0, b""

    def before(self, most: int) -> bytes:
        """So many bytes of the part in front of the next line, or all of them.

        Raises:
            OSError: a log that cannot be read.
        """
        with _part(self.path, self.number).open("rb") as file:
            file.seek(max(0, self.byte - most))
            return file.read(min(most, self.byte))

    def _lines(self, data: bytes) -> list[tuple[int, bytes]]:
        lines = []
        for line in data[:-1].split(b"\n"):
            lines.append((self.place, line))
            self.byte += len(line) + 1
        return lines


def line_at(path: Path, place: int) -> bytes:
    """The line that begins at a place of a log.

    Raises:
        OSError: a log that cannot be read.
    """
    number, byte = divmod(place, PART)
    with _part(path, number).open("rb") as file:
        file.seek(byte)
        return file.readline()


def _part(path: Path, number: int) -> Path:
    """The file of a part."""
    done = part_path(path, number + 1)
    return done if done.exists() else path


def parsed(line: bytes) -> dict[str, Any] | None:
    """The object of a line; None where there is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def first_line(path: Path) -> Head:
    """The head of a log.

    Raises:
        InputError: a file that is no log, or cannot be read.
    """
    try:
        if path.is_dir():
            raise ValueError("it is a directory")
        lines = Follower(path).read()
        if not lines:
            raise ValueError("it has no whole line yet" if path.stat().st_size else "it is empty")
        return head_of(parsed(lines[0][1]) or {})
    except (OSError, EOFError, ValueError) as error:
        told = (getattr(error, "strerror", None) or str(error)).lower()
        advice = f"{told}; give a log that cq.watch(…, log=FILE) wrote"
        raise InputError("log", str(path), advice) from error
