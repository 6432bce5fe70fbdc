"""``conserved`` as typed: exit statuses, what goes to which stream, and what is refused how."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

import conserved as cq
from conserved.cli import run
from conserved.dynamics import FLOWS
from conserved.losses import LOSSES
from conserved.networks import FAMILIES
from conserved.symmetry import SYMMETRIES
from tests.cases import ENGINE, Case
from tests.cli.shell import MAIN, command, environment, shell

CERTIFIED, UNUSABLE, BOUNDS_DIFFER = 0, 2, 3
Capture = pytest.CaptureFixture[str]


def ask(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    """(status, stdout, stderr) of one command in this process."""
    capsys.readouterr()
    status = run(arguments)
    out, err = capsys.readouterr()
    return status, out, err


def assert_refused(capsys: Capture, *arguments: str) -> str:
    """Status 2, nothing on stdout, one line on stderr, and no traceback in it."""
    status, out, err = ask(capsys, *arguments)
    assert status == UNUSABLE
    assert out == ""
    assert err.startswith("conserved: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert err.rstrip("\n").isprintable()
    return err


# ------------------------------------------------------------------ answers


def test_certified_when_nothing_is_conserved(capsys: Capture) -> None:
    status, out, err = ask(capsys, "analyze", "mlp:3-4-1,act=tanh")
    assert status == CERTIFIED
    assert re.search(r"^ *laws +0 ", out, re.MULTILINE)
    assert "at most" not in out
    assert err == ""


SMALL = [case for case in ENGINE if case.laws and case.network != "linear:30-30-30"][::4]


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.id)
def test_an_upper_bound_is_never_printed_as_the_count(capsys: Capture, case: Case) -> None:
    """While the bounds differ every count reads "at most n" or "l to n", wherever it appears."""
    options = ["--symmetry", case.symmetry, "--labels", case.labels, "--loss", case.loss]
    status, out, _ = ask(capsys, "analyze", case.network, *options)
    if status == CERTIFIED:
        assert "Certified" in out
        return
    assert status == BOUNDS_DIFFER
    rows = [line for line in out.splitlines() if re.match(r" *laws\b", line)]
    assert len(rows) == 1 + (case.symmetry != "none")
    assert re.match(rf" *laws +(at most|\d+ to) {case.laws}\b", rows[0])
    if case.symmetry != "none":  # the architecture may be certified although the class is not
        assert re.match(rf" *laws for all data +((at most|\d+ to) )?{case.architecture}\b", rows[1])
    assert "Not certified" in out
    counting = "\n".join([rows[0], out.split("Not certified")[1]])  # reasons speak of formulas too
    for wrong in (rf"{case.laws} laws", rf"exactly {case.laws}\b", rf"= {case.laws}\b"):
        assert not re.search(wrong, counting)


def test_statuses_as_a_process() -> None:
    assert shell("analyze", "mlp:3-4-1,act=tanh").returncode == CERTIFIED
    assert shell("analyze", "linear:3-2-2", "--no-laws").returncode == BOUNDS_DIFFER
    refused = shell("analyze", "linaer:3-2-2")
    assert refused.returncode == UNUSABLE
    assert refused.stdout == ""
    assert refused.stderr == (
        "conserved: network 'linaer:3-2-2': unknown family 'linaer'; did you mean 'linear'?\n"
    )


def test_the_seed_is_reported_and_changes_no_count(capsys: Capture) -> None:
    for seed in ("0", "17", str(2**70)):
        status, out, _ = ask(capsys, "analyze", "linear:3-2-2", "--seed", seed)
        assert status == CERTIFIED
        assert re.search(r"^ *laws +3 ", out, re.MULTILINE)
        assert f"seed {seed}" in out


def test_no_laws_is_accepted(capsys: Capture) -> None:
    status, out, _ = ask(capsys, "analyze", "linear:3-2-2", "--no-laws")
    assert status == BOUNDS_DIFFER
    assert "at most 3" in out
    assert "W1 W1ᵀ" not in out


def test_a_spent_budget_is_said(capsys: Capture) -> None:
    status, out, _ = ask(capsys, "analyze", "linear:12-12-12", "--budget", "1e-9")
    assert status == BOUNDS_DIFFER
    assert "at most" in out
    assert "budget" in out


def test_a_bound_that_is_no_proof_is_said(capsys: Capture) -> None:
    """Twelve arguments w·gx of S_3 live in nine dimensions: the formal values are related."""
    status, out, _ = ask(capsys, "analyze", "mlp:3-2-1,act=tanh", "--symmetry", "permutation")
    assert status == BOUNDS_DIFFER
    assert "Not a proof" in out
    assert "linear relations" in out


# ------------------------------------------------------------------ JSON

CONTRACT: dict[str, type | tuple[type, ...]] = {
    "schema": str,
    "problem": dict,
    "parameters": int,
    "count": dict,
    "architecture": dict,
    "from_data_symmetry": (int, type(None)),
    "closure": dict,
    "laws": list,
    "seconds": float,
}
BOUNDS = {"lower": int, "upper": int, "certified": bool}
CLOSURE = {"ranks": list, "prime": int, "seed": int, "seconds": float}
LAW = dict.fromkeys(("name", "kind", "origin", "text", "latex"), str) | {"independent": int}
PROBLEM = dict.fromkeys(("network", "loss", "symmetry", "labels", "flow"), str)


def assert_typed(given: dict[str, Any], contract: dict[str, Any]) -> None:
    """All keys of the contract, each of its type; further keys are allowed."""
    assert contract.keys() <= given.keys()
    for key, kind in contract.items():
        assert isinstance(given[key], kind), (key, given[key])
        assert kind is not int or not isinstance(given[key], bool)


JSON_QUESTIONS = [
    ("linear:4-2-1", "--symmetry", "permutation"),
    ("linear:3-1-3", "--symmetry", "hyperoctahedral", "--labels", "equivariant"),
    ("mlp:3-4-1,act=tanh",),
    ("linear:3-1", "--symmetry", "negation"),
    ("poly:2-1-1,power=2", "--symmetry", "rotation:5", "--loss", "poly:3", "--seed", "4"),
    ("linear:6-6-6", "--budget", "1e-9"),
]


@pytest.mark.parametrize("question", JSON_QUESTIONS, ids=" ".join)
def test_json_contract(capsys: Capture, question: tuple[str, ...]) -> None:
    status, out, err = ask(capsys, "analyze", *question, "--json")
    answer = json.loads(out)
    assert out.count("\n") == 1, "one object on one line and nothing else"
    assert err == ""
    assert_typed(answer, CONTRACT)
    assert answer["schema"] == "conserved.analysis/1"
    assert_typed(answer["problem"], PROBLEM)
    for bounds in (answer["count"], answer["architecture"]):
        assert_typed(bounds, BOUNDS)
        assert 0 <= bounds["lower"] <= bounds["upper"]
        assert bounds["certified"] == (bounds["upper"] == bounds["lower"])
    assert_typed(answer["closure"], CLOSURE)
    assert all(type(rank) is int for rank in answer["closure"]["ranks"])
    assert answer["count"]["upper"] + answer["closure"]["ranks"][-1] == answer["parameters"]
    found = sum(law["independent"] for law in answer["laws"])
    assert answer["count"]["lower"] == found
    always = sum(law["independent"] for law in answer["laws"] if law["origin"] == "architecture")
    assert answer["architecture"]["lower"] == always
    for law in answer["laws"]:
        assert_typed({key: law[key] for key in LAW}, LAW)
        assert law["kind"] in ("linear", "quadratic", "polynomial", "rational", "range")
        assert law["origin"] in ("architecture", "data symmetry")

    both = answer["count"]["certified"] and answer["architecture"]["certified"]
    extra = answer["count"]["upper"] - answer["architecture"]["upper"]
    assert answer["from_data_symmetry"] == (extra if both else None)
    assert status == (CERTIFIED if answer["count"]["certified"] else BOUNDS_DIFFER)


def test_json_rebuilds_the_problem_and_the_run(capsys: Capture) -> None:
    _, out, _ = ask(capsys, "analyze", "linear:4-1-1", "--symmetry", "shift", "--json")
    answer = json.loads(out)
    problem = cq.Problem.from_text(**answer["problem"])
    record = answer["closure"]
    again = cq.lie_closure(problem, seed=record["seed"], prime=record["prime"])
    assert list(again.ranks) == record["ranks"]


def test_json_of_the_library_is_the_same(capsys: Capture) -> None:
    _, out, _ = ask(capsys, "analyze", "linear:4-2-1", "--symmetry", "permutation", "--json")
    problem = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
    mine = cq.analyze(problem).to_json()
    timeless = [json.dumps(a, default=str) for a in (json.loads(out), mine)]
    first, second = (re.sub(r'"seconds": [\d.e-]+', '"seconds": 0', text) for text in timeless)
    assert first == second


def test_json_keeps_stdout_clean_of_the_estimate(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the module, not the command of the same name that the package shows
    monkeypatch.setattr(sys.modules["conserved.cli.analyze"], "LONG_RUN", 0.0)
    _, out, err = ask(capsys, "analyze", "linear:4-2-1", "--json")
    json.loads(out)
    assert re.fullmatch(r"estimate: about .+ s and .+B .*10 columns\)\n", err)


# ------------------------------------------------------------------ long runs


def test_a_long_run_is_announced_before_it_starts(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    import conserved.analysis

    said: list[str] = []

    def stop(*_: object, **__: object) -> None:
        said.append(capsys.readouterr().err)
        raise cq.ConservedError("stopped by the test")

    monkeypatch.setattr(conserved.analysis, "analyze", stop)
    assert run(["analyze", "linear:60-60-60"]) == UNUSABLE
    assert len(said) == 1
    assert re.match(r"estimate: about \d+ (s|min) and [\d,]+ [kMGT]B", said[0])


def test_a_short_run_is_not_announced(capsys: Capture) -> None:
    assert ask(capsys, "analyze", "linear:4-2-1")[2] == ""


def test_the_progress_bar_needs_a_terminal() -> None:
    """stderr stays empty when it is a pipe, even for a run of seconds."""
    result = shell("analyze", "linear:20-20-20")
    assert result.returncode == CERTIFIED
    assert "rank" not in result.stderr


# ------------------------------------------------------------------ refusals

REFUSALS: list[tuple[list[str], list[str]]] = [
    (["analyze", "linaer:3-2"], ["network", "did you mean 'linear'?"]),
    (["analyze", "relu:3-2-1,bais"], ["network", "did you mean 'bias'?"]),
    (["analyze", "mlp:3-2-1,act=tanhh"], ["network", "did you mean 'tanh'?"]),
    (["analyze", "linear:3-0-2"], ["network", "positive integers", "'0'"]),
    (["analyze", "linear:3-x-2"], ["network", "positive integers", "'x'"]),
    (["analyze", "linear:4-2-1", "--symmetry", "permutaton"], ["did you mean 'permutation'?"]),
    (["analyze", "linear:4-2-1", "--symmetry", "permutation:5"], ["symmetry", "5", "4"]),
    (["analyze", "linear:4-2-1", "--symmetry", "rotation:3"], ["2 coordinates", "4 features"]),
    (
        ["analyze", "linear:4-2-1", "--symmetry", "permutation", "--labels", "equivariant"],
        ["labels", "width 1", "4 coordinates"],
    ),
    (["analyze", "linear:4-2-1", "--labels", "equivarant"], ["did you mean 'equivariant'?"]),
    (["analyze", "linear:4-2-1", "--loss", "mes"], ["loss", "did you mean 'mse'?"]),
    (["analyze", "linear:4-2-2", "--loss", "logistic"], ["one output", "has 2"]),
    (["analyze", "linear:4-2-1", "--flow", "gradeint"], ["did you mean 'gradient'?"]),
    (["analyze", "linear:9000-9000-9000"], ["162,000,000", "10,000,000"]),
    (["analyze", "linear:1000-100-10", "--no-laws"], ["101,000 parameters", "GB", "limit"]),
    (["analyze", "relu:10-3-1", "--symmetry", "permutation"], ["symmetry", "3,628,800"]),
    (
        ["analyze", "linear:9-3-1", "--symmetry", "permutation", "--loss", "logistic"],
        ["362,880", "50,000"],
    ),
    (["analyze", "mlp:16-1-1,act=tanh", "--symmetry", "signflip"], ["65,536", "50,000"]),
    (["analyze", "relu:3-2-1", "--symmetry", "orthogonal"], ["infinite", "50,000"]),
    (["analyze", "linear:4-2-1", "--labels", "equivariant"], ["labels", "no symmetry"]),
    (["analyze", "linear:2-1", "--symmetry", "nowhere.json"], ["nowhere.json"]),
    (["analyze", "linear:4-2-1", "--budget", "0"], ["budget", "positive"]),
    (["analyze", "linear:4-2-1", "--budget", "nan"], ["budget", "positive"]),
    (["analyze", "linear:4-2-1", "--budget", "soon"], ["--budget", "'soon'"]),
    (["analyze", "linear:4-2-1", "--seed", "-1"], ["seed", "-1"]),
    (["analyze", "linear:4-2-1", "--seed", "1.5"], ["--seed", "'1.5'"]),
    (["analyze", "linear:4-2-1", "--sed", "1"], ["--sed", "--seed"]),
    (["analyze"], ["NETWORK"]),
    (["analyze", "linear:4-2-1", "linear:3-2-1"], ["linear:3-2-1"]),
    (["analyse", "linear:4-2-1"], ["analyse"]),
    (["list", "netwroks"], ["netwroks", "networks"]),
    (["list"], ["networks"]),
    (["--frobnicate"], ["--frobnicate"]),
]


@pytest.mark.parametrize("arguments, says", REFUSALS, ids=lambda v: " ".join(v[:6]))
def test_refusals(capsys: Capture, arguments: list[str], says: list[str]) -> None:
    line = assert_refused(capsys, *arguments)
    assert [word for word in says if word not in line] == []


@pytest.mark.parametrize("n", [50, 200, 2000, 4096])
def test_an_orbit_beyond_all_bounds(capsys: Capture, n: int) -> None:
    """200! does not fit a float, 2000! does not fit Python's limit on printed digits."""
    question = ("analyze", f"linear:{n}-1-1", "--symmetry", "permutation", "--loss", "logistic")
    line = assert_refused(capsys, *question)
    assert f"permutation:{n}" in line or f"linear:{n}-1-1" in line
    assert len(line) < 400


@pytest.mark.parametrize(
    "network",
    [
        "attention:dim=2,tokens=1000000,head=1",
        "attention:dim=1000,tokens=1000000,head=1",
        "lightning:dim=2,tokens=1000000",
    ],
)
def test_absurd_sequences(network: str) -> None:
    """Few parameters, but scores of 10^12 entries: refused by counting, not by trying.

    In a process of its own with 4 GB, so that trying would fail.
    """
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32)); {MAIN}"
    result = subprocess.run(
        [sys.executable, "-c", limited, "analyze", network],
        capture_output=True,
        text=True,
        env=environment(OPENBLAS_NUM_THREADS="1"),
        timeout=60,
        check=False,
    )
    assert result.returncode == UNUSABLE
    assert result.stderr.count("\n") == 1
    assert "limit is" in result.stderr
    assert network.partition(",")[0] in result.stderr


def test_odd_bytes_on_the_command_line() -> None:
    """Bytes that are no UTF-8, escapes and new lines: still one line."""
    for text in (b"lin\xff\xfear:3-2", b"linear\x1b[31m:3", b"a\nb"):
        result = subprocess.run(
            [*command("analyze"), text],  # type: ignore[list-item]
            capture_output=True,
            env=environment(),
            timeout=60,
            check=False,
        )
        assert result.returncode == UNUSABLE
        assert result.stderr.count(b"\n") == 1
        assert b"\x1b" not in result.stderr
        assert b"Traceback" not in result.stderr


# ------------------------------------------------------------------ list, help, version


TABLES = {
    "networks": FAMILIES,
    "symmetries": SYMMETRIES,
    "losses": LOSSES,
    "flows": FLOWS,
}


def rows_of(capsys: Capture, kind: str) -> list[dict[str, str]]:
    status, out, err = ask(capsys, "list", kind, "--json")
    assert (status, err) == (0, "")
    rows = json.loads(out)
    assert all(row["example"] and row["meaning"] and row["grammar"] for row in rows)
    return rows


def name_in(text: str) -> str:
    found = re.match(r"[a-z-]+", text)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("kind", list(TABLES))
def test_list_shows_every_name_that_parses(capsys: Capture, kind: str) -> None:
    rows = rows_of(capsys, kind)
    assert len(rows) == len(TABLES[kind])
    if kind != "symmetries":  # sums, copies and files have no name of their own
        for column in ("example", "grammar"):
            assert [name_in(row[column]) for row in rows] == list(TABLES[kind])
    status, out, err = ask(capsys, "list", kind)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert line.startswith(row["example"])
        assert row["meaning"] in line
        assert row["grammar"] in line


SOLIDS = dict.fromkeys(("tetrahedral", "octahedral", "icosahedral"), "linear:3-1-1")
GRIDS = dict.fromkeys(
    (f"grid-{kind}:4x4" for kind in ("rotation", "flip", "dihedral", "shift")), "linear:16-1-1"
)
FITTING = (
    SOLIDS
    | GRIDS
    | {
        "permutation:4+none:2": "linear:6-1-1",
        "2xpermutation:5": "linear:10-1-1",
        "cross-entropy": "linear:2-1-2",
        "outputs": "linear:1-1",  # as many outputs as parameters
    }
)


@pytest.mark.parametrize("kind", list(TABLES))
def test_every_example_analyses(capsys: Capture, kind: str) -> None:
    """What ``list`` offers works as it stands."""
    option = {"symmetries": "--symmetry", "losses": "--loss", "flows": "--flow"}.get(kind)
    for row in rows_of(capsys, kind):
        example = row["example"]
        network = FITTING.get(example, "linear:2-1-1")
        if example in ("group.json", "metric:p.csv"):
            continue  # a file of the user's own: see tests/symmetry
        question = [example] if option is None else [network, option, example]
        status, out, err = ask(capsys, "analyze", *question)
        assert status in (CERTIFIED, BOUNDS_DIFFER)
        assert err == ""
        assert example in out


def test_version_and_help(capsys: Capture) -> None:
    assert ask(capsys, "--version") == (0, f"conserved {cq.__version__}\n", "")
    for arguments in (["--help"], ["-h"], ["analyze", "--help"], ["list", "-h"]):
        status, out, err = ask(capsys, *arguments)
        assert (status, err) == (0, "")
        assert "Usage: conserved" in out


def test_no_arguments_show_the_help(capsys: Capture) -> None:
    status, out, err = ask(capsys)
    assert (status, out) == (UNUSABLE, "")
    assert "analyze" in err
    assert "list" in err


# ------------------------------------------------------------------ pipes


def test_a_reader_that_leaves_is_no_error() -> None:
    """``conserved list networks | head -1``, made certain: nobody reads at all."""
    process = subprocess.Popen(
        command("list", "networks"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait(timeout=60)


def test_head() -> None:
    line = " ".join(f"'{word}'" for word in command("list", "networks"))
    result = subprocess.run(
        ["sh", "-c", f"{line} | head -1"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment(),
        timeout=60,
        check=False,
    )
    assert result.stderr == ""
    assert result.stdout.startswith("linear:")
    assert result.stdout.count("\n") == 1


def test_a_terminal_without_unicode() -> None:
    """What cannot be shown is replaced, and the answer still arrives."""
    result = shell("analyze", "linear:3-2-2", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert "Traceback" not in result.stderr
    assert result.returncode == CERTIFIED
    assert re.search(r"^ *laws +3 ", result.stdout, re.MULTILINE)


def test_ctrl_c_while_it_is_loaded_is_one_line() -> None:
    """``conserved.__main__`` is what the installed command runs."""
    code = (
        "import builtins; real = builtins.__import__\n"
        "def load(name, *more):\n"
        "    if name == 'conserved.cli': raise KeyboardInterrupt\n"
        "    return real(name, *more)\n"
        "builtins.__import__ = load\n"
        "from conserved.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=False
    )
    assert (done.returncode, done.stderr) == (130, "conserved: interrupted\n")


def test_ctrl_c_at_work_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("conserved.analysis.analyze", stopped)
    assert run(["analyze", "linear:3-2-2"]) == 130
    assert capsys.readouterr().err == "conserved: interrupted\n"
