"""The list of laws on a terminal: no longer than a screen, formulas wrapped and not cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import conserved as cq
from conserved.cli import run
from conserved.cli.outside import WIDTH
from conserved.cli.text import analysis_text
from tests.law import blocks

CODE = """
import conserved.networks as nets


class Mine(nets.Network):
    family = "mine"

    def __init__(self, shapes, forward):
        self.formula = forward
        named = [nets.Parameter(name, shape) for name, shape in shapes.items()]
        self._declare("mine", named, (3,), (2,))

    def forward(self, p, x):
        return self.formula(p, x)


def linear(p, x):
    return x @ p["W"].T


def unused():
    names = [a + b for a in "abcdefgh" for b in "abcdefgh"]
    return Mine({"W": (2, 3)} | dict.fromkeys(names, ()), linear)


def scattered():
    shapes = {"W": (2, 3)} | {f"x{k * k * k}": () for k in range(1, 61)}
    return Mine(shapes, linear)


def long():
    name = "transformer.encoder.layers.0.self_attention"
    shapes = {f"{name}.query.weight": (2, 3), f"{name}.key.weight": (2, 2)}
    return Mine(shapes, lambda p, x: x @ p[f"{name}.query.weight"].T @ p[f"{name}.key.weight"].T)
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "law_nets.py").write_text(CODE, "utf-8")


def laws_of(out: str) -> list[str]:
    """The lines of the block of laws."""
    return out.split("\n\n")[2].splitlines()


@pytest.mark.usefixtures("nets")
def test_more_laws_than_a_screen_has_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", "law_nets.py:unused", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["laws"]) == 64
    assert run(["analyze", "law_nets.py:unused"]) == 0
    shown = laws_of(capsys.readouterr().out)
    assert shown[0].split()[:2] == ["+1", "aa"]
    assert len(shown) == 41
    assert shown[-1].strip() == "+24  … 24 more like it; --json has every law"


@pytest.mark.usefixtures("nets")
def test_many_laws_of_one_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", "law_nets.py:scattered"]) == 0
    shown = laws_of(capsys.readouterr().out)
    assert [line.split()[:2] for line in shown] == [["+1", "x1"], ["+59", "…"]]


@pytest.mark.usefixtures("nets")
def test_long_names_are_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", "law_nets.py:long"]) == 0
    shown = laws_of(capsys.readouterr().out)
    assert len(shown) == 5
    assert max(map(len, shown)) <= WIDTH
    assert "…" not in "".join(shown)
    assert shown[-1].strip() == "architecture, quadratic, symmetric 2×2"


def test_a_symbol_is_explained() -> None:
    analysis = cq.analyze(cq.Problem(network=blocks.attention(2, 1, 2, dim=3)))
    lines = laws_of(analysis_text(analysis))
    assert lines[-1].startswith("  Q_h is Q[2h−1:2h]")
