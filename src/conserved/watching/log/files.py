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
_FEW = {"residual": 4, "gradient": 4}  # digits of counts of roundings: they are estimates


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
        os.write(self._file, line_of(record).encode())

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


def whole_lines(path: str | os.PathLike[str]) -> Iterator[tuple[Path, int, int, bytes]]:
    """The lines of a log in their order, all parts; a broken last line is left out.

    Yields:
        (part, its number there, the byte where it begins, the line).

    Raises:
        InputError: no such file.
    """
    newest = Path(path)
    parts = older_parts(newest)
    if newest.is_file():
        parts.append(newest)
    elif newest.exists() or not parts:  # a kill may come when one is put aside, and no other begun
        raise InputError("log", str(path), "is no file" if newest.exists() else "no such file")
    for part in parts:
        begin = 0
        with part.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                yield part, number, begin, line
                begin += len(line)


def record_of(part: Path, number: int, line: bytes) -> dict[str, Any]:
    """The object of a line.

    Raises:
        InputError: it is none.
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise InputError("log", str(part), f"line {number} is no JSON object")
    return record


def records(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """The objects of a log in their order, all parts; a broken last line is left out.

    Args:
        path: of the newest part.

    Raises:
        InputError: no such file, or a line that is no JSON object, by its number.
    """
    for part, number, _, line in whole_lines(path):
        yield record_of(part, number, line)


def line_of(record: Mapping[str, Any]) -> str:
    """A record as it is written."""
    parts = [
        f"{_text(key)}:{_value(value, _FEW.get(key, _DIGITS))}" for key, value in record.items()
    ]
    return f"{{{','.join(parts)}}}\n"


def _value(value: Any, digits: int) -> str:
    """As JSON; of lists of numbers, which make up a log, at once."""
    if isinstance(value, list) and value:
        if isinstance(value[0], list):
            return f"[{','.join(_value(item, digits) for item in value)}]"
        try:
            text = ",".join([f"%.{digits}g"] * len(value)) % tuple(value)
        except TypeError:  # None, or no numbers
            text = "n"
        if "n" not in text:  # nor "nan", nor "inf"
            return f"[{text}]"
    return _text(plain(value, digits))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def plain(value: Any, digits: int = _DIGITS) -> Any:
    """As JSON has it: floats short, those that are not finite as words.

    Example:
        >>> plain({"a": np.array([0.1, np.inf]), "b": None})
        {'a': [0.1, 'inf'], 'b': None}
    """
    if isinstance(value, float):  # first: of these there are many
        return float(f"{value:.{digits}g}") if math.isfinite(value) else str(float(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item, digits) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return [plain(item, digits) for item in value.tolist()]
    if isinstance(value, (list, tuple)):
        return [plain(item, digits) for item in value]
    if isinstance(value, np.floating):
        return plain(float(value), digits)
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
