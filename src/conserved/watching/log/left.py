"""What an earlier run left in a log, from which the next goes on.

A long log has an index beside it, which knows the looks, violations and ``run`` lines as far as it
goes: only lines behind that are read, and those few that are asked for. Without one, or where it
does not agree with the log, all lines are.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from conserved.errors import ConservedError, InputError
from conserved.watching.exactly.draws import Drawn
from conserved.watching.log.files import SCHEMA, number, older_parts, record_of, whole_lines
from conserved.watching.log.index import Index
from conserved.watching.log.marks import violation
from conserved.watching.log.place import beside
from conserved.watching.log.reading import PART, Follower, line_at, parsed
from conserved.watching.log.rows import EXTREMES, step_of


@dataclass(frozen=True)
class Left:
    """What an earlier run left in the log, up to a step.

    Attributes:
        run: its id, "" where there is no whole line.
        laws: their texts.
        start: (h, size of its terms) of each at the first step.
        charts: coordinates that they are seen in.
        probe, seed: how large a part of each was looked at, and what drew it; None if not known.
        last: the last step.
        looks: how many there are, those that are void left out.
        predicted: at the last of them.
        drawn: what draws had done by then, by family.
        violated: (since, reason) by family.
    """

    run: str
    laws: list[str]
    start: list[tuple[float, float]]
    charts: list[tuple[int, ...]]
    probe: float
    seed: int | None
    last: int
    looks: int
    predicted: list[float | None]
    drawn: dict[int, Drawn]
    violated: dict[int, tuple[int, str]]


def left(path: Path, until: int | None) -> Left:
    """Read a log, through its index if it has one.

    Args:
        path: of the log.
        until: the step that the run goes on from; by default its last.

    Raises:
        InputError: it is no log.
    """
    return through_index(path, until) or line_by_line(path, until)


def through_index(path: Path, until: int | None) -> Left | None:
    """The same through the index alone; None where that is not there, or not of this log."""
    if not (beside(path) / "index.json").exists():
        return None
    try:
        with closing(Index(path)) as index:
            begin = index.follower.place  # 0 for one that was begun anew
            return _Lines(path, index).left(until) if begin and not index.marks.unread else None
    except (OSError, EOFError, ValueError, LookupError, TypeError, ConservedError):
        return None  # whoever reads all lines finds what is wrong, and where


def line_by_line(path: Path, until: int | None) -> Left:
    """The same from all lines."""
    return _Lines(path).left(until)


class _Lines:
    """Lines of a log, taken one by one: all, or those behind what an index knows.

    Args:
        path: of the log.
        index: that was opened, and is of this log.
    """

    def __init__(self, path: Path, index: Index | None = None) -> None:
        self._path = path
        self._run: Mapping[str, Any] = {}  # the newest such line
        self._last: int | None = None
        self._violated: dict[int, tuple[int, str]] = {}
        self._looks = _Looks(index)
        if index is not None:
            self._known(index)
        for place, line, part, row in _all(path) if index is None else _behind(index):
            step = step_of(line)  # most lines are not parsed
            if step is None and not line.startswith(EXTREMES):
                step = self._other(part, row, line)
            if not self._run:
                raise InputError("log", str(part), f"is no log of schema {SCHEMA}")
            if step is not None:
                self._looks.add(step, place)
                self._last = step

    def _known(self, index: Index) -> None:
        """What the index says of lines in front."""
        self._run = self._at(index.marks.begun)
        if (self._run.get("kind"), self._run.get("run")) != ("run", index.head.run):
            raise ValueError("it is of another log")
        for law, (step, place) in index.marks.violated.items():
            line = self._at(place)
            if violation(line) != (law, step):
                raise ValueError("it is of another log")
            self._violated[law] = step, str(line.get("text", ""))
        _, place = index.looks(index.steps)
        self._last = index.steps if place > index.marks.begun else int(self._run["from"])

    def _at(self, place: int) -> dict[str, Any]:
        found = parsed(line_at(self._path, place))
        if found is None:
            raise ValueError("a line is no JSON object")
        return found

    def _other(self, part: Path, row: int, line: bytes) -> int | None:
        """A line that may be a look that another program wrote: then its step."""
        record = record_of(part, row, line)
        kind = record.get("kind")
        with _told(part):
            if kind == "step":
                return int(record["step"])
            if kind == "run":
                self._went_on(record)
        if kind == "event" and (found := violation(record)):
            law, told = found[0], (found[1], str(record.get("text", "")))
            self._violated[law] = min(self._violated.get(law, told), told, key=itemgetter(0))
        return None

    def _went_on(self, record: Mapping[str, Any]) -> None:
        """What speaks of later steps is void."""
        if record.get("schema") != SCHEMA:
            raise ValueError("of another version")
        self._run, self._last = record, int(record["from"])
        self._looks.keep(self._last)
        self._violated = {k: v for k, v in self._violated.items() if v[0] <= self._last}

    def left(self, until: int | None) -> Left:
        """What there is up to a step."""
        if until is not None:
            self._looks.keep(until)
        looks, place = self._looks.found()
        with _told(self._path):
            return self._made(looks, self._at(place) if looks else {}, until)

    def _made(self, looks: int, newest: Mapping[str, Any], until: int | None) -> Left:
        laws = self._run.get("laws", ())
        draws = enumerate(newest.get("draws") or ())
        violated = sorted((k, told) for k, told in self._violated.items() if 0 <= k < len(laws))
        return Left(
            run=self._run.get("run", ""),
            laws=[law["text"] for law in laws],
            start=[(number(law["start"]), number(law["size"])) for law in laws],
            charts=[tuple(map(int, law.get("chart", ()))) for law in laws],
            probe=number(self._run.get("probe", 1.0)),
            seed=self._run.get("seed"),
            last=self._last or 0,
            looks=looks,
            predicted=newest.get("predicted") or [None] * len(laws),
            drawn={k: Drawn.read(one) for k, one in draws if one is not None},
            violated={k: told for k, told in violated if until is None or told[0] <= until},
        )


@contextmanager
def _told(part: Path) -> Iterator[None]:
    """What a line lacks is told in one line.

    Raises:
        InputError: it is not what this program writes.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError("log", str(part), f"is no log of schema {SCHEMA}") from error


class _Looks:
    """Looks that are not void: those in the blocks of an index, and those that are read."""

    def __init__(self, index: Index | None) -> None:
        self._index = index
        self._most = -1 if index is None else index.steps  # of those in blocks
        self._steps, self._places = array("q"), array("q")  # a long log has millions

    def add(self, step: int, place: int) -> None:
        """Those of later steps, and of this one, are void."""
        self.keep(step - 1)
        self._steps.append(step)
        self._places.append(place)

    def keep(self, last: int) -> None:
        """What speaks of later steps is void."""
        while self._steps and self._steps[-1] > last:
            self._steps.pop()
            self._places.pop()
        if not self._steps:
            self._most = min(self._most, last)

    def found(self) -> tuple[int, int]:
        """How many, and where the last of them stands, or -1."""
        count, place = (0, -1) if self._index is None else self._index.looks(self._most)
        return count + len(self._steps), self._places[-1] if self._places else place


Line = tuple[int, bytes, Path, int]  # its place, the line, the part and its number there


def _all(path: Path) -> Iterator[Line]:
    numbers = {part: k for k, part in enumerate([*older_parts(path), path])}
    for part, row, begin, line in whole_lines(path):
        yield numbers[part] * PART + begin, line, part, row


def _behind(index: Index) -> Iterator[Line]:
    """Lines behind the full blocks."""
    follower = Follower(index.path, index.follower.place, index.marks.passed)
    while lines := follower.read():
        for place, line in lines:
            yield place, line, index.path, 0
