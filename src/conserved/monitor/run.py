"""A watched run as its log tells it: what is charted, what happened, how each law fares."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock
from time import monotonic, time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.files import write_whole
from conserved.monitor.log import Follower, first_line, head_of, parsed, shown, size_of
from conserved.monitor.pyramid import BLOCK, Columns, Pyramid

FIELDS = ("value", "predicted", "residual", "gradient")
METRICS = 12  # numbers of a step beside the laws: rates, losses and whatever was noted
EVENTS = 2000  # that are kept
_RAW = 3_000_000  # numbers of single steps that are read again for one picture
_KEPT = 1 << 28  # bytes of a log whose index stays beside it
_SAVE = 30.0  # seconds between two notes of how far the index goes
SCHEMA = "conserved.index/1"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Event:
    """Something to mark on a chart: a step, what, which law if any, words, its place in the log."""

    step: int
    what: str
    law: int | None
    text: str
    place: int


@dataclass
class _Batch:
    """Rows that are read and not yet in the pyramid."""

    steps: list[int] = field(default_factory=list)
    rows: list[Floats] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


class Run:
    """A log, read as far as it goes, through an index of bounded size in memory.

    Args:
        path: of the log.
        folder: for the index; by default beside the log where that is long, else a temporary one.

    Attributes:
        head: what is watched.
        metrics: names of the numbers beside the laws.
        events: what happened.
        last: the newest row (4, laws).
        unread: lines that are no objects, or have other laws.
        fault: why nothing more is read, "" as long as all is well.

    Raises:
        InputError: a file that is no log, or cannot be read.
    """

    def __init__(self, path: Path, folder: Path | None = None) -> None:
        self.path = path
        self.head = first_line(path)
        self.lock = RLock()
        self._own: TemporaryDirectory[str] | None = None
        self._folder = folder or self._place_for_index()
        self._begin()

    def _place_for_index(self) -> Path:
        beside = self.path.with_name(f"{self.path.name}.index")
        if size_of(self.path) >= _KEPT or beside.is_dir():
            try:
                beside.mkdir(exist_ok=True)
                (beside / "probe").write_bytes(b"")
                (beside / "probe").unlink()
                return beside
            except OSError:  # a folder that is not ours
                pass
        self._own = TemporaryDirectory(prefix="conserved-")
        return Path(self._own.name)

    def _begin(self) -> None:
        laws = len(self.head.laws)
        self.metrics: list[str] = []
        self.events: list[Event] = []
        self.closed: list[dict[str, Any]] | None = None
        self.last = np.full((len(FIELDS), laws), np.nan)
        self.unread = 0
        self.fault = ""
        self._single_rows: tuple[tuple[int, int], list[tuple[int, int, Floats]]] | None = None
        self._saved = monotonic()
        self._restore()

    @property
    def _note(self) -> Path:
        return self._folder / "index.json"

    def _restore(self) -> None:
        """Go on where the index on disk ends, if it is of this log; else begin anew."""
        width = len(FIELDS) * len(self.head.laws) + METRICS
        begin, blocks = 0, 0
        try:
            note = json.loads(self._note.read_text("utf-8"))
            known = note["schema"], note["run"], note["width"]
            if known != (SCHEMA, self.head.run, width) or note["bytes"] > size_of(self.path):
                raise ValueError("it is of another log")
            metrics = [shown(name) for name in note["metrics"]][:METRICS]
            events = [_event_of(event) for event in note["events"]]
            begin, blocks = int(note["next"]), int(note["blocks"])
            self.metrics, self.events = metrics, events
        except (OSError, ValueError, LookupError, TypeError):
            for old in self._folder.iterdir():
                if old.name.startswith(("level", "places", "index")):
                    old.unlink()
        self.pyramid = Pyramid(self._folder, width)
        self.pyramid.keep(blocks)
        if self.pyramid.rows < blocks * BLOCK:  # files are missing
            self.pyramid.keep(0)
            begin, self.events = 0, []
        self.follower = Follower(self.path, begin)

    def _save(self) -> None:
        """Note how far the index goes, so that it need not be made again."""
        self._saved = monotonic()
        where = self.pyramid.waiting
        following = self.follower.place if where is None else where
        note = {
            "schema": SCHEMA,
            "run": self.head.run,
            "width": self.pyramid.curves,
            "blocks": self.pyramid.rows // BLOCK,
            "bytes": size_of(self.path),
            "next": following,
            "metrics": self.metrics,
            "events": [list(vars(e).values()) for e in self.events if e.place < following],
        }
        write_whole(self._note, json.dumps(note).encode())

    def close(self) -> None:
        """Take away what is temporary."""
        if self._own is None:
            self._save()
        else:
            self._own.cleanup()

    # ------------------------------------------------------------------ reading

    def update(self, seconds: float | None = None) -> bool:
        """Read what is new.

        Args:
            seconds: stop after so long; by default when all is read.

        Returns:
            Whether more is there.
        """
        end = None if seconds is None else monotonic() + seconds
        while not self.fault:
            with self.lock:
                try:
                    lines = self.follower.read()
                except (EOFError, FileNotFoundError):
                    self._anew()
                    continue
                self._take(lines)
                if self._own is None and monotonic() - self._saved > _SAVE:
                    self._save()
            if not lines:
                return False
            if end is not None and monotonic() > end:
                return True
        return False

    def _anew(self) -> None:
        """The file is that of another run."""
        self.head = first_line(self.path)
        self._note.unlink(missing_ok=True)
        self._begin()

    def _take(self, lines: Sequence[tuple[int, bytes]]) -> None:
        batch = _Batch()
        for place, line in lines:
            if self.fault:
                break
            found = parsed(line)
            kind = found.get("kind") if found else None
            if found is None:
                self.unread += 1
            elif kind == "step":
                self._step(batch, place, found)
            else:
                self._flush(batch)
                batch = _Batch()
                if kind == "run":
                    self._continued(place, found)
                elif kind == "event":
                    self._event(place, found)
                elif kind == "verdict":
                    verdicts = found.get("verdicts")
                    self.closed = verdicts if isinstance(verdicts, list) else None
        self._flush(batch)

    def _step(self, batch: _Batch, place: int, line: Mapping[str, Any]) -> None:
        read = self._row(line)
        if read is None:
            self.unread += 1
            return
        step, row = read
        before = batch.steps[-1] if batch.steps else (self.pyramid.bounds or (0, -1))[1]
        if step <= before:  # no run line told of it
            self._flush(batch)
            batch.steps, batch.rows, batch.places = [], [], []
            self._cut(step, place)
        batch.steps.append(step)
        batch.rows.append(row)
        batch.places.append(place)

    def _flush(self, batch: _Batch) -> None:
        if not batch.steps:
            return
        self.closed = None
        rows = np.stack(batch.rows)
        self.pyramid.add(np.array(batch.steps), rows, np.array(batch.places))
        self.last = rows[-1][: -METRICS or None].reshape(len(FIELDS), -1)

    def _row(self, line: Mapping[str, Any]) -> tuple[int, Floats] | None:
        """(step, numbers) of a ``step`` line; None where it does not fit the laws."""
        step, laws = line.get("step"), len(self.head.laws)
        if not isinstance(step, int) or not 0 <= step < 1 << 53:
            return None
        row = np.full(self.pyramid.curves, np.nan)
        try:
            for k, name in enumerate(FIELDS):
                if line.get(name) is not None:
                    row[k * laws : (k + 1) * laws] = np.array(line[name], dtype=np.float64)
            for name, value in _beside(line):
                if name not in self.metrics and len(self.metrics) < METRICS:
                    self.metrics.append(name)
                if name in self.metrics:
                    row[len(FIELDS) * laws + self.metrics.index(name)] = float(value)
        except (ValueError, TypeError):
            return None
        return step, row

    def _event(self, place: int, line: Mapping[str, Any]) -> None:
        step, law, text = line.get("step"), line.get("law"), line.get("text")
        known = isinstance(law, int) and 0 <= law < len(self.head.laws)
        if isinstance(step, int) and len(self.events) < EVENTS:
            what, words = shown(line.get("what"), 40), shown(text)
            self.events.append(Event(step, what, law if known else None, words, place))

    def _continued(self, place: int, line: Mapping[str, Any]) -> None:
        """Another part, or a run that goes on, perhaps from an earlier step."""
        try:
            head = head_of(line)
        except ValueError:
            self.unread += 1
            return
        if head.run != self.head.run or len(head.laws) != len(self.head.laws):
            self.fault = "holds two runs; give each a file of its own"
            return
        self.closed = None
        start = line.get("from")
        if isinstance(start, int):
            self._cut(start + 1, place)

    def _cut(self, step: int, place: int) -> None:
        """Forget rows from this step on; ``place``: where we stand in the log."""
        self.events = [event for event in self.events if event.step < step]
        bounds = self.pyramid.bounds
        if bounds is None or bounds[1] < step:
            return
        begin = self.pyramid.cut(step)
        kept = [found for found in self._again(begin, place) if found[1] < step]
        if kept:
            places, steps, rows = zip(*kept, strict=True)
            self.pyramid.add(np.array(steps), np.stack(rows), np.array(places))

    def _again(self, begin: int, end: int) -> list[tuple[int, int, Floats]]:
        """(place, step, row) of the lines from one place to another that are not void."""
        found: list[tuple[int, int, Floats]] = []
        for place, line in self._lines(begin, end):
            if line.get("kind") == "run" and isinstance(line.get("from"), int):
                found = [row for row in found if row[1] <= line["from"]]
            elif line.get("kind") == "step" and (read := self._row(line)) is not None:
                while found and found[-1][1] >= read[0]:
                    found.pop()
                found.append((place, *read))
        return found

    def _lines(self, begin: int, end: int) -> Iterator[tuple[int, dict[str, Any]]]:
        follower = Follower(self.path, begin)
        while follower.place < end and (lines := follower.read()):
            for place, line in lines:
                if place >= end:
                    return
                if (found := parsed(line)) is not None:
                    yield place, found

    # ------------------------------------------------------------------ what is shown

    @property
    def steps(self) -> int:
        """Taken, as far as is read."""
        return (self.pyramid.bounds or (0, 0))[1]

    @property
    def idle(self) -> float:
        """Seconds since the log was written to."""
        try:
            return max(0.0, time() - self.path.stat().st_mtime)
        except OSError:
            return 0.0

    @property
    def share(self) -> float:
        """How much of the log is read, 0 … 1."""
        whole = size_of(self.path)
        return min(1.0, self.follower.seen / whole) if whole else 1.0

    def places(self, name: str, laws: Sequence[int]) -> list[int]:
        """Where the numbers of one field stand in a row."""
        return [FIELDS.index(name) * len(self.head.laws) + law for law in laws]

    def columns(self, first: int, last: int, curves: Sequence[int], most: int) -> Columns:
        """Extremes of some numbers of a row over at most about so many stretches of steps."""
        with self.lock:
            start, stop = self.pyramid.row(first), self.pyramid.row(last + 1) + BLOCK
            stop = min(stop, self.pyramid.rows)
            few = (stop - start) * self.pyramid.curves <= _RAW
            if few and stop - start < BLOCK * most and stop > start:
                with suppress(OSError):  # a log that is gone: its index is left
                    return self._single(start, stop, first, last, list(curves), most)
            return self.pyramid.columns(start, stop, curves, most)

    def _single(
        self, start: int, stop: int, first: int, last: int, curves: list[int], most: int
    ) -> Columns:
        """Of rows that are few, read again from the log."""
        end = self.pyramid.place(stop) if stop < self.pyramid.rows else self.follower.place
        key = (self.pyramid.place(start), end)
        if self._single_rows is None or self._single_rows[0] != key:  # asked by several charts
            self._single_rows = key, self._again(*key)
        found = self._single_rows[1]
        steps = np.array([step for _, step, _ in found])
        rows = np.stack([row for *_, row in found])[:, curves]
        begin = max(0, int(np.searchsorted(steps, first)) - 1)  # a curve goes on beyond the edge
        past = int(np.searchsorted(steps, last, side="right")) + 1
        steps, rows = steps[begin:past], rows[begin:past]
        each = max(1, -(-len(steps) // most))
        edges = np.arange(0, len(steps), each)
        low, high = np.fmin.reduceat(rows, edges, 0), np.fmax.reduceat(rows, edges, 0)
        ends = np.append(edges[1:], len(steps)) - 1
        return Columns(steps[edges], steps[ends], low, high)

    def extremes(self, name: str) -> tuple[Floats, Floats]:
        """(least, greatest) of one field over the whole run, for each law."""
        laws = range(len(self.head.laws))
        with self.lock:
            seen = self.pyramid.columns(0, self.pyramid.rows, self.places(name, laws), 1)
        if not len(seen.first):
            none = np.full(len(laws), np.nan)
            return none, none
        return np.fmin.reduce(seen.low, 0), np.fmax.reduce(seen.high, 0)


def _event_of(told: Any) -> Event:
    """An event as the index has it.

    Raises:
        ValueError, TypeError: it is none.
    """
    step, what, law, text, place = told
    return Event(int(step), shown(what), None if law is None else int(law), shown(text), int(place))


def _beside(line: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Numbers of a step that belong to no law, with their names."""
    metrics, rates = line.get("metrics"), line.get("rates")
    if isinstance(metrics, dict):
        for name, value in metrics.items():
            yield shown(name, 80), value
    if isinstance(rates, list):
        for k, rate in enumerate(rates):
            yield "learning rate" if len(rates) == 1 else f"learning rate {k + 1}", rate
