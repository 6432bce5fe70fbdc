"""Networks from a user's own code, named on the command line."""

from __future__ import annotations

import json
import sys
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


def nothing():
    Mine()


def kind():
    return Mine


def numbers():
    return [1, 2]


def outside():
    class Wrong(Mine):
        def forward(self, p, x):
            return x[5] * p["W"]

    return Wrong()


def divides():
    import json
    return json.loads("{") / 0


class Rude(BaseException):
    def __str__(self):
        raise ValueError("no words")


def rude():
    raise Rude


def endless():
    return endless()


def neighbours_fault():
    import neighbour
    return neighbour.half(0)


def loud():
    import neighbour
    print("working")
    print(neighbour)
    return Mine()


def module_class():
    import torch

    return torch.nn.Linear


"""


def line(part: str) -> str:
    """Where a part of the code stands."""
    number = CODE.partition(part)[0].count("\n") + 1
    return f"(nets.py, line {number})"


NEIGHBOUR = """
WIDTH = 4


def half(n):
    return 1 / n
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(CODE, "utf-8")
    (tmp_path / "neighbour.py").write_text(NEIGHBOUR, "utf-8")
    (tmp_path / "broken.py").write_text("def good(:\n", "utf-8")
    (tmp_path / "weights.pt").write_bytes(b"PK\x03\x04")
    (tmp_path / "fault.py").write_text("import math\n\nn = math.sqrt(-1)\n", "utf-8")
    return tmp_path


@pytest.mark.parametrize("name", ["nets.py:good", "nets:good", "nets.py:ready"])
def test_counted_certified_and_checked(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path, modules = list(sys.path), set(sys.modules)
    assert run(["analyze", name, "--json", "--certificate", "c.json"]) == 0
    assert not {"nets", "neighbour"} & (set(sys.modules) - modules)
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
    assert "cq.Problem.around(network)  # network: what nets.py:good makes" in page
    assert "conserved analyze nets.py:good --report r.html" in page
    assert "report: r.html" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name, words",
    [
        ("nowhere.py:good", "there is no file nowhere.py"),
        ("nets.py:better", "nets.py has no 'better'; it has Mine, good"),
        ("nets.py", "names a file, and nothing in it: write path/to/file.py:factory"),
        (
            "weights.pt",
            "is a file, and no code that makes a network: write path/to/file.py:factory",
        ),
        (".", "is a folder: write path/to/file.py:factory"),
        (
            "nets.py:number",
            "'number' is an int; a factory returns an nn.Module or a conserved.networks.Network",
        ),
        ("nets.py:needs", "called without arguments: TypeError: needs() missing 1"),
        ("nets.py:fails", f"called without arguments: KeyError: 'no\\nwidth' {line('raise Key')}"),
        ("nets.py:leaves", f"it exits with 7 {line('raise SystemExit')}"),
        (
            "nets.py:text",
            "makes a str; a factory returns an nn.Module or a conserved.networks.Network",
        ),
        ("nets.py:nothing", "makes nothing: does it end in return? a factory returns a"),
        ("nets.py:kind", "makes the class Mine: call it in the factory, Mine(…)"),
        (
            "nets.py:numbers",
            "makes a list; a factory returns an nn.Module or a conserved.networks.Network",
        ),
        ("nets.py:divides", "JSONDecodeError: Expecting property name"),
        ("nets.py:rude", f"called without arguments: Rude {line('raise Rude')}"),
        ("nets.py:endless", "RecursionError: maximum recursion depth exceeded (nets.py, line "),
        ("nets.py:neighbours_fault", "ZeroDivisionError: division by zero (neighbour.py, line 6)"),
        ("nets.py:inexact", "numbers in a network are exact"),
        ("nets.py:outside", "cannot be traced: network 'index 5': axis 0 has length 3 (nets.py, "),
        ("nets.py:shapes", f"the shapes do not fit together {line('return x @ p[')}"),
        ("nets.py:module_class", "makes the class Linear: call it in the factory, Linear(…)"),
        ("broken.py:good", "SyntaxError: invalid syntax (broken.py, line 1)\n"),
        (
            "fault.py:good",
            "the file cannot be run: ValueError: math domain error (fault.py, line 3)",
        ),
        ("no.such.module:good", "ModuleNotFoundError: No module named 'no'"),
        ("linaer:3-2-2", "did you mean 'linear'?"),
    ],
)
def test_one_line_says_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    if "module" in name.partition(":")[2]:
        pytest.importorskip("torch")
    assert run(["analyze", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("conserved: network ")
    assert err.count("\n") == 1
    assert words in err


def test_what_the_code_prints_is_no_output(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["analyze", "nets.py:loud", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["problem"]["network"] == "mine"
    assert "working\n" in err


def test_neighbours_are_forgotten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same name in another folder is another module; packages and their parts too."""
    package = folder / "models"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    (package / "parts.py").write_text("WIDTH = 1\n", "utf-8")
    text = CODE.replace("from neighbour", "from models.parts")
    (folder / "one.py").write_text(text, "utf-8")
    before = set(sys.modules)
    assert run(["analyze", "one.py:good", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"] == 5
    assert not {name for name in set(sys.modules) - before if name.startswith("models")}
    other = folder / "other"
    (other / "models").mkdir(parents=True)
    (other / "models" / "parts.py").write_text("WIDTH = 2\n", "utf-8")
    (other / "one.py").write_text(text, "utf-8")
    assert run(["analyze", "other/one.py:good", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"] == 10
    assert not {name for name in set(sys.modules) - before if name.startswith("models")}


def test_what_is_not_its_own_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Libraries that the code imports are not loaded twice."""
    code = "import wave\n" + CODE  # of the standard library, and used nowhere here
    (folder / "more.py").write_text(code, "utf-8")
    sys.modules.pop("wave", None)
    assert run(["analyze", "more.py:good", "--json"]) == 0
    assert "wave" in sys.modules
    capsys.readouterr()
