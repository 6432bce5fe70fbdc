"""The rank at a given θ: what a run that starts there keeps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import conserved as cq
from conserved.cli import run
from conserved.errors import InputError
from conserved.networks import MLP, Linear, Network


def rank(network: Network, start: object) -> int:
    problem = cq.Problem(network=network)
    return cq.rank_at(problem, start, cq.lie_closure(problem)).rank  # type: ignore[arg-type]


def test_a_generic_start_is_generic() -> None:
    theta = {"W1": np.array([[1, 0.5, -2], [0.25, 3, 1]]), "W2": np.array([[1, 2], [-1, 0.1]])}
    assert rank(Linear(3, 2, 2), theta) == 7
    assert rank(Linear(3, 2, 2), {"W1": theta["W1"]}) == 7


def test_nothing_moves_from_zero() -> None:
    assert rank(Linear(3, 2, 2), "zeros:W1,W2") == 0


def test_a_dead_unit_stays_dead() -> None:
    """What is left is the network without it: 5 parameters and one law."""
    dead = {"W1": np.array([[1, 0.5, -2], [0, 0, 0]]), "W2": np.array([[1, 0], [-1, 0]])}
    assert rank(Linear(3, 2, 2), dead) == 5 - 1


def test_equal_neurons_stay_equal() -> None:
    """They move as one, so half of the directions are left."""
    equal = {"W1": np.array([[1, 0.5], [1, 0.5]]), "W2": np.array([[0.25, 0.25]])}
    opposite = {"W1": np.array([[1, 0.5], [-1, -0.5]]), "W2": np.array([[0.25, -0.25]])}
    other = {"W1": np.array([[1, 0.5], [1, 0.25]]), "W2": np.array([[0.25, 0.25]])}
    network = MLP(2, 2, 1)
    assert [rank(network, start) for start in (equal, opposite, other)] == [3, 3, 6]


def test_a_factor_that_is_zero_is_not_stuck() -> None:
    """LoRA: B = 0 moves at once, and brackets reach what any other start reaches."""
    assert rank(Linear(3, 2, 2), "zeros:W2") == 7


@pytest.mark.parametrize(
    "start, told",
    [
        ("zeros:W9", "no tensor 'W9'"),
        ("start.txt", "give FILE.npz with tensors by name, or zeros:NAME"),
        ("none.npz", "no such file"),
        ({"W1": np.ones((2, 2))}, "'W1' has shape 2×2; the network's has 2×3"),
        ({"W1": np.full((2, 3), np.nan)}, "nan is no number"),
    ],
)
def test_what_is_no_start(start: object, told: str) -> None:
    with pytest.raises(InputError) as caught:
        rank(Linear(3, 2, 2), start)
    assert told in str(caught.value)


def test_gates_are_refused() -> None:
    with pytest.raises(InputError, match="needs a network without gates"):
        rank(cq.networks.ReLU(3, 2, 2), "zeros:W1")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It informs, beside a count that it leaves alone."""
    path = tmp_path / "start.npz"
    np.savez(path, W1=np.zeros((2, 3)), W2=np.zeros((2, 2)))
    assert run(["analyze", "linear:3-2-2", "--start", str(path)]) == 0
    assert "a run from there keeps 10 numbers where others keep 3" in capsys.readouterr().out
    assert run(["analyze", "linear:3-2-2", "--start", str(path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["start"]["rank"], answer["start"]["generic_rank"]) == (0, 7)
    assert answer["count"]["upper"] == 3
    path.write_bytes(b"PK broken")
    assert run(["analyze", "linear:3-2-2", "--start", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
