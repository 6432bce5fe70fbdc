"""Where a run goes on: what its log says, through the index and line by line."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conserved.errors import InputError
from conserved.watching.log import left as module
from conserved.watching.log import rows
from conserved.watching.log.files import part_path
from conserved.watching.log.index import Index
from conserved.watching.log.left import left, line_by_line, through_index
from conserved.watching.log.place import beside
from conserved.watching.log.pyramid import BLOCK
from conserved.watching.log.rows import RowReader, Stretches
from tests.monitor import logs
from tests.watching.traced import traced

DRAWN = {"looks": 3, "met": 0.5, "spread": None, "off": 0.1, "limit": "inf", "kept": [[1.0]]}


class Written:
    """A log that is made at random, by processes that follow one another.

    Attributes:
        ordinary: whether every line is one that the program may write.
        indexed: whether it was read, and its index kept.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.path, self.draws = folder / "run.jsonl", random.Random(seed)
        self.kept: list[int] = []  # steps with looks
        self.ordinary, self.indexed, self.torn = True, False, False
        self.violated: dict[int, int] = {}
        self.part = 0
        self.head(0)

    def write(self, *lines: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)

    def head(self, step: int) -> None:
        """A process begins."""
        if self.torn:
            whole = self.path.read_bytes()
            self.path.write_bytes(whole[: whole.rfind(b"\n") + 1])
        self.last, self.torn = step, False
        self.kept = [k for k in self.kept if k <= step]
        self.violated = {law: k for law, k in self.violated.items() if k <= step}
        self.stretches = Stretches(3, len(self.kept))
        self.write(logs.head(part=self.part, **{"from": step}))

    def until(self, step: int) -> None:
        """A look at each step up to one."""
        while self.last < step:
            self.look()

    def look(self, every: int = 1) -> None:
        self.last += every
        drawn, values = self.draws.random() < 0.1, [self.draws.random() for _ in range(3)]
        line = logs.step(self.last, value=values, predicted=None if drawn else values)
        said = self.stretches.add(line)
        self.write({**line, "draws": [None, DRAWN, None]} if drawn else line)
        self.write(*([] if said is None else [said]))
        self.kept.append(self.last)

    # ------------------------------------------------------------------ what may happen

    def looks(self) -> None:
        for _ in range(self.draws.randrange(80)):
            self.look()

    def sparse(self) -> None:
        for _ in range(self.draws.randrange(40)):
            self.look(self.draws.randrange(1, 9))

    def goes_on(self) -> None:
        self.head(self.last)

    def fills(self) -> None:
        """Looks up to the end of a block."""
        while len(self.kept) % BLOCK:
            self.look()

    def goes_back(self) -> None:
        edges = [max(0, step - k) for step in self.violated.values() for k in (0, 1)]
        self.head(self.draws.choice([*edges, *(self.draws.randint(0, self.last) for _ in "123")]))
        self.draws.choice([self.looks, self.fills])()

    def goes_on_later(self) -> None:
        self.head(self.last + self.draws.randrange(5))

    def rotates(self) -> None:
        if not self.torn:
            self.part += 1
            self.path.rename(part_path(self.path, self.part))
            stretches = self.stretches
            self.head(self.last)
            self.stretches = stretches

    def violates(self) -> None:
        law = self.draws.randrange(3)
        if law not in self.violated:
            self.violated[law] = self.last + 1
            told = {"what": "violated", "law": law, "text": "x" * self.draws.randrange(600)}
            self.write({"kind": "event", "step": self.last + 1, **told})
            self.look()

    def tells(self) -> None:
        event = {"kind": "event", "step": self.last, "what": "changed", "law": None, "text": ""}
        note = {"kind": "note", "step": self.last, "metrics": {"a": 1.0}}
        self.write(self.draws.choice([event, note, logs.verdict(self.last, ["conserved"] * 3)]))

    def indexes(self) -> None:
        beside(self.path).mkdir(exist_ok=True)
        index = Index(self.path)
        index.update()
        index.close()
        self.indexed = index.kept

    def breaks(self) -> None:
        """Killed while it wrote a line; the next takes it away."""
        with self.path.open("a") as file:
            file.write('{"kind":"step","step":')
        self.torn = True
        self.indexes()
        self.head(self.last)

    def strange(self) -> None:
        """What another program may have written."""
        self.ordinary = False
        step, event = logs.step(max(1, self.last - 3)), {"kind": "event", "what": "violated"}
        lines: list[dict[str, Any]] = [
            step,
            {"step": step["step"], **step},
            {"kind": "step", "step": "7"},
            {"kind": "step", "step": self.last + 1, "value": [1.0]},
            {**event, "step": 2, "law": self.draws.randrange(5), "text": "b"},
            {**event, "step": None, "law": 1},
            {"kind": "run"},
            logs.head(run="f" * 16),
            {"kind": "colour"},
        ]
        self.write(self.draws.choice(lines))

    def torn_text(self) -> None:
        self.ordinary = False
        with self.path.open("a") as file:
            file.write('{"kind":\n')


USUAL = (
    *("looks", "sparse", "goes_on", "goes_back", "goes_back", "goes_on_later", "rotates"),
    *("violates", "violates", "tells", "fills", "indexes", "indexes", "breaks"),
)
STRANGE = (*USUAL, "strange", "strange", "torn_text")


def several(*names: str) -> st.SearchStrategy[list[str]]:
    """What happens to a log, ten times."""
    return st.lists(st.sampled_from(names), min_size=10, max_size=10)


def read(path: Path, until: int | None) -> str:
    """From all lines; what is wrong, where something is."""
    try:
        return repr(line_by_line(path, until))
    except InputError as error:
        return str(error)


@pytest.fixture(scope="module", autouse=True)
def _disk() -> Iterator[None]:
    """It is not waited for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


def drawn(path: Path, folder: Path) -> str:
    """All that an index says, in full blocks and behind them."""
    found = Index(path, folder)
    found.update()
    pyramid, marks = found.pyramid, found.marks
    seen = [pyramid.columns(0, pyramid.rows, range(pyramid.curves), most) for most in (1, 1000)]
    curves = [a.tolist() for c in seen for a in (c.first, c.last, c.low, c.high)]
    events = [(e.step, e.text) for e in marks.events], marks.violated, marks.unread, marks.closed
    found.close()
    return repr((curves, found.last.tolist(), found.metrics, events, pyramid.rows, found.steps))


def assert_both_roads_tell_the_same(written: Written) -> None:
    folder = written.path.parent
    steps = [None, 0, written.last, *(written.draws.randint(0, written.last + 9) for _ in "123")]
    for until in steps:
        truth = read(written.path, until)
        found = through_index(written.path, until)
        assert found is not None or not (written.ordinary and written.indexed)
        assert found is None or repr(found) == truth
    if written.ordinary:
        assert drawn(written.path, beside(written.path)) == drawn(written.path, folder / "anew")
        told = left(written.path, None)
        assert (told.last, told.looks) == (written.last, len(written.kept))
        assert {law: step for law, (step, _) in told.violated.items()} == written.violated


@settings(max_examples=12, deadline=None)
@given(several(*USUAL), st.integers(0, 1 << 20))
def test_both_roads_tell_the_same(happened: list[str], seed: int) -> None:
    with TemporaryDirectory() as folder:
        written = Written(Path(folder), seed)
        for name in ["looks", *happened]:
            getattr(written, name)()
        assert_both_roads_tell_the_same(written)


@settings(max_examples=12, deadline=None)
@given(several(*STRANGE), st.integers(0, 1 << 20))
def test_of_logs_of_other_programs_both_roads_tell_the_same(happened: list[str], seed: int) -> None:
    """Or the index is not asked."""
    with TemporaryDirectory() as folder:
        written = Written(Path(folder), seed)
        for name in ["looks", *happened, "strange", "fills", "indexes"]:
            getattr(written, name)()
        assert_both_roads_tell_the_same(written)


def test_a_violation_that_is_void(tmp_path: Path) -> None:
    written = Written(tmp_path, 0)
    written.until(40)
    written.violates()  # at step 41
    written.until(64)
    written.indexes()
    assert [step for step, _ in left(written.path, None).violated.values()] == [41]
    assert left(written.path, 40).violated == {}
    written.head(40)
    written.until(64)
    written.indexes()
    assert_both_roads_tell_the_same(written)
    assert left(written.path, None).violated == {}


def test_a_run_that_went_on_without_a_look(tmp_path: Path) -> None:
    written = Written(tmp_path, 0)
    written.until(64)
    for step in (70, 40):
        written.head(step)
        written.indexes()
        assert_both_roads_tell_the_same(written)


@pytest.mark.parametrize("until", [51, 70, 96])
def test_what_was_told_late_is_not_lost(tmp_path: Path, until: int) -> None:
    """Between looks that are void, of a step that is not."""
    written = Written(tmp_path, 0)
    written.until(64)
    told = {"what": "violated", "law": 1, "text": "late"}
    written.write({"kind": "event", "step": 10, **told})
    written.head(50)
    written.until(until)
    for _ in range(2):
        written.indexes()
        found = through_index(written.path, None)
        assert found is not None
        assert found.violated == {1: (10, "late")}


@pytest.mark.parametrize("back", [64, 40, 0])
def test_a_step_that_is_told_again_voids_looks_alone(tmp_path: Path, back: int) -> None:
    """What another program wrote, without a line that the run goes on: violations stay."""
    written = Written(tmp_path, 0)
    written.until(70)
    written.violates()
    written.goes_on()
    written.until(80)
    written.indexes()
    written.write(logs.step(back + 1))
    for _ in range(2):
        for until in (None, 30, 72):
            assert through_index(written.path, until) == line_by_line(written.path, until)
        written.indexes()


@pytest.mark.parametrize("until", [None, 1500, 2990])
def test_little_is_read(tmp_path: Path, until: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Written(tmp_path, 0)
    written.until(3000)
    truth = line_by_line(written.path, until)
    written.indexes()
    met: list[int] = []
    row, step_of = RowReader.row, rows.step_of
    monkeypatch.setattr(RowReader, "row", lambda *given: met.append(1) or row(*given))
    monkeypatch.setattr(module, "step_of", lambda line: met.append(1) or step_of(line))
    assert left(written.path, until) == truth
    assert len(met) < 9 * BLOCK  # five test the index


SPOILED: dict[str, Any] = {
    "a run line that is none": lambda note: {**note, "begun": note["next"]},
    "another's violation": lambda note: {**note, "violated": [[1, 9, note["begun"]]]},
    "no violations": lambda note: {**note, "violated": 5},
    "of an older version": lambda note: {**note, "schema": "conserved.index/2"},
    "nothing": lambda note: {},
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_an_index_that_is_spoiled_is_not_believed(tmp_path: Path, spoil: str) -> None:
    written = Written(tmp_path, 0)
    written.until(70)
    written.indexes()
    note = beside(written.path) / "index.json"
    note.write_text(json.dumps(SPOILED[spoil](json.loads(note.read_text()))))
    assert through_index(written.path, None) is None
    assert left(written.path, None) == line_by_line(written.path, None)


def test_ctrl_c_leaves_the_index_as_it_is(tmp_path: Path) -> None:
    written = Written(tmp_path, 0)
    written.until(200)
    written.indexes()
    folder = beside(written.path)
    held = {file.name: file.read_bytes() for file in folder.iterdir()}
    truth = line_by_line(written.path, 150)
    with traced() as whole:
        assert through_index(written.path, 150) == truth
    for k in range(12):
        with pytest.raises(KeyboardInterrupt), traced(whole.lines * k // 12 + 1):
            left(written.path, 150)
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == held
        assert through_index(written.path, 150) == truth


def test_a_log_that_another_has_taken(tmp_path: Path) -> None:
    """The index of a run is there, and its log is a new one."""
    written = Written(tmp_path, 0)
    written.until(70)
    written.indexes()
    written.path.unlink()
    written.head(0)
    assert left(written.path, None).looks == 0


@pytest.mark.parametrize(
    "line",
    [
        {"kind": "run", "schema": "conserved.watch/1"},
        {"kind": "step"},
        {**logs.head(), "laws": [{"text": "a"}]},
        {**logs.head(), "laws": 5},
    ],
)
def test_lines_that_lack_something_are_told_in_one_line(
    tmp_path: Path, line: dict[str, Any]
) -> None:
    written = Written(tmp_path, 0)
    written.write(line)
    with pytest.raises(InputError, match=r"^log .* is no log of schema"):
        left(written.path, None)
