"""Real runs for a thousand steps: every law to rounding, at each step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra torch")
pytest.importorskip("sklearn", reason="digits are scikit-learn's")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "resnet", "gpt", "lora"])
def test_a_thousand_steps(name: str, tmp_path: Path) -> None:
    from examples.training import RUNS, train

    watched = train(RUNS[name](0), 1000, log=tmp_path / "run.jsonl")
    assert watched.steps == 1000
    assert len(watched.tracks) >= 4
    assert not watched.violated, watched.verdict()
    for track in watched.tracks:
        assert track.looks == 1000
        assert track.outcome in ("conserved", "drifting as predicted"), track.verdict()
        assert track.residual < 50, track.verdict()
        assert track.without_eps or track.worst < 50, track.verdict()
    last = (tmp_path / "run.jsonl").read_text("utf-8").splitlines()[-1]
    assert json.loads(last)["kind"] == "verdict"


def test_a_few_steps() -> None:
    from examples.training import mlp, train

    watched = train(mlp(), 3)
    assert not watched.violated, watched.verdict()
    assert {t.outcome for t in watched.tracks} <= {"conserved", "drifting as predicted"}


@pytest.mark.slow
def test_the_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    """Its cells run, and say what it shows."""
    from tests.documents import PROJECT, timeless

    held = json.loads((PROJECT / "examples" / "watching.ipynb").read_text("utf-8"))
    space: dict[str, object] = {"__name__": "notebook"}
    for cell in held["cells"]:
        if cell["cell_type"] != "code":
            continue
        exec("".join(cell["source"]), space)
        printed = capsys.readouterr().out
        shown = "".join("".join(out["text"]) for out in cell["outputs"])
        assert timeless(printed).count("\n") == timeless(shown).count("\n")
        for line in shown.splitlines():
            assert line.partition(":")[0].split("|")[0].strip() in printed
