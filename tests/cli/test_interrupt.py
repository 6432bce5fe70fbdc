"""Ctrl-C while an analysis runs: what is known by then is told, in one piece."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conserved.cli import run
from conserved.closure import lie_closure
from tests.cli.shell import hearing_ctrl_c

ASKED = ("analyze", "linear:6-3-2", "--symmetry", "permutation")


@pytest.fixture(params=[1, 2])
def presses(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Ctrl-C is pressed so often when the closure of the symmetric class begins."""

    def pressed(problem: Any, **options: Any) -> Any:
        if problem.symmetric:
            for _ in range(request.param):
                os.kill(os.getpid(), signal.SIGINT)
        return lie_closure(problem, **options)

    monkeypatch.setattr("conserved.analysis.inquiry.lie_closure", pressed)
    with hearing_ctrl_c():
        yield request.param
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_known_is_told_once(
    presses: int, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "laws.json"
    assert run([*ASKED, "--certificate", str(file)]) == 130
    out, err = capsys.readouterr()
    assert "conserved: interrupted; what is known so far follows" in err
    assert not file.exists()
    if presses == 1:
        assert re.search(r"^  laws +6 to 24 ", out, re.MULTILINE)
        assert "W1 W1ᵀ − W2ᵀ W2" in out
        assert "The run was interrupted" in out
    else:
        assert out == ""
        assert err.endswith("conserved: interrupted\n")


def test_a_pipe_gets_one_whole_object_or_nothing(
    presses: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*ASKED, "--json"]) == 130
    out = capsys.readouterr().out
    if presses == 2:
        assert out == ""
        return
    told = json.loads(out)
    assert told["count"]["certified"] is False
    assert told["architecture"] == {"lower": 6, "upper": 6, "certified": True, "written": 6}
    assert "the run was interrupted" in told["closure"]["stopped"]


def test_blocks_of_a_model_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from conserved import blocks

    real = blocks._searched

    def pressed(*given: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return real(*given)

    monkeypatch.setattr(blocks, "_searched", pressed)
    with hearing_ctrl_c():
        assert run(["analyze", "linear:4-3-2", "--blocks"]) == 130
    assert "the run was interrupted" in capsys.readouterr().out
