"""Long logs: what is held does not grow with them, and a spike of one step is still seen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.shell import environment
from tests.monitor import logs

pytestmark = pytest.mark.slow

LAWS = 200
READ = """
import json, resource, sys
from pathlib import Path
from conserved.monitor import Run, offline_page, view
run = Run(Path(sys.argv[1]), Path(sys.argv[2]))
run.update()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
first, last = run.pyramid.bounds
seen = view.curves(run, [0, 1], first, last, 600)
worst = max(seen["worst"]["residual"])
print(json.dumps([peak, run.pyramid.rows, worst, len(offline_page(run).encode())]))
"""


def long_log(path: Path, steps: int, spike: int) -> Path:
    """Rows that repeat, one of them with a spike."""
    laws = [logs.law(f"law {k}", [f"layers.{k}.w"]) for k in range(LAWS)]
    rng = np.random.default_rng(0)
    rows = [
        {
            "value": rng.normal(1, 1e-3, LAWS).round(9).tolist(),
            "predicted": [1.0] * LAWS,
            "residual": rng.gamma(2, size=LAWS).round(3).tolist(),
            "gradient": rng.gamma(1, size=LAWS).round(3).tolist(),
        }
        for _ in range(50)
    ]
    texts = [json.dumps(row)[1:] for row in rows]
    with path.open("w") as file:
        file.write(logs.text(logs.head(laws)))
        for step in range(1, steps + 1):
            text = texts[step % 50]
            if step == spike:
                text = json.dumps({**rows[0], "residual": [777.0] + [1.0] * (LAWS - 1)})[1:]
            file.write(f'{{"kind": "step", "step": {step}, {text}\n')
    return path


def test_what_is_held_does_not_grow_with_the_log(tmp_path: Path) -> None:
    peaks = []
    for steps in (2_000, 20_000):
        path = long_log(tmp_path / f"{steps}.jsonl", steps, spike=steps // 3)
        folder = tmp_path / f"index-{steps}"
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", READ, str(path), str(folder)],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        peak, rows, worst, size = json.loads(done.stdout)
        peaks.append(peak)
        assert rows == steps
        assert worst == 777.0
        assert size < 500_000
    assert path.stat().st_size > 100e6  # the longer one
    assert peaks[1] - peaks[0] < 20, f"MB at most: {peaks}"
