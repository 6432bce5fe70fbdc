"""A log is read as it stands: growing, cut, continued, rotated, broken, long."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest

from conserved.errors import InputError
from conserved.monitor import view
from conserved.monitor.page import offline_page
from conserved.monitor.run import Run
from conserved.monitor.text import summary
from conserved.watching.log.files import part_path
from tests.monitor import logs


def read(path: Path, folder: Path | None = None) -> Run:
    run = Run(path, folder or Path(mkdtemp(dir=path.parent)))
    assert not run.update()
    return run


def shown(run: Run, first: int, last: int, most: int = 10_000) -> dict[int, np.ndarray]:
    """(curves, low and high) at the first step of every column."""
    laws = range(len(run.head.laws))
    curves = [place for name in logs.FIELDS for place in run.places(name, laws)]
    seen = run.columns(first, last, curves, most)
    return {
        int(s): np.stack([a, b]) for s, a, b in zip(seen.first, seen.low, seen.high, strict=True)
    }


def assert_rows(run: Run, steps: range, truth: dict[int, np.ndarray] | None = None) -> None:
    """Exactly these steps are there, with these numbers."""
    found = shown(run, steps[0], steps[-1])
    assert list(found) == list(steps)
    assert run.steps == steps[-1]
    for number, values in found.items():
        expected = (truth or {}).get(number, logs.numbers(number)).ravel()
        np.testing.assert_array_equal(values[0], expected)
        np.testing.assert_array_equal(values[1], expected)


def test_a_finished_log(tmp_path: Path) -> None:
    run = read(logs.finished(tmp_path / "run.jsonl"))
    assert run.head.model == "Block"
    assert run.head.laws[0].tensors == logs.TENSORS[0]
    assert_rows(run, range(1, 301))
    assert [row["outcome"] for row in run.marks.closed or []] == [
        "conserved",
        "drifting as predicted",
        "violated",
    ]
    assert [(event.step, event.what, event.law) for event in run.marks.events] == [
        (7, "violated", 2)
    ]
    assert run.metrics == ["loss", "learning rate"]
    assert run.marks.unread == 0
    assert run.share == 1.0


def test_columns_are_exact(tmp_path: Path) -> None:
    """Few and many rows to a column, against the numbers themselves."""
    run = read(logs.finished(tmp_path / "run.jsonl", 2000))
    every = np.stack([logs.numbers(n).ravel() for n in range(1, 2001)])
    for first, last, most in ((1, 2000, 7), (1, 2000, 500), (700, 800, 500), (700, 800, 10)):
        seen = run.columns(first, last, list(range(12)), most)
        assert len(seen.first) <= most + 2
        assert seen.first[0] <= first
        assert seen.last[-1] >= last
        for a, b, low, high in zip(seen.first, seen.last, seen.low, seen.high, strict=True):
            part = every[a - 1 : b]
            np.testing.assert_array_equal(low, part.min(0))
            np.testing.assert_array_equal(high, part.max(0))
    least, greatest = run.extremes("residual")
    np.testing.assert_array_equal(least, every[:, 6:9].min(0))
    np.testing.assert_array_equal(greatest, every[:, 6:9].max(0))


def test_a_log_grows_and_breaks_off(tmp_path: Path) -> None:
    path = logs.write(tmp_path / "run.jsonl", logs.head())
    run = read(path)
    assert run.pyramid.bounds is None
    line = logs.text(*(logs.step(n) for n in range(1, 40))).encode()
    for cut in (10, 4000, len(line) - 5):  # a broken line waits
        with path.open("ab") as file:
            file.write(line[path.stat().st_size - len(logs.text(logs.head()).encode()) : cut])
        run.update()
    assert_rows(run, range(1, 39))
    with path.open("ab") as file:
        file.write(line[-5:])
    run.update()
    assert_rows(run, range(1, 40))


def test_a_broken_line_is_taken_away_and_the_run_goes_on(tmp_path: Path) -> None:
    path = logs.write(tmp_path / "run.jsonl", logs.head(), *(logs.step(n) for n in range(1, 50)))
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(b'{"kind": "step", "st')
    run = read(path)
    with path.open("r+b") as file:
        file.truncate(whole)
    logs.write(path, logs.head(**{"from": 49}), *(logs.step(n) for n in range(50, 80)), mode="a")
    run.update()
    assert_rows(run, range(1, 80))
    assert run.marks.unread == 0


@pytest.mark.parametrize("back", [0, 20, 64, 100])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_run_goes_back_to_a_checkpoint(tmp_path: Path, back: int, at_once: bool) -> None:
    """Later lines are void, twice, and their events too."""
    path = tmp_path / "run.jsonl"
    event = {"kind": "event", "step": back + 2, "what": "skipped", "law": None, "text": "overflow"}
    first = [logs.head(), *(logs.step(n) for n in range(1, 101)), event]
    other = {n: logs.numbers(n + 5000) for n in range(back + 1, 121)}
    named = {n: dict(zip(logs.FIELDS, map(list, v), strict=True)) for n, v in other.items()}
    again = [logs.head(**{"from": back}), *(logs.step(n, **named[n]) for n in range(back + 1, 111))]
    more = [logs.head(**{"from": back + 3})]
    more += [logs.step(n, **named[n]) for n in range(back + 4, 121)]
    logs.write(path, *first)
    if at_once:
        logs.write(path, *again, *more, mode="a")
        run = read(path)
    else:
        run = read(path)
        for part in (again, more):
            logs.write(path, *part, mode="a")
            run.update()
    assert_rows(run, range(1, 121), other)
    assert [e.what for e in run.marks.events] == []


def test_parts_are_one_log(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    logs.write(path, logs.head(), *(logs.step(n) for n in range(1, 60)))
    run = read(path)
    for part in range(3):
        path.rename(part_path(path, part + 1))
        begin = 60 + 40 * part
        run.update()  # between a rename and what follows it
        head = logs.head(part=part + 1, **{"from": begin - 1})
        logs.write(path, head, *(logs.step(n) for n in range(begin, begin + 40)))
    run.update()
    assert_rows(run, range(1, 180))
    assert_rows(read(path), range(1, 180))
    assert run.share == 1.0
    assert part_path(path, 1).name == "run.1.jsonl"


def test_numbers_that_are_none(tmp_path: Path) -> None:
    rows = [
        logs.step(1, value=["nan", "inf", 1.5], predicted=None, gradient=[None, 1, "-inf"]),
        logs.step(2, value=[1.0, 2.0]),  # of other laws
        logs.step(3, residual="much"),
        {"kind": "step", "step": -1},
        {"kind": "colour", "step": 4},
        logs.step(4),
    ]
    path = logs.write(tmp_path / "run.jsonl", logs.head(), *rows)
    with path.open("ab") as file:
        file.write(b'\xff\xfe\n[1, 2]\n{"kind": ' + b"[" * 5000 + b"\n\n")
    logs.write(path, logs.step(5), mode="a")
    run = read(path)
    found = shown(run, 1, 5)
    assert list(found) == [1, 4, 5]
    first = found[1][0].reshape(4, 3)
    np.testing.assert_array_equal(first[0], [np.nan, np.inf, 1.5])
    np.testing.assert_array_equal(first[1], [np.nan] * 3)
    np.testing.assert_array_equal(first[3], [np.nan, 1, -np.inf])
    assert run.marks.unread == 7


def test_another_run_in_the_same_file(tmp_path: Path) -> None:
    path = logs.write(tmp_path / "run.jsonl", logs.head(), *(logs.step(n) for n in range(1, 90)))
    run = read(path)
    logs.write(path, logs.head(run="f" * 16), logs.step(1))
    run.update()
    assert_rows(run, range(1, 2))
    logs.write(
        path, logs.head(run="d" * 16), *(logs.step(n) for n in range(1, 200))
    )  # a longer one
    run.update()
    assert_rows(run, range(1, 200))
    logs.write(path, logs.head(run="e" * 16), mode="a")
    assert not run.update()
    assert "two runs" in run.fault
    logs.write(path, logs.step(200), mode="a")
    assert not run.update()
    assert run.steps == 199


def test_a_log_that_another_run_has_taken_is_drawn_from_the_index(tmp_path: Path) -> None:
    """Until it is read anew: a page asks in between, and a report may be under way."""
    path = logs.write(tmp_path / "run.jsonl", logs.head(), *(logs.step(n) for n in range(1, 90)))
    run = read(path)
    other = logs.head(run="f" * 16)
    logs.write(path, other, *(logs.step(n, laws=2) for n in range(1, 200)))
    assert list(shown(run, 1, 89)) == [1, 33, 65]
    assert "</html>" in offline_page(run)
    run = read(logs.write(path, logs.head(), *(logs.step(n) for n in range(1, 90))))
    logs.write(path, other)  # shorter than what was read
    assert list(shown(run, 1, 89)) == [1, 33, 65]


def test_rows_of_a_run_are_not_those_of_the_next(tmp_path: Path) -> None:
    def begun(value: float, run: str) -> Path:
        more = {"predicted": None, "residual": None, "gradient": None}
        several = (logs.step(n, value=[value] * 3, **more) for n in range(1, 10))
        return logs.write(tmp_path / "run.jsonl", logs.head(run=run * 16), *several)

    run = read(begun(1.5, "a"))
    assert shown(run, 1, 9)[9][0, 0] == 1.5
    begun(2.5, "b")  # byte by byte as long
    run.update()
    assert shown(run, 1, 9)[9][0, 0] == 2.5


def test_a_log_without_a_look_is_shown(tmp_path: Path) -> None:
    """Of laws, of none, and of laws that have no value."""
    nothing = dict.fromkeys(logs.FIELDS)
    no_laws = {**logs.head(), "laws": []}
    cases = [
        [logs.head()],
        [no_laws],
        [no_laws, *(logs.step(n, 0) for n in range(1, 9))],
        [logs.head(), *(logs.step(n, **nothing) for n in range(1, 40))],
        [logs.head(), *(logs.step(n) for n in range(1, 40)), logs.head()],  # and back to step 0
    ]
    for number, lines in enumerate(cases):
        run = read(logs.write(tmp_path / f"{number}.jsonl", *lines))
        picture = view.curves(run, range(min(2, len(run.head.laws))), 0, 100, 600)
        assert len(picture["x"]) == run.pyramid.rows
        assert "</html>" in offline_page(run)
        assert summary(run)


@pytest.mark.parametrize(
    "content, told",
    [
        (b"", "it is empty"),
        (b'{"kind": "run"', "no whole line yet"),
        (b'{"step": 1, "values": [1]}\n', "not a run line"),
        (b"\x80\x81\n", "not a run line"),
        (b'{"kind": "run", "schema": "conserved.watch/1", "laws": 5}\n', "lists no laws"),
        (None, "no such file"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "run.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=told):
        Run(path)
    with pytest.raises(InputError, match="directory"):
        Run(tmp_path)


def test_the_index_on_disk_is_used_again(tmp_path: Path) -> None:
    """What was read is not read again; what is new, or of another run, is."""
    folder = tmp_path / "index"
    folder.mkdir()
    path = tmp_path / "run.jsonl"
    event = {"kind": "event", "step": 9, "what": "skipped", "law": None, "text": "overflow"}
    late = {**event, "step": 101}
    rows = [logs.step(n) for n in range(1, 101)]
    logs.write(path, logs.head(), *rows[:8], event, *rows[8:], late)
    run = read(path, folder)
    run.save()
    size = path.stat().st_size
    logs.write(path, *(logs.step(n) for n in range(101, 151)), mode="a")
    again = Run(path, folder)
    assert 0 < again.follower.place < size
    again.update()
    assert_rows(again, range(1, 151))
    assert [e.step for e in again.marks.events] == [9, 101]
    assert again.metrics == ["loss", "learning rate"]
    logs.write(path, logs.head(run="f" * 16), logs.step(1))
    assert_rows(read(path, folder), range(1, 2))


SPOILED = (
    "",
    "[]",
    "{}",
    '{"schema": "conserved.index/1", "run": 5}',
    lambda note: {**note, "events": [5]},
    lambda note: {**note, "events": [[1, "a", "b", "c", "d"]]},
    lambda note: {**note, "metrics": None},
    lambda note: {**note, "next": "x"},
    lambda note: {**note, "blocks": 99},
    lambda note: {**note, "width": 1},
)


def indexed(place: Path, steps: int) -> tuple[Path, Path]:
    """A log, and the folder of its index."""
    path, folder = logs.finished(place / "run.jsonl", steps), place / "index"
    folder.mkdir()
    read(path, folder).save()
    return path, folder


@pytest.mark.parametrize("spoil", SPOILED)
def test_an_index_that_is_spoiled_is_made_again(tmp_path: Path, spoil: Any) -> None:
    path, folder = indexed(tmp_path, 120)
    place = folder / "index.json"
    text = spoil if isinstance(spoil, str) else json.dumps(spoil(json.loads(place.read_text())))
    place.write_text(text)
    again = read(path, folder)
    assert_rows(again, range(1, 121))
    assert [event.step for event in again.marks.events] == [7]


@pytest.fixture(scope="module")
def two_levels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, Any]]:
    """The folder of a log and an index of two levels, and what a part of it shows."""
    path, folder = indexed(tmp_path_factory.mktemp("run"), 2100)
    return path.parent, shown(read(path, folder), 1, 2100, 9)


@pytest.mark.parametrize("name", ["places", "level0", "level1"])
def test_an_index_that_lost_a_file_is_made_again(
    tmp_path: Path, name: str, two_levels: tuple[Path, dict[int, Any]]
) -> None:
    whole, truth = two_levels
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    path, folder = tmp_path / "run.jsonl", tmp_path / "index"
    kept = Run(path, folder)
    assert kept.follower.place > 0
    kept.close()
    (folder / name).unlink()
    found = shown(read(path, folder), 1, 2100, 9)
    assert list(found) == list(truth)
    for step, values in truth.items():
        np.testing.assert_array_equal(found[step], values)


def test_a_short_log_leaves_nothing_behind(tmp_path: Path) -> None:
    run = Run(logs.finished(tmp_path / "run.jsonl"))
    run.update()
    folder = run.pyramid.folder
    assert folder.is_dir()
    run.close()
    assert not folder.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["run.jsonl"]
