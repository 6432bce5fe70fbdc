"""A log of 10⁶ looks at 1,000 laws, written fast and opened as ``conserved watch`` does.

``python -m benchmarks.long_log FOLDER [--looks N] [--laws N] [--one]``. Lines are those of the
writer, some hundred different ones over and over, in parts as a run makes them, or in one file.
Each question is asked in a process of its own, which tells seconds by the clock and of its
processor, and the most memory it had: its own, and with the pages of files that it read. The folder
keeps the log; a log that is there is used again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from threading import Event, Thread
from time import perf_counter, process_time
from typing import Any
from urllib.request import urlopen

import numpy as np

from benchmarks.machine import load_average
from benchmarks.run_log import head
from conserved.monitor import Run, view
from conserved.monitor.serve import Live
from conserved.watching.log.files import line_of, part_path
from conserved.watching.log.left import Left, left, line_by_line
from conserved.watching.log.logger import ROTATE
from conserved.watching.log.place import beside
from conserved.watching.log.pyramid import BLOCK
from conserved.watching.log.reading import size_of
from conserved.watching.log.rows import Stretches

_POOL = 12  # different blocks
SPIKE = 777.0  # the residual of one law in one block: a picture of the whole run shows it


def _block(rng: np.random.Generator, laws: int, worst: float) -> tuple[list[bytes], bytes]:
    """What follows the step in each of its lines, and in that of their extremes."""
    stretches, rest, said = Stretches(laws, 0), [], None
    for step in range(1, BLOCK + 1):
        residual, gradient = rng.gamma(2, size=(2, laws))
        residual[laws // 3] = max(residual[laws // 3], worst)
        value = rng.normal(1, 1e-3, laws)
        look = {
            "value": value.tolist(),
            "predicted": (value + 1e-9).tolist(),
            "residual": residual.tolist(),
            "gradient": gradient.tolist(),
            "rates": [0.05],
            "metrics": {"loss": float(rng.gamma(2))},
        }
        written = json.loads(line_of(look))
        said = stretches.add({"kind": "step", "step": step, **written})
        rest.append(line_of(look)[1:].encode())
    assert said is not None
    ends = {key: said[key] for key in said if key not in ("kind", "first", "last")}
    return rest, line_of(ends)[1:].encode()


def write(path: Path, looks: int, laws: int, rotate: int) -> None:
    """A log of so many looks, whole blocks of 32."""
    rng = np.random.default_rng(0)
    pool = [_block(rng, laws, 0.0) for _ in range(_POOL)]
    spiked = _block(rng, laws, SPIKE)
    order = rng.integers(_POOL, size=looks // BLOCK)
    part, first = 0, line_of(head(laws)).encode()
    file = path.open("wb", buffering=0)
    size = file.write(first)
    for number, chosen in enumerate(order.tolist()):
        begin = number * BLOCK
        if size >= rotate:
            file.close()
            part += 1
            path.replace(part_path(path, part))
            file = path.open("wb", buffering=0)
            size = file.write(line_of({**head(laws), "part": part, "from": begin}).encode())
        rest, ends = spiked if number == looks // BLOCK // 3 else pool[chosen]
        lines: list[bytes] = []
        for step, text in enumerate(rest, begin + 1):
            lines += b'{"kind":"step","step":%d,"seconds":%d,' % (step, step // 10), text
        lines += b'{"kind":"extremes","first":%d,"last":%d,' % (begin + 1, begin + BLOCK), ends
        size += file.write(b"".join(lines))
    file.close()


# ------------------------------------------------------------------ what is asked


def _drawn(path: Path, looks: int, folder: Path | None = None) -> dict[str, Any]:
    run = Run(path, folder)
    run.update()
    seen = _picture(run, looks)
    run.close()
    return {**seen, "kept": run.kept}


def _picture(run: Run, looks: int) -> dict[str, Any]:
    first, last = run.pyramid.bounds or (0, 0)
    worst = view.curves(run, [0, 1, 2, 3], first, last, 600)["worst"]["residual"]
    view.state(run)
    if (run.pyramid.rows, last, max(worst)) != (looks, looks, SPIKE):
        raise AssertionError(f"{run.pyramid.rows:,} looks, the last {last:,}, worst {max(worst)}")
    return {"looks": run.pyramid.rows}


def _served(path: Path, looks: int) -> dict[str, Any]:
    """Seconds of each answer of the page."""
    live = Live(Run(path))
    thread = Thread(target=live.serve, daemon=True)
    thread.start()
    address, found = live.address, {}
    third = looks // 3
    asked = {
        "page": "",
        "state": f"state?seq={(1 << 53) - 1}",
        "whole run": f"curves?first=1&last={looks}&columns=600&laws=0,1,2,3",
        "the same again": f"curves?first=1&last={looks}&columns=600&laws=0,1,2,3",
        "a third": f"curves?first={third}&last={2 * third}&columns=600&laws=4,5,6,7",
        "a thousandth": f"curves?first={third}&last={third + looks // 1000}&columns=600&laws=0,1",
        "100 steps": f"curves?first={third}&last={third + 100}&columns=600&laws=0,1,2,3",
    }
    for name, query in asked.items():
        begun = perf_counter()
        with urlopen(address + query, timeout=600) as answer:
            size = len(answer.read())
        found[name] = [round(perf_counter() - begun, 3), size]
    live.server.shutdown()
    thread.join(10)
    return found


def _continued(path: Path, looks: int) -> dict[str, Any]:
    return _counted(left(path, None), looks)


def _went_back(path: Path, looks: int) -> dict[str, Any]:
    return _counted(left(path, looks // 3), looks // 3)


def _line_by_line(path: Path, looks: int) -> dict[str, Any]:
    return _counted(line_by_line(path, None), looks)


def _counted(found: Left, looks: int) -> dict[str, Any]:
    if found.looks != looks:
        raise AssertionError(f"goes on after {found.looks:,} looks")
    return {}


ASKED: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "read without the index": lambda path, looks: _drawn(path, looks, path.parent / "anew"),
    "opened, its index made beside it": _drawn,
    "opened and drawn with the index": _drawn,
    "served": _served,
    "goes on": _continued,
    "goes back to the first third": _went_back,
    "goes on without the index": _line_by_line,
}


def _own_memory(done: Event, peak: list[int]) -> None:
    """The most of it that is no page of a file, in kB, four times a second."""
    while not done.wait(0.25):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                peak[0] = max(peak[0], int(line.split()[1]))


def _ask(name: str, path: Path, looks: int, told: Any) -> None:
    done, own = Event(), [0]
    sampler = Thread(target=_own_memory, args=(done, own), daemon=True)
    sampler.start()
    begun, used = perf_counter(), process_time()
    answer = ASKED[name](path, looks)
    seconds = {"seconds": round(perf_counter() - begun, 2), "cpu": round(process_time() - used, 2)}
    done.set()
    sampler.join()
    peak = {"own MB": own[0] // 1000, "with files MB": getrusage(RUSAGE_SELF).ru_maxrss // 1000}
    told.send({"asked": name, **seconds, **peak, **answer, "load": load_average()})


def measured(path: Path, looks: int, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """An answer for each question, from a fresh process."""
    context = get_context("spawn")
    for name in names:
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=_ask, args=(name, path, looks, there))
        child.start()
        there.close()
        try:
            yield here.recv()
        except EOFError:
            yield {"asked": name, "failed": True}
        child.join()


def main() -> int:
    """Write the log where it is not there, and ask."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_log", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--looks", type=int, default=10**6)
    parser.add_argument("--laws", type=int, default=1000)
    parser.add_argument("--one", action="store_true", help="one file, no parts")
    parser.add_argument("--only", nargs="*", choices=ASKED, default=list(ASKED))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    path, looks = options.folder / "run.jsonl", options.looks // BLOCK * BLOCK
    if not path.exists():
        begun = perf_counter()
        write(path, looks, options.laws, 1 << 62 if options.one else ROTATE)
        told = {"written": round(perf_counter() - begun, 1), "load": load_average()}
        print(json.dumps(told), flush=True)
    print(json.dumps({"bytes": size_of(path), "looks": looks}), flush=True)
    failed = False
    for answer in measured(path, looks, options.only):
        print(json.dumps(answer), flush=True)
        failed = failed or "failed" in answer
    if beside(path).is_dir():
        index = sum(f.stat().st_size for f in os.scandir(beside(path)))
        print(json.dumps({"index bytes": index}), flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
