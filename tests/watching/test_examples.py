"""Real runs for a thousand steps: every law to rounding, at each step."""

from __future__ import annotations

import gzip
import json
import struct
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra torch")
pytestmark = pytest.mark.skipif(  # not imported: that takes a second in every worker
    find_spec("sklearn") is None, reason="digits are scikit-learn's"
)


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


@pytest.mark.slow
@pytest.mark.parametrize("how", ["full", "random", "part"])
def test_images_that_are_turned(how: str, tmp_path: Path) -> None:
    """Whole orbits keep the direction, random turns let it diffuse, two turns of four are told."""
    from examples.training import augment, train

    watched = train(augment(0, how), 1000, log=tmp_path / "run.jsonl")
    own, direction = watched.tracks
    assert direction.due == "due to the data symmetry (grid-rotation:2x2)"
    assert own.outcome == "drifting as predicted"
    assert all(track.looks == 1000 and track.residual < 50 for track in watched.tracks)
    outcomes = {"full": "conserved", "random": "drifting as predicted", "part": "violated"}
    assert direction.outcome == outcomes[how], watched.verdict()
    if direction.draws is not None:
        assert direction.moved > 1e3 * direction.precision
    if how == "random":
        assert direction.draws.spread is not None
        assert abs(direction.draws.met) < 3 * direction.draws.spread


def test_a_few_steps() -> None:
    from examples.training import mlp, train

    watched = train(mlp(), 3)
    assert not watched.violated, watched.verdict()
    assert {t.outcome for t in watched.tracks} <= {"conserved", "drifting as predicted"}


def idx(folder: Path, images: list[bytes], classes: bytes) -> None:
    """Files as Debian's ``dataset-fashion-mnist`` has them (Y. LeCun's IDX: big-endian heads)."""
    heads = struct.pack(">IIII", 0x803, len(images), 28, 28), struct.pack(">II", 0x801, len(images))
    for name, held in (
        ("train-images-idx3-ubyte.gz", heads[0] + b"".join(images)),
        ("train-labels-idx1-ubyte.gz", heads[1] + classes),
    ):
        (folder / name).write_bytes(gzip.compress(held))


@pytest.mark.parametrize("name", ["mlp", pytest.param("resnet", marks=pytest.mark.slow)])
def test_images_of_debian(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from examples import training

    idx(tmp_path, [bytes([k]) * 784 for k in range(200)], bytes(k % 10 for k in range(200)))
    monkeypatch.setattr(training, "FASHION", tmp_path)
    x, y = training.images()
    assert x.shape == (200, 1, 14, 14)
    assert x[51].unique().tolist() == pytest.approx([51 / 255])
    assert y[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    watched = training.train(training.RUNS[name](0), 3)
    assert not watched.violated, watched.verdict()


@pytest.mark.slow
def test_the_notebook(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its cells run, and say what it shows, on the digits that are everywhere."""
    monkeypatch.setattr("examples.training.FASHION", tmp_path / "none")
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
