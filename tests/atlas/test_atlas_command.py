"""``conserved atlas`` from the shell."""

import json
import sys

import pytest

from conserved.cli import run

SMALL = ("--network", "linear:2-1-{1,2}", "--symmetry", "rotation:{3..4}", "--loss", "mse")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "results.sqlite")


def test_json_is_alone_on_stdout(path, capsys):
    assert run(["atlas", path, *SMALL, "--jobs", "1", "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert found["schema"] == "conserved.atlas/1"
    assert [cell["added_upper"] for cell in found["cells"]] == [1, 1, 2, 2]
    assert found["cells"][0]["problem"]["symmetry"] == "rotation:3"
    assert found["failed"] == 0
    assert "6 computed" in said.err


def test_again_with_a_figure_computes_nothing(path, tmp_path, capsys):
    run(["atlas", path, *SMALL, "--jobs", "1"])
    capsys.readouterr()
    assert run(["atlas", path, *SMALL, "--figure", str(tmp_path / "map.png")]) == 0
    said = capsys.readouterr()
    assert "0 computed" in said.err
    assert "network linear:2-1-* · symmetry rotation:*" in said.out
    assert (tmp_path / "map.png").stat().st_size > 1000


def test_marked_cells_give_status_3(path, capsys):
    options = ("--labels", "{invariant,equivariant}", "--jobs", "1")
    assert run(["atlas", path, *SMALL, *options]) == 3
    assert "× labels 'equivariant': outputs have width 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options,message",
    [
        (["--symmetry", "rotation:{2..16"], "--symmetry 'rotation:{2..16': a '{' without its '}'"),
        (["--loss", "poly:{1..3}"], "loss 'poly:1'"),
        (["--network", "linaer:2-1"], "did you mean 'linear'?"),
        (["--symmetry", "rotation:{2..9999}"], "sweep: 149,970 problems; the limit is 20,000"),
        (["--jobs", "0"], "jobs '0'"),
        (["--figure", "map.bmp"], "the name ends in .png"),
        (["--budget", "-1"], "budget '-1.0'"),
    ],
)
def test_unusable_input_is_one_line_and_makes_no_file(path, tmp_path, capsys, options, message):
    assert run(["atlas", path, *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert message in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_an_atlas_is_not_touched(tmp_path, capsys):
    notes = tmp_path / "notes.txt"
    notes.write_text("precious")
    assert run(["atlas", str(notes), *SMALL]) == 2
    assert "is not an atlas" in capsys.readouterr().err
    assert notes.read_text() == "precious"


def test_a_figure_without_matplotlib_is_refused_before_the_sweep(path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(["atlas", path, *SMALL, "--figure", "map.png"]) == 2
    assert "pip install 'conserved[plot]'" in capsys.readouterr().err
