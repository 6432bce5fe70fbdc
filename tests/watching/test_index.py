"""The index of a log: made of the extremes that the log says, kept while it is written, tested."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import conserved as cq
from conserved.watching import companion, index, place
from conserved.watching.index import Index
from conserved.watching.left import line_by_line, through_index
from conserved.watching.log import older_parts, records
from conserved.watching.marks import EVENTS
from conserved.watching.pyramid import BLOCK
from conserved.watching.reading import parsed
from conserved.watching.rows import FIELDS, RowReader, Stretches
from tests.cli.shell import environment
from tests.monitor import logs
from tests.watching.runs import mlp, mlp_laws, train
from tests.watching.traced import traced

torch = pytest.importorskip("torch", reason="needs the extra torch")


def run(log: Path, steps: int, *, state: Any = None, **options: Any) -> Any:
    """Train and watch; what a checkpoint holds."""
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    if state is not None:
        model.load_state_dict(state[0])
        optimizer.load_state_dict(state[1])
    with cq.watch(model, optimizer, laws=mlp_laws(), log=log, **options) as watched:
        train(model, optimizer, steps, before=lambda k: watched.note(loss=1 / k))
    return model.state_dict(), optimizer.state_dict()


def bare(log: Path, target: Path) -> Path:
    """The log in one file, as if no line said extremes."""
    return compact(target, *(r for r in records(log) if r["kind"] != "extremes"))


def numbers_of(found: Index) -> tuple[Any, ...]:
    """All that an index says, to be compared."""
    every = range(found.pyramid.curves)
    seen = [found.pyramid.columns(0, found.pyramid.rows, every, most) for most in (1, 3, 1000)]
    arrays = [a.tolist() for c in seen for a in (c.first, c.last, c.low, c.high)]
    return repr(arrays), repr(found.last.tolist()), found.metrics, found.pyramid.rows, found.steps


def opened(path: Path, **options: Any) -> Index:
    found = Index(path, **options)
    found.update()
    return found


@pytest.mark.parametrize("rotate", [20_000, pytest.param(10**9, marks=pytest.mark.slow)])
def test_extremes_that_a_log_says_are_those_of_its_lines(
    tmp_path: Path, rotate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a run that went back, and went on in the middle of a block."""
    log = tmp_path / "run.jsonl"
    state = run(log, 75, rotate=rotate)
    run(log, 50, state=state, rotate=rotate)
    run(log, 90, state=state, step=70, rotate=rotate)
    looked: list[int] = []
    row = RowReader.row
    monkeypatch.setattr(RowReader, "row", lambda *given: looked.append(1) or row(*given))
    plain = opened(bare(log, tmp_path / "bare.jsonl"))
    all_lines = len(looked)
    found = opened(log)
    assert found.steps == 160
    assert numbers_of(found) == numbers_of(plain)
    said = [r for r in records(log) if r["kind"] == "extremes"]
    assert len(said) == 2 + 0 + 2  # of blocks that one process wrote from their beginning
    assert len(looked) - all_lines < all_lines - 2 * BLOCK  # of which lines were not parsed
    if rotate < 10**9:
        assert older_parts(log)


def step_lines(first: int, last: int) -> list[dict[str, Any]]:
    return [logs.step(n) for n in range(first, last + 1)]


def with_extremes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    stretches, lines = Stretches(3, 0), []
    for row in rows:
        said = stretches.add(row)
        lines += [row] if said is None else [row, said]
    return lines


def compact(path: Path, *lines: dict[str, Any], mode: str = "w") -> Path:
    with path.open(mode) as file:
        file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    return path


WRONG: dict[str, dict[str, Any]] = {
    "of other steps": {"first": 2},
    "of other laws": {"value": [[0.0], [9.0]]},
    "no numbers": {"value": 7},
    "nothing beside": {"beside": None},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_extremes_that_do_not_fit_are_passed_over(tmp_path: Path, wrong: str) -> None:
    lines = with_extremes(step_lines(1, 70))
    spoiled = [{**x, **WRONG[wrong]} if x["kind"] == "extremes" else x for x in lines]
    found = opened(compact(tmp_path / "run.jsonl", logs.head(), *spoiled))
    truth = opened(compact(tmp_path / "bare.jsonl", logs.head(), *step_lines(1, 70)))
    assert numbers_of(found) == numbers_of(truth)


def test_extremes_of_a_line_that_is_missing_are_passed_over(tmp_path: Path) -> None:
    lines = with_extremes(step_lines(1, 70))
    del lines[40]
    found = opened(compact(tmp_path / "run.jsonl", logs.head(), *lines))
    assert found.pyramid.rows == 69


def test_extremes_are_believed_and_that_shows(tmp_path: Path) -> None:
    """The comparisons above can fail: a line that lies well is taken as it is."""
    lines = with_extremes(step_lines(1, 32))
    lines[-1] = {**lines[-1], "value": [[-9.0] * 3, [9.0] * 3]}
    path = compact(tmp_path / "run.jsonl", logs.head(), *lines)
    found = opened(path)
    assert found.pyramid.columns(0, 32, [0], 1).high[0, 0] == 9.0


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs count as long that are not."""
    for module in (place, index, companion):
        monkeypatch.setattr(module, "LONG", 1 << 15)
    monkeypatch.setattr(companion, "_PIECE", 1 << 12)


@pytest.mark.usefixtures("short")
def test_the_writer_keeps_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "run.jsonl"
    run(log, 300, rotate=50_000)
    truth = numbers_of(opened(bare(log, tmp_path / "bare.jsonl")))
    note = json.loads((place.beside(log) / "index.json").read_text())
    assert note["blocks"] == 300 // BLOCK
    taken: list[int] = []
    take = Index._take
    monkeypatch.setattr(
        Index, "_take", lambda self, lines: taken.append(len(lines)) or take(self, lines)
    )
    found = opened(log)
    assert found.kept
    assert sum(taken) < BLOCK + 5  # the rows that fill no block, extremes, verdict
    assert numbers_of(found) == truth
    found.close()


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_ctrl_c_while_a_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At any line of the program: the next goes on, and log and index are right."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    log = tmp_path / "run.jsonl"
    run(log, 300, rotate=20_000)
    with traced() as whole:
        run(log, 0)
    for k in range(60):
        with suppress(KeyboardInterrupt), traced(whole.lines * k // 60 + 1):
            run(log, 0, step=300 - k if k % 2 else None)
        found = through_index(log, None)
        assert found is not None
        assert found == line_by_line(log, None)
    run(log, 60)
    assert numbers_of(opened(log)) == numbers_of(opened(bare(log, tmp_path / "bare.jsonl")))


KILLED = """
import os, signal, sys
from pathlib import Path
from conserved.watching import companion, index, place
for module in (place, index, companion):
    module.LONG = 1 << 14
companion._PIECE, index._SAVE = 1 << 12, 0.0
from tests.watching.test_index import run
from tests.watching import runs
runs_left = int(sys.argv[2])
from conserved.watching.logger import RunLogger
step = RunLogger.step
def killed(self, number, observer):
    step(self, number, observer)
    if number == runs_left:
        os.kill(os.getpid(), signal.SIGKILL)
RunLogger.step = killed
run(Path(sys.argv[1]), 500)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_after_a_kill_the_index_is_right(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    told = [sys.executable, "-c", KILLED, str(log), "170"]
    ended = subprocess.run(told, env=environment(), check=False, cwd=Path(__file__).parents[2])
    assert ended.returncode == -9
    assert (place.beside(log) / "index.json").exists()
    assert opened(log).kept  # the lock of who was killed does not last
    run(log, 60)
    truth = numbers_of(opened(bare(log, tmp_path / "bare.jsonl")))
    assert numbers_of(opened(log)) == truth
    assert opened(log).steps == 230


def spoil_number(folder: Path) -> None:
    with (folder / "level0").open("r+b") as file:
        file.write(b"\x01")


def spoil_top(folder: Path) -> None:
    with (folder / "level1").open("r+b") as file:
        file.seek(-9, os.SEEK_END)
        file.write(b"\x01")


def spoil_zeros(folder: Path) -> None:
    """As a machine that lost power may leave it."""
    size = (folder / "level0").stat().st_size
    with (folder / "level0").open("r+b") as file:
        file.seek(size - 64)
        file.write(bytes(64))


def spoil_marks(folder: Path) -> None:
    with (folder / "places").open("r+b") as file:
        file.write(b"\x07")


@pytest.mark.parametrize("spoil", [spoil_number, spoil_top, spoil_zeros, spoil_marks])
def test_an_index_that_is_not_of_the_log_is_made_again(tmp_path: Path, spoil: Any) -> None:
    path = compact(tmp_path / "run.jsonl", logs.head(), *with_extremes(step_lines(1, 400)))
    folder = tmp_path / "index"
    first = opened(path, folder=folder)
    truth = numbers_of(first)
    first.close()
    spoil(folder)
    assert numbers_of(opened(path, folder=folder)) == truth


def test_a_log_that_was_cut_and_grew_again_has_another_index(tmp_path: Path) -> None:
    path = compact(tmp_path / "run.jsonl", logs.head(), *step_lines(1, 200))
    folder = tmp_path / "index"
    opened(path, folder=folder).close()
    others = [logs.step(n, value=[5.0] * 3) for n in range(1, 300)]
    found = opened(compact(path, logs.head(), *others), folder=folder)
    assert found.pyramid.columns(0, 299, [0], 1).high[0, 0] == 5.0


@pytest.mark.parametrize("looks", [0, 31])
def test_an_index_without_a_full_block_is_opened_again(tmp_path: Path, looks: int) -> None:
    path = compact(tmp_path / "run.jsonl", logs.head(), *step_lines(1, looks))
    for _ in range(2):
        found = opened(path, folder=tmp_path / "index")
        assert found.pyramid.rows == looks
        found.close()


@pytest.mark.parametrize("looks", [64, 70])
def test_what_is_said_beside_the_numbers_is_kept(tmp_path: Path, looks: int) -> None:
    """Whether it is closed, what could not be read, a violation behind many events."""
    seen = [{**VIOLATED, "what": "diffusing", "text": ""}] * EVENTS
    lines = [*seen, VIOLATED, *step_lines(1, looks), {"kind": "step", "step": "much"}]
    path = compact(tmp_path / "run.jsonl", logs.head(), *lines, logs.verdict(looks, ["conserved"]))
    folder = tmp_path / "index"
    for _ in range(3):
        found = opened(path, folder=folder)
        assert found.marks.closed == [
            {"law": 0, "outcome": "conserved", "since": None, "reason": "…"}
        ]
        assert found.marks.unread == 1
        assert found.marks.events[-1].text == "head.weight"
        assert found.marks.violated[2][0] == 7
        found.close()


VIOLATED = {"kind": "event", "step": 7, "what": "violated", "law": 2, "text": "head.weight"}


def test_lines_that_could_not_be_read_are_counted_once(tmp_path: Path) -> None:
    """Those in front of a block that is not full too."""
    path = compact(tmp_path / "run.jsonl", logs.head(), *step_lines(1, 10), {"kind": "step"})
    compact(path, *step_lines(11, 70), {"kind": "step"}, mode="a")
    for _ in range(3):
        found = opened(path, folder=tmp_path / "index")
        assert found.marks.unread == 2
        found.close()


def test_two_runs_in_one_log_are_told_again(tmp_path: Path) -> None:
    path = compact(tmp_path / "run.jsonl", logs.head(), *step_lines(1, 64))
    compact(path, logs.head(run="f" * 16), *step_lines(1, 99), mode="a")
    for _ in range(2):
        found = opened(path, folder=tmp_path / "index")
        assert "two runs" in found.fault
        found.close()


def test_what_is_void_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long run that goes back reads little again, also when it does so a second time."""
    path = compact(tmp_path / "run.jsonl", logs.head(), *with_extremes(step_lines(1, 3000)))
    found = opened(path, folder=tmp_path / "index")
    read: list[int] = []
    row = RowReader.row
    monkeypatch.setattr(RowReader, "row", lambda *given: read.append(1) or row(*given))
    for value in (5.0, 6.0):
        compact(path, logs.head(**{"from": 1000}), mode="a")
        compact(path, *(logs.step(n, value=[value] * 3) for n in range(1001, 1006)), mode="a")
        found.update()
        assert len(read) < 4 * BLOCK
        found.close()  # in the middle of a block
        again = Index(path, tmp_path / "index")
        again.update()
        assert len(read) < 10 * BLOCK  # with those that test the index
        assert again.pyramid.rows == 1005
        assert again.pyramid.columns(1001, 1005, [0], 1).high[0, 0] == value
        again.close()
        found = opened(path, folder=tmp_path / "index")
        read.clear()


@pytest.mark.parametrize("back", [0, 32, 40])
def test_the_last_look_is_one_that_counts(tmp_path: Path, back: int) -> None:
    """Where a run goes back to the end of a block too."""
    path = compact(tmp_path / "run.jsonl", logs.head(), *step_lines(1, 70))
    found = opened(path, folder=tmp_path / "index")
    compact(path, logs.head(**{"from": back}), mode="a")
    found.update()
    truth = logs.numbers(back) if back else np.full((4, 3), np.nan)
    np.testing.assert_array_equal(found.last, truth)


def test_one_writes_and_the_other_reads_on(tmp_path: Path) -> None:
    """Whoever comes second reads what is there, and leaves it as it is."""
    path = compact(tmp_path / "run.jsonl", logs.head(), *step_lines(1, 100))
    folder = tmp_path / "index"
    first = opened(path, folder=folder)
    first.save()
    held = {p.name: p.read_bytes() for p in folder.iterdir()}
    with path.open("a") as file:
        file.writelines(
            json.dumps(row, separators=(",", ":")) + "\n" for row in step_lines(101, 900)
        )
    second = Index(path, folder)
    assert not second.kept
    assert second.follower.place > 0
    second.update()
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == held
    first.update()
    assert numbers_of(second) == numbers_of(first)
    with path.open("a") as file:  # back into what is the other's
        lines = [
            logs.head(**{"from": 40}),
            *(logs.step(n, value=[7.0] * 3) for n in range(41, 300)),
        ]
        file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in lines)
    second.update()
    first.update()
    assert second.steps == 299
    assert numbers_of(second) == numbers_of(first)
    first.close()
    assert opened(path, folder=folder).kept


def test_a_folder_that_is_taken_away_is_made_again(tmp_path: Path) -> None:
    path = compact(tmp_path / "run.jsonl", logs.head(), *step_lines(1, 100))
    folder = tmp_path / "index"
    found = opened(path, folder=folder)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    with path.open("a") as file:
        file.writelines(
            json.dumps(row, separators=(",", ":")) + "\n" for row in step_lines(101, 200)
        )
    found.update()
    truth = opened(compact(tmp_path / "bare.jsonl", logs.head(), *step_lines(1, 200)))
    assert numbers_of(found) == numbers_of(truth)


def test_extremes_of_what_is_not_known(tmp_path: Path) -> None:
    """Numbers that are none, words for those that are not finite, fields without any."""
    values = [None, float("inf"), -1.5]
    rows = [logs.step(n, value=values, predicted=[None] * 3) for n in range(1, BLOCK + 1)]
    line = parsed(json.dumps(with_extremes(rows)[-1]).encode())
    assert line is not None
    assert line["predicted"] is None
    low, high = RowReader(3, []).extremes(line)  # type: ignore[misc]
    np.testing.assert_array_equal(low[:3], [np.nan, np.inf, -1.5])
    np.testing.assert_array_equal(high[3:6], [np.nan] * 3)
    assert len(FIELDS) == 4


def test_a_folder_is_free_when_it_is_closed_though_a_child_still_holds_it(tmp_path: Path) -> None:
    """A process that was forked to load data shares the handle, as a duplicate does."""
    first = place.Place(tmp_path / "index")
    assert first._handle is not None
    held = os.dup(first._handle)
    assert not place.Place(tmp_path / "index").kept
    first.close()
    assert place.Place(tmp_path / "index").kept
    os.close(held)
