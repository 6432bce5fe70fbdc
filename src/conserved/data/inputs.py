"""Classes of data that are no groups, by name (theory §15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from math import gcd, lcm, prod
from typing import Any

from conserved.data.table import SUFFIXES, Table, exact_rows, read_table
from conserved.errors import InputError, LimitError, nearest, require_text
from conserved.kernel.data import DataClass, Row
from conserved.losses import Loss

ONE_HOT = "one-hot"
_SUBSPACE = "subspace:"
_SAMPLES = "samples:"
_AUTOENCODING = "autoencoding"
_MOST = 4096  # one-hot inputs that are listed
_DIMENSIONS = 2000


@dataclass(frozen=True)
class Inputs:
    """Which inputs, with which labels, a dataset may have; any number of them, however weighted.

    Attributes:
        name: the text that the command line takes for it ("one-hot", "points.csv").
        stated: the same as exact numbers.
    """

    name: str
    stated: DataClass

    @property
    def summary(self) -> str:
        """What class of data it is, in words."""
        found, labels = self.stated, self.stated.labels
        own = ", each its own label" if labels == "inputs" else ""
        if found.basis is not None:
            return f"inputs in a subspace of dimension {len(found.basis):,}{own or ', any labels'}"
        if found.points is None:
            return "every input, with itself as label"
        count = len(found.points)
        if self.name.startswith(ONE_HOT):
            return f"the {_counted(count, 'one-hot input')}{own or ', any labels'}"
        if isinstance(labels, str):
            return f"{_these(count, 'input')}{own or ', any labels'}"
        return f"{_these(count, 'labelled sample')}, any weights"

    @property
    def autoencoding(self) -> bool:
        """Whether every input is its own label."""
        return self.stated.labels == "inputs"

    @property
    def options(self) -> dict[str, str | bool]:
        """What ``parse_inputs`` and the command line take for it, by option."""
        if self.name.startswith(_SAMPLES):
            return {"samples": self.name.removeprefix(_SAMPLES)}
        name = self.name.removesuffix(f",{_AUTOENCODING}").removesuffix(_AUTOENCODING)
        given: dict[str, str | bool] = {"inputs": name} if name else {}
        return given | {"autoencoding": True} if self.autoencoding else given

    def thinned(self, places: Sequence[int]) -> Inputs:
        """Some of the listed inputs alone."""
        return replace(self, stated=self.stated.thinned(places))

    def is_named(self, shape: Sequence[int]) -> bool:
        """Whether its name, where that is no matter of files, names this class."""
        if self.stated == DataClass(labels="inputs") or self.name == _AUTOENCODING:
            return self == autoencoding()
        if self.name.partition(",")[0] != ONE_HOT:
            return self.name.endswith(f",{_AUTOENCODING}") == self.autoencoding
        plain = one_hot(shape)
        return self in (plain, plain.to_own_labels())

    def check(self, spec: str, inputs: Sequence[int], outputs: Sequence[int], loss: Loss) -> None:
        """Refuse what does not fit a network and its loss.

        Raises:
            InputError: with both sizes.
        """
        wanted, given = prod(inputs), self.stated.points or self.stated.basis
        if given is not None and len(given[0]) != wanted:
            advice = f"{_counted(len(given[0]), 'number')} a row, but an input of {spec} has"
            raise InputError("inputs", self.name, f"{advice} {wanted:,}")
        if self.autoencoding and tuple(inputs) != tuple(outputs):
            shapes = " and ".join("×".join(map(str, shape)) for shape in (inputs, outputs))
            advice = f"inputs are no labels of {spec}: they have shapes {shapes}"
            raise InputError("inputs", self.name, advice)
        if self.autoencoding and not loss.real_labels:
            advice = f"inputs are no labels for {loss.spec}; take mse, poly:Q or any"
            raise InputError("inputs", self.name, advice)
        labels = self.stated.labels
        if isinstance(labels, str):
            return
        for number, row in enumerate(labels, start=1):
            if len(row) != prod(outputs):
                advice = f"{_counted(len(row), 'label')} a row; {spec} has {prod(outputs)} outputs"
                raise InputError("samples", self.name, advice)
            if fault := loss.fault_of_label(row, outputs[-1]):
                raise InputError("samples", self.name, f"sample {number}: {fault}")

    def to_own_labels(self) -> Inputs:
        """The same inputs, each its own label.

        Raises:
            InputError: they have labels.
        """
        if not isinstance(self.stated.labels, str):
            raise InputError("inputs", self.name, "samples have labels; autoencoding has its own")
        return Inputs(f"{self.name},{_AUTOENCODING}", replace(self.stated, labels="inputs"))


def one_hot(shape: Sequence[int]) -> Inputs:
    """Inputs with a single 1 along the last axis, at every place of the others.

    Raises:
        LimitError: too many to list.

    Example:
        >>> one_hot((3,)).summary
        'the 3 one-hot inputs, any labels'
    """
    *places, n = shape
    count = prod(places)
    if n**count > _MOST:
        raise LimitError(f"inputs 'one-hot': {n}^{count} of them; the limit is {_MOST:,}")
    rows = (
        tuple(Fraction(int(i == hot)) for hot in chosen for i in range(n))
        for chosen in product(range(n), repeat=count)
    )
    return Inputs(ONE_HOT, DataClass(points=tuple(rows)))


def points(rows: Any, name: str = "these inputs") -> Inputs:
    """These inputs, with any labels.

    Args:
        rows: one input each, its entries in one row or in its own shape; numbers are taken exactly,
            floats as the decimals that they print as.
        name: what to call them.

    Raises:
        InputError: anything but rows of finite numbers.

    Example:
        >>> points([[1, 0, 0], [0, 0.5, 0]]).summary
        'these 2 inputs, any labels'
    """
    return Inputs(name, DataClass(points=_distinct(exact_rows("inputs", rows))))


def samples(inputs: Any, labels: Any, name: str = "these samples") -> Inputs:
    """These labelled samples, with any weights: every minibatch and every reweighting of them.

    Args:
        inputs, labels: rows as for ``points``, as many.
        name: what to call them.

    Raises:
        InputError: anything but rows of finite numbers.

    Example:
        >>> samples([[1, 0], [0, 1]], [[1], [-1]]).summary
        'these 2 labelled samples, any weights'
    """
    x, y = exact_rows("inputs", inputs), exact_rows("labels", labels)
    if len(x) != len(y):
        raise InputError("samples", name, f"{len(x):,} inputs and {len(y):,} labels")
    return _samples([(*a, *b) for a, b in zip(x, y, strict=True)], len(x[0]), name)


def subspace(rows: Any, name: str = "a subspace") -> Inputs:
    """Every combination of these inputs, with any labels.

    Args:
        rows: as for ``points``; those that depend on others are left out.
        name: what to call it.

    Raises:
        InputError: anything but rows of finite numbers, not all 0.

    Example:
        >>> subspace([[1, 1, 0], [2, 2, 0]]).summary
        'inputs in a subspace of dimension 1, any labels'
    """
    basis = independent_rows(exact_rows("inputs", rows))
    if not basis:
        raise InputError("inputs", name, "only the input 0 lies in it")
    return Inputs(name, DataClass(basis=basis))


def autoencoding(inputs: Inputs | None = None) -> Inputs:
    """Every input is its own label, y = x; of all inputs, or of these.

    Example:
        >>> autoencoding().summary
        'every input, with itself as label'
    """
    if inputs is None:
        return Inputs(_AUTOENCODING, DataClass(labels="inputs"))
    return inputs.to_own_labels()


def parse_inputs(
    inputs: str | None, samples: str | None, own_labels: bool, shape: Sequence[int], outputs: int
) -> Inputs | None:
    """The class of data that the options of the command line name; None for all data.

    Args:
        inputs: "one-hot", a file, or "subspace:FILE".
        samples: a file whose last columns are labels.
        own_labels: whether every input is its own label.
        shape: of one input of the network.
        outputs: how many numbers one label has.

    Raises:
        InputError: unusable files, or options that exclude each other.

    Example:
        >>> parse_inputs("one-hot", None, True, (2,), 2).name
        'one-hot,autoencoding'
    """
    if samples is not None:
        for other, given in (("inputs", inputs), ("autoencoding", own_labels or None)):
            if given is not None:
                raise InputError("samples", samples, f"has inputs and labels; leave {other} out")
        return _from_samples(samples, prod(shape), outputs)
    found = None if inputs is None else _parsed(inputs, shape)
    return autoencoding(found) if own_labels else found


def _parsed(text: str, shape: Sequence[int]) -> Inputs:
    name = require_text("inputs", text, "one-hot or points.csv").strip()
    if name == ONE_HOT:
        return one_hot(shape)
    spans = name.startswith(_SUBSPACE)
    source = name.removeprefix(_SUBSPACE)
    if not source.lower().endswith(SUFFIXES):
        known = [ONE_HOT, "FILE.csv", "FILE.npy", "FILE.npz", "subspace:FILE"]
        raise InputError("inputs", text, f"unknown; {nearest(name, known)}")
    found = read_table(source, "inputs")
    rows = [row[: found.width - found.labels] for row in found.rows]
    _require_width(found, prod(shape), len(rows[0]))
    return subspace(rows, name) if spans else points(rows, name)


def _from_samples(source: str, inputs: int, outputs: int) -> Inputs:
    found = read_table(source, "samples")
    if found.width != inputs + outputs or found.labels not in (0, outputs):
        advice = (
            f"has {_counted(found.width, 'column')}; the network takes {inputs} for an input and "
            f"{outputs} for its label, last"
        )
        raise InputError("samples", source, advice)
    return _samples(found.rows, inputs, _SAMPLES + source)


def _require_width(found: Table, wanted: int, width: int) -> None:
    if width != wanted:
        advice = f"has {_counted(width, 'column')}; an input of the network has {wanted} numbers"
        raise InputError("inputs", found.source, advice)


def _samples(rows: Sequence[Row], inputs: int, name: str) -> Inputs:
    kept = _distinct(rows)
    x, y = (tuple(row[part] for row in kept) for part in (slice(inputs), slice(inputs, None)))
    return Inputs(name, DataClass(points=x, labels=y))


def _distinct(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Without repetitions: a datum that is there twice pulls as it does once, with more weight."""
    return tuple(dict.fromkeys(rows))


def independent_rows(rows: Sequence[Row]) -> tuple[Row, ...]:
    """A basis of the span of some rows, in reduced echelon form, each made of whole numbers.

    Raises:
        LimitError: too many rows of too many numbers.

    Example:
        >>> independent_rows([(Fraction(1), Fraction(1, 2)), (Fraction(2), Fraction(1))])
        ((Fraction(2, 1), Fraction(1, 1)),)
    """
    from flint import fmpq, fmpq_mat

    if min(len(rows), len(rows[0])) > _DIMENSIONS:
        raise LimitError(f"inputs: a subspace of more than {_DIMENSIONS:,} dimensions")
    flat = [fmpq(n.numerator, n.denominator) for row in rows for n in row]
    reduced, rank = fmpq_mat(len(rows), len(rows[0]), flat).rref()
    found = []
    for index in range(rank):
        row = [
            Fraction(int(n.p), int(n.q)) for n in (reduced[index, j] for j in range(len(rows[0])))
        ]
        common = lcm(*(number.denominator for number in row))
        whole = [int(number * common) for number in row]
        shared = gcd(*whole)
        found.append(tuple(Fraction(number // shared) for number in whole))
    return tuple(found)


def _these(count: int, noun: str) -> str:
    return f"this {noun}" if count == 1 else f"these {_counted(count, noun)}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
