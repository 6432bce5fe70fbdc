"""A look at the laws as a row of numbers, and the extremes of several rows as a line of the log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from conserved.watching.log.pyramid import BLOCK, Floats, extremes
from conserved.watching.log.reading import shown

FIELDS = ("value", "predicted", "residual", "gradient")
METRICS = 12  # numbers of a step beside the laws: rates, losses and whatever was noted
EXTREMES = b'{"kind":"extremes",'  # what such a line begins with
_STEP = re.compile(rb'\{"kind":"step","step":([0-9]{1,15}),')


def step_of(line: bytes) -> int | None:
    """Of a line that the program wrote, without parsing it; None of another.

    Example:
        >>> step_of(b'{"kind":"step","step":12,"value":[1.5]}'), step_of(b'{"kind":"run"}')
        (12, None)
    """
    found = _STEP.match(line)
    return int(found[1]) if found else None


class RowReader:
    """Makes rows of looks: the numbers of ``FIELDS`` for each law, then those beside the laws.

    Args:
        laws: how many.
        metrics: names of the numbers beside the laws, at most ``METRICS``; new ones are added.

    Example:
        >>> reader = RowReader(2, [])
        >>> step, row = reader.row({"step": 7, "value": [1, 2.5], "metrics": {"loss": 0.5}})
        >>> step, row[[0, 1, 8]].tolist(), reader.metrics
        (7, [1.0, 2.5, 0.5], ['loss'])
    """

    def __init__(self, laws: int, metrics: list[str]) -> None:
        self.laws, self.metrics = laws, metrics
        self.width = len(FIELDS) * laws + METRICS

    def row(self, line: Mapping[str, Any]) -> tuple[int, Floats] | None:
        """(step, row) of a ``step`` line; None where it does not fit the laws."""
        step = line.get("step")
        if not isinstance(step, int) or not 0 <= step < 1 << 53:
            return None
        row = np.full(self.width, np.nan)
        try:
            self._fill(row, line, _beside(line))
        except (ValueError, TypeError):
            return None
        return step, row

    def extremes(self, line: Mapping[str, Any]) -> Floats | None:
        """(2, width) of an ``extremes`` line; None where it does not fit the laws."""
        found = np.full((2, self.width), np.nan)
        try:
            for edge in range(2):
                own = {name: line[name] and line[name][edge] for name in FIELDS}
                beside = ((shown(name, 80), both[edge]) for name, both in line["beside"].items())
                self._fill(found[edge], own, beside)
        except (ValueError, TypeError, LookupError, AttributeError):
            return None
        return found

    def _fill(
        self, row: Floats, line: Mapping[str, Any], beside: Iterator[tuple[str, Any]]
    ) -> None:
        for k, name in enumerate(FIELDS):
            if line.get(name) is not None:
                given = np.array(line[name], dtype=np.float64)
                if given.shape != (self.laws,):
                    raise ValueError("of other laws")
                row[k * self.laws : (k + 1) * self.laws] = given
        for name, value in beside:
            if name not in self.metrics and len(self.metrics) < METRICS:
                self.metrics.append(name)
            if name in self.metrics:
                row[len(FIELDS) * self.laws + self.metrics.index(name)] = float(value)


class Stretches:
    """Gathers rows as they are written, and says the extremes of every ``BLOCK``.

    A reader of a long log then has one line in ``BLOCK`` to parse. Its blocks begin with the first
    row of a run, so that what is left of one by an earlier process is passed over.

    Args:
        laws: how many.
        before: rows that the run had before.
    """

    def __init__(self, laws: int, before: int) -> None:
        self._reader = RowReader(laws, [])
        self._over = -before % BLOCK
        self._steps: list[int] = []
        self._rows: list[Floats] = []

    def add(self, line: Mapping[str, Any]) -> dict[str, Any] | None:
        """Take a ``step`` line; the ``extremes`` line that is to follow it, if one is."""
        if self._over:
            self._over -= 1
            return None
        read = self._reader.row(line)
        assert read is not None
        self._steps.append(read[0])
        self._rows.append(read[1])
        if len(self._rows) < BLOCK:
            return None
        (low, high), laws = extremes(np.stack(self._rows)[None])[0], self._reader.laws
        found: dict[str, Any] = {"first": self._steps[0], "last": self._steps[-1]}
        for k, name in enumerate(FIELDS):
            mine = slice(k * laws, (k + 1) * laws)
            none = np.isnan(low[mine]).all()
            found[name] = None if none else [known(low[mine]), known(high[mine])]
        rest = zip(low[len(FIELDS) * laws :], high[len(FIELDS) * laws :], strict=True)
        found["beside"] = {n: both for n, both in zip(self._reader.metrics, rest, strict=False)}
        self._steps, self._rows = [], []
        return {"kind": "extremes", **found}


def known(values: Floats) -> list[float | None]:
    """As a log has them."""
    return [None if v != v else v for v in values.tolist()]


def _beside(line: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Numbers of a step that belong to no law, with their names."""
    metrics, rates = line.get("metrics"), line.get("rates")
    if isinstance(metrics, dict):
        for name, value in metrics.items():
            yield shown(name, 80), value
    if isinstance(rates, list):
        for k, rate in enumerate(rates):
            yield "learning rate" if len(rates) == 1 else f"learning rate {k + 1}", rate
