"""Files that are no certificates: refused in one line that says where."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conserved.certificate import read_file, read_json, read_text
from conserved.errors import InputError
from conserved.kernel.reading import BYTES_LIMIT
from tests.certificate.samples import TURN, document, sample, text

Change = Callable[[dict[str, Any]], object]


def put(*path: Any) -> Change:
    """Set the value at a path: the last argument is the value."""
    *steps, last, value = path

    def change(data: Any) -> None:
        for step in steps:
            data = data[step]
        data[last] = value

    return change


UPPER = ("claims", 0, "upper")
LOWER = ("claims", 0, "lower")
REFUSED: list[tuple[Change, str]] = [
    (put("schema", "conserved.certificate/1"), "make it again: conserved analyze"),
    (put("extra", 1), "unknown key 'extra'"),
    (lambda data: data.pop("laws"), "has no 'laws'"),
    (put("schema", "conserved.certificate/3"), "certificate.schema"),
    (put("words", "problem", "network", "linear:3-2-3"), "certificate.words.problem.network"),
    (put("words", "problem", "network", ""), "certificate.words.problem.network"),
    (put("program", "nodes", 0, ["spell", [], []]), "nodes[0] 'spell': unknown operation"),
    (put("program", "output", 1), "its program is another network's"),
    (put("words", "problem", "network", " linear:3-2-2"), "certificate.words.problem.network"),
    (put("words", "problem", "network", "linear:3-02-2"), "certificate.words.problem"),
    (put("words", "problem", "loss", "huber"), "loss 'huber': unknown"),
    (put("words", "problem", "symmetry", "/etc/group.json"), "no file is read here"),
    (put("words", "groups", TURN), "certificate.words.groups"),
    (put("words", "groups", "none"), "certificate.words.groups"),
    (put("words", "groups", {"a.json": 3}), "certificate.words.groups.a.json"),
    (put("laws", 0, "program", "parameters", 0, 0, "V1"), "the parameters are V1, W2"),
    (put("laws", 0, "program", "output", 0), "is not the law of the program beside it"),
    (put("loss", "poly:3"), "what is stated is poly:3"),
    (put("symmetry", {}), "certificate.symmetry"),
    (put("laws", 0, "words", "text", "W1 W1ᵀ"), "certificate.laws[0].words.text"),
    (
        put("laws", 0, "words", "terms", 0, "coefficient", "1.5"),
        "certificate.laws[0].words.terms[0].coefficient",
    ),
    (put("laws", 0, "origin", "data symmetry"), "certificate.laws[0].origin"),
    (put("laws", 0, "words", "independent", 2), "certificate.laws[0].words.independent"),
    (put("claims", []), "certificate.claims"),
    (put("claims", 0, "data", "symmetric"), "certificate.claims[0].data"),
    (put("claims", 0, "status", "OPEN"), "certificate.claims[0].status"),
    (put("claims", 0, "status", "PROVED"), "certificate.claims[0].status"),
    (put("claims", 0, "next", ["try harder"]), "certificate.claims[0].next[0]"),
    (put(*UPPER, "laws", 2), "certificate.claims[0].upper.laws"),
    (put(*UPPER, "laws", True), "certificate.claims[0].upper.laws"),
    (put(*UPPER, "ranks", [7]), "certificate.claims[0].upper.ranks"),
    (put(*UPPER, "ranks", [7, 6]), "ranks do not fall"),
    (put(*UPPER, "rigorous", 1), "certificate.claims[0].upper.rigorous"),
    (put(*UPPER, "patterns", "some"), "certificate.claims[0].upper.patterns"),
    (put(*UPPER, "recipe", "prime", 8388595), "recipe.prime '8388595': a prime is needed"),
    (put(*UPPER, "recipe", "prime", 7), "certificate.claims[0].upper.recipe.prime"),
    (put(*UPPER, "recipe", "seed", -1), "certificate.claims[0].upper.recipe.seed"),
    (put(*UPPER, "recipe", "counts", []), "certificate.claims[0].upper.recipe.counts"),
    (put(*UPPER, "recipe", "counts", [8, 10**9]), "upper.recipe.counts[1]"),
    (put(*LOWER, "laws", 4), "certificate.claims[0].lower.exist"),
    (put(*LOWER, "written", 2), "certificate.claims[0].lower.written"),
    (put(*LOWER, "exist", True), "certificate.claims[0].lower.exist"),
    (put(*LOWER, "minor", "prime", 2**60), "certificate.claims[0].lower.minor.prime"),
    (put(*LOWER, "minor", "rows", [[0, 0], [0, 1], [0, 1]]), "rows ascend, each once"),
    (put(*LOWER, "minor", "rows", [[0, 0], [0, 1], [0, 3]]), "minor.rows[2][1]"),
    (put(*LOWER, "minor", "rows", [[0, 0], [0, 1], [1, 0]]), "minor.rows[2][0]"),
    (put(*LOWER, "minor", "columns", [0, 1, 10]), "minor.columns[2]"),
    (put(*LOWER, "minor", "columns", [0, 1]), "minor.columns"),
]


@pytest.mark.parametrize("change, words", REFUSED, ids=lambda v: v if isinstance(v, str) else "")
def test_refused_with_the_place(change: Change, words: str) -> None:
    data = document("linear")
    change(data)
    with pytest.raises(InputError) as caught:
        read_json(data)
    assert words in str(caught.value)


def test_laws_of_the_symmetry_have_no_place_in_all_data() -> None:
    data = document("range under a symmetry")
    data["claims"][1]["lower"]["minor"]["rows"][2] = [1, 0]
    with pytest.raises(InputError, match="it says nothing of all data"):
        read_json(data)


def test_bounds_do_not_cross() -> None:
    data = document("linear")
    data["claims"][0]["upper"].update(laws=2, ranks=[6, 8])
    with pytest.raises(InputError, match=r"lower.laws '3': the upper bound is 2"):
        read_json(data)


TEXTS = [
    ("", "no JSON: Expecting value at line 1, column 1"),
    ("nothing", "no JSON"),
    ('{"schema": 1, "schema": 2}', "the key 'schema' stands twice"),
    ('{"seed": 1e3}', "'1e3' where numbers are whole"),
    ('{"seed": NaN}', "'NaN' where numbers are whole"),
    ('{"seed": -Infinity}', "'-Infinity' where numbers are whole"),
    ('{"seed": ' + "9" * 5000 + "}", "a number of 5,000 digits"),
    ("[" * 100_000, "nested too deep"),
    ('{"a":' * 50_000, "nested too deep"),
    ("[]", "an object is needed"),
    ("null", "an object is needed"),
    ('"text"', "an object is needed"),
]


@pytest.mark.parametrize("content, words", TEXTS, ids=lambda v: v[:20])
def test_no_plain_json(content: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_text(content)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


def test_nested_as_deep_as_json_goes() -> None:
    """Whatever depth the parser survives, nothing after it may fail on it."""
    for depth in (50, 500, 900, 990):
        data = document("linear")
        whole = json.dumps({**data, "version": "HERE"})
        with pytest.raises(InputError):
            read_text(whole.replace('"HERE"', "[" * depth + "]" * depth))


class TestFiles:
    def test_a_sample_is_read_back(self, tmp_path: Path) -> None:
        for name in ("linear", "group from a file"):
            sample(name).save(tmp_path / "c.json")
            assert read_file(tmp_path / "c.json") == sample(name)

    def test_it_is_json_that_tools_read(self) -> None:
        assert json.loads(text("two heads")) == document("two heads")
        assert all(len(line) < 2000 for line in text("two heads").splitlines())

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file"):
            read_file(tmp_path / "none.json")
        with pytest.raises(InputError, match="no such file"):
            read_file("a\0b")

    def test_not_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="not a file"):
            read_file(tmp_path)
        with pytest.raises(InputError, match="not a file"):
            read_file("/dev/zero")

    def test_too_long(self, tmp_path: Path) -> None:
        file = tmp_path / "long.json"
        with file.open("wb") as stream:
            stream.truncate(BYTES_LIMIT + 1)
        with pytest.raises(InputError, match="longer than 50,000,000 bytes"):
            read_file(file)

    def test_not_text(self, tmp_path: Path) -> None:
        file = tmp_path / "c.json"
        file.write_bytes(b"\xff\xfe{}")
        with pytest.raises(InputError, match="not a text in UTF-8"):
            read_file(file)

    def test_unwritable(self, tmp_path: Path) -> None:
        (tmp_path / "no").write_text("a file, and no folder", "utf-8")
        with pytest.raises(InputError, match=r"^path "):
            sample("linear").save(tmp_path / "no" / "such" / "c.json")

    def test_folders_are_made_and_nothing_is_left_behind(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "folder" / "c.json"
        sample("linear").save(path)
        assert read_file(path) == sample("linear")
        assert [p.name for p in path.parent.iterdir()] == ["c.json"]


def test_group_files_are_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of that name with other matrices lies about, and is not looked at."""
    monkeypatch.chdir(tmp_path)
    identity = {"schema": "conserved.group/1", "generators": [[[1, 0], [0, 1]]]}
    Path("turn.json").write_text(json.dumps(identity), "utf-8")
    group = read_text(text("group from a file")).problem.group
    assert group.roots == 5
    assert group.order == 5
