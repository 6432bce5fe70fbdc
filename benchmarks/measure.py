"""Samples, their median, the target, and the file that keeps them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import ROOT, commit, describe, load_average

SCHEMA = "conserved.benchmark/1"
RESULTS = ROOT / "benchmarks" / "results"
_MOST_BYTES = 50_000  # results are committed


class WrongCountError(AssertionError):
    """A count that differs from its independent computation: a time for it would mean nothing."""


@dataclass(frozen=True)
class Measurement:
    """All samples of one quantity.

    Args:
        name: what was measured.
        unit: "s", "MB" (10^6 bytes), "×", "%" or "modules".
        samples: one for each repetition.
        target: the median is to be at most this.
        strict: the median has to be below the target.
        details: anything else worth keeping.
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    target: float | None = None
    strict: bool = True
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def median(self) -> float:
        return median(self.samples)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.median < self.target if self.strict else self.median <= self.target

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "samples": [round(sample, 6) for sample in self.samples],
            "median": round(self.median, 6),
            "target": self.target,
            "strict": self.strict,
            "met": self.met,
            **({"details": self.details} if self.details else {}),
        }


@dataclass(frozen=True)
class Result:
    """What one benchmark hands back; ``details`` and ``references`` are for its plot and table."""

    measurements: list[Measurement]
    details: dict[str, Any] = field(default_factory=dict)
    references: list[dict[str, Any]] = field(default_factory=list)


def preamble(name: str, repetitions: int) -> dict[str, Any]:
    """Machine, commit and date, taken before the first sample."""
    return {
        "schema": SCHEMA,
        "benchmark": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **commit(),
        "machine": describe(),
        "repetitions": repetitions,
    }


def finished(start: dict[str, Any], result: Result) -> dict[str, Any]:
    """The whole content of a result file."""
    return {
        **start,
        "load_average_at_end": load_average(),
        "measurements": [measurement.to_json() for measurement in result.measurements],
        "references": result.references,
        "details": result.details,
    }


def write(document: dict[str, Any], folder: Path) -> Path:
    """Write ``<folder>/<benchmark>.json``: the whole file or none of it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{document['benchmark']}.json"
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    if len(text.encode()) > _MOST_BYTES:
        raise ValueError(f"{path.name} would have more than {_MOST_BYTES:,} bytes")
    part = path.with_suffix(".json.tmp")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return path


def read(name: str, folder: Path = RESULTS) -> dict[str, Any] | None:
    """A result file, None when there is none."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
