"""Data to train on: inputs and labels that fit a network and its loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np

from conserved.errors import InputError, is_whole, nearest
from conserved.kernel.data import table
from conserved.kernel.functions import FormalRing
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array
from conserved.losses import MarginLoss
from conserved.networks import Network
from conserved.problem import Problem
from conserved.simulate.files import SUFFIXES, read_file
from conserved.simulate.images import Images, digits, fashion_mnist, pooled

Augment = Literal["full", "random", "none"]
SAMPLES = 32


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs and labels, before any augmentation.

    Attributes:
        name: the text that makes it ("teacher", "digits", "points.csv").
        summary: what it is, in words.
        inputs: (N, *input).
        labels: (N, *output).
    """

    name: str
    summary: str
    inputs: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.inputs)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "summary": self.summary, "samples": len(self)}


def make_dataset(
    problem: Problem, name: str, *, samples: int | None = None, rng: np.random.Generator
) -> Dataset:
    """The data of that name, for the network and loss of a problem.

    Args:
        problem: what is trained.
        name: "teacher", "random", "digits", "fashion-mnist", or a CSV or NPZ file.
        samples: how many data; by default 32, or all that a file has.
        rng: draws them.

    Raises:
        InputError: no such data, or data that do not fit the network.

    Example:
        >>> from conserved.networks import Linear
        >>> rng = np.random.default_rng(0)
        >>> make_dataset(Problem(network=Linear(4, 2, 1)), "teacher", rng=rng).inputs.shape
        (32, 4)
    """
    if samples is not None and not (is_whole(samples) and 1 <= samples <= 10_000_000):
        raise InputError("samples", samples, "give a whole number from 1 to 10,000,000")
    if name in SOURCES:
        return SOURCES[name](problem, samples or SAMPLES, rng)
    if name.lower().endswith(SUFFIXES):
        return _from_file(problem, name, samples, rng)
    known = [*SOURCES, "FILE.csv", "FILE.npz"]
    raise InputError("data", name, f"unknown; {nearest(name, known)}")


def check_dataset(problem: Problem, data: Dataset) -> None:
    """Refuse arrays that do not fit the network.

    Raises:
        InputError: with both shapes.
    """
    if not isinstance(data, Dataset):
        raise InputError("data", repr(data), f"give a Dataset, or one of {', '.join(SOURCES)}")
    network = problem.network
    for what, array, shape in (
        ("inputs", data.inputs, network.input_shape),
        ("labels", data.labels, network.output_shape),
    ):
        if array.shape[1:] != shape or len(array) != len(data.inputs) or not len(array):
            raise InputError(
                "data",
                data.name,
                f"its {what} have shape {_shape(array.shape)}; {network.spec} needs N×"
                f"{_shape(shape)}",
            )
        if not np.isfinite(array).all():
            raise InputError("data", data.name, f"its {what} have entries that are not finite")


def _teacher(problem: Problem, samples: int, rng: np.random.Generator) -> Dataset:
    """Gaussian inputs, labelled by a random network of the same shape; or as the class demands."""
    network = problem.network
    x, what = _inputs(problem, samples, rng)
    theta = initial(network, rng)
    y = network.run(FormalRing(Reals()), theta[None, None], x[None]).output[0, 0]
    labels, whose = _labels(problem, x, y, "labels from a random teacher network")
    return Dataset("teacher", f"{what}, {whose}", x, labels)


def _random(problem: Problem, samples: int, rng: np.random.Generator) -> Dataset:
    """Gaussian inputs and labels that know nothing of each other."""
    x, what = _inputs(problem, samples, rng)
    y = rng.standard_normal((len(x), *problem.network.output_shape))
    labels, whose = _labels(problem, x, y, "random labels")
    return Dataset("random", f"{what}, {whose}", x, labels)


def _inputs(problem: Problem, samples: int, rng: np.random.Generator) -> tuple[Array, str]:
    """Inputs of the class of data, as many as it lists, and what they are."""
    stated, shape = problem.stated, problem.network.input_shape
    if stated is not None and stated.points is not None:
        return table(stated.points, shape, Reals()), "the inputs given"
    if stated is not None and stated.basis is not None:
        basis = table(stated.basis, shape, Reals())
        weights = rng.standard_normal((samples, len(basis)))
        return np.tensordot(weights, basis, 1), "random combinations of the inputs given"
    return rng.standard_normal((samples, *shape)), "Gaussian inputs"


def _labels(problem: Problem, x: Array, outputs: Array, whose: str) -> tuple[Array, str]:
    """Labels of the class of data, or such made from outputs; and what they are."""
    stated = problem.stated
    if stated is None or stated.labels == "any":
        return _as_labels(problem, outputs), whose
    if isinstance(stated.labels, str):
        return x.copy(), "each its own label"
    return table(stated.labels, problem.network.output_shape, Reals()), "the labels given"


def _as_labels(problem: Problem, outputs: Array) -> Array:
    """Labels of the kind that the loss takes, from real outputs."""
    if isinstance(problem.loss, MarginLoss):
        outputs = np.where(outputs >= np.median(outputs), 1.0, -1.0)
    elif problem.loss.one_hot:
        outputs = np.eye(outputs.shape[-1])[outputs.argmax(axis=-1)]
    return outputs


def _from_images(load: Callable[[], Images]) -> Callable[..., Dataset]:
    def build(problem: Problem, samples: int, rng: np.random.Generator) -> Dataset:
        images = load()
        network = problem.network
        classes = class_count(problem)
        chosen = np.flatnonzero(images.classes < classes)
        chosen = rng.permutation(chosen)[:samples]
        x = pooled(images, network).astype(np.float64)[chosen]
        x = (x - x.mean()) / (x.std() or 1.0)
        y = class_labels(problem, images.classes[chosen], classes)
        return Dataset(images.name, f"{images.summary}, classes 0 to {classes - 1}", x, y)

    return build


def class_count(problem: Problem) -> int:
    """How many classes the outputs can tell apart: the sign of one output tells two."""
    return min(max(2, problem.network.output_shape[-1]), 10)


def class_labels(problem: Problem, classes: Array, count: int) -> Array:
    """Labels for classes 0, 1, …: ±1 for one output, else one-hot; the same at every token."""
    shape = problem.network.output_shape
    if shape[-1] == 1:
        flat = np.where(classes == 0, -1.0, 1.0)[:, None]
    else:
        flat = np.eye(count, shape[-1])[classes]
    spread = flat.reshape(len(flat), *(1,) * (len(shape) - 1), shape[-1])
    return np.broadcast_to(spread, (len(flat), *shape)).copy()


def _from_file(
    problem: Problem, name: str, samples: int | None, rng: np.random.Generator
) -> Dataset:
    network = problem.network
    x, y = read_file(name, prod(network.input_shape), prod(network.output_shape))
    outputs = prod(network.output_shape)
    if y.ndim == 1:
        y = y[:, None]
    bits = isinstance(problem.loss, MarginLoss) and np.isin(y, (0, 1)).all()
    if y.shape[1:] == (1,) and (outputs > 1 or bits):
        whole = np.rint(y).astype(np.int64).ravel()
        count = network.output_shape[-1]
        if (whole != y.ravel()).any() or whole.min() < 0 or whole.max() >= max(count, 2):
            advice = f"one label column holds classes 0 to {max(count, 2) - 1}"
            raise InputError("data", name, advice)
        y = class_labels(problem, whole, count)
    chosen = np.arange(len(x)) if samples is None else rng.permutation(len(x))[:samples]
    x, y = (
        array.reshape(len(array), *shape) if array[0].size == prod(shape) else array
        for array, shape in ((x, network.input_shape), (y, network.output_shape))
    )
    data = Dataset(name, f"from {name}", x[chosen], y[chosen])
    check_dataset(problem, data)
    if isinstance(problem.loss, MarginLoss) and (np.abs(data.labels) != 1).any():
        raise InputError("data", name, f"{problem.loss.spec} needs labels 1 and −1")
    return data


SOURCES: dict[str, Callable[..., Dataset]] = {
    "teacher": _teacher,
    "random": _random,
    "digits": _from_images(digits),
    "fashion-mnist": _from_images(fashion_mnist),
}


def initial(network: Network, rng: np.random.Generator, scale: float = 1.0) -> Array:
    """A random θ: matrices with variance 2/(rows + columns), vectors with variance 1/4.

    Example:
        >>> from conserved.networks import Linear
        >>> initial(Linear(4, 2, 1), np.random.default_rng(0)).shape
        (10,)
    """
    parts = []
    for parameter in network.parameters:
        shape = parameter.shape
        spread = np.sqrt(2 / (shape[0] + prod(shape[1:]))) if len(shape) > 1 else 0.5
        parts.append(scale * spread * rng.standard_normal(parameter.size))
    return np.concatenate(parts)


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(str(n) for n in shape)
