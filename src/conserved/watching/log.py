"""The log of a training run: JSON lines that a kill cannot spoil (docs/watch.md).

A line is one write, so that what a killed run leaves is whole lines, and at most a broken last one.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from conserved.errors import InputError

SCHEMA = "conserved.watch/1"
_DIGITS = 9  # of a number: what float32 needs


class LogWriter:
    """Appends lines, and begins a new part when one has grown large.

    Args:
        path: of the newest part.
        rotate: bytes of a part.

    Raises:
        InputError: the place cannot be written to.

    Attributes:
        part: number of the newest part.
    """

    def __init__(self, path: Path, rotate: int) -> None:
        self.path, self._rotate = path, rotate
        self.part = len(older_parts(path))
        try:
            _cut_broken(path)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        except OSError as error:
            raise InputError("log", str(path), f"cannot be written: {error.strerror}") from error

    @property
    def full(self) -> bool:
        """Whether the part should end."""
        return os.fstat(self._file).st_size >= self._rotate

    def begin_part(self) -> None:
        """Put what was written aside; the caller opens the new part with a ``run`` line."""
        self.part += 1
        os.replace(self.path, part_path(self.path, self.part))
        os.close(self._file)
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def write(self, record: Mapping[str, Any]) -> None:
        """One line."""
        line = json.dumps(plain(record), ensure_ascii=False, separators=(",", ":")) + "\n"
        os.write(self._file, line.encode())

    def close(self) -> None:
        """Nothing is written after this."""
        os.close(self._file)


def part_path(path: Path, number: int) -> Path:
    """Of an older part: ``run.jsonl`` → ``run.3.jsonl``."""
    return path.with_name(f"{path.stem}.{number}{path.suffix}")


def older_parts(path: Path) -> list[Path]:
    """Parts that were put aside, the first first."""
    found: list[Path] = []
    while (older := part_path(path, len(found) + 1)).exists():
        found.append(older)
    return found


def records(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """The lines of a log in their order, all parts; a broken last line is left out.

    Args:
        path: of the newest part.

    Raises:
        InputError: no such file, or a line that is no JSON object, by its number.
    """
    newest = Path(path)
    if not newest.is_file():
        raise InputError("log", str(path), "is no file" if newest.exists() else "no such file")
    for part in (*older_parts(newest), newest):
        with part.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                try:
                    record = json.loads(line)
                except ValueError:
                    record = None
                if not isinstance(record, dict):
                    raise InputError("log", str(part), f"line {number} is no JSON object")
                yield record


def plain(value: Any) -> Any:
    """As JSON has it: floats short, those that are not finite as words.

    Example:
        >>> plain({"a": np.array([0.1, np.inf]), "b": None})
        {'a': [0.1, 'inf'], 'b': None}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value.tolist()]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return float(f"{number:.{_DIGITS}g}") if math.isfinite(number) else str(number)
    return int(value) if isinstance(value, np.integer) else value


def number(value: Any) -> float:
    """Of a JSON value as the log writes it; nan for what is not known.

    Example:
        >>> number("inf"), number(2)
        (inf, 2.0)
    """
    return math.nan if value is None else float(value)


def _cut_broken(path: Path) -> None:
    """Take a broken last line away."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 4096)
            file.seek(start)
            held = file.read(end - start)
            newline = held.rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        file.truncate(end)
