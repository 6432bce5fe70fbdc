"""Data from a CSV or NPZ file; nothing in it is trusted."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import numpy as np

from conserved.errors import InputError
from conserved.kernel.scalars import Array

SUFFIXES = (".csv", ".npz")
_NAMES = (("x", "y"), ("inputs", "labels"), ("x_train", "y_train"))
_BYTES = 2**30


def read_file(name: str, inputs: int, outputs: int) -> tuple[Array, Array]:
    """(x, y) from a file: rows of numbers, inputs first, or arrays x and y.

    Args:
        name: where it is.
        inputs, outputs: how many numbers one input and one label have.

    Returns:
        x (N, …) and y (N, …); from CSV (N, inputs) and (N, outputs) or (N, 1).

    Raises:
        InputError: unreadable, or not of this form.
    """
    if "\0" in name:
        raise InputError("data", name, "is no name of a file")
    path = Path(name)
    try:
        if path.stat().st_size > _BYTES:
            raise InputError("data", name, "larger than 1 GiB")
        archive = path.suffix.lower() == ".npz"
        return _npz(path, name) if archive else _csv(path, name, inputs, outputs)
    except OSError as error:
        raise InputError("data", name, error.strerror or "cannot be read") from error
    except MemoryError as error:
        raise InputError("data", name, "does not fit in memory") from error


def _csv(path: Path, name: str, inputs: int, outputs: int) -> tuple[Array, Array]:
    rows: list[list[float]] = []
    fitting = (inputs + outputs, inputs + 1)
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            for number, row in enumerate(csv.reader(lines), start=1):
                if not "".join(row).strip():
                    continue
                try:
                    numbers = [float(cell) for cell in row]
                except ValueError:
                    if rows or number > 1:
                        advice = f"line {number} has a cell that is no number"
                        raise InputError("data", name, advice) from None
                    continue
                if len(row) not in fitting or (rows and len(row) != len(rows[0])):
                    found = {len(row), len(rows[0] if rows else row)}
                    raise InputError("data", name, _misfit(found, inputs, outputs))
                rows.append(numbers)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("data", name, "is no text of comma-separated numbers") from error
    if not rows:
        raise InputError("data", name, "has no rows of numbers separated by commas")
    table = np.array(rows)
    return table[:, :inputs], table[:, inputs:]


def _misfit(widths: set[int], inputs: int, outputs: int) -> str:
    """What is wrong with rows of such widths."""
    found = ", ".join(map(str, sorted(widths)))
    columns = f"{inputs + outputs} columns"
    columns += f" or {inputs + 1}, the last a class" if outputs > 1 else ""
    return f"has {found} columns; the network needs {columns}"


def _npz(path: Path, name: str) -> tuple[Array, Array]:
    try:
        with np.load(path) as arrays:
            for pair in _NAMES:
                if all(key in arrays for key in pair):
                    x, y = (np.asarray(arrays[key]) for key in pair)
                    break
            else:
                found = ", ".join(arrays.files[:8]) or "of no name"
                raise InputError("data", name, f"has arrays {found}; give x and y")
    except (ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("data", name, "is no archive of plain numeric arrays") from error
    for key, array in (("x", x), ("y", y)):
        if array.dtype.kind not in "fiub" or not array.ndim or not array.size:
            raise InputError("data", name, f"'{key}' has to be an array of numbers, N first")
    if len(x) != len(y):
        raise InputError("data", name, f"has {len(x)} inputs and {len(y)} labels")
    return x.astype(np.float64), y.astype(np.float64)
