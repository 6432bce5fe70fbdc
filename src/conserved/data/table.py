"""Tables of exact numbers from CSV, NPY and NPZ files; nothing in them is trusted.

A decimal is the fraction that it spells, and a float the shortest decimal that gives it back.
"""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from conserved.errors import InputError, quoted, require_text
from conserved.kernel.data import Row

SUFFIXES = (".csv", ".npy", ".npz")
BYTES_LIMIT = 100 * 10**6
NUMBER_LIMIT = 2_000_000
_PAIRS = (("x", "y"), ("inputs", "labels"), ("x_train", "y_train"))
_DECIMAL = re.compile(r"[+-]?(\d{1,60}(\.\d{0,60})?|\.\d{1,60})([eE][+-]?0*\d{1,2})?")
_FRACTION = re.compile(r"[+-]?\d{1,60}/\d{1,60}")
_FORM = "a number has at most 60 digits on each side of the point, and an exponent below 100"
_MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-")


@dataclass(frozen=True)
class Table:
    """Rows of exact numbers.

    Attributes:
        source: the path of the file, as given.
        rows: all of one width.
        labels: how many of the last columns a file keeps apart as labels (arrays x and y), or 0.
        names: of the columns, where the file has them.
    """

    source: str
    rows: tuple[Row, ...]
    labels: int = 0
    names: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return len(self.rows[0])


def read_table(source: str, argument: str = "data") -> Table:
    """Read a table of numbers.

    Args:
        source: the path of a CSV, NPY or NPZ file.
        argument: what to call it in errors.

    Raises:
        InputError: unreadable, too large, or anything in it that is no finite number, with its
            row and column.
    """
    require_text(argument, source, "points.csv, the path of a file")
    suffix = Path(source).suffix.lower() if "\0" not in source else ""
    if suffix not in SUFFIXES:
        raise InputError(argument, source, f"give a file that ends in {', '.join(SUFFIXES)}")
    try:
        path = Path(source)
        if not path.is_file():  # a pipe or a device would be read for ever
            raise InputError(argument, source, "not a file" if path.exists() else "no such file")
        if path.stat().st_size > BYTES_LIMIT:
            raise InputError(argument, source, "larger than 100 MB; give a part of it")
        found = _csv(path, source) if suffix == ".csv" else _arrays(path, source)
    except OSError as error:
        raise InputError(argument, source, error.strerror or "cannot be read") from error
    except MemoryError as error:
        raise InputError(argument, source, "does not fit in memory") from error
    except _BadError as error:
        raise InputError(argument, source, str(error)) from error
    return found


def exact_rows(argument: str, given: Any) -> tuple[Row, ...]:
    """Rows of numbers given to the library, as exact fractions; entries of one row are flattened.

    Raises:
        InputError: anything but rows of finite numbers, all of one width.

    Example:
        >>> exact_rows("inputs", [[1, 0.5], ["1/3", "0.25"]])[1]
        (Fraction(1, 3), Fraction(1, 4))
    """
    try:
        if isinstance(given, np.ndarray):
            return _of_array(given, "")[0]
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise _BadError("rows of numbers are needed")
        return _rows(enumerate(map(_flat, given), start=1), "row")
    except _BadError as error:
        raise InputError(argument, given, str(error)) from error


class _BadError(Exception):
    """What is wrong with a table, and where."""


def _flat(row: Any) -> list[Any]:
    if isinstance(row, np.ndarray):
        return row.ravel().tolist()
    if isinstance(row, str) or not isinstance(row, Iterable):
        return [row]
    return list(chain.from_iterable(map(_flat, row)))


def _rows(lines: Iterable[tuple[int, Sequence[Any]]], line: str) -> tuple[Row, ...]:
    """Rows of numbers, counted as in the file; all as wide as the first."""
    known: dict[Any, Fraction] = {}
    found: list[Row] = []
    count = 0
    for number, cells in lines:
        if found and len(cells) != len(found[0]):
            raise _BadError(
                f"{line} {number} has {_counted(len(cells), 'column')}, the first row "
                f"{len(found[0])}"
            )
        count += len(cells)
        _require_few(count)
        row = []
        for column, cell in enumerate(cells, start=1):
            key = (type(cell), cell)
            if key not in known:
                known[key] = _number(cell, f"{line} {number}, column {column}")
            row.append(known[key])
        found.append(tuple(row))
    if not found or not found[0]:
        raise _BadError("has no numbers")
    return tuple(found)


def _require_few(count: int) -> None:
    if count > NUMBER_LIMIT:
        raise _BadError(f"more than {NUMBER_LIMIT:,} numbers; give a part of it")


def _number(cell: Any, place: str) -> Fraction:
    if isinstance(cell, bool | np.bool_):
        return Fraction(int(cell))
    if isinstance(cell, Fraction):
        return cell
    text = str(cell).strip()  # of a float the shortest decimal
    if _DECIMAL.fullmatch(text) or (_FRACTION.fullmatch(text) and int(text.partition("/")[2])):
        return Fraction(text)
    if text.lower() in _MISSING:
        raise _BadError(f"{place}: a value is missing" + (f" ('{text}')" if text else ""))
    if text.lower().lstrip("+-") in ("inf", "infinity"):
        raise _BadError(f"{place}: '{text}' is not finite")
    if re.fullmatch(r"[-+.\deE]+", text):
        raise _BadError(f"{place}: {quoted(text, 40)}: {_FORM}")
    raise _BadError(f"{place}: {quoted(text, 40)} is no number")


def _is_number(text: str) -> bool:
    return bool(_DECIMAL.fullmatch(text.strip()))


def _csv(path: Path, source: str) -> Table:
    names: tuple[str, ...] = ()
    lines: list[tuple[int, list[str]]] = []
    count = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            for row in reader:
                if not "".join(row).strip():
                    continue
                if not lines and not names and not any(map(_is_number, row)) and all(row):
                    names = tuple(cell.strip() for cell in row)
                    continue
                count += len(row)
                _require_few(count)  # before the rest is read
                lines.append((reader.line_num, row))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _BadError("is no text of comma-separated numbers in UTF-8") from error
    if not lines:
        only = "only a row of names" if names else "nothing"
        raise _BadError(f"has {only} in it; rows of numbers separated by commas are needed")
    rows = _rows(lines, "line")
    return Table(source, rows, names=names if len(names) == len(rows[0]) else ())


def _arrays(path: Path, source: str) -> Table:
    try:
        with path.open("rb") as stream:
            loaded = np.load(stream)
            if isinstance(loaded, np.ndarray):
                return Table(source, *_of_array(loaded, ""))
            return _archive(loaded, source)
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError) as error:
        raise _BadError("holds no plain numeric array") from error


def _archive(loaded: Any, source: str) -> Table:
    names = list(loaded.files)
    pair = next((pair for pair in _PAIRS if all(key in names for key in pair)), None)
    if pair is None:
        if len(names) != 1:
            shown = ", ".join(names[:8]) or "no names"
            raise _BadError(f"has arrays {shown}; give one array, or x and y")
        return Table(source, *_of_array(loaded[names[0]], f"'{names[0]}', "))
    (x, _), (y, _) = (_of_array(loaded[key], f"'{key}', ") for key in pair)
    if len(x) != len(y):
        raise _BadError(f"has {_counted(len(x), 'input')} and {_counted(len(y), 'label')}")
    rows = tuple((*inputs, *labels) for inputs, labels in zip(x, y, strict=True))
    return Table(source, rows, len(y[0]))


def _of_array(array: Any, where: str) -> tuple[tuple[Row, ...], int]:
    """The rows of an array, axis 0 first; entries of one row are flattened."""
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise _BadError(f"{where}an array of real numbers is needed, not of {array.dtype}")
    if not array.ndim or not array.size:
        raise _BadError(f"{where}has no numbers")
    if array.size > NUMBER_LIMIT:
        raise _BadError(f"{where}more than {NUMBER_LIMIT:,} numbers; give a part of it")
    flat = array.reshape(len(array), prod(array.shape[1:]))
    bad = np.argwhere(~np.isfinite(flat)) if array.dtype.kind == "f" else np.zeros((0, 2), int)
    if len(bad):
        row, column = (int(index) + 1 for index in bad[0])
        raise _BadError(f"{where}row {row}, column {column}: {flat[tuple(bad[0])]} is no number")
    values, places = np.unique(flat, return_inverse=True)
    exact = []
    for value, first in zip(values, np.unique(places, return_index=True)[1], strict=True):
        row, column = divmod(int(first), flat.shape[1])
        exact.append(_number(value, f"{where}row {row + 1}, column {column + 1}"))
    return tuple(
        tuple(exact[place] for place in row) for row in places.reshape(flat.shape).tolist()
    ), 0


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
