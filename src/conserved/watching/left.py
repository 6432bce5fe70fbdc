"""What an earlier run left in a log, from which the next goes on."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conserved.errors import InputError
from conserved.watching.draws import Drawn
from conserved.watching.log import SCHEMA, number, record_of, whole_lines
from conserved.watching.reading import PART
from conserved.watching.rows import EXTREMES, step_of


class Left:
    """What an earlier run left in the log, up to a step.

    Attributes:
        run: its id, "" where there is no whole line.
        laws: their texts.
        start: (h, size of its terms) of each at the first step.
        last: the last step.
        looks: how many there are, those that are void left out.
        predicted: at the last of them.
        charts: coordinates that they are seen in.
        drawn: what draws had done by then, by family.
        violated: (since, reason) by family.
    """

    def __init__(self, path: Path, until: int | None) -> None:
        self.run, self.last = "", 0
        self.laws: list[str] = []
        self.start: list[tuple[float, float]] = []
        self.charts: list[tuple[int, ...]] = []
        self.drawn: dict[int, Drawn] = {}
        self.violated: dict[int, tuple[int, str]] = {}
        parts: list[Path] = []
        self._steps, self._places = array("q"), array("q")  # a long log has millions
        for part, row, begin, line in whole_lines(path):
            if part not in parts[-1:]:
                parts.append(part)
            step = step_of(line)  # most lines are not parsed
            if step is None and not line.startswith(EXTREMES):
                step = self._other(part, record_of(part, row, line), until)
            if step is not None:
                self._keep(step - 1)
                self.last = step
                self._steps.append(step)
                self._places.append((len(parts) - 1) * PART + begin)
        if until is not None:
            self._keep(until)
        self.looks = len(self._steps)
        self.predicted: list[float | None] = [None] * len(self.laws)
        if self._places:
            newest, begin = divmod(self._places[-1], PART)
            with parts[newest].open("rb") as file:
                file.seek(begin)
                line_read = json.loads(file.readline())
            self.predicted = line_read["predicted"] or self.predicted
            told = enumerate(line_read.get("draws") or [])
            self.drawn = {k: Drawn.read(one) for k, one in told if one is not None}

    def _keep(self, last: int) -> None:
        """What speaks of later steps is void."""
        while self._steps and self._steps[-1] > last:
            self._steps.pop()
            self._places.pop()

    def _other(self, path: Path, record: Mapping[str, Any], until: int | None) -> int | None:
        """A line that may be a step that another program wrote: then its number."""
        kind = record.get("kind")
        if kind == "step":
            return int(record["step"])
        if kind == "run":
            self._head(path, record)
        elif kind == "event" and record.get("what") == "violated":
            known = int(record["step"]), str(record["text"])
            if until is None or known[0] <= until:
                self.violated.setdefault(int(record["law"]), known)
        return None

    def _head(self, path: Path, record: Mapping[str, Any]) -> None:
        if record.get("schema") != SCHEMA:
            raise InputError("log", str(path), f"is no log of schema {SCHEMA}")
        self.run, self.last = record["run"], int(record["from"])
        self.laws = [law["text"] for law in record["laws"]]
        self.charts = [tuple(map(int, law.get("chart", ()))) for law in record["laws"]]
        self.start = [(number(law["start"]), number(law["size"])) for law in record["laws"]]
        self._keep(self.last)
        self.violated = {k: v for k, v in self.violated.items() if v[0] <= self.last}
