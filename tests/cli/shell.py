"""Running the command line: in this process, and as users do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import conserved
from conserved.cli import run

SOURCE = Path(conserved.__file__).parents[1]
MAIN = "from conserved.cli import main; main()"  # for code that has to run before it
CERTIFIED, UNUSABLE, BOUNDS_DIFFER = 0, 2, 3  # exit statuses
Capture = pytest.CaptureFixture[str]


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


def ask(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    """(status, stdout, stderr) of one command in this process."""
    capsys.readouterr()
    status = run(arguments)
    out, err = capsys.readouterr()
    return status, out, err


def assert_refused(capsys: Capture, *arguments: str) -> str:
    """Status 2, nothing on stdout, one line on stderr, and no traceback in it."""
    status, out, err = ask(capsys, *arguments)
    assert status == UNUSABLE
    assert out == ""
    assert err.startswith("conserved: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert err.rstrip("\n").isprintable()
    return err
