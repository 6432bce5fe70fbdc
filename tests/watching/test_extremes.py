"""The least and the greatest of every block of looks, as a log says them beside its lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conserved.watching.log.files import older_parts, records
from conserved.watching.log.pyramid import BLOCK
from conserved.watching.log.reading import parsed
from conserved.watching.log.rows import FIELDS, RowReader
from tests.monitor import logs
from tests.watching.indexed import bare, compact, numbers_of, opened, run, step_lines, with_extremes

WRONG: dict[str, dict[str, Any]] = {
    "of other steps": {"first": 2},
    "of other laws": {"value": [[0.0], [9.0]]},
    "no numbers": {"value": 7},
    "nothing beside": {"beside": None},
}


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
