"""The index of a log: kept while it is written, tested when it is opened, made anew."""

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

from conserved.watching.log import companion, index, place
from conserved.watching.log.index import Index
from conserved.watching.log.left import line_by_line, through_index
from conserved.watching.log.marks import EVENTS
from conserved.watching.log.pyramid import BLOCK
from conserved.watching.log.rows import RowReader
from tests.cli.shell import environment
from tests.monitor import logs
from tests.watching.indexed import bare, compact, numbers_of, opened, run, step_lines, with_extremes
from tests.watching.traced import traced


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
from conserved.watching.log import companion
from conserved.watching.log import index
from conserved.watching.log import place
for module in (place, index, companion):
    module.LONG = 1 << 14
companion._PIECE, index._SAVE = 1 << 12, 0.0
from tests.watching.test_index import run
from tests.watching import runs
runs_left = int(sys.argv[2])
from conserved.watching.log.logger import RunLogger
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


def test_a_folder_is_free_when_it_is_closed_though_a_child_still_holds_it(tmp_path: Path) -> None:
    """A process that was forked to load data shares the handle, as a duplicate does."""
    first = place.Place(tmp_path / "index")
    assert first._handle is not None
    held = os.dup(first._handle)
    assert not place.Place(tmp_path / "index").kept
    first.close()
    assert place.Place(tmp_path / "index").kept
    os.close(held)
