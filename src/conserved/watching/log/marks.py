"""What a log says beside its numbers: events, verdicts, where it went on, and what is void."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from conserved.watching.log.reading import line_at, parsed, shown

EVENTS = 2000  # that are kept, beside the first violation of each law


@dataclass(frozen=True)
class Event:
    """Something to mark on a chart: a step, what, which law if any, words, its place in the log."""

    step: int
    what: str
    law: int | None
    text: str
    place: int


class Marks:
    """What is known of a log up to where it is read.

    Args:
        laws: how many.

    Attributes:
        events: what happened, void ones left out.
        violated: of each law that was, the first step and the place of the line that says so.
        begun: the place of the newest ``run`` line.
        void: stretches [begin, end) of the log whose looks no longer count: the run went back.
        passed: those of them in which nothing else counts either, so that they need not be read.
        closed: the verdicts, where they are the last that was written.
    """

    def __init__(self, laws: int) -> None:
        self._laws = laws
        self.events: list[Event] = []
        self.violated: dict[int, tuple[int, int]] = {}
        self.begun = 0
        self.void: list[tuple[int, int]] = []
        self.passed: list[tuple[int, int]] = []
        self.closed: list[dict[str, Any]] | None = None
        self._closed = -1  # the place of that line
        self._unread = 0
        self._missed = array("q")  # places of those that were met since it was opened

    @property
    def unread(self) -> int:
        """Lines that are no objects, or have other laws."""
        return self._unread + len(self._missed)

    def miss(self, place: int) -> None:
        """A line that cannot be read."""
        self._missed.append(place)

    def open(self) -> None:
        """The run is not closed, or no more."""
        self.closed, self._closed = None, -1

    def event(self, place: int, line: Mapping[str, Any]) -> None:
        """An ``event`` line."""
        step, law, what = line.get("step"), line.get("law"), shown(line.get("what"), 40)
        if not isinstance(step, int):
            return
        known = law if isinstance(law, int) and 0 <= law < self._laws else None
        broken = known is not None and violation(line) is not None
        if len(self.events) < EVENTS or (broken and known not in self.violated):
            self.events.append(Event(step, what, known, shown(line.get("text")), place))
        if known is not None and broken:
            self.violated[known] = min(self.violated.get(known, (step, place)), (step, place))

    def verdict(self, place: int, line: Mapping[str, Any]) -> None:
        """A ``verdict`` line."""
        verdicts = line.get("verdicts")
        self.closed, self._closed = (verdicts, place) if isinstance(verdicts, list) else (None, -1)

    def went_on(self, place: int, step: int) -> None:
        """A ``run`` line: the run is open, and what violated laws later is void."""
        self.open()
        self.begun = place
        self.violated = {law: told for law, told in self.violated.items() if told[0] <= step}

    def cut(self, step: int) -> None:
        """Events of this step and later are void."""
        self.events = [event for event in self.events if event.step < step]

    def leave_out(self, begin: int, end: int) -> None:
        """Looks of this stretch no longer count, which a ``run`` line or an earlier step ends."""
        for several in (self.void, self.passed):
            while several and several[-1][0] >= begin:
                several.pop()
        self.void.append((begin, end))
        events, violated = (e.place for e in self.events), (p for _, p in self.violated.values())
        counted = any(begin <= place < end for place in chain(events, violated, self._missed))
        if end == self.begun and not counted:
            self.passed.append((begin, end))

    # ------------------------------------------------------------------ on disk

    def note(self, end: int) -> dict[str, Any]:
        """All that is not found again by who reads the log from a place on."""
        return {
            "unread": self._unread + sum(place < end for place in self._missed),
            "events": [list(vars(e).values()) for e in self.events if e.place < end],
            "violated": [[k, *told] for k, told in self.violated.items() if told[1] < end],
            "begun": self.begun,
            "void": self.void,
            "passed": self.passed,
            "closed": self._closed if self._closed < end else -1,
        }

    @staticmethod
    def of(note: Mapping[str, Any], laws: int, path: Path) -> Marks:
        """From a note.

        Args:
            note: what ``note`` made.
            laws: how many.
            path: of the log.

        Raises:
            ValueError, LookupError, TypeError, OSError: it is none.
        """
        found = Marks(laws)
        found.events = [_event_of(event) for event in note["events"]]
        found.violated = {int(k): (int(step), int(place)) for k, step, place in note["violated"]}
        found.void = [(int(begin), int(end)) for begin, end in note["void"]]
        found.passed = [(int(begin), int(end)) for begin, end in note["passed"]]
        found.begun, found._unread = int(note["begun"]), int(note["unread"])
        if (place := int(note["closed"])) >= 0:
            found.verdict(place, parsed(line_at(path, place)) or {})
        return found


def violation(line: Mapping[str, Any]) -> tuple[int, int] | None:
    """The law and the step of an ``event`` line that tells of one; else None."""
    law, step = line.get("law"), line.get("step")
    if line.get("what") == "violated" and isinstance(law, int) and isinstance(step, int):
        return law, step
    return None


def _event_of(told: Any) -> Event:
    step, what, law, text, place = told
    return Event(int(step), shown(what), None if law is None else int(law), shown(text), int(place))
