"""The log of a watched run of 1,000 laws: what it costs to write, and to read again.

Some 2,000 looks; a run of a million is 500 times as long (``long_log``). Seconds are those of the
processor: writing and reading take one core.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np

from benchmarks.measure import Measurement, Result, WrongCountError
from conserved.monitor import Run, view
from conserved.watching.log.companion import Companion
from conserved.watching.log.files import LogWriter, records
from conserved.watching.log.reading import size_of
from conserved.watching.log.rows import Stretches

LAWS, LOOKS, COLUMNS = 1000, 2000, 600
_POOL = 97  # different looks: as many as make no two blocks alike


def run(repetitions: int) -> Result:
    """Writing with extremes and index; reading with the index, without, and without extremes."""
    found: list[dict[str, float]] = []
    for seed in range(repetitions):
        with TemporaryDirectory(prefix="conserved-") as folder:
            found.append(_sample(Path(folder), seed))
    megabytes = found[0]["bytes"] / 1e6
    name = f"log of {LOOKS:,} looks at {LAWS:,} laws, {megabytes:.0f} MB"
    details = {"bytes": int(found[0]["bytes"]), "index": int(found[0]["index"])}

    def measured(what: str, key: str, target: float | None = None, **more: Any) -> Measurement:
        return Measurement(f"{name}: {what}", "s", tuple(f[key] for f in found), target, **more)

    return Result(
        [
            measured("written", "written"),
            measured("its extremes and its index, of that", "besides"),
            measured("opened and drawn, with the index", "opened", 1.0, details=details),
            measured("read without it", "bare", megabytes / 100),
            measured("read without it, of an older version", "older"),
        ]
    )


def head(laws: int) -> dict[str, Any]:
    """The first line."""
    law = {"functions": 8, "degree": 2, "ledger": True, "start": 1.0, "size": 2.0}
    several = [{**law, "text": f"law {k}", "tensors": [f"layers.{k}.w"]} for k in range(laws)]
    named = {"model": "Model", "parameters": 10**7, "loss": "mse", "optimizer": "SGD"}
    rest = {"part": 0, "from": 0, "every": 1, "precision": 2.0**-23, "laws": several}
    return {"kind": "run", "schema": "conserved.watch/1", "run": "0" * 16, **named, **rest}


def _looks(seed: int) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    pool = [(rng.normal(1, 1e-3, LAWS), rng.gamma(2, size=(2, LAWS))) for _ in range(_POOL)]
    for step in range(1, LOOKS + 1):
        value, (residual, gradient) = pool[step % _POOL]
        yield {
            "kind": "step",
            "step": step,
            "seconds": 0.1 * step,
            "value": (value * (1 + 1e-9 * step)).tolist(),
            "predicted": value.tolist(),
            "residual": residual.tolist(),
            "gradient": gradient.tolist(),
            "rates": [0.05],
            "metrics": {"loss": 1 / step},
        }


def _sample(folder: Path, seed: int) -> dict[str, float]:
    path = folder / "run.jsonl"
    written, besides = _write(path, seed)
    size, index = size_of(path), sum(f.stat().st_size for f in folder.rglob("level*"))
    opened, picture = _timed(lambda: _drawn(Run(path)))
    bare, second = _timed(lambda: _drawn(Run(path, folder / "anew")))
    old = folder / "old.jsonl"
    with old.open("w", encoding="utf-8") as file:
        for record in records(path):
            if record["kind"] != "extremes":
                file.write(json.dumps(record, separators=(",", ":")) + "\n")
    older, third = _timed(lambda: _drawn(Run(old, folder / "older")))
    if not picture == second == third:
        raise WrongCountError("pictures of one log differ")
    return {
        **{"written": written, "besides": besides, "opened": opened, "bare": bare},
        **{"older": older * size / size_of(old), "bytes": size, "index": index},
    }


def _write(path: Path, seed: int) -> tuple[float, float]:
    """Seconds in all, and for what is written beside the looks."""
    writer, stretches, companion = LogWriter(path, 10**12), Stretches(LAWS, 0), Companion(path)
    writer.write(head(LAWS))
    lines = besides = 0.0
    for look in _looks(seed):
        begun = process_time()
        writer.write(look)
        lines += process_time() - begun
        begun = process_time()
        said = stretches.add(look)
        if said is not None:
            writer.write(said)
            companion.look()
        besides += process_time() - begun
    besides += _timed(companion.close)[0]
    writer.close()
    return lines + besides, besides


def _drawn(run: Run) -> dict[str, Any]:
    run.update()
    first, last = run.pyramid.bounds or (0, 0)
    if (run.pyramid.rows, last) != (LOOKS, LOOKS):
        raise WrongCountError(f"{run.pyramid.rows} looks of {LOOKS}")
    picture = view.curves(run, [0, 1, 2, 3], first, last, COLUMNS)
    view.state(run)
    run.close()
    return picture


def _timed(do: Callable[[], Any]) -> tuple[float, Any]:
    begun = process_time()
    made = do()
    return process_time() - begun, made
