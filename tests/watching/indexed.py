"""Runs with a log, and the index of what they wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import conserved as cq
from conserved.watching.log.files import records
from conserved.watching.log.index import Index
from conserved.watching.log.rows import Stretches
from tests.monitor import logs
from tests.watching.runs import mlp, mlp_laws, train

torch = pytest.importorskip("torch", reason="needs the extra torch")


def run(log: Path, steps: int, *, state: Any = None, **options: Any) -> Any:
    """Train and watch; what a checkpoint holds."""
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    if state is not None:
        model.load_state_dict(state[0])
        optimizer.load_state_dict(state[1])
    with cq.watch(model, optimizer, laws=mlp_laws(), log=log, **options) as watched:
        train(model, optimizer, steps, before=lambda k: watched.note(loss=1 / k))
    return model.state_dict(), optimizer.state_dict()


def bare(log: Path, target: Path) -> Path:
    """The log in one file, as if no line said extremes."""
    return compact(target, *(r for r in records(log) if r["kind"] != "extremes"))


def numbers_of(found: Index) -> tuple[Any, ...]:
    """All that an index says, to be compared."""
    every = range(found.pyramid.curves)
    seen = [found.pyramid.columns(0, found.pyramid.rows, every, most) for most in (1, 3, 1000)]
    arrays = [a.tolist() for c in seen for a in (c.first, c.last, c.low, c.high)]
    return repr(arrays), repr(found.last.tolist()), found.metrics, found.pyramid.rows, found.steps


def opened(path: Path, **options: Any) -> Index:
    found = Index(path, **options)
    found.update()
    return found


def step_lines(first: int, last: int) -> list[dict[str, Any]]:
    return [logs.step(n) for n in range(first, last + 1)]


def with_extremes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    stretches, lines = Stretches(3, 0), []
    for row in rows:
        said = stretches.add(row)
        lines += [row] if said is None else [row, said]
    return lines


def compact(path: Path, *lines: dict[str, Any], mode: str = "w") -> Path:
    with path.open(mode) as file:
        file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    return path
