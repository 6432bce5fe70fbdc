"""``conserved check`` from the shell, with the rest of the program and without it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conserved.certificate import check_certificate
from conserved.cli import run
from tests.certificate.samples import NAMES, document, sample
from tests.cli.shell import Capture, ask, environment

WITHOUT = """
import sys

class Gone:
    def find_spec(self, name, path=None, target=None):
        gone = {gone}
        if any(name == g or name.startswith(g + ".") for g in gone):
            raise ImportError(name + " is not on this machine")

sys.meta_path.insert(0, Gone())
from conserved.cli import main
main()
"""
GONE = [
    f"conserved.{name}"
    for name in ("closure", "search", "explain", "analysis", "fields", "verification", "lifted")
]


@pytest.mark.parametrize("name", NAMES)
def test_exit_statuses(name: str, tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "c.json"
    sample(name).save(file)
    status, out, err = ask(capsys, "check", str(file))
    assert status == (0 if sample(name).certified else 3)
    assert err == ""
    assert out.splitlines()[0].split() == ["statement", "data", "what", "was", "done", "verdict"]
    last = out.splitlines()[-1]
    assert last.startswith("CERTIFIED." if status == 0 else "Valid, but OPEN. Next: ")


@pytest.mark.parametrize(
    "content, words",
    [
        ('{"a": 1}', "has no 'schema'"),
        ("[1, 2]", "an object is needed"),
        ("null", "an object is needed"),
        ('{"schema": "conserved.analysis/1"}', "known: conserved.certificate/2"),
        ('{"schema": "conserved.certificate/1"}', "of an older program; make it again"),
        ('{"seconds": 0.5}', "'0.5' where numbers are whole"),
        ("", "no JSON: Expecting value at line 1, column 1"),
    ],
)
def test_what_is_no_certificate_is_named(
    content: str, words: str, tmp_path: Path, capsys: Capture
) -> None:
    file = tmp_path / "c.json"
    file.write_text(content, "utf-8")
    status, out, err = ask(capsys, "check", str(file))
    assert (status, out) == (2, "")
    assert err.startswith(f"conserved: file '{file}': is no valid certificate: ")
    assert words in err
    assert err.count("\n") == 1


def test_a_refuted_statement(tmp_path: Path, capsys: Capture) -> None:
    data = document("open")
    data["claims"][0]["upper"].update(laws=6, ranks=[2])
    data["claims"][0]["lower"].update(laws=6, exist=False)
    data["claims"][0].update(status="CERTIFIED", next=[])
    file = tmp_path / "c.json"
    file.write_text(json.dumps(data), "utf-8")
    status, out, _ = ask(capsys, "check", str(file))
    assert status == 2
    assert out.splitlines()[-1].startswith("REFUTED: at most 6 laws (all data). Seed ")
    status, out, _ = ask(capsys, "check", str(file), "--json")
    assert status == 2
    assert json.loads(out)["status"] == "REFUTED"


def test_json(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "c.json"
    sample("range under a symmetry").save(file)
    status, out, _ = ask(capsys, "check", str(file), "--json", "--seed", "7")
    assert status == 0
    answer = json.loads(out)
    assert answer["schema"] == "conserved.check/1"
    assert answer["seed"] == 7
    assert answer["problem"] == document("range under a symmetry")["words"]["problem"]
    verdicts = [(s["data"], s["verdict"]) for s in answer["statements"]]
    sides = ["holds", "proved", "proved", "certified"]
    assert verdicts == [(d, v) for d in ("all", "symmetric") for v in sides]
    again = json.loads(ask(capsys, "check", str(file), "--json", "--seed", "7")[1])
    assert {**again, "seconds": 0} == {**answer, "seconds": 0}


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["none.json"], "file 'none.json': no such file"),
        (["c.json", "--seed", "-3"], "seed '-3'"),
        (["c.json", "--budget", "0"], "budget '0.0'"),
        (["c.json", "--budget", "1e-9"], "the time allowed is used up"),
    ],
)
def test_refused_in_one_line(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    sample("linear").save("c.json")
    status, out, err = ask(capsys, "check", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("conserved: ")
    assert err.count("\n") == 1
    assert words in err


def without(gone: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.replace("{gone}", repr(gone))
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_closure_and_search(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    sample("range under a symmetry").save(file)
    done = without(GONE, "check", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert "CERTIFIED" in done.stdout
    # the same block does stop what needs them
    stopped = without(GONE, "analyze", "linear:2-1")
    assert stopped.returncode != 0
    assert "is not on this machine" in stopped.stderr


def test_nothing_in_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that would tell lies about, and every text of a certificate names it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("evil.py").write_text("open('ran', 'w').close()\ndef factory(): pass\n", "utf-8")
    tricks = (
        "evil.py:factory",
        "evil:factory",
        "__import__('evil')",
        "cos(__import__('evil'))",
        "{evil.__class__}",
        "$(python evil.py)",
        "`python evil.py`; python evil.py",
    )
    for name in ("linear", "range under a symmetry", "group from a file"):
        for trick in tricks:
            for key in ("network", "symmetry", "loss", "labels", "flow"):
                data = document(name)
                data["words"]["problem"][key] = trick
                # a network's name is a name: its program says what it is, and is never run
                assert refused(data) or key == "network"
            data = document(name)
            data["laws"][0]["words"]["text"] = trick
            assert refused(data)
            data = document(name)
            data["loss"] = trick
            assert refused(data)
    data = document("range under a symmetry")
    data["laws"][1]["words"]["parts"][0]["matrix"][0][0] = tricks[3]
    assert refused(data)
    data = document("range under a symmetry")
    data["symmetry"]["generators"][0]["inputs"][0][0][1] = tricks[3]
    assert refused(data)
    assert not Path("ran").exists()


def refused(data: object) -> bool:
    Path("c.json").write_text(json.dumps(data), "utf-8")
    return run(["check", "c.json"]) == 2


def keys(value: object) -> set[str]:
    """Every key of every object in a JSON document, matrices by file name excepted."""
    if isinstance(value, dict):
        return set(value) | set().union(*(keys(v) for k, v in value.items() if k != "groups"))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def test_the_page_describes_every_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "certificate.md").read_text("utf-8")
    certificate = document("range under a symmetry")
    del certificate["laws"]  # described with the analysis
    answer = check_certificate(sample("linear"), seed=0).to_json()
    missing = [key for key in keys(certificate) | keys(answer) if f"`{key}`" not in page]
    assert missing == []
