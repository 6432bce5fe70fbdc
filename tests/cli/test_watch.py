"""``conserved watch`` from the shell: text, JSON, a file, a page, and what it refuses."""

from __future__ import annotations

import contextlib
import io
import json
import re
import signal
import subprocess
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conserved.cli import run as run_in_process
from tests.cli.shell import command, environment, hearing_ctrl_c
from tests.monitor import logs


@dataclass
class Result:
    status: int
    out: str
    err: str


def run(*arguments: str) -> Result:
    """In this process, into a pipe."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run_in_process(["watch", *arguments])
    return Result(status, out.getvalue(), err.getvalue())


def test_text_in_a_pipe(tmp_path: Path) -> None:
    path = logs.finished(tmp_path / "run.jsonl", 40)
    result = run(str(path))
    assert result.status == 3
    assert result.out.splitlines()[-1] == "1 violated, 1 drifting as predicted, 1 conserved."
    assert result.err == ""
    assert run(str(path), "--text").out == result.out


def test_json(tmp_path: Path) -> None:
    result = run(str(logs.finished(tmp_path / "run.jsonl", 40)), "--json")
    told = json.loads(result.out)
    assert told["schema"] == "conserved.watched/1"
    assert told["count"]["violated"] == 1
    assert told["laws"][2]["since"] == 7


def test_a_run_that_holds_has_status_0(tmp_path: Path) -> None:
    rows = [logs.step(n) for n in range(1, 9)]
    path = logs.write(tmp_path / "run.jsonl", logs.head(), *rows)
    assert run(str(path)).status == 0


def test_a_report(tmp_path: Path) -> None:
    path, target = logs.finished(tmp_path / "run.jsonl", 40), tmp_path / "a" / "run.html"
    result = run(str(path), "--report", str(target))
    assert result.status == 3
    assert result.out == ""
    assert result.err == f"report: {target}\n"
    assert target.read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["none.jsonl"], "RUN.jsonl 'none.jsonl': no such file"),
        (["."], "is a directory"),
        (["run.jsonl", "--port", "70000"], "--port '70000'"),
        (["run.jsonl", "--port", "1", "--text"], "--port"),
        (["run.jsonl", "--open", "--json"], "--open"),
        (["run.jsonl", "--report", "."], "--report '.'"),
        (["run.jsonl", "--report", "./run.jsonl"], "is the log itself"),
        (["two.jsonl"], "holds two runs"),
        (["empty.jsonl"], "it is empty"),
        (["other.jsonl"], "not a run line of conserved.watch/1"),
    ],
)
def test_what_it_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    logs.finished(tmp_path / "run.jsonl", 9)
    (tmp_path / "empty.jsonl").write_text("")
    logs.write(tmp_path / "two.jsonl", logs.head(), logs.head(run="f" * 16))
    (tmp_path / "other.jsonl").write_text('{"loss": 1}\n')
    result = run(*arguments)
    assert result.status == 2
    assert result.out == ""
    assert told in result.err
    assert result.err.count("\n") == 1


def test_the_page_is_served_until_it_is_interrupted(tmp_path: Path) -> None:
    path = logs.finished(tmp_path / "run.jsonl", 40)
    with hearing_ctrl_c():
        process = subprocess.Popen(
            command("watch", str(path), "--port", "0"),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        assert process.stdout is not None
        address = urlsplit(process.stdout.readline().strip())
        assert re.fullmatch(r"/[\w-]{32,}/", address.path)
        connection = HTTPConnection("127.0.0.1", int(address.port or 0), timeout=20)
        connection.request("GET", address.path)
        answer = connection.getresponse()
        assert answer.status == 200
        assert b"Do the invariants" in answer.read()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "Traceback" not in err
    assert err.split() == ["Ctrl-C", "ends", "it."]


def test_signs_in_ascii(tmp_path: Path) -> None:
    path = logs.finished(tmp_path / "run.jsonl", 9)
    done = subprocess.run(
        command("watch", str(path)),
        env=environment(PYTHONIOENCODING="ascii", PYTHONUTF8="0"),
        capture_output=True,
        timeout=60,
        check=False,
    )
    lines = done.stdout.decode("ascii").splitlines()
    assert "X violated, 1" in lines
    assert "+ conserved, 1" in lines
    assert "?" not in done.stdout.decode("ascii")
