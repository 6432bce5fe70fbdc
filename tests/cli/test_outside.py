"""Where the command line is run: streams that are closed, and places that cannot be written to."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from conserved.cli import run
from tests.cli.shell import command, environment

LONG = "x" * 300 + ".json"
LINES = {
    "analyze": "analyze linear:2-1-1",
    "simulate": "simulate linear:1-1-1 --time 0.1",
    "check": "check c.json",
    "list": "list networks",
    "atlas": "atlas a.sqlite --network linear:1-1-1 --symmetry permutation --loss mse",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run(["analyze", "linear:2-1-1", "--certificate", "c.json"]) == 0
    return tmp_path


def in_shell(line: str, redirection: str) -> subprocess.CompletedProcess[str]:
    words = " ".join(f"'{word}'" for word in command(*line.split()))
    return subprocess.run(
        ["sh", "-c", f"{words} {redirection}"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(),
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name != "list")) for name in LINES],
)
def test_closed_streams_change_no_answer(name: str, folder: Path) -> None:
    usual = in_shell(LINES[name], "").returncode
    assert usual in (0, 3)
    for redirection in ("2>&-", ">&-", ">&- 2>&-", "<&-"):
        result = in_shell(LINES[name], redirection)
        assert (redirection, result.returncode) == (redirection, usual)
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name not in ("analyze", "check")))
        for name in LINES
    ],
)
def test_a_reader_that_leaves_early(name: str, folder: Path) -> None:
    process = subprocess.Popen(
        command(*LINES[name].split()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    told = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=60) == 130
    assert "Error" not in told


@pytest.mark.parametrize(
    "line, words",
    [
        (f"analyze linear:2-1 --certificate {LONG}", "--certificate 'xxx"),
        (f"analyze linear:2-1 --report {LONG}", "--report 'xxx"),
        (f"simulate linear:2-1 --output {LONG}", "--output 'xxx"),
        ("simulate linear:2-1 --output c.json/o.json", "--output 'c.json/o.json': cannot be"),
        ("simulate linear:2-1 --output .", "--output '.': cannot be written"),
        (
            "analyze linear:2-1 --certificate a.x --report ./a.x",
            "--report './a.x': is the file of --certificate already; name another",
        ),
        ("reproduce linear --output c.json", "--output 'c.json': is a file; give a folder"),
    ],
)
def test_places_that_cannot_be_written(
    line: str, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Known before anything is computed."""
    capsys.readouterr()
    before = sorted(folder.iterdir())
    assert run(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"conserved: {words}")
    assert err.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_folders_on_the_way_are_made(folder: Path) -> None:
    """By every option that names a file."""
    new = folder / "new"
    assert run(["analyze", "linear:2-1-1", "--certificate", "new/a/c.json"]) == 0
    assert run(["analyze", "linear:2-1-1", "--report", "new/b/r.html"]) == 0
    assert run(["simulate", "linear:1-1-1", "--time", "1", "--output", "new/c/s.json"]) == 0
    assert json.loads((new / "a" / "c.json").read_text("utf-8"))["laws"]
    assert "</html>" in (new / "b" / "r.html").read_text("utf-8")
    assert json.loads((new / "c" / "s.json").read_text("utf-8"))["laws"]


def test_nothing_twice_at_one_place_but_nowhere(folder: Path) -> None:
    line = ["analyze", "linear:2-1-1", "--certificate", "/dev/null", "--report", "/dev/null"]
    assert run(line) == 0
