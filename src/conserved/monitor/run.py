"""A watched run as its log tells it: what a page shows of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from time import time

import numpy as np

from conserved.watching.log.index import Index, Row
from conserved.watching.log.pyramid import BLOCK, Columns, Floats
from conserved.watching.log.rows import FIELDS

_RAW = 3_000_000  # numbers of single steps that are read again for one picture


class Run(Index):
    """The index of a log, and curves from it."""

    _single_rows: tuple[tuple[int, int], list[Row]] | None

    @property
    def idle(self) -> float:
        """Seconds since the log was written to."""
        try:
            return max(0.0, time() - self.path.stat().st_mtime)
        except OSError:
            return 0.0

    def places(self, name: str, laws: Sequence[int]) -> list[int]:
        """Where the numbers of one field stand in a row."""
        return [FIELDS.index(name) * len(self.head.laws) + law for law in laws]

    def columns(self, first: int, last: int, curves: Sequence[int], most: int) -> Columns:
        """Extremes of some numbers of a row over at most about so many stretches of steps."""
        with self.lock:
            start, stop = self.pyramid.row(first), self.pyramid.row(last + 1) + BLOCK
            stop = min(stop, self.pyramid.rows)
            few = (stop - start) * self.pyramid.curves <= _RAW
            few = few and 0 < stop - start < BLOCK * most
            if few and (found := self._single(start, stop)):
                return _drawn(found, first, last, list(curves), most)
            return self.pyramid.columns(start, stop, curves, most)

    def _single(self, start: int, stop: int) -> list[Row]:
        """Rows that are few, read again from the log; none where it is gone, or another's."""
        end = self.pyramid.place(stop) if stop < self.pyramid.rows else self.follower.place
        key = (self.pyramid.place(start), end)
        if self._single_rows is None or self._single_rows[0] != key:  # asked by several charts
            self._single_rows = key, []
            with suppress(OSError, EOFError):
                self._single_rows = key, list(self._again(*key))
        return self._single_rows[1]

    def _begin(self) -> None:
        super()._begin()
        self._single_rows = None

    def extremes(self, name: str) -> tuple[Floats, Floats]:
        """(least, greatest) of one field over the whole run, for each law."""
        laws = range(len(self.head.laws))
        with self.lock:
            seen = self.pyramid.columns(0, self.pyramid.rows, self.places(name, laws), 1)
        if not len(seen.first):
            none = np.full(len(laws), np.nan)
            return none, none
        return np.fmin.reduce(seen.low, 0), np.fmax.reduce(seen.high, 0)


def _drawn(found: Sequence[Row], first: int, last: int, curves: list[int], most: int) -> Columns:
    """Extremes of single rows."""
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
