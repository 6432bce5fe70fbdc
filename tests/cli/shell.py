"""Running the command line: in this process, and as users do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import conserved

SOURCE = Path(conserved.__file__).parents[1]
MAIN = "from conserved.cli import main; main()"  # for code that has to run before it


def environment(**more: str) -> dict[str, str]:
    """The environment of a user: this package found, nothing of the test runner's."""
    dropped = ("PYTHONDONTWRITEBYTECODE", "COVERAGE_PROCESS_START", "FORCE_COLOR", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "PYTHONPATH": str(SOURCE), "PYTHONUTF8": "1", **more}


@contextmanager
def hearing_ctrl_c() -> Iterator[None]:
    """Processes started inside hear SIGINT, also where we were started deaf to it.

    Shells start what runs in the background (``make test &``) with SIGINT ignored, and that, unlike
    a handler, is inherited.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "conserved", *arguments]


def shell(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """``conserved`` with these arguments in a process of its own."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(**env),
        timeout=60,
        check=False,
    )
