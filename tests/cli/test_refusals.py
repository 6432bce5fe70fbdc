"""What ``conserved`` cannot use: status 2, and one line that says why."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.shell import (
    MAIN,
    UNUSABLE,
    Capture,
    assert_refused,
    command,
    environment,
)

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
        pytest.param("attention:dim=1000,tokens=1000000,head=1", marks=pytest.mark.slow),
        pytest.param("lightning:dim=2,tokens=1000000", marks=pytest.mark.slow),
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
