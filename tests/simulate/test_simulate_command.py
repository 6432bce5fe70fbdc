"""``conserved simulate`` as users meet it: text, JSON, exit status, errors, Ctrl-C."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import conserved as cq
from conserved.cli import run
from conserved.cli.simulation_text import sparkline
from conserved.law import Layout
from conserved.simulate import GradientFlow, StochasticDescent, simulate
from tests.cli.shell import MAIN, environment, hearing_ctrl_c
from tests.simulate.planted import gram

SMALL = ["simulate", "linear:3-2-1", "--samples", "8"]


def output(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    assert run([*arguments]) == status, capsys.readouterr().err
    return capsys.readouterr().out


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, *SMALL, "--time", "1")
    for words in (
        "θ′ = −∇L(θ)",
        "W1 W1ᵀ − W2ᵀ W2",
        "conserved",
        "Laws: 1 conserved.",
        "path length",
    ):
        assert words in text
    assert max(len(line) for line in text.splitlines()) <= 110


def test_a_symmetry_and_the_lack_of_its_average(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "linear:4-2-1", "--symmetry", "permutation", "--time", "1"]
    kept = output(capsys, *words)
    assert "Laws: 2 conserved." in kept
    assert "every reordering of the coordinates" in kept
    lost = output(capsys, *words, "--augment", "none")
    assert "not averaged over the group" in lost
    assert "the part of the data that breaks the symmetry predicts" in lost


def test_json_and_record(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    words = [*SMALL, "--dynamics", "sgd", "--steps", "40", "--batch", "4", "--weight-decay", "0.1"]
    found = json.loads(output(capsys, *words, "--json", "--output", str(file)))
    assert found == json.loads(file.read_text("utf-8"))
    assert found["schema"] == "conserved.simulation/1"
    assert found["complete"] is True
    assert found["dynamics"]["decay"] == 0.1
    (law,) = found["laws"]
    assert law["outcome"] == "drifting as predicted"
    assert law["ledger"]["audited"] == 40
    assert law["ledger"]["units"] < 10
    assert len(found["trajectory"]["values"][0]) == len(found["trajectory"]["times"])
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]  # nothing left lying about


def test_laws_from_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A planted false law is called violated; nothing in the file is trusted."""
    layout = Layout.of(cq.networks.Linear(3, 2, 1).parameters)
    laws = [gram(layout, "symmetric: W1.0 W2.1").to_json()]
    file = tmp_path / "laws.json"

    def write(content: Any) -> None:
        file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")

    for content in (laws, laws[0], {"laws": laws}):
        write(content)
        assert "violated" in output(capsys, *SMALL, "--law", str(file), "--time", "1", status=3)
    for content, words in (
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ([{**laws[0], "text": "all is well"}], "laws[0].text"),
        ([{"form": "wish"}], "laws[0].form"),
    ):
        write(content)
        assert run([*SMALL, "--law", str(file)]) == 2
        assert words in capsys.readouterr().err
    assert run([*SMALL, "--law", str(tmp_path / "none.json")]) == 2
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, message",
    [
        (["--dynamics", "walk"], "dynamics 'walk': unknown"),
        (["--lr", "0.1"], "--lr '0.1': flow does not take it; it takes"),
        (["--dynamics", "gd", "--batch", "4"], "--batch '4': gd does not take it"),
        (["--dynamics", "gd", "--lr", "-1"], "--lr '-1.0': give a number above 0"),
        (["--dynamics", "sgd", "--batch", "0"], "--batch '0': give a whole number"),
        (["--time", "nan"], "--time 'nan': give a number above 0"),
        (["--data", "tacher"], "data 'tacher': unknown; did you mean 'teacher'?"),
        (["--data", "none.csv"], "data 'none.csv': No such file"),
        (["--augment", "random"], "needs steps"),
        (["--augment", "random", "--dynamics", "gd"], "needs a symmetry"),
        (["--loss", "any"], "one definite loss"),
        (["--scale", "0"], "scale '0.0': give a number above 0"),
        (["--length", "-1"], "length '-1.0': give a number above 0"),
        (["--samples", "0"], "samples '0': give a whole number"),
        (["--output", "/dev/null/run.json"], "--output '/dev/null/run.json': cannot be written"),
    ],
)
def test_unusable_input_is_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert run([*SMALL, *words]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert not shown.out


INTERRUPTING = f"""
import os, signal, sys
from conserved.simulate.recorder import Recorder
move, STEP = Recorder.move, 500
def hit(self, time, step, theta, check=False):
    move(self, time, step, theta, check)
    if step == STEP:
        os.kill(os.getpid(), signal.SIGINT)
Recorder.move = hit
sys.argv[1:] = ARGUMENTS
{MAIN}
"""


@pytest.mark.parametrize("dynamics", ["gd", "flow"])
def test_ctrl_c_leaves_a_valid_record(tmp_path: Path, dynamics: str) -> None:
    file = tmp_path / "run.json"
    file.write_text("what was there before", "utf-8")
    long = ["--steps", "9000000"] if dynamics == "gd" else ["--time", "5000"]
    words = ["simulate", "linear:3-2-1", "--dynamics", dynamics, *long, "--output", str(file)]
    code = INTERRUPTING.replace("ARGUMENTS", repr(words))
    code = code.replace("500", "500" if dynamics == "gd" else "20")
    with hearing_ctrl_c():
        ended = subprocess.run(
            [sys.executable, "-c", code],
            env=environment(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
    assert ended.returncode == 130, ended.stderr
    assert f"partial record in {file}" in ended.stderr
    assert "Traceback" not in ended.stderr
    record = json.loads(file.read_text("utf-8"))
    assert record["complete"] is False
    run_ = record["trajectory"]
    assert run_["stopped"] == "interrupted"
    assert run_["steps"][-1] == (500 if dynamics == "gd" else 20)
    kept = len(run_["times"])
    assert {len(run_[key]) for key in ("times", "steps", "lengths", "losses")} == {kept}
    assert all(len(values) == kept for values in run_["values"])
    assert {law["outcome"] for law in record["laws"]} == {"not tested"}
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_an_interrupt_goes_on_in_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """KeyboardInterrupt is not swallowed: a loop over runs can be stopped."""
    partial = []

    def stop(stage: str, share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    problem = cq.Problem(network=cq.networks.Linear(3, 2, 1))
    with pytest.raises(KeyboardInterrupt):
        simulate(problem, dynamics="gd", progress=stop, on_interrupt=partial.append)
    assert not partial[0].complete
    assert partial[0].trajectory.steps[-1] == 501


# ------------------------------------------------------------------ records


def test_the_same_seed_gives_the_same_run() -> None:
    problem = cq.Problem(network=cq.networks.ReLU(3, 4, 1))
    runs = [
        simulate(problem, dynamics=StochasticDescent(steps=30), seed=seed) for seed in (5, 5, 6)
    ]
    assert (runs[0].trajectory.thetas == runs[1].trajectory.thetas).all()
    assert (runs[0].trajectory.thetas != runs[2].trajectory.thetas).any()


def test_long_runs_are_thinned_and_keep_their_ends() -> None:
    problem = cq.Problem(network=cq.networks.Linear(2, 1))
    found = simulate(problem, dynamics=StochasticDescent(steps=3000, rate=0.001)).trajectory
    assert len(found.times) <= 401
    assert (found.steps[0], found.steps[-1]) == (0, 3000)
    assert (np.diff(found.steps) > 0).all()
    assert (np.diff(found.lengths) >= 0).all()
    chords = np.linalg.norm(np.diff(found.thetas, axis=0), axis=1).sum()
    assert chords <= found.lengths[-1]  # the length counts every step, kept or not


def test_equal_path_length() -> None:
    """Runs stop at a length, and drifts are compared there."""
    problem = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
    laws = cq.analyze(problem).laws
    runs = [
        simulate(problem, laws, dynamics=GradientFlow(time=20), length=0.5, augment=augment)
        for augment in ("full", "none")
    ]
    for found in runs:
        assert 0.5 <= found.trajectory.lengths[-1] < 0.8
        assert found.trajectory.stopped == "path length 0.5 reached"
    due = next(k for k, law in enumerate(laws) if law.origin == "data symmetry")
    averaged, plain = (np.abs(f.trajectory.drift_at_length(due, 0.5)).max() for f in runs)
    assert averaged < 1e-9 < 1e-3 < plain
    assert [f.verdicts[due].outcome for f in runs] == ["conserved", "drifting as predicted"]
    assert runs[1].verdicts[due].drift >= plain
    with pytest.raises(cq.errors.InputError, match="the path has length"):
        runs[0].trajectory.drift_at_length(due, 5.0)


def test_laws_of_another_network_are_refused() -> None:
    layout = Layout.of(cq.networks.Linear(4, 2, 1).parameters)
    problem = cq.Problem(network=cq.networks.Linear(3, 2, 1))
    with pytest.raises(cq.errors.InputError, match="other parameters"):
        simulate(problem, [gram(layout, "trace: W1.0")])
    for seed in (-1, True, 0.5):
        with pytest.raises(cq.errors.InputError, match="seed"):
            simulate(problem, seed=seed)  # type: ignore[arg-type]
    with pytest.raises(cq.errors.InputError, match="8 finite numbers"):
        simulate(problem, start=np.zeros(3))


def test_sparklines() -> None:
    along = np.linspace(0, 1, 5)
    assert sparkline(np.zeros(5), along) == "▁" * 24
    assert sparkline(np.array([0, np.nan, 1, np.inf, 0]), along).count("█") >= 1
    assert sparkline(np.full(5, np.nan), along) == ""
    assert sparkline(np.ones(5), np.zeros(5)) == ""


def test_a_search_cut_short_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No law found in time is not the same as no law."""
    words = ["simulate", "relu:8-16-8", "--dynamics", "gd", "--steps", "5"]
    run(words)
    assert "may be more laws" not in capsys.readouterr().err
    monkeypatch.setattr(sys.modules["conserved.cli.simulate"], "LAW_BUDGET", 1e-9)
    run(words)
    shown = capsys.readouterr()
    assert "No law to watch" in shown.out
    assert "there may be more laws: the search for laws was not finished: the budget" in shown.err
    assert "--law FILE" in shown.err


def test_heads_are_one_line_and_told_by_the_furthest(capsys):
    assert run(["simulate", "attention:dim=4,tokens=2,head=2,heads=2", "--time", "0.1"]) == 0
    out = capsys.readouterr().out
    assert "  Q_h Q_hᵀ − K_h K_hᵀ, h = 1 … 2  6 " in out
    assert ", the furthest: moves by" in out
    assert "  Q_h is Q[2h−1:2h] (likewise K_h, V_h, O_h).\n" in out
    assert "Laws: 2 conserved." in out
