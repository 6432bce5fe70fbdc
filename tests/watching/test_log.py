"""The log: whole after a kill, resumable, in parts, refused where it is another's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import conserved as cq
from conserved.blocks.document import to_document
from conserved.errors import ConservedError, InputError
from conserved.watching.log.files import older_parts, part_path, records
from tests.documents import PROJECT
from tests.watching.runs import mlp, mlp_laws, train

torch = pytest.importorskip("torch", reason="needs the extra torch")

KILLED = """
import json, os, signal, sys, torch, conserved as cq
from conserved.blocks.document import from_document
from tests.watching.runs import mlp, train
laws = from_document(json.load(open(sys.argv[3])))
model = mlp()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
watched = cq.watch(model, optimizer, laws=laws, log=sys.argv[1])
def between(step):
    if step == 7:
        torch.save([model.state_dict(), optimizer.state_dict()], sys.argv[2])
    if step == 9:
        os.kill(os.getpid(), signal.SIGKILL)
train(model, optimizer, 20, between=between)
"""


def started(log: Path, **options: Any) -> tuple[Any, Any, Any]:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    return model, optimizer, cq.watch(model, optimizer, laws=mlp_laws(), log=log, **options)


def steps(log: Path) -> list[int]:
    return [record["step"] for record in records(log) if record["kind"] == "step"]


def test_every_field_of_the_document(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    model, optimizer, watched = started(log)
    with watched:
        train(model, optimizer, 3, before=lambda step: watched.note(loss=step / 2))
    head, *middle, last = records(log)
    assert {"kind", "schema", "run", "part", "from", "time", "model", "parameters"} <= head.keys()
    assert head["optimizer"] == "SGD, momentum 0.9"
    assert head["laws"][0].keys() == {
        *("text", "short", "tensors", "functions", "followed", "probed", "without_eps"),
        *("degree", "ledger", "why_not", "start", "size", "due", "chart"),
    }
    assert [line["metrics"] for line in middle] == [{"loss": 0.5}, {"loss": 1.0}, {"loss": 1.5}]
    for line in middle:
        assert line.keys() - {"metrics"} == {
            *("kind", "step", "seconds", "value", "predicted", "residual", "gradient", "rates"),
        }
        assert line["rates"] == [0.02]
        np.testing.assert_allclose(line["value"], line["predicted"], rtol=1e-8)
    assert {v["outcome"] for v in last["verdicts"]} == {"drifting as predicted"}
    for verdict in last["verdicts"]:
        assert verdict.keys() == {"law", "outcome", "since", "reason", "common"}
        assert verdict["reason"].endswith(verdict["common"])


def test_a_killed_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    log, state = tmp_path / "run.jsonl", tmp_path / "state.pt"
    laws = tmp_path / "laws.json"
    laws.write_text(json.dumps(to_document(mlp_laws())))
    told = [sys.executable, "-c", KILLED, log, state, laws]
    ended = subprocess.run(told, cwd=PROJECT, check=False)
    assert ended.returncode == -9
    assert all(isinstance(json.loads(line), dict) for line in log.read_bytes().splitlines())
    assert steps(log) == list(range(1, 9))  # all but the step that was taken last
    with log.open("a") as file:
        file.write('{"kind":"step","step":9,"val')  # what a kill in the middle of a line leaves
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    kept, velocity = torch.load(state)
    model.load_state_dict(kept)
    optimizer.load_state_dict(velocity)
    with cq.watch(model, optimizer, laws=mlp_laws(), log=log, step=7) as watched:
        train(model, optimizer, 5, seed=2)
    assert not watched.violated, watched.verdict()
    assert watched.steps == 12
    assert steps(log) == [*range(1, 9), *range(8, 13)]
    heads = [record for record in records(log) if record["kind"] == "run"]
    assert [head["from"] for head in heads] == [0, 7]
    assert heads[0]["run"] == heads[1]["run"]
    assert heads[0]["laws"] == heads[1]["laws"]  # h(0) too
    first = next(r for r in records(log) if r.get("step") == 7)
    ways = [r for r in records(log) if r["kind"] == "step"]
    assert ways[-5]["step"] == 8
    assert abs(np.array(ways[-5]["predicted"]) - first["predicted"]).max() < 0.1
    for line in ways:  # predicted goes on from where it was
        np.testing.assert_allclose(line["value"], line["predicted"], rtol=1e-7)


def test_a_violation_is_remembered(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    model, optimizer, watched = started(log)

    def spoil(step: int) -> None:
        if step == 2:
            model[2].weight.grad *= 2

    with watched:
        train(model, optimizer, 4, before=spoil)
    with cq.watch(model, optimizer, laws=mlp_laws(), log=log) as again:
        train(model, optimizer, 2)
    assert again.steps == 6
    assert {track.since for track in again.violated} == {2}
    assert "2 times what it should be" in again.verdict()


def test_parts_are_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    model, optimizer, watched = started(log, rotate=2500)
    with watched:
        train(model, optimizer, 20)
    aside = older_parts(log)
    assert len(aside) > 1
    assert [path.name for path in aside][:2] == ["run.1.jsonl", "run.2.jsonl"]
    for number, path in enumerate([*aside, log]):
        head = json.loads(path.read_text("utf-8").splitlines()[0])
        assert (head["kind"], head["part"]) == ("run", number)
    assert steps(log) == list(range(1, 21))
    assert len({r["run"] for r in records(log) if r["kind"] == "run"}) == 1


def test_a_kill_between_two_parts(tmp_path: Path) -> None:
    """One part is put aside and the next is not begun: the run goes on as one."""
    log = tmp_path / "run.jsonl"
    model, optimizer, watched = started(log)
    with watched:
        train(model, optimizer, 5)
    log.rename(part_path(log, 1))
    with cq.watch(model, optimizer, laws=mlp_laws(), log=log) as again:
        train(model, optimizer, 5)
    assert again.steps == 10
    assert steps(log) == list(range(1, 11))
    assert len({r["run"] for r in records(log) if r["kind"] == "run"}) == 1


def test_a_run_that_went_back_and_was_killed_at_once(tmp_path: Path) -> None:
    """What stands above the newest run line and speaks of later steps is void."""
    log = tmp_path / "run.jsonl"
    model, optimizer, watched = started(log)
    with watched:
        train(model, optimizer, 9)
    predicted = [r["predicted"] for r in records(log) if r["kind"] == "step"]
    with log.open("a") as file:
        head = {**next(records(log)), "from": 4}
        file.write(json.dumps(head) + "\n")
    again = cq.watch(model, optimizer, laws=mlp_laws(), log=log)
    assert again.steps == 4
    np.testing.assert_allclose([t.predicted for t in again.tracks], predicted[3])
    assert abs(np.array(predicted[8]) - predicted[3]).max() > 1e-6
    again.close()


def test_sinks_hear_what_the_log_says(tmp_path: Path) -> None:
    heard: list[Any] = []
    model, optimizer, watched = started(tmp_path / "run.jsonl", sinks=[heard.append])
    with watched:
        train(model, optimizer, 2)
    assert [r["kind"] for r in heard] == [r["kind"] for r in records(tmp_path / "run.jsonl")]


def test_a_table(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="to_frame is pandas'")
    model, optimizer, watched = started(tmp_path / "run.jsonl")
    with watched:
        train(model, optimizer, 3)
    frame = watched.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["step", "law", "value", "predicted", "residual", "gradient"]
    assert len(frame) == 3 * len(watched.tracks)


def test_a_table_needs_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    watched = started(tmp_path / "run.jsonl")[2]
    with pytest.raises(ConservedError, match=r"pip install 'conserved\[frames\]'"):
        watched.to_frame()
    watched.close()


def test_a_log_of_other_laws_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    started(log)[2].close()
    other = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    laws = cq.block_laws(other, torch.zeros(1, 2))
    with pytest.raises(InputError, match="is of other laws"):
        cq.watch(other, optimizer, laws=laws, log=log)
    assert not optimizer._optimizer_step_pre_hooks
    log.write_text("[]\n")
    with pytest.raises(InputError, match="line 1 is no JSON object"):
        started(log)
    with pytest.raises(InputError, match="is no file"):
        started(tmp_path)
    with pytest.raises(InputError, match="cannot be written"):
        started(tmp_path / "none" / "run.jsonl")
    with pytest.raises(InputError, match="no such file"):
        list(records(tmp_path / "none.jsonl"))
    with pytest.raises(InputError, match="rotate"):
        started(tmp_path / "new.jsonl", rotate=0)


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["checkpoints"]])
def test_twenty_kills_at_random(tmp_path: Path, more: list[str]) -> None:
    told = [sys.executable, "-m", "tests.watching.killed", str(tmp_path), "1", "20", *more]
    subprocess.run(told, cwd=PROJECT, check=True)
