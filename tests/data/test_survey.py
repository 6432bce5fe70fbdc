"""What a dataset fixes: exact facts, closedness, and the index of symmetry breaking."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from time import process_time

import numpy as np
import pytest

import conserved as cq
from conserved.cli import run
from conserved.data import Table, exact_rows
from conserved.dataset import Features, Survey, survey
from conserved.dataset.closed import closed
from conserved.errors import InputError, LimitError
from conserved.kernel.real import Reals
from conserved.symmetry import enumerate_group, parse_symmetry


def table(rows: object, labels: int = 0) -> Table:
    return Table("some rows", exact_rows("data", rows), labels)


def orbits(name: str, points: np.ndarray) -> np.ndarray:
    """The points of some inputs under a group, over the reals."""
    group = parse_symmetry(name, points.shape[1])
    matrices = enumerate_group(group, Reals()).matrices
    return np.concatenate([points @ g.T for g in matrices])


def test_exact_facts() -> None:
    rows = [[0, 0.1, 5, "0.1", 0.3], [0, "0.2", 5, "1/5", 0.6], [0, 3, 5, 3, 9]]
    features = survey(table(rows)).features
    assert features.zero == (0,)
    assert features.constant == ((2, Fraction(5)),)
    assert features.duplicates == ((1, 3),)
    assert features.rank == 2  # the last is three times the second, exactly
    nearly = [*rows[:2], [0, 3, 5, 3, "9.00000000000000000001"]]
    assert survey(table(nearly)).features.rank == 3
    in_floats = [[float(Fraction(number)) for number in row] for row in nearly]
    assert np.linalg.matrix_rank(np.array(in_floats)) == 2


@pytest.mark.parametrize(
    "name", ["permutation", "shift", "signflip", "hyperoctahedral", "negation"]
)
def test_orbits_are_closed_and_parts_of_them_are_not(name: str) -> None:
    rows = orbits(name, np.array([[1.0, 2, 4], [0, 3, 5]]))
    group = parse_symmetry(name, 3)
    whole = Features(exact_rows("data", rows))
    found = closed(whole, None, group)
    assert found.inputs
    assert found.moments
    assert found.index < 1e-12
    part = closed(Features(whole.rows[1:]), None, group)
    assert not part.inputs
    # a row that is there twice counts twice
    assert not closed(Features((*whole.rows, whole.rows[0])), None, group).inputs


def test_labels_have_to_stay() -> None:
    rows = orbits("shift", np.array([[1.0, 2, 4]]))
    group = parse_symmetry("shift", 3)
    features = Features(exact_rows("data", rows))
    same = Features(exact_rows("data", [[1], [1], [1]]))
    other = Features(exact_rows("data", [[1], [1], [2]]))
    assert closed(features, same, group).exact
    found = closed(features, other, group)
    assert (found.inputs, found.samples, found.exact) == (True, False, False)
    assert found.label_index is not None
    assert found.label_index > 0.01


@pytest.mark.parametrize("name", ["permutation", "shift", "signflip", "grid-flip:2x2", "none"])
def test_the_index_is_that_of_the_average_over_all_elements(name: str) -> None:
    """Orbit means of entries against the sum over the group."""
    rng = np.random.default_rng(3)
    x, y = rng.integers(-9, 10, (6, 4)), rng.integers(-9, 10, (6, 2))
    group = parse_symmetry(name, 4)
    matrices = enumerate_group(group, Reals()).matrices
    second, mixed = (x.T @ x).astype(float), (y.T @ x).astype(float)
    mean = np.mean([g @ second @ g.T for g in matrices], axis=0)
    label_mean = np.mean([mixed @ g.T for g in matrices], axis=0)
    found = closed(Features(exact_rows("x", x)), Features(exact_rows("y", y)), group)
    norm = np.linalg.norm
    assert found.index == pytest.approx(norm(second - mean) / norm(second), abs=1e-12)
    assert found.label_index == pytest.approx(norm(mixed - label_mean) / norm(mixed), abs=1e-12)
    assert found.moments == (abs(second - mean).max() < 1e-9)


@pytest.mark.parametrize("name", ["rotation:3", "rotation:5", "special-orthogonal"])
def test_groups_that_permute_nothing(name: str) -> None:
    """On the plane the average is a multiple of 1; a triangle of irrational points is no table."""
    x = np.array([[1, 2], [3, -1], [0.5, 1]])
    second = x.T @ x
    found = closed(Features(exact_rows("x", x)), None, parse_symmetry(name, 2))
    expected = np.linalg.norm(second - np.trace(second) / 2 * np.eye(2)) / np.linalg.norm(second)
    assert found.index == pytest.approx(expected, abs=1e-9)
    assert not found.inputs
    zero = closed(Features(exact_rows("x", [[0, 0]])), None, parse_symmetry("orthogonal", 2))
    assert zero.inputs


def test_a_group_too_large_to_average_over() -> None:
    features = Features(exact_rows("x", np.eye(30, dtype=int)))
    with pytest.raises(LimitError, match="30 features are more than 24"):
        closed(features, None, parse_symmetry("orthogonal", 30))


def digits() -> Table:
    from sklearn.datasets import load_digits

    found = load_digits()
    rows = np.column_stack([found.data, found.target])
    return Table("digits", exact_rows("digits", rows), 1)


def test_digits() -> None:
    """1,797 images of 8 × 8 pixels: three are black in all of them, and the rank is 61."""
    start = process_time()
    found = survey(digits())
    assert process_time() - start < 5
    assert found.features.zero == (0, 32, 39)
    assert found.features.rank == 61
    assert not any(group.inputs for group in found.groups)
    index = {group.group: group.index for group in found.groups}
    assert index["grid-flip:8x8"] < index["grid-rotation:8x8"] < index["signflip"]


@pytest.mark.parametrize("inputs", [3, 40])
def test_what_it_gives_a_network(inputs: int) -> None:
    """Rank k: laws of k-h-m and h(n−k) frozen directions, certified."""
    rng = np.random.default_rng(inputs)
    rows = rng.integers(0, 9, (inputs, 6)) * np.array([1, 1, 1, 0, 0, 0])
    found = survey(table(rows), cq.networks.Linear(6, 2, 1))
    assert found.analysis is not None
    assert found.analysis.count == cq.analysis.Count(3 + 2 * 3, 9, True)
    assert [law.origin for law in found.analysis.laws].count("data") == 6
    samples = survey(table(np.column_stack([rows, rows[:, 0]])), cq.networks.Linear(6, 2, 1))
    assert samples.analysis is not None
    assert samples.analysis.problem.inputs is not None
    assert samples.analysis.problem.inputs.summary.startswith(
        "these 3 l" if inputs == 3 else "these"
    )


def test_columns_that_do_not_fit() -> None:
    rows = table([[1, 2, 3]])
    with pytest.raises(InputError, match="has 3 columns; an input of linear:4-1 has 4 numbers"):
        survey(rows, cq.networks.Linear(4, 1))
    with pytest.raises(InputError, match="give a whole number from 0 to 2, of 3 columns"):
        survey(rows, labels=3)
    with pytest.raises(InputError, match="acts on 4 coordinates"):
        survey(rows, symmetry="permutation:4")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "points.csv"
    path.write_text("left,right,off,y\n1,2,0,1\n2,1,0,1\n", "utf-8")
    asked = ["data", str(path), "--label-columns", "1"]
    assert run(asked) == 0
    out = capsys.readouterr().out
    assert "features off" in out or "feature off" in out
    assert run([*asked, "--symmetry", "permutation:2+none:1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["groups"][0]["samples"] is True
    assert (found["rank"], found["zero"], found["labels"]) == (2, [3], 1)
    assert run(["data", str(path), "--network", "linear:3-2-1", "--symmetry", "negation"]) == 0
    assert "these 2 labelled samples, any weights" in capsys.readouterr().out
    assert run(["data", str(path), "--label-columns", "9"]) == 2
    assert "--label-columns '9'" in capsys.readouterr().err
    assert isinstance(survey(cq.data.read_table(str(path))), Survey)


def test_rates_of_drift_are_those_of_a_short_run() -> None:
    """(h(θ(t)) − h(θ(0)))/t for a small t, over the same parameters."""
    from conserved.dataset.drift import STARTS, drifts
    from conserved.dataset.features import Features
    from conserved.simulate import Dataset, GradientFlow, initial, simulate

    rows = exact_rows("rows", [[1, 2, 3], [2, 1, 0.5], [-1, 0.25, 1], [3, 1, 1]])
    labels = exact_rows("labels", [[1], [-1], [0.5], [2]])
    network, loss = cq.networks.Linear(3, 1), cq.losses.MeanSquaredError()
    group = cq.symmetry.Shift(3)
    (found,) = drifts(network, loss, group, Features(rows), Features(labels))
    problem = cq.Problem(network, symmetry=group)
    x, y = (np.array(part, dtype=float) for part in (rows, labels))
    rng, speeds, time = np.random.default_rng([0, 15]), [], 1e-6
    for _ in range(STARTS):
        run = simulate(
            problem,
            [found.law],
            dynamics=GradientFlow(time=time),
            data=Dataset("d", "d", x, y),
            augment="none",
            start=initial(network, rng),
            ladder=False,
        )
        speeds.append(np.abs(run.trajectory.drift(0)[-1]).max() / time)
    assert found.rate == pytest.approx(np.mean(speeds), rel=1e-3)
    assert 0 < found.share < 1


def test_closed_data_do_not_drift() -> None:
    from conserved.dataset.drift import drifts
    from conserved.dataset.features import Features

    rows = exact_rows("rows", [[1, 2, 4], [4, 1, 2], [2, 4, 1]])
    labels = exact_rows("labels", [[1], [1], [1]])
    given = cq.networks.Linear(3, 1), cq.losses.MeanSquaredError(), cq.symmetry.Shift(3)
    (found,) = drifts(*given, Features(rows), Features(labels))
    assert found.rate < 1e-12
    (found,) = drifts(*given, Features(rows), Features(exact_rows("y", [[1], [1], [2]])))
    assert found.rate > 1e-3
