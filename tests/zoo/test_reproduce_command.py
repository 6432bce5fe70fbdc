"""``conserved reproduce`` as users meet it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from conserved.cli import run
from conserved.errors import ConservedError
from conserved.zoo import PUBLISHED, Claim, Published, as_text, linear, reproduce
from conserved.zoo import figure as figures


@pytest.fixture(scope="module")
def measured():
    return linear.measure(starts=2)


@pytest.fixture
def quick(monkeypatch, measured):
    """Every figure is measured at once: the linear one with few starts."""
    monkeypatch.setattr(Published, "measure", lambda self, seed=0: measured)
    return measured


@pytest.fixture
def unseen(monkeypatch):
    """No pictures, as without matplotlib."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)


@pytest.fixture
def false(monkeypatch, quick, unseen):
    """The same with a claim that does not hold."""
    claims = quick.claims()
    planted = (*claims[:-1], Claim("planted", 2.0, "≤", 1.0))
    monkeypatch.setattr(type(quick), "claims", lambda self: planted)


def test_a_figure_leaves_a_record_and_a_picture(quick, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib")
    assert run(["reproduce", "linear", "--output", str(tmp_path / "a" / "b")]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "All 7 checks pass" in shown.out
    assert shown.out.count("PASS") == 7
    assert "│" in shown.out
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == [
        "linear.json",
        "linear.png",
    ]
    record = json.loads((tmp_path / "a" / "b" / "linear.json").read_text("utf-8"))
    assert record["schema"] == "conserved.reproduction/1"
    assert record["holds"] is True
    assert [claim["text"] for claim in record["claims"]] == [c.text for c in quick.claims()]
    assert (tmp_path / "a" / "b" / "linear.png").read_bytes()[:4] == b"\x89PNG"


def test_a_claim_that_fails_has_a_status_of_its_own(false, tmp_path, capsys):
    assert run(["reproduce", "linear", "--output", str(tmp_path)]) == 3
    out = capsys.readouterr().out
    assert "FAIL  planted" in out
    assert "2 not ≤ 1" in out
    assert "1 of 7 checks FAIL" in out
    assert json.loads((tmp_path / "linear.json").read_text("utf-8"))["holds"] is False


def test_json_is_one_object(quick, unseen, tmp_path, capsys):
    assert run(["reproduce", "linear", "--json", "--output", str(tmp_path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "linear.json").read_text("utf-8"))


def test_without_a_name_all_are_measured(quick, unseen, tmp_path, capsys):
    assert run(["reproduce", "--json", "--output", str(tmp_path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["holds"] is True
    assert [one["name"] for one in printed["reproductions"]] == list(PUBLISHED)


def test_one_false_claim_among_all_is_told(false, tmp_path, capsys):
    assert run(["reproduce", "--output", str(tmp_path)]) == 3
    assert capsys.readouterr().out.count("1 of 7 checks FAIL") == len(PUBLISHED)


def test_what_is_not_installed_does_not_stop_the_others(
    quick, unseen, tmp_path, capsys, monkeypatch
):
    def measure(self, seed=0):
        if self.name == "step-size":
            raise ConservedError("data 'digits': needs scikit-learn: pip install 'conserved[data]'")
        return quick

    monkeypatch.setattr(Published, "measure", measure)
    assert run(["reproduce", "--output", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert shown.out.count("All 7 checks pass") == len(PUBLISHED) - 1
    assert "step-size not measured: data 'digits'" in shown.err
    assert run(["reproduce", "step-size", "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("conserved: data 'digits'")


def test_without_matplotlib_there_is_a_record(quick, unseen, tmp_path, capsys):
    assert run(["reproduce", "linear", "--output", str(tmp_path)]) == 0
    assert "no picture: pip install 'conserved[plot]'" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["linear.json"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["liner"], "did you mean 'linear'?"),
        (["linear", "--seed", "-1"], "seed '-1': give a whole number from 0"),
        (["linear", "--output", "/dev/null/x"], "output '/dev/null/x'"),
    ],
)
def test_unusable_input_is_one_line(quick, arguments, words, capsys):
    assert run(["reproduce", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_the_list_names_all_with_their_sources(capsys):
    assert run(["reproduce", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(PUBLISHED)
    assert run(["reproduce", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed == [entry.to_json() for entry in PUBLISHED.values()]


def test_interruption_keeps_what_was_measured(quick, unseen, tmp_path, monkeypatch, capsys):
    def measure(self, seed=0):
        if self.name == "linear":
            raise KeyboardInterrupt
        return quick

    monkeypatch.setattr(Published, "measure", measure)
    assert run(["reproduce", "--output", str(tmp_path)]) == 130
    assert "interrupted" in capsys.readouterr().err
    record = json.loads((tmp_path / "polynomial.json").read_text("utf-8"))
    assert record["holds"] is True
    assert not list(tmp_path.glob("*.part"))


def test_the_same_seed_gives_the_same_numbers():
    first, second = (linear.measure(seed=3, starts=1).to_json() for _ in range(2))
    assert first == second
    assert first != linear.measure(seed=4, starts=1).to_json()


def test_every_module_can_be_measured():
    from importlib import import_module

    for entry in PUBLISHED.values():
        assert callable(import_module(f"conserved.zoo.{entry.module}").measure)


def test_text_lines_up(quick, monkeypatch):
    monkeypatch.setattr(figures, "perf_counter", lambda: 0.0)
    found = reproduce("linear")
    text = as_text(replace(found, claims=(Claim("a", 1, "=", 1), Claim("longer", 1, "=", 1))))
    assert "  PASS  a       1 = 1\n  PASS  longer  1 = 1\n" in text


def test_a_folder_that_cannot_be_used_is_refused_before_measuring(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def measured(*_: object, **__: object) -> None:
        raise AssertionError("half a minute is lost")

    monkeypatch.setattr("conserved.zoo.reproduce", measured)
    (tmp_path / "file").write_text("a file, not a folder")
    assert run(["reproduce", "--output", str(tmp_path / "file")]) == 2
    assert "output" in capsys.readouterr().err
    monkeypatch.setattr("conserved.zoo.present.access", lambda *_: False)
    assert run(["reproduce", "--output", str(tmp_path)]) == 2
    assert "cannot be written; give a folder of yours" in capsys.readouterr().err
