"""Networks from a user's own code, named on the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conserved.cli import run

CODE = """
from fractions import Fraction

import conserved.networks as nets
from neighbour import WIDTH


class Mine(nets.Network):
    family = "mine"

    def __init__(self, factor=Fraction(1, 2)):
        self.factor = factor
        named = [nets.Parameter("W", (WIDTH, 3)), nets.Parameter("V", (2, WIDTH))]
        self._declare("mine", named, (3,), (2,))

    def forward(self, p, x):
        return (x @ p["W"].T).relu().scale(self.factor) @ p["V"].T


def good():
    return Mine()


ready = Mine()
number = 3


def inexact():
    return Mine(0.5)


def needs(width):
    return Mine()


def fails():
    raise KeyError("no\\nwidth")


def leaves():
    raise SystemExit(7)


def text():
    return "linear:3-2"


def shapes():
    class Wrong(Mine):
        def forward(self, p, x):
            return x @ p["V"]

    return Wrong()


def module():
    import torch

    return torch.nn.Linear(2, 2)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(CODE, "utf-8")
    (tmp_path / "neighbour.py").write_text("WIDTH = 4\n", "utf-8")
    (tmp_path / "broken.py").write_text("def good(:\n", "utf-8")
    yield tmp_path
    for name in ("nets", "neighbour"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["nets.py:good", "nets:good", "nets.py:ready"])
def test_counted_certified_and_checked(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = list(sys.path)
    assert run(["analyze", name, "--json", "--certificate", "c.json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["problem"]["network"] == "mine"
    assert answer["count"] == {"lower": 4, "upper": 4, "certified": True, "written": 4}
    assert sys.path == path
    for file in ("nets.py", "neighbour.py"):  # whoever checks does not have them
        (folder / file).unlink()
    assert run(["check", "c.json"]) == 0


def test_trained(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "nets.py:good", "--time", "0.1"]) in (0, 3)
    assert "V" in capsys.readouterr().out


def test_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", "nets.py:good", "--report", "r.html"]) == 0
    page = (folder / "r.html").read_text("utf-8")
    assert "cq.Problem.around(network)" in page
    assert "report: r.html" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, words",
    [
        ("nowhere.py:good", "there is no file nowhere.py"),
        ("nets.py:better", "nets.py has no 'better'; it has Mine, good"),
        ("nets.py:number", "'number' is a int, no function"),
        ("nets.py:needs", "called without arguments: TypeError: needs() missing 1"),
        ("nets.py:fails", "called without arguments: KeyError: "),
        ("nets.py:leaves", "it exits with 7"),
        ("nets.py:text", "makes a str; a factory returns a conserved.networks.Network"),
        ("nets.py:inexact", "numbers in a network are exact"),
        ("nets.py:shapes", "the shapes do not fit together"),
        ("nets.py:module", "makes a PyTorch module, which is not taken yet"),
        ("broken.py:good", "the file cannot be run: SyntaxError"),
        ("no.such.module:good", "ModuleNotFoundError: No module named 'no'"),
        ("linaer:3-2-2", "did you mean 'linear'?"),
    ],
)
def test_one_line_says_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    if name.endswith(":module"):
        pytest.importorskip("torch")
    assert run(["analyze", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("conserved: network ")
    assert err.count("\n") == 1
    assert words in err
