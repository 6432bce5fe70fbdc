"""``python -m benchmarks [NAME …] [--quick] [--out DIR] [--render]``.

Exit status: 0 all targets met, 1 a target missed, a count wrong or a crash, 2 unusable arguments.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import CalledProcessError, TimeoutExpired
from typing import Any

from benchmarks import (
    dynamics,
    growth_group,
    growth_parameters,
    laws,
    lifted,
    modules,
    published_suite,
    run_log,
    scale,
    simulate,
    start_up,
    watching,
)
from benchmarks.machine import ROOT, in_words
from benchmarks.measure import RESULTS, Result, WrongCountError, finished, preamble, read, write
from benchmarks.tables import aligned, update_document

REPETITIONS = 5
BENCHMARKS: dict[str, Callable[[int], Result]] = {
    "published_suite": published_suite.run,
    "growth_parameters": growth_parameters.run,
    "growth_group": growth_group.run,
    "lifted": lifted.run,
    "laws": laws.run,
    "dynamics": dynamics.run,
    "modules": modules.run,
    "simulate": simulate.run,
    "run_log": run_log.run,
    "start_up": start_up.run,
    "scale": scale.run,
    "watching": watching.run,
}
ON_REQUEST = {"scale", "modules", "watching"}  # take minutes, or need torch: only when named


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks asked for, write their files, print one table."""
    options = _parser().parse_args(arguments)
    names = options.names or [name for name in BENCHMARKS if name not in ON_REQUEST]
    if unknown := [name for name in names if name not in BENCHMARKS]:
        print(
            f"benchmarks: unknown {unknown[0]!r}; known: {', '.join(BENCHMARKS)}", file=sys.stderr
        )
        return 2
    # one repetition is for trying out: it must not replace results that are kept
    folder = options.out or (ROOT / "out" / "benchmarks" if options.quick else RESULTS)
    documents, failed = [], False
    for name in names:
        if options.render:
            document = read(name, folder)
        else:
            document, failed = _run(name, 1 if options.quick else REPETITIONS, folder, failed)
        if document is not None:
            documents.append(document)
            _draw(document, folder)
    if folder == RESULTS:
        update_document([d for name in BENCHMARKS if (d := read(name)) is not None])
    print(aligned(documents))
    entries = [entry for document in documents for entry in document["measurements"]]
    missed = [entry["name"] for entry in entries if entry["met"] is False]
    for name in missed:
        print(f"benchmarks: target missed: {name}", file=sys.stderr)
    return 1 if failed or missed else 0


def _run(
    name: str, repetitions: int, folder: Path, failed: bool
) -> tuple[dict[str, Any] | None, bool]:
    """The finished document, or None and True when there is nothing to trust."""
    start = preamble(name, repetitions)
    print(f"benchmarks: {name} on {in_words(start['machine'])}", file=sys.stderr, flush=True)
    try:
        document = finished(start, BENCHMARKS[name](repetitions))
    except WrongCountError as error:
        print(f"benchmarks: {name}: {error}; nothing written", file=sys.stderr)
        return None, True
    except (
        CalledProcessError,
        RuntimeError,
        TimeoutExpired,
    ) as error:  # out of memory or time, or a crash
        print(f"benchmarks: {name}: {error}; nothing written", file=sys.stderr)
        return None, True
    write(document, folder)
    return document, failed


def _draw(document: dict[str, Any], folder: Path) -> None:
    try:
        from benchmarks.plots import draw

        draw(document, folder)
    except ModuleNotFoundError as error:
        print(f"benchmarks: no figures without {error.name}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="one repetition, into out/benchmarks")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the files go")
    parser.add_argument(
        "--render", action="store_true", help="run nothing: figures and tables from the files"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
