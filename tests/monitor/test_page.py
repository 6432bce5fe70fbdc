"""The page as a file: whole, offline, inert, small, and true to the log."""

from __future__ import annotations

from pathlib import Path
from tempfile import mkdtemp
from typing import get_args

import numpy as np
import pytest

from conserved.dynamics.outcomes import URGENT, Outcome
from conserved.errors import InputError
from conserved.monitor import Run, offline_page, summary, summary_json, view, write_offline
from conserved.monitor.page import CLASSES
from tests.monitor import logs
from tests.report.reading import (
    assert_accessible,
    assert_offline_and_inert,
    embedded_json,
    parsed,
)


def opened(path: Path) -> Run:
    run = Run(path, Path(mkdtemp(dir=path.parent)))
    run.update()
    return run


def test_the_file_is_whole_and_accessible(tmp_path: Path) -> None:
    page = offline_page(opened(logs.finished(tmp_path / "run.jsonl")))
    assert_offline_and_inert(page)
    assert_accessible(page)
    assert "This file is whole" in page


@pytest.mark.parametrize(
    "old, new", [("default-src &#39;none&#39;", "default-src *"), ("<main>", "<main onclick=x>")]
)
def test_the_check_refuses(tmp_path: Path, old: str, new: str) -> None:
    page = offline_page(opened(logs.finished(tmp_path / "run.jsonl", 20)))
    assert old in page
    with pytest.raises(AssertionError):
        assert_offline_and_inert(page.replace(old, new, 1))


def test_its_curves_are_those_of_the_log(tmp_path: Path) -> None:
    """The extremes of every column against the numbers, to the digits that a file keeps."""
    run = opened(logs.finished(tmp_path / "run.jsonl", 2000))
    curves = embedded_json(parsed(offline_page(run)), "run-data")["curves"]
    assert 100 < len(curves["x"]) <= 402
    each = -(-2000 // 400)
    every = np.stack([logs.numbers(n) for n in range(1, 2001)])
    drift = (every[:, 0] - 1.0) / 2.0
    for k in range(3):
        for name, truth in (("residual", every[:, 2, k]), ("gradient", every[:, 3, k])):
            told = [truth[i : i + each].max() for i in range(0, 2000, each)]
            np.testing.assert_allclose(curves["laws"][str(k)][name], told, rtol=1e-3)
        low = [drift[i : i + each, k].min() for i in range(0, 2000, each)]
        np.testing.assert_allclose(curves["laws"][str(k)]["drift"][0], low, rtol=1e-3)
    worst = [every[i : i + each, 2].max() for i in range(0, 2000, each)]
    np.testing.assert_allclose(curves["worst"]["residual"], worst, rtol=1e-3)


@pytest.mark.parametrize(
    "laws, steps, text",
    [
        (1000, 70, "µ" * 400),
        pytest.param(1000, 70, "w", marks=pytest.mark.slow),
        (1, 3000, "w"),
    ],
)
def test_it_is_small_whatever_the_run(tmp_path: Path, laws: int, steps: int, text: str) -> None:
    many = [logs.law(f"{k} {text}", [f"layers.{k}.w"]) for k in range(laws)]
    rows = [logs.step(n, laws=laws) for n in range(1, steps + 1)]
    event = {"kind": "event", "step": 9, "what": "violated", "law": laws - 1, "text": "µ" * 400}
    run = opened(logs.write(tmp_path / "run.jsonl", logs.head(many), *rows, event))
    page = offline_page(run)
    assert len(page.encode()) < 500_000
    root = parsed(page)
    listed = [row["data-law"] for row in root.all("tr") if row.get("data-law")]
    assert str(laws - 1) in listed  # what is violated has room
    data = embedded_json(root, "run-data")
    assert str(laws - 1) in data["curves"]["laws"]
    assert data["chosen"][0] == laws - 1
    if len(listed) < laws:
        assert f"The {len(listed):,} of {laws:,} laws" in root.text


def test_a_log_without_steps_or_laws(tmp_path: Path) -> None:
    empty = opened(logs.write(tmp_path / "a.jsonl", logs.head()))
    assert {row.outcome for row in view.rows(empty)} == {"not tested"}
    for run in (
        empty,
        opened(logs.write(tmp_path / "b.jsonl", {**logs.head(), "laws": []}, logs.step(1, 0))),
    ):
        page = offline_page(run)
        assert_offline_and_inert(page)
        assert_accessible(page)
        assert summary(run)


def test_verdicts_while_it_runs_are_those_of_the_watch(tmp_path: Path) -> None:
    """A log that was not closed is judged by the code that judges when it is."""
    path = tmp_path / "run.jsonl"
    event = {"kind": "event", "step": 3, "what": "violated", "law": 1, "text": "up.weight: why"}
    rows = [logs.step(n, gradient=[0.1, 1e6, 0.2]) for n in range(1, 40)]
    run = opened(logs.write(path, logs.head(), *rows[:2], event, *rows[2:]))
    found = {row.law: row for row in view.rows(run)}
    assert [found[k].outcome for k in range(3)] == [
        "conserved",
        "violated",
        "drifting as predicted",
    ]
    assert found[1].found.since == 3
    assert found[1].found.reason == "up.weight: why"
    assert found[1].gradient == 1e6
    adam = [logs.step(n, predicted=None, residual=None) for n in range(1, 40)]
    head = logs.head(
        [logs.law(t, n, ledger=False) for t, n in zip(logs.TEXTS, logs.TENSORS, strict=True)]
    )
    other = opened(logs.write(tmp_path / "adam.jsonl", head, *adam))
    assert [row.outcome for row in view.rows(other)] == ["conserved", "drifting", "drifting"]
    assert np.isnan(view.rows(other)[0].residual)


def test_every_outcome_has_its_place() -> None:
    assert set(URGENT) == set(get_args(Outcome)) == set(CLASSES)


def test_blocks_stand_together_in_their_order(tmp_path: Path) -> None:
    names = ("layers.10.w", "embed.w", "layers.2.a.w", "layers.2.b.w")
    laws = [logs.law(name, [name]) for name in names] + [logs.law("tied", ["embed.w", "head.w"])]
    run = opened(logs.write(tmp_path / "run.jsonl", logs.head(laws)))
    blocks = [(block, [row.law for row in rows]) for block, rows in view.grouped(view.rows(run))]
    assert blocks == [("embed", [1]), ("layers.2", [2, 3]), ("layers.10", [0]), ("", [4])]


def test_a_formula_under_its_block_is_short(tmp_path: Path) -> None:
    text = "‖layers.1.up.w‖² − ‖layers.1.down.w‖² + ‖mylayers.1.w‖² + layers.11.w"
    laws = [logs.law(text, ["layers.1.up.w", "layers.1.down.w"])]
    (row,) = view.rows(opened(logs.write(tmp_path / "run.jsonl", logs.head(laws))))
    assert row.inside == "‖up.w‖² − ‖down.w‖² + ‖mylayers.1.w‖² + layers.11.w"
    assert row.name == f"layers.1: {row.inside}"


def test_the_summary(tmp_path: Path) -> None:
    run = opened(logs.finished(tmp_path / "run.jsonl"))
    text = summary(run)
    first, *_, last = text.splitlines()
    assert first == "Block: 1,234 parameters, loss mse, SGD, momentum 0.9"
    assert last == "1 violated, 1 drifting as predicted, 1 conserved."
    lines = text.splitlines()
    assert lines[4] == "✗ violated, 1"
    assert lines[5] == "  since step 7: …"
    assert lines[6].endswith("  embed.weightᵀ embed.weight − head.weightᵀ head.weight")
    assert max(map(len, lines)) <= 100
    told = summary_json(run)
    assert told["count"]["violated"] == 1
    assert [law["block"] for law in told["laws"]] == ["layers.0", "layers.1", ""]


@pytest.mark.parametrize("share", [1.0, 0.125])
def test_a_reader_is_told_that_laws_were_looked_at_in_part(tmp_path: Path, share: float) -> None:
    told = {**logs.head(), "probe": share}
    run = opened(logs.write(tmp_path / "run.jsonl", told, logs.step(1)))
    assert ("a random part is looked at, 0.125 of each" in summary(run)) == (share < 1)
    assert ("of large families a random part of 0.125" in offline_page(run)) == (share < 1)
    assert summary_json(run)["probe"] == share


def test_names_do_not_steer_a_terminal(tmp_path: Path) -> None:
    name = "\x1b]0;title\x07\x1b[2J\rall is well\n"
    head = logs.head([logs.law(name, [name])], model=name, optimizer=name)
    event = {"kind": "event", "step": 1, "what": "violated", "law": 0, "text": name}
    row = logs.step(1, laws=1, metrics={name: 1.0})
    verdicts = [{"law": 0, "outcome": "violated", "since": 1, "reason": name}]
    for closed in ([], [{"kind": "verdict", "step": 1, "verdicts": verdicts}]):
        run = opened(logs.write(tmp_path / f"{len(closed)}.jsonl", head, event, row, *closed))
        text = summary(run)
        assert "all is well" in text
        assert not set(text) & {"\x1b", "\x07", "\r"}
        assert len(text.splitlines()) == 12


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    run = opened(logs.finished(tmp_path / "run.jsonl", 5))
    with pytest.raises(InputError, match="cannot be written"):
        write_offline(run, tmp_path)
    assert write_offline(run, tmp_path / "new" / "a.html").stat().st_size > 50_000
