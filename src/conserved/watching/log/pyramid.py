"""The least and the greatest of many curves over stretches of rows, kept in files.

A run of 10⁶ steps and 1,000 laws is too long to hold, and a screen has some hundred columns of
pixels. Kept are the extremes of every 32 rows, of every 256, of every 2,048, …: a column of any
width is drawn from few of them, exactly, whichever rows are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 32  # rows
FACTOR = 8  # blocks of one level in one of the next

Floats = NDArray[np.float64]


def extremes(blocks: Floats) -> Floats:
    """The least and the greatest of rows: (n, rows, curves) → (n, 2, curves)."""
    return np.stack([np.fmin.reduce(blocks, 1), np.fmax.reduce(blocks, 1)], 1)


class Shelf:
    """Records of one shape, appended to a file and read as an array.

    Args:
        path: of the file.
        shape: of a record.
        kind: of a number.
        below: another's file whose records come first; it is only read.
    """

    def __init__(
        self, path: Path, shape: tuple[int, ...], kind: str = "<f8", below: Path | None = None
    ) -> None:
        self.path, self.shape, self.kind, self._below = path, shape, np.dtype(kind), below
        self._bytes = int(np.prod(shape)) * self.kind.itemsize
        self._lower = self._in(below)  # records that are another's
        self._count = self._lower + self._in(path)

    def _in(self, path: Path | None) -> int:
        there = path is not None and path.exists()
        return path.stat().st_size // self._bytes if there and path is not None else 0

    def __len__(self) -> int:
        return self._count

    def append(self, records: NDArray[np.generic]) -> None:
        """Add (n, *shape).

        Raises:
            OSError: the file is gone, or cannot be written to.
        """
        data = np.ascontiguousarray(records, dtype=self.kind)
        with self.path.open("r+b" if self._count > self._lower else "wb") as file:
            file.seek((self._count - self._lower) * self._bytes)
            file.write(data.tobytes())
        self._count += len(data)

    def settle(self) -> None:
        """Until it is on the disk."""
        if self._count > self._lower:
            with self.path.open("rb") as file:
                os.fsync(file.fileno())

    def cut(self, count: int) -> None:
        """Keep the first so many."""
        self._lower, self._count = min(self._lower, count), min(self._count, count)

    def part(self, start: int, stop: int, curves: Sequence[int] | None = None) -> NDArray[Any]:
        """Records, mapped and not read, or of each those numbers that are asked for."""
        pieces = []
        for path, begin, end in (
            (self._below, 0, self._lower),
            (self.path, self._lower, self._count),
        ):
            first, count = max(start, begin), min(stop, end) - max(start, begin)
            if path is not None and count > 0:
                offset = (first - begin) * self._bytes
                held = np.memmap(path, self.kind, "r", offset, (count, *self.shape))
                pieces.append(held if curves is None else held[..., curves])
        if len(pieces) == 1:
            return pieces[0]
        width = self.shape if curves is None else (*self.shape[:-1], len(curves))
        return np.concatenate([np.zeros((0, *width), self.kind), *pieces])


@dataclass(frozen=True)
class Columns:
    """What a screen shows of some curves: one column for each stretch of rows.

    Args:
        first, last: (n,) steps of the first and the last row of a stretch.
        low, high: (n, curves) the extremes there; NaN where a curve has no number.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    low: Floats
    high: Floats


class Pyramid:
    """Extremes of curves over blocks of rows, of blocks of blocks, and so on.

    Args:
        folder: where the files lie; what is there already is used.
        curves: how many numbers a row has.
        below: a folder of another's, whose blocks come first; it is only read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     pyramid = Pyramid(Path(folder), 1)
        ...     rows = np.arange(1000.0)[:, None]
        ...     pyramid.add(np.arange(1000), rows, np.zeros(1000, np.int64))
        ...     seen = pyramid.columns(0, 1000, [0], 5)
        ...     seen.high[:, 0].tolist(), seen.first.tolist()
        ([255.0, 511.0, 767.0, 999.0], [0, 256, 512, 768])
    """

    def __init__(self, folder: Path, curves: int, below: Path | None = None) -> None:
        self.folder, self.curves, self._below = folder, curves, below
        # of each block: the steps of its first and last row, and where the first stands in the log
        self.places = self._shelf("places", (3,), "<i8")
        self._levels = [self._level(0)]
        while len(level := self._level(len(self._levels))):
            self._levels.append(level)
        self._to(min(len(self.places), len(self._levels[0])))
        self._promote()  # what broke off may have stopped in between
        self._steps: list[int] = []  # rows of a block that is not full
        self._where: list[int] = []
        self._rows = np.zeros((0, curves))

    def _level(self, number: int) -> Shelf:
        return self._shelf(f"level{number}", (2, self.curves))

    def _shelf(self, name: str, shape: tuple[int, ...], kind: str = "<f8") -> Shelf:
        below = None if self._below is None else self._below / name
        return Shelf(self.folder / name, shape, kind, below)

    def settle(self) -> None:
        """Until all full blocks are on the disk."""
        for shelf in (self.places, *self._levels):
            shelf.settle()

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.places) * BLOCK + len(self._rows)

    @property
    def partial(self) -> int:
        """How many of them are in no full block."""
        return len(self._steps)

    @property
    def bounds(self) -> tuple[int, int] | None:
        """The first and the last step, or None without rows."""
        kept = self.places.part(0, len(self.places))
        ends = [int(kept[0, 0]), int(kept[-1, 1])] if len(kept) else []
        ends += [self._steps[0], self._steps[-1]] if self._steps else []
        return (ends[0], ends[-1]) if ends else None

    def add(self, steps: NDArray[np.int64], rows: Floats, where: NDArray[np.int64]) -> None:
        """Append rows.

        Args:
            steps: (n,) ascending, and above those before.
            rows: (n, curves).
            where: (n,) where each stands in the log.
        """
        self._steps += steps.tolist()
        self._where += where.tolist()
        self._rows = np.concatenate([self._rows, rows])
        full = len(self._rows) // BLOCK
        if not full:
            return
        count = full * BLOCK
        blocks = self._rows[:count].reshape(full, BLOCK, self.curves)
        marks = np.array(self._steps[:count]).reshape(full, BLOCK)
        places = np.array(self._where[:count]).reshape(full, BLOCK)[:, 0]
        self._append(np.stack([marks[:, 0], marks[:, -1], places], 1), extremes(blocks))
        self._rows = self._rows[count:].copy()  # and not a part of what is held besides
        del self._steps[:count], self._where[:count]

    def add_block(self, first: int, last: int, where: int, found: Floats) -> None:
        """Append ``BLOCK`` rows of which the extremes are known; all blocks before are full.

        Args:
            first, last: their steps.
            where: the first stands in the log.
            found: (2, curves).
        """
        assert not self._steps
        self._append(np.array([[first, last, where]]), found[None])

    def _append(self, marks: NDArray[np.int64], found: Floats) -> None:
        self._levels[0].append(found)
        self.places.append(marks)
        self._promote()

    def _promote(self) -> None:
        """Bring the upper levels up to date."""
        number = 0
        while (full := len(self._levels[number]) // FACTOR) > 0:
            if number + 1 == len(self._levels):
                self._levels.append(self._level(number + 1))
            upper = self._levels[number + 1]
            for k in range(len(upper), full):  # one at a time: a long log does not fit
                part = self._levels[number].part(FACTOR * k, FACTOR * (k + 1))
                upper.append(_united(part)[None])
            number += 1

    @property
    def waiting(self) -> int | None:
        """Where in the log the first row stands that is in no full block."""
        return self._where[0] if self._where else None

    def keep(self, blocks: int) -> None:
        """Forget all but the first so many blocks."""
        self._to(min(blocks, len(self.places)))

    def cut(self, step: int) -> int:
        """Forget blocks with rows of this step or later.

        Returns:
            Where in the log the first forgotten row stands, or -1 if there is none; rows from there
            are to be added again, as far as they are wanted.
        """
        kept = self.places.part(0, len(self.places))
        count = int(np.searchsorted(kept[:, 1], step)) if len(kept) else 0
        lost = int(kept[count, 2]) if count < len(kept) else (self._where or [-1])[0]
        self._to(count)
        self._steps, self._where, self._rows = [], [], self._rows[:0]
        return lost

    def _to(self, count: int) -> None:
        """So many blocks, and those made of them."""
        self.places.cut(count)
        for number, shelf in enumerate(self._levels):
            shelf.cut(count // FACTOR**number)

    def row(self, step: int) -> int:
        """The first row of this step or later, to a block."""
        kept = self.places.part(0, len(self.places))
        block = int(np.searchsorted(kept[:, 1], step)) if len(kept) else 0
        if block < len(kept):
            return block * BLOCK
        return len(kept) * BLOCK + int(np.searchsorted(self._steps, step))

    def place(self, row: int) -> int:
        """Where in the log the block of a row begins."""
        block = row // BLOCK
        if block < len(self.places):
            return int(self.places.part(block, block + 1)[0, 2])
        return self._where[0] if self._where else -1

    def agrees(self, block: int, steps: Sequence[int], rows: Floats) -> bool:
        """Whether a block was made of these rows."""
        ends = self.places.part(block, block + 1)[0, :2].tolist()
        if [*steps[:1], *steps[-1:]] != ends or len(rows) != BLOCK:
            return False
        held = self._levels[0].part(block, block + 1)
        return bool(np.array_equal(held, extremes(rows[None]), equal_nan=True))

    def consistent(self) -> bool:
        """Whether blocks ascend, and the newest of each level is that of those below it."""
        marks = self.places.part(0, len(self.places))
        if (np.diff(marks[:, :2].ravel()) < 0).any() or (np.diff(marks, axis=0) <= 0).any():
            return False
        for lower, upper in pairwise(self._levels):
            if last := len(upper):
                united = _united(lower.part(FACTOR * (last - 1), FACTOR * last))
                if not np.array_equal(united, upper.part(last - 1, last)[0], equal_nan=True):
                    return False
        return True

    def columns(self, start: int, stop: int, curves: Sequence[int], most: int) -> Columns:
        """Extremes over at most so many stretches of rows start … stop, of a block at least.

        They are at least half as many, where there are blocks for that: made of whole ones of the
        next level, which is read in an eighth of the time. The first stretch may begin up to its
        own length before ``start``.
        """
        stop = min(stop, self.rows)
        length = max(BLOCK, -(-(stop - start) // max(1, most)))
        number = 0
        while number + 1 < len(self._levels) and BLOCK * FACTOR ** (number + 1) <= 2 * length:
            number += 1
        size = BLOCK * FACTOR**number
        each = -(-length // size)  # blocks of a column
        first = start // (size * each) * each
        last = min(-(-stop // size), -(-self.rows // size))
        extremes = self._blocks(number, first, last, list(curves))
        edges = np.arange(0, max(1, last - first), each)
        if not len(extremes):
            none = np.zeros(0, np.int64)
            return Columns(none, none, extremes[:, 0], extremes[:, 1])
        low = np.fmin.reduceat(extremes[:, 0], edges, 0)
        high = np.fmax.reduceat(extremes[:, 1], edges, 0)
        begins = (first + edges) * size
        ends = np.minimum(np.append(begins[1:], last * size), self.rows)
        return Columns(self._step_of(begins, 0), self._step_of(ends - 1, 1), low, high)

    def _blocks(self, number: int, first: int, last: int, curves: list[int]) -> Floats:
        """Blocks of a level (n, 2, curves), the last of which may not be full."""
        shelf = self._levels[number]
        full = np.array(shelf.part(first, last, curves), dtype=np.float64)
        if last <= len(shelf):
            return full
        rest = self._rest(number, curves)
        return np.concatenate([full, rest[None]]) if rest is not None else full

    def _rest(self, number: int, curves: list[int]) -> Floats | None:
        """Extremes of the rows behind the last full block of a level."""
        if number == 0:
            return extremes(self._rows[None][..., curves])[0] if len(self._rows) else None
        begin = len(self._levels[number]) * FACTOR
        below = self._blocks(number - 1, begin, begin + FACTOR, curves)
        return _united(below) if len(below) else None

    def _step_of(self, rows: NDArray[np.int64], end: int) -> NDArray[np.int64]:
        """Steps of rows that begin (0) or end (1) a block, or lie behind the last full one."""
        kept = self.places.part(0, len(self.places))
        full = len(kept) * BLOCK
        found = np.zeros(len(rows), np.int64)
        inside = rows < full
        if inside.any():
            found[inside] = kept[rows[inside] // BLOCK, end]
        found[~inside] = [self._steps[row - full] for row in rows[~inside]]
        return found


def _united(blocks: NDArray[np.generic]) -> Floats:
    """Extremes (2, curves) of blocks (n, 2, curves)."""
    return np.stack([np.fmin.reduce(blocks[:, 0], 0), np.fmax.reduce(blocks[:, 1], 0)])
