"""``conserved`` as typed: exit statuses, what goes to which stream, and what is refused how."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import conserved as cq
from conserved.cli import run
from tests.cases import ENGINE, Case
from tests.cli.shell import (
    BOUNDS_DIFFER,
    CERTIFIED,
    UNUSABLE,
    Capture,
    ask,
    command,
    environment,
    shell,
)

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
