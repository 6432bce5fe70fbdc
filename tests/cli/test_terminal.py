"""Terminals: narrow ones, those that know ASCII alone, no colours, pipes, completion."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from conserved.cli.outside import fitted
from conserved.notation.ascii import HANDLER, ascii_text
from tests.cli.shell import command, environment, shell
from tests.documents import printed

LINE = ("analyze", "linear:4-2-1", "--symmetry", "permutation")
SHORT = ("analyze", "linear:3-2-2")


def on_terminal(columns: int, *arguments: str, **env: str) -> str:
    """What a terminal of this width receives, both streams."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    kept = {key: value for key, value in environment(**env).items() if key not in ("COLUMNS",)}
    process = subprocess.Popen(
        command(*arguments), stdin=theirs, stdout=theirs, stderr=theirs, env=kept
    )
    os.close(theirs)
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return b"".join(parts).decode("utf-8").replace("\r\n", "\n")


def plain(text: str) -> str:
    """Without what moves the cursor, and what a progress bar drew over."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return "\n".join(line.rpartition("\r")[2] for line in text.split("\n"))


@pytest.mark.parametrize("columns", [40, pytest.param(60, marks=pytest.mark.slow)])
def test_lines_fit_a_narrow_terminal(columns: int) -> None:
    text = plain(on_terminal(columns, *LINE, TERM="xterm"))
    shown = [line for line in text.split("\n") if line.strip()]
    assert max(map(len, shown)) <= columns
    words = " ".join(text.split())
    assert "range of W1 on the zero-sum part of the features" in words
    assert "Certified: as many verified laws as the rank leaves room for." in words
    reason = text[text.index("  Theorem 4") : text.index("  permutation acts")].split("\n")
    assert [line[: len(line) - len(line.lstrip())] for line in reason[1:-1]] == (
        ["    "] * (len(reason) - 2)
    ), "a sentence is set once, not broken again"


def test_a_pipe_keeps_its_lines() -> None:
    narrow, wide = (shell(*SHORT, COLUMNS=str(columns)).stdout for columns in (30, 300))
    assert re.sub(r"[\d.e-]+ s\.", "", narrow) == re.sub(r"[\d.e-]+ s\.", "", wide)
    assert max(map(len, wide.split("\n"))) > 60


@pytest.mark.parametrize(
    "variable", [{"NO_COLOR": "1"}, pytest.param({"TERM": "dumb"}, marks=pytest.mark.slow)]
)
def test_no_colours_where_none_are_wanted(variable: dict[str, str]) -> None:
    text = on_terminal(100, *LINE, **{"TERM": "xterm-256color", **variable})
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text)


def test_ascii_where_the_terminal_knows_no_more() -> None:
    result = shell(*LINE, PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert result.returncode == 0
    assert result.stdout.isascii()
    assert "+3  W1 W1^T - W2^T W2" in result.stdout
    assert "theta' = -grad L(theta)" in result.stdout
    assert "?" not in result.stdout


def test_latin_1_keeps_what_it_has() -> None:
    result = subprocess.run(
        command("analyze", "relu:2-2-1"),
        env=environment(PYTHONUTF8="0", PYTHONIOENCODING="latin-1"),
        capture_output=True,
        check=True,
    )
    assert "||W1[j,:]||² - ||W2[:,j]||²" in result.stdout.decode("latin-1")


@pytest.mark.parametrize("kind", ["networks", "symmetries", "losses", "flows"])
def test_every_sign_that_is_listed_has_a_reading(kind: str) -> None:
    assert "?" not in ascii_text(printed(f"conserved list {kind}").replace("?", ""))


def test_the_handler_minds_only_writing() -> None:
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", HANDLER)


def test_what_fits_stays() -> None:
    text = "  network  linear:4-2-1\n\n  +3  W1"
    assert fitted(text, 40) == text
    assert max(map(len, fitted("x" * 300 + " y", 20).split("\n"))) <= 20


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_shells_are_given_their_completion(name: str) -> None:
    script = subprocess.run(
        command(), env=environment(_CONSERVED_COMPLETE=f"{name}_source"), capture_output=True
    )
    assert b"_CONSERVED_COMPLETE" in script.stdout


@pytest.mark.parametrize(
    "typed, place, offered",
    [("conserved an", "1", "analyze"), ("conserved analyze --sym", "2", "--symmetry")],
)
def test_commands_and_options_are_completed(typed: str, place: str, offered: str) -> None:
    variables = {"_CONSERVED_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": place}
    told = subprocess.run(command(), env=environment(**variables), capture_output=True, text=True)
    assert f"plain,{offered}" in told.stdout.split("\n")
