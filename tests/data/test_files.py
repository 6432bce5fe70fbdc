"""Data files: exact numbers, and one line for everything else."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import conserved as cq
from conserved.cli import run
from conserved.data import Table, read_table
from conserved.data.table import BYTES_LIMIT
from conserved.errors import InputError

HALF = Fraction(1, 2)


def written(folder: Path, text: str, name: str = "points.csv") -> str:
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


def test_decimals_are_the_fractions_they_spell(tmp_path: Path) -> None:
    read = read_table(written(tmp_path, "0.1,1/3,-2e-3\n\n 1 ,.5,3.\n"))
    assert read.rows[0] == (Fraction(1, 10), Fraction(1, 3), Fraction(-1, 500))
    assert read.rows[1] == (1, HALF, 3)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "u1"])
def test_floats_are_the_shortest_decimals(tmp_path: Path, dtype: str) -> None:
    """0.1 in single precision is 1/10 too, and no dyadic fraction near it."""
    numbers = np.array([[0.1, 0.5], [3, 7]]) if dtype[0] == "f" else np.array([[1, 2], [3, 7]])
    path = tmp_path / "x.npy"
    np.save(path, numbers.astype(dtype))
    expected = Fraction(1, 10) if dtype[0] == "f" else 1
    assert read_table(str(path)).rows[0][0] == expected
    np.savez(tmp_path / "xy.npz", x=numbers.astype(dtype), y=np.array([1, -1]))
    read = read_table(str(tmp_path / "xy.npz"))
    assert (read.width, read.labels, read.rows[1][2]) == (3, 1, -1)


def test_names_of_columns(tmp_path: Path) -> None:
    read = read_table(written(tmp_path, "left,right\n1,2\n3,4\n"))
    assert read == Table(str(tmp_path / "points.csv"), ((1, 2), (3, 4)), 0, ("left", "right"))


BAD = {
    "1,2\n3,\n": "line 2, column 2: a value is missing",
    "1,2\n3,NaN\n": "line 2, column 2: a value is missing ('NaN')",
    "a,b\n1,2\n\n3,x\n": "line 4, column 2: 'x' is no number",
    "1,2\n3,4,5\n": "line 2 has 3 columns, the first row 2",
    "1,2\n3\n": "line 2 has 1 column, the first row 2",
    "1,inf\n": "line 1, column 2: 'inf' is not finite",
    "1,1e999999999\n": "an exponent below 100",
    "1,0/0\n": "line 1, column 2: '0/0' is no number",
    "": "has nothing in it",
    "a,b\n": "has only a row of names in it",
    "1;2\n": "has only a row of names in it",
    "1,2\n1;2\n": "line 2 has 1 column, the first row 2",
    "1," + "9" * 70 + "\n": "at most 60 digits",
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: repr(text[:20]))
def test_what_is_no_table(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        read_table(written(tmp_path, text), "inputs")
    assert BAD[text] in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("inputs '")


ARRAYS = {
    "nan": (np.array([[1, 2], [3, np.nan]]), "row 2, column 2: nan is no number"),
    "text": (np.array([["a"]]), "an array of real numbers is needed"),
    "complex": (np.array([[1j]]), "an array of real numbers is needed"),
    "object": (np.array([[None]], dtype=object), "holds no plain numeric array"),
    "empty": (np.zeros((0, 3)), "has no numbers"),
    "scalar": (np.array(3.0), "has no numbers"),
    "tiny": (np.array([[1e-300]]), "an exponent below 100"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_what_is_no_array(tmp_path: Path, name: str) -> None:
    array, told = ARRAYS[name]
    np.save(tmp_path / "x.npy", array, allow_pickle=name == "object")
    with pytest.raises(InputError, match=r"^data '") as caught:
        read_table(str(tmp_path / "x.npy"))
    assert told in str(caught.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY broken")
    (tmp_path / "broken.npz").write_bytes(b"PK broken")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    with (tmp_path / "large.csv").open("wb") as stream:
        stream.truncate(BYTES_LIMIT + 1)
    np.savez(tmp_path / "two.npz", a=np.ones(2), b=np.ones(2))
    np.savez(tmp_path / "uneven.npz", x=np.ones((2, 3)), y=np.ones(3))
    for name, told in {
        "broken.npy": "holds no plain numeric array",
        "broken.npz": "holds no plain numeric array",
        "binary.csv": "is no text of comma-separated numbers",
        "large.csv": "larger than 100 MB",
        "two.npz": "has arrays a, b; give one array, or x and y",
        "uneven.npz": "has 2 inputs and 3 labels",
        "none.csv": "no such file",
        "points.txt": "give a file that ends in .csv, .npy, .npz",
        "": "give a file that ends in",
    }.items():
        with pytest.raises(InputError) as caught:
            read_table(str(tmp_path / name) if name else "a\0.csv")
        assert told in str(caught.value), name


@pytest.mark.parametrize(
    "rows, told",
    [
        ([[1, float("nan")]], "row 1, column 2: a value is missing ('nan')"),
        ([[1, 2], [3]], "row 2 has 1 column, the first row 2"),
        ([], "has no numbers"),
        ("points.csv", "rows of numbers are needed"),
        (3, "rows of numbers are needed"),
        ([[1, None]], "a value is missing"),
        (np.array([[np.inf]]), "row 1, column 1: inf is no number"),
    ],
)
def test_rows_given_to_the_library(rows: object, told: str) -> None:
    with pytest.raises(InputError) as caught:
        cq.data.points(rows)
    assert told in str(caught.value)


Shell = pytest.CaptureFixture[str]


def said(capsys: Shell, *arguments: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command."""
    status = run(arguments)
    return status, *capsys.readouterr()


def test_data_on_the_command_line(tmp_path: Path, capsys: Shell) -> None:
    """The count and the class of data in words; the certificate needs no file."""
    two = written(tmp_path, "x1,x2,x3,y\n1,2,-1,1\n3,0.5,2,-2\n", "two.csv")
    certificate = str(tmp_path / "count.json")
    asked = ("analyze", "linear:3-2-1", "--samples", two, "--certificate", certificate)
    status, out, _ = said(capsys, *asked)
    assert status == 0
    assert "these 2 labelled samples, any weights" in out
    assert "laws for all data  3" in out
    Path(two).unlink()
    assert said(capsys, "check", certificate)[0] == 0
    answer = json.loads(said(capsys, "analyze", "linear:3-2-3", "--autoencoding", "--json")[1])
    assert answer["problem"]["inputs"] == "autoencoding"
    assert answer["count"]["upper"] == 3
    _, out, _ = said(capsys, "analyze", "linear:3-2-3", "--autoencoding", "--inputs", "one-hot")
    assert "the 3 one-hot inputs, each its own label" in out


def test_options_that_do_not_fit(tmp_path: Path, capsys: Shell) -> None:
    points = written(tmp_path, "1,2,3\n4,5,6\n")
    zero = written(tmp_path, "0,0,0\n", "zero.csv")
    three, two = "linear:3-2-1", "linear:2-1"
    for network, options, told in (
        (three, ["--inputs", points, "--symmetry", "orthogonal"], "orbits that cannot be listed"),
        (three, ["--inputs", points, "--samples", points], "--samples"),
        (three, ["--samples", points, "--autoencoding"], "leave autoencoding out"),
        (three, ["--samples", points], "has 3 columns; the network takes 3 for an input and 1"),
        (three, ["--inputs", "points"], "unknown; known: FILE.csv"),
        (three, ["--inputs", "one-hat"], "did you mean 'one-hot'?"),
        (three, ["--inputs", f"subspace:{zero}"], "only the input 0 lies in it"),
        (three, ["--autoencoding"], "inputs are no labels of linear:3-2-1"),
        (two, ["--inputs", points], "has 3 columns; an input of the network has 2 numbers"),
        (
            two,
            ["--samples", points, "--loss", "logistic"],
            "sample 1: labels of logistic are 1 and -1",
        ),
    ):
        status, out, err = said(capsys, "analyze", network, *options)
        assert (status, out) == (2, "")
        assert told in err, err
        assert err.count("\n") == 1
