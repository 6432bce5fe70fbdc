"""An index of a log: what it says of a run, and the extremes of its numbers, as far as it is read.

Whoever reads a log keeps it, and so does who writes a long one. Nothing depends on it: it is tested
against the log when it is opened, and made again where it does not agree.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from threading import RLock
from time import monotonic
from typing import Any

import numpy as np

from conserved.files import write_whole
from conserved.watching.log.marks import Marks
from conserved.watching.log.place import LONG, Place, beside
from conserved.watching.log.pyramid import BLOCK, Floats, Pyramid
from conserved.watching.log.reading import (
    Follower,
    first_line,
    head_of,
    line_at,
    parsed,
    shown,
    size_of,
)
from conserved.watching.log.rows import FIELDS, METRICS, RowReader, step_of

_SAVE = 30.0  # seconds between two notes of how far the index goes
_TESTED = 4  # blocks that are made again to test an index
_BEFORE = 1 << 12  # bytes of the log in front of where an index ends, by which it knows the log
SCHEMA = "conserved.index/3"

Row = tuple[int, int, Floats]


class Index:
    """A log, read as far as it goes, in bounded memory.

    Args:
        path: of the log.
        folder: that stays; by default beside the log where that is long, else none.

    Attributes:
        head: what is watched.
        marks: what happened, and what is void.
        last: the newest row (4, laws).
        fault: why nothing more is read, "" as long as all is well.
        kept: whether the index stays.

    Raises:
        InputError: a file that is no log, or cannot be read.
    """

    def __init__(self, path: Path, folder: Path | None = None) -> None:
        self.path = path
        self.head = first_line(path)
        self.lock = RLock()
        self._folder = folder
        self._begin()

    def _begin(self) -> None:
        laws = len(self.head.laws)
        folder = self._folder or beside(self.path)
        stays = self._folder is not None or folder.is_dir() or size_of(self.path) >= LONG
        self._place = Place(folder if stays else None)
        self.last = np.full((len(FIELDS), laws), np.nan)
        self.fault = ""
        self._waiting: list[tuple[int, int, bytes]] = []  # place, step, line: not parsed yet
        self._newest = b""  # a line whose numbers are in a block, and not in ``last``
        self._saved = monotonic()
        self._grown = False  # since it was opened
        self._restore()

    @property
    def kept(self) -> bool:
        """Whether the index stays, and we write it."""
        return self._place.kept

    @property
    def metrics(self) -> list[str]:
        """Names of the numbers beside the laws."""
        return self._reader.metrics

    # ------------------------------------------------------------------ the index on disk

    def _restore(self) -> None:
        """Go on where the index on disk ends, if it is of this log; else begin anew."""
        laws, place = len(self.head.laws), self._place
        try:
            note = json.loads(((place.below or place.folder) / "index.json").read_text("utf-8"))
            self._continue(note)
        except (OSError, EOFError, ValueError, LookupError, TypeError):
            self.marks, self._reader = Marks(laws), RowReader(laws, [])
            for old in place.folder.iterdir():
                if old.name.startswith(("level", "places", "index")):
                    old.unlink()
            self.pyramid = Pyramid(place.folder, self._reader.width)
            self.follower = Follower(self.path, 0, self.marks.passed)

    def _continue(self, note: Mapping[str, Any]) -> None:
        """Take over what is there.

        Raises:
            ValueError, LookupError, TypeError, OSError, EOFError: it is not that of this log.
        """
        metrics = [shown(name) for name in note["metrics"]][:METRICS]
        self._reader = RowReader(len(self.head.laws), metrics)
        known = note["schema"], note["run"], note["width"]
        if known != (SCHEMA, self.head.run, self._reader.width):
            raise ValueError("it is of another log")
        begin, blocks = int(note["next"]), int(note["blocks"])
        if note["bytes"] > size_of(self.path) or self._before(begin) != note["before"]:
            raise ValueError("the log was written anew")
        self.marks = Marks.of(note, len(self.head.laws), self.path)
        newest = parsed(line_at(self.path, self.marks.begun)) or {}
        self.head = head_of(newest) if newest.get("run") == self.head.run else self.head
        self.pyramid = Pyramid(self._place.folder, self._reader.width, self._place.below)
        self.pyramid.keep(blocks)
        if self.pyramid.rows < blocks * BLOCK:
            raise ValueError("files are missing")
        if not self.pyramid.consistent():
            raise ValueError("its numbers do not agree")
        self.follower = Follower(self.path, begin, self.marks.passed)
        for block in sorted({k * (blocks - 1) // _TESTED for k in range(_TESTED + 1) if blocks}):
            self._note_last(self._block(block)[-1][2])

    def _before(self, place: int) -> int:
        """A checksum of the log in front of a place."""
        follower = Follower(self.path, place)
        return zlib.crc32(follower.before(_BEFORE))

    def _block(self, block: int) -> list[Row]:
        """Its rows, read again.

        Raises:
            ValueError: it was not made of them.
        """
        rows = self._rows(block)
        steps = [step for _, step, _ in rows]
        if not rows or not self.pyramid.agrees(block, steps, np.stack([row for *_, row in rows])):
            raise ValueError("its numbers are not those of the log")
        return rows

    def _rows(self, block: int) -> list[Row]:
        return list(islice(self._again(self.pyramid.place(block * BLOCK), self._whole), BLOCK))

    @property
    def _whole(self) -> int:
        """The place up to which looks are in full blocks."""
        where = self.pyramid.waiting
        return self.follower.place if where is None else where

    def save(self) -> None:
        """Note how far the index goes, so that it need not be made again."""
        self._saved = monotonic()
        if self.fault:  # who reads on from the note before is to meet it
            return
        self._settle()
        note = {
            "schema": SCHEMA,
            "run": self.head.run,
            "width": self.pyramid.curves,
            "blocks": self.pyramid.rows // BLOCK,
            "bytes": size_of(self.path),
            "next": self._whole,
            "before": self._before(self._whole),
            "metrics": self.metrics,
            **self.marks.note(self._whole),
        }
        write_whole(self._place.folder / "index.json", json.dumps(note).encode())

    def close(self) -> None:
        """Take away what is temporary, and let another write what is not."""
        try:
            if self.kept and self._grown:
                self.save()
                self.pyramid.settle()  # not before: a disk may keep a run waiting for long
        except OSError:
            pass  # a log that is gone: its index is made again
        finally:
            self._place.close()

    # ------------------------------------------------------------------ reading

    def update(self, seconds: float | None = None, *, most: int | None = None) -> bool:
        """Read what is new.

        Args:
            seconds: stop after so long; by default when all is read.
            most: stop after about so many megabytes, the last lines of which may not be shown yet.

        Returns:
            Whether more is there.
        """
        end = None if seconds is None else monotonic() + seconds
        done, more = 0, True
        while more and not self.fault:
            with self.lock:
                try:
                    lines = self.follower.read()
                    self._take(lines)
                    done, more = done + 1, bool(lines)
                    late = end is not None and monotonic() > end
                    if not more or late or done == most:
                        if most is None:
                            self._settle()
                        return more
                    if self.kept and monotonic() - self._saved > _SAVE:
                        self.save()
                except (EOFError, FileNotFoundError):
                    self._anew()
        return False

    def _anew(self) -> None:
        """The file is that of another run, or the index is gone."""
        self.head = first_line(self.path)
        self._place.close()
        self._begin()

    def _take(self, lines: Sequence[tuple[int, bytes]]) -> None:
        self._grown = self._grown or bool(lines)
        for place, line in lines:
            if self.fault:
                break
            step = step_of(line)
            if step is not None:
                self._look(place, step, line)
                continue
            found = parsed(line)
            kind = found.get("kind") if found else None
            if kind not in ("event", "extremes", "note"):
                self._settle()
            if found is None:
                self.marks.miss(place)
            elif kind == "step":
                self._looks([(place, found)])
            elif kind == "extremes":
                self._extremes(found)
            elif kind == "run":
                self._continued(place, found)
            elif kind == "event":
                self.marks.event(place, found)
            elif kind == "verdict":
                self.marks.verdict(place, found)

    def _look(self, place: int, step: int, line: bytes) -> None:
        """A line that may not have to be parsed: the extremes of a full block follow it."""
        full = self.pyramid.partial + len(self._waiting) >= BLOCK
        if full or (self._waiting and step <= self._waiting[-1][1]):
            self._settle()
        self._waiting.append((place, step, line))

    def _extremes(self, line: Mapping[str, Any]) -> None:
        """Those of the lines that wait, if they are a block; else these are parsed."""
        waiting = self._waiting
        if self.pyramid.partial or len(waiting) != BLOCK:
            return
        (place, first, _), (_, last, newest) = waiting[0], waiting[-1]
        found = self._reader.extremes(line)
        known = found is not None and [line.get("first"), line.get("last")] == [first, last]
        if not known or found is None or first <= (self.pyramid.bounds or (0, -1))[1]:
            return
        self.pyramid.add_block(first, last, place, found)
        self._waiting, self._newest = [], newest
        self.marks.open()

    def _settle(self) -> None:
        """Parse what waits."""
        waiting, self._waiting = self._waiting, []
        if self._newest and not waiting:
            read = self._reader.row(parsed(self._newest) or {})
            if read is not None:
                self._note_last(read[1])
        self._newest = b""
        self._looks([(place, parsed(line)) for place, _, line in waiting])

    def _looks(self, lines: Sequence[tuple[int, Mapping[str, Any] | None]]) -> None:
        """Rows of lines, one behind the other."""
        rows: list[Row] = []
        before = (self.pyramid.bounds or (0, -1))[1]
        for place, line in lines:
            found = self._reader.row(line or {})
            if found is None:
                self.marks.miss(place)
                continue
            if found[0] <= before:  # no run line told of it
                self._add(rows)
                rows = []
                self._cut(found[0], place)
            rows.append((place, *found))
            before = found[0]
        self._add(rows)

    def _add(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        self.marks.open()
        places, steps, numbers = zip(*rows, strict=True)
        self.pyramid.add(np.array(steps), np.stack(numbers), np.array(places))
        self._note_last(numbers[-1])

    def _note_last(self, row: Floats) -> None:
        self.last = row[:-METRICS].reshape(len(FIELDS), -1)

    def _continued(self, place: int, line: Mapping[str, Any]) -> None:
        """Another part, or a run that goes on, perhaps from an earlier step."""
        try:
            head, start = head_of(line), line["from"]
        except (ValueError, KeyError):
            self.marks.miss(place)
            return
        if head.run != self.head.run or len(head.laws) != len(self.head.laws):
            self.fault = "holds two runs; give each a file of its own"
            return
        if not isinstance(start, int):
            self.marks.miss(place)
            return
        self.head = head  # one that began anew has other values at its start
        self.marks.went_on(place, start)
        self._cut(start + 1, place)

    def _cut(self, step: int, place: int) -> None:
        """Forget rows from this step on; ``place``: where we stand in the log."""
        self.marks.cut(step)
        bounds = self.pyramid.bounds
        if bounds is None or bounds[1] < step:
            return
        rows: list[Row] = []
        for row in self._again(self.pyramid.cut(step), place):
            if row[1] >= step:
                self.marks.leave_out(row[0], place)
                break
            rows.append(row)
        self._add(rows)
        if not rows:
            self.last = np.full_like(self.last, np.nan)
            if full := self.pyramid.rows // BLOCK:
                self._note_last(self._rows(full - 1)[-1][2])

    def _again(self, begin: int, end: int) -> Iterator[Row]:
        """(place, step, row) of the lines from one place to another that are not void."""
        follower = Follower(self.path, begin, self.marks.void)
        while follower.place < end and (lines := follower.read()):
            for place, line in lines:
                if place >= end:
                    return
                found = parsed(line) or {}
                read = self._reader.row(found) if found.get("kind") == "step" else None
                if read is not None:
                    yield place, *read

    def looks(self, last: int) -> tuple[int, int]:
        """How many there are in full blocks up to a step, and where the last of them stands, or -1.

        Raises:
            OSError, ValueError: the log is another's, or gone.
        """
        full = self.pyramid.rows // BLOCK
        met = self.pyramid.row(last + 1) // BLOCK  # the first block with later ones
        for block in range(min(met, full - 1), max(met - 2, -1), -1):
            places = [place for place, step, _ in self._block(block) if step <= last]
            if places:
                return block * BLOCK + len(places), places[-1]
        return 0, -1

    @property
    def steps(self) -> int:
        """Taken, as far as is read."""
        return (self.pyramid.bounds or (0, 0))[1]

    @property
    def share(self) -> float:
        """How much of the log is read, 0 … 1."""
        whole = size_of(self.path)
        return min(1.0, self.follower.seen / whole) if whole else 1.0
