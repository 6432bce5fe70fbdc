"""Where a run is written down: the log's lines, sinks, and a history for a table."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.errors import InputError
from conserved.watching.ledgers.rules import in_words
from conserved.watching.log.companion import Companion
from conserved.watching.log.files import SCHEMA, LogWriter, number, older_parts
from conserved.watching.log.left import Left, left
from conserved.watching.log.rows import Stretches, known
from conserved.watching.look.probes import Probes
from conserved.watching.pace import Pace
from conserved.watching.tracks import Event

if TYPE_CHECKING:
    from conserved.watching.exactly.beside import Beside
    from conserved.watching.observer import Observer

ROTATE = 64_000_000  # bytes
_KEPT = 2048  # looks in the history
_SHORT = 60  # characters of a law


class History:
    """Looks for a table: every one, then every second, fourth, … so that it stays small."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, Any, Any, Any, Any]] = []
        self._stride = self._met = 0

    def add(self, step: int, *columns: Any) -> None:
        """One look."""
        if self._met % (1 << self._stride) == 0:
            held = [np.asarray(c, dtype=np.float32) for c in columns]
            self._rows.append((step, *held))  # type: ignore[arg-type]
        self._met += 1
        if len(self._rows) >= _KEPT:
            self._rows, self._stride = self._rows[::2], self._stride + 1

    def columns(self, laws: Sequence[str]) -> dict[str, Any]:
        """By name, a row for each look and family."""
        names = ("value", "predicted", "residual", "gradient")
        steps = [row[0] for row in self._rows]
        out: dict[str, Any] = {"step": np.repeat(steps, len(laws)), "law": list(laws) * len(steps)}
        for k, name in enumerate(names, 1):
            found = [row[k] for row in self._rows]
            out[name] = np.concatenate(found) if found else np.zeros(0)
        return out


class RunLogger:
    """The log of one run.

    Args:
        log: a path, or None.
        rotate: bytes of a part.
        sinks: called with each record.
        step: how many steps the run has taken; None where it goes on from the log's last.
        pace: of the looks.
        probes: what is looked at.

    Attributes:
        begun: steps taken before the first.
        probes: as given.
    """

    def __init__(
        self,
        log: str | Path | None,
        *,
        rotate: int,
        sinks: Sequence[Callable[[Mapping[str, Any]], None]],
        step: int | None,
        pace: Pace,
        probes: Probes,
    ) -> None:
        self._path = None if log is None else Path(log)
        self._rotate, self._sinks, self._pace, self.probes = rotate, tuple(sinks), pace, probes
        self._metrics: dict[str, float] = {}  # of the step to come
        self.history = History()
        self._writer: LogWriter | None = None
        path = self._path
        there = path is not None and (path.exists() or older_parts(path))
        self._old = left(path, step) if path is not None and there else None
        before = self._old.last if self._old is not None else 0
        self.begun = before if step is None else step
        self._started = perf_counter()
        self._noted: dict[str, Any] = {}  # of the step that was taken last
        self._due: tuple[int, list[Event], dict[str, Any]] | None = None  # a line not yet written
        self._open = self._late = False  # for notes of that step; whether its line is written

    @property
    def charts(self) -> list[tuple[int, ...]]:
        """Coordinates that laws were seen in where the run goes on, in their order."""
        return [] if self._old is None else self._old.charts

    def open(self, observer: Observer | Beside) -> None:
        """Write the head, or go on with what is there."""
        model = observer.laws
        laws = [track.text for track in observer.tracks]
        run, old, probes = secrets.token_hex(8), self._old, self.probes
        if old is not None and old.run:
            if old.laws != laws:
                raise InputError("log", str(self._path), "is of other laws; give another file")
            probes.check(old.probe, old.seed)
            run = old.run
            if self.begun:  # from step 0 on nothing is left of it
                _resume(observer, old)
        self._head = {
            "kind": "run",
            "schema": SCHEMA,
            "run": run,
            "model": model.network,
            "parameters": model.parameters,
            "loss": model.loss,
            "optimizer": in_words(observer.optimizers),
            "every": self._pace.every,
            "overhead": self._pace.overhead,
            "probe": probes.share,
            "seed": probes.seed,
            "precision": observer.precision,
            "laws": [_law(track) for track in observer.tracks],
        }
        self._stretches = Stretches(len(laws), 0 if old is None else old.looks)
        if self._path is not None:
            self._writer = LogWriter(self._path, self._rotate)
            self._companion = Companion(self._path)
        self._begin(self.begun)
        if old is not None and old.run:
            text = f"went on after step {self.begun}" if self.begun else "began anew"
            self.event(self.begun, Event("resumed", text))

    def _begin(self, step: int) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        part = 0 if self._writer is None else self._writer.part
        self._write({**self._head, "part": part, "from": step, "time": now})
        self._started = perf_counter()

    def taken(self, rates: Sequence[float]) -> None:
        """A step was taken; its line is written when all is known of it."""
        self._noted = {"at": perf_counter(), "rates": list(rates), "metrics": self._metrics}
        self._metrics = {}
        self._open, self._late = True, False

    def note(self, step: int, metrics: Mapping[str, float]) -> None:
        """Numbers of the step that was taken last, or, once it has begun, of the next."""
        if self._open and self._late:
            self._write({"kind": "note", "step": step, "metrics": metrics})
        else:
            (self._noted["metrics"] if self._open else self._metrics).update(metrics)

    def begin(self) -> None:
        """The next step has begun."""
        self._open = False
        self.flush()

    def flush(self) -> None:
        """Write the line that waits for notes."""
        if self._due is None:
            return
        (step, events, record), self._due, self._late = self._due, None, True
        if self._writer is not None and self._writer.full:
            self._writer.begin_part()
            self._begin(step - 1)
        for event in events:
            self.event(step, event)
        if not record["metrics"]:
            del record["metrics"]
        self._write(record)
        if self._writer is not None and (extremes := self._stretches.add(record)) is not None:
            self._writer.write(extremes)
            self._companion.look()

    def step(self, step: int, observer: Observer | Beside) -> None:
        """All is known of the step that was taken: its line, and what it marked."""
        tracks, noted = observer.tracks, self._noted
        values = [track.value for track in tracks]
        predicted = [track.predicted for track in tracks]
        self.history.add(
            step, values, [number(p) for p in predicted], observer.residual, observer.gradient
        )
        record: dict[str, Any] = {
            "kind": "step",
            "step": step,
            "seconds": round(max(0.0, noted["at"] - self._started), 3),
            "value": values,
            "predicted": predicted,
            "residual": known(observer.residual),
            "gradient": known(observer.gradient),
            "rates": noted["rates"],
        }
        if any(track.draws is not None for track in tracks):
            record["draws"] = [t.draws if t.draws is None else asdict(t.draws) for t in tracks]
        record["metrics"] = noted["metrics"]
        self._due = step, list(observer.events), record
        if not self._open:
            self.flush()

    def event(self, step: int, event: Event) -> None:
        """Something to mark."""
        told = {"what": event.what, "law": event.law, "text": event.text}
        self._write({"kind": "event", "step": step, **told})

    def close(self, step: int, observer: Observer | Beside) -> None:
        """The last line, and the verdicts."""
        self.flush()
        if self._metrics:
            self._write({"kind": "note", "step": step, "metrics": self._metrics})
        verdicts = [
            {
                "law": k,
                "outcome": found.outcome,
                "since": found.since,
                "reason": found.reason,
                "common": found.common,
            }
            for k, found in enumerate(track.finding for track in observer.tracks)
        ]
        self._write({"kind": "verdict", "step": step, "verdicts": verdicts})
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._companion.close()

    def _write(self, record: Mapping[str, Any]) -> None:
        if self._writer is not None:
            self._writer.write(record)
        for sink in self._sinks:
            sink(record)


def _resume(observer: Observer | Beside, old: Left) -> None:
    for k, drawn in old.drawn.items():
        observer.tracks[k].draws = drawn
    for k, (start, size) in enumerate(old.start):
        since = old.violated.get(k, (None, ""))
        observer.resume(k, start, size, number(old.predicted[k]), *since)


def _law(track: Any) -> dict[str, Any]:
    short = track.text if len(track.text) <= _SHORT else f"{track.text[: _SHORT - 1]}…"
    return {
        "text": track.text,
        "short": short,
        "tensors": list(track.tensors),
        "functions": track.functions,
        "followed": track.followed,
        "probed": track.probed,
        "without_eps": track.without_eps,
        "degree": track.degree,
        "ledger": track.predicted is not None,
        "why_not": track.why_not,
        "start": track.start,
        "size": track.size,
        "due": track.due,
        "chart": list(track.chart),
    }
