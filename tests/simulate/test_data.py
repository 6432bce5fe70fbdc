"""Data: shapes, sources, files that nobody vouches for, images that fit or do not."""

from __future__ import annotations

import gzip
import struct
import sys
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import conserved as cq
from conserved.errors import ConservedError, InputError
from conserved.simulate import Dataset, make_dataset, simulate
from conserved.simulate.images import FASHION_FOLDER, Images, digits, fashion_mnist, pooled


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def problem(network: str = "linear:4-3-2", loss: str = "mse") -> cq.Problem:
    return cq.Problem.from_text(network, loss=loss)


@pytest.mark.parametrize("name", ["teacher", "random"])
@pytest.mark.parametrize(
    "network, loss",
    [
        ("linear:4-3-2", "mse"),
        ("relu:3-4-1", "logistic"),
        ("linear:3-3", "cross-entropy"),
        ("lightning:dim=3,tokens=2", "mse"),
        ("attention:dim=2,tokens=3,head=1", "mse"),
    ],
)
def test_synthetic_data(name: str, network: str, loss: str) -> None:
    asked = problem(network, loss)
    data = make_dataset(asked, name, samples=10, rng=rng())
    assert data.inputs.shape == (10, *asked.network.input_shape)
    assert data.labels.shape == (10, *asked.network.output_shape)
    again = make_dataset(asked, name, samples=10, rng=rng())
    assert (again.inputs == data.inputs).all()
    assert (again.labels == data.labels).all()
    if loss == "logistic":
        assert set(data.labels.ravel()) == {-1.0, 1.0}
    if loss == "cross-entropy":
        assert (data.labels.sum(axis=1) == 1).all()


def test_a_teacher_can_be_learnt() -> None:
    found = simulate(problem("linear:2-2-1"), dynamics="gd", samples=8)
    assert found.trajectory.losses[-1] < 0.2 * found.trajectory.losses[0]


@pytest.mark.parametrize("samples", [0, -1, 10**9, 2.5, True])
def test_sample_counts_are_checked(samples: object) -> None:
    with pytest.raises(InputError, match="whole number"):
        make_dataset(problem(), "teacher", samples=samples, rng=rng())  # type: ignore[arg-type]


def test_unknown_names_are_helped() -> None:
    with pytest.raises(InputError, match="did you mean 'teacher'"):
        make_dataset(problem(), "techer", rng=rng())


@pytest.mark.parametrize(
    "inputs, labels, words",
    [
        (np.zeros((5, 3)), np.zeros((5, 2)), "inputs have shape 5×3; linear:4-3-2 needs N×4"),
        (np.zeros((5, 4)), np.zeros((5, 1)), "labels have shape 5×1"),
        (np.zeros((5, 4)), np.zeros((4, 2)), "labels have shape 4×2"),
        (np.zeros((0, 4)), np.zeros((0, 2)), "inputs have shape 0×4"),
        (np.full((5, 4), np.nan), np.zeros((5, 2)), "not finite"),
    ],
)
def test_arrays_that_do_not_fit(inputs: np.ndarray, labels: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulate(problem(), data=Dataset("own", "own data", inputs, labels))


# ------------------------------------------------------------------ files


def test_csv(tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    file.write_text("a,b,c,d,y,z\n1,2,3,4,5,6\n\n-1,0.5,1e-3,0,7,8\n")
    data = make_dataset(problem(), str(file), rng=rng())
    assert data.inputs.tolist() == [[1, 2, 3, 4], [-1, 0.5, 1e-3, 0]]
    assert data.labels.tolist() == [[5, 6], [7, 8]]
    file.write_text("1,2,3,4,0\n5,6,7,8,1\n")  # a class
    data = make_dataset(problem(loss="cross-entropy"), str(file), rng=rng())
    assert data.labels.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "has no rows of numbers separated by commas"),
        ("1;2;3;4;5;6\n", "has no rows of numbers separated by commas"),
        ("1,2,3\n", "has 3 columns"),
        ("1,2,3,4,5,6\n1,2\n", "has 2, 6 columns"),
        ("1,2,3,4,5,6\n1,2,3,4,5,x\n", "line 2 has a cell that is no number"),
        ("1,2,3,4,5,nan\n", "not finite"),
        ("1,2,3,4,7\n", "classes 0 to 1"),
        ("1,2,3,4,0.5\n", "classes 0 to 1"),
    ],
)
def test_unusable_csv(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "points.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        make_dataset(problem(), str(file), rng=rng())


def test_npz(tmp_path: Path) -> None:
    file = tmp_path / "points.npz"
    np.savez(file, x=np.arange(12).reshape(3, 4), y=np.ones((3, 2)))
    data = make_dataset(problem(), str(file), rng=rng())
    assert data.inputs.shape == (3, 4)
    np.savez(file, inputs=np.ones((3, 2, 2)), labels=np.array([0, 1, 1]))
    data = make_dataset(problem(), str(file), samples=2, rng=rng())
    assert data.inputs.shape == (2, 4)
    assert (data.labels.sum(axis=1) == 1).all()


def test_one_number_is_a_label_and_not_a_class(tmp_path: Path) -> None:
    """Labels (N,) of a network with one output are what they are, under every squared error."""
    file = tmp_path / "POINTS.NPZ"
    one = cq.Problem.from_text("linear:3-2-1")
    for y in (np.array([0.5, -2.0]), np.array([0.0, 1.0])):
        with file.open("wb") as stream:
            np.savez(stream, x=np.ones((2, 3)), y=y)
        assert make_dataset(one, str(file), rng=rng()).labels.tolist() == y[:, None].tolist()


@pytest.mark.parametrize("labels", [[0.0, 1.0], [-1.0, 1.0]])
def test_two_classes_of_a_margin_loss(tmp_path: Path, labels: list[float]) -> None:
    table, archive = tmp_path / "points.csv", tmp_path / "points.npz"
    table.write_text("".join(f"1,2,3,{y:g}\n" for y in labels))
    np.savez(archive, x=np.ones((2, 3)), y=np.array(labels))
    two = cq.Problem.from_text("linear:3-2-1", loss="logistic")
    for file in table, archive:
        assert make_dataset(two, str(file), rng=rng()).labels.tolist() == [[-1.0], [1.0]]
    table.write_text("1,2,3,0.5\n")
    with pytest.raises(InputError, match="labels 1 and −1"):
        make_dataset(two, str(table), rng=rng())


def test_unusable_npz(tmp_path: Path) -> None:
    file = tmp_path / "points.npz"

    def refused(words: str) -> None:
        with pytest.raises(InputError, match=words):
            make_dataset(problem(), str(file), rng=rng())

    refused("No such file")
    file.write_bytes(b"PK nonsense")
    refused("no archive")
    np.savez(file, a=np.ones(3))
    refused("has arrays a; give x and y")
    np.savez(file, x=np.ones((3, 4)), y=np.ones((2, 2)))
    refused("3 inputs and 2 labels")
    np.savez(file, x=np.array(["a", "b"]), y=np.ones(2))
    refused("array of numbers")
    np.savez(file, x=np.array([{"a": 1}] * 3, dtype=object), y=np.ones((3, 2)))
    refused("no archive of plain numeric arrays")  # objects would be unpickled
    np.savez(file, x=np.ones((3, 5)), y=np.ones((3, 2)))
    refused("inputs have shape 3×5")
    np.savez(file)
    refused("has arrays of no name")
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000, 4), }".ljust(117)
    with zipfile.ZipFile(file, "w") as archive:  # claims more than any memory holds
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00v\x00" + header.encode() + b"\n")
        archive.writestr("y.npy", b"")
    refused("does not fit in memory|no archive of plain numeric arrays")


# ------------------------------------------------------------------ images


def images(height: int = 8, width: int = 8) -> Images:
    pixels = np.arange(6 * height * width, dtype=float).reshape(6, height, width)
    return Images("grey", "grey images", pixels, np.arange(6) % 3)


def test_pooling_averages_tiles() -> None:
    grey = images()
    small = pooled(grey, problem("linear:4-1").network)
    assert small[0, 0] == grey.pixels[0, :4, :4].mean()
    assert small[0, 3] == grey.pixels[0, 4:, 4:].mean()
    assert pooled(grey, problem("linear:8-1").network).shape == (6, 8)
    tokens = pooled(grey, problem("lightning:dim=4,tokens=2").network)
    assert tokens[0, 1, 3] == grey.pixels[0, 4:, 6:].mean()


def test_pooling_says_which_widths_fit() -> None:
    with pytest.raises(InputError, match="fitting widths: 1, 2, 4, 8, 16, 32, 64"):
        pooled(images(), problem("linear:5-1").network)
    with pytest.raises(InputError, match="fitting tokens: 1, 2, 4, 8; features: 1, 2, 4, 8"):
        pooled(images(), problem("lightning:dim=3,tokens=2").network)


def test_digits_need_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ConservedError, match=r"pip install 'conserved\[data\]'"):
        digits()
    fake = ModuleType("sklearn.datasets")
    found = SimpleNamespace(images=np.full((20, 8, 8), 8.0), target=np.arange(20) % 10)
    found.images[::2] = 4.0
    fake.load_digits = lambda: found  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sklearn", ModuleType("sklearn"))
    monkeypatch.setitem(sys.modules, "sklearn.datasets", fake)
    data = make_dataset(problem("linear:16-3"), "digits", samples=50, rng=rng())
    assert data.inputs.shape == (6, 16)  # classes 0, 1, 2 of it
    assert data.labels.sum(axis=0).tolist() == [2, 2, 2]
    signs = make_dataset(problem("relu:4-3-1", "logistic"), "digits", rng=rng())
    assert sorted(set(signs.labels.ravel())) == [-1, 1]


def test_real_digits() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is optional")
    assert digits().pixels.shape == (1797, 8, 8)


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


def test_fashion_mnist_files(tmp_path: Path) -> None:
    with pytest.raises(ConservedError, match="apt install dataset-fashion-mnist"):
        fashion_mnist(tmp_path)
    pixels, classes = np.full((4, 28, 28), 51), np.array([3, 1, 0, 9])
    names = ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]
    for name, array in zip(names, (pixels, classes), strict=True):
        (tmp_path / name).write_bytes(idx(array))
    found = fashion_mnist(tmp_path)
    assert found.pixels.shape == (4, 28, 28)
    assert found.pixels[0, 0, 0] == pytest.approx(0.2)
    assert found.classes.tolist() == [3, 1, 0, 9]
    (tmp_path / names[1]).write_bytes(idx(classes[:2]))
    with pytest.raises(ConservedError, match="do not match"):
        fashion_mnist(tmp_path)
    (tmp_path / names[0]).write_bytes(b"not gzip")
    with pytest.raises(ConservedError, match="no gzip file"):
        fashion_mnist(tmp_path)
    (tmp_path / names[0]).write_bytes(gzip.compress(b"\0\0\x08\x03" + b"\0" * 14))
    with pytest.raises(ConservedError, match="no IDX file"):
        fashion_mnist(tmp_path)


@pytest.mark.skipif(not FASHION_FOLDER.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_real_fashion_mnist() -> None:
    assert fashion_mnist().pixels.shape == (10_000, 28, 28)
