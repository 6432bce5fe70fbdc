"""Tracing: formulas written once, as on paper, become programs.

``trace`` hands symbolic tensors to a formula; each operation on them adds a node to a program.
Equal expressions become one node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from conserved.errors import InputError
from conserved.kernel.program import Node, Program, Tensors, make_node
from conserved.networks.indexing import lengths, position, ranges, whole

Number = int | Fraction
_LARGE = 2**53  # from here on integers are texts: readers of JSON take them for floats
_EXACT = "numbers in a network are exact: integers, fractions.Fraction, or texts like 'sqrt(2)/2'"


def trace(
    parameters: Tensors,
    inputs: Tensors,
    formula: Callable[[Mapping[str, Var], Mapping[str, Var]], Var],
) -> Program:
    """The program of a formula.

    Args:
        parameters, inputs: (name, shape) of each.
        formula: (parameters, inputs) ↦ output.

    Raises:
        InputError: shapes that do not fit, inexact numbers, or a result that is no tensor.

    Example:
        >>> program = trace((("W", (2, 3)),), (("x", (3,)),), lambda p, x: x["x"] @ p["W"].T)
        >>> program.shape, [node.op for node in program.nodes]
        ((2,), ['parameter', 'input', 'transpose', 'matmul'])
    """
    recording = Recording(parameters, inputs)
    named = {name: recording.add("parameter", (), (name,)) for name, _ in parameters}
    given = {name: recording.add("input", (), (name,)) for name, _ in inputs}
    output = formula(named, given)
    if not isinstance(output, Var) or output.recording is not recording:
        advice = "forward returns a tensor made from its parameters and inputs"
        raise InputError("network", repr(output), advice)
    return Program(parameters, inputs, tuple(recording.nodes), output.index)


class Recording:
    """A program as it grows."""

    def __init__(self, parameters: Tensors, inputs: Tensors) -> None:
        self.nodes: list[Node] = []
        self._tensors = {"parameter": dict(parameters), "input": dict(inputs)}
        self._known: dict[tuple[str, tuple[int, ...], tuple[Any, ...]], int] = {}

    def add(self, op: str, args: Sequence[Var], data: tuple[Any, ...] = ()) -> Var:
        """The value of an operation, which is recorded unless it is known already."""
        positions = []
        for value in args:
            if value.recording is not self:
                advice = "belongs to another trace: forward must not keep tensors between calls"
                raise InputError("network", repr(value), advice)
            positions.append(value.index)
        key = (op, tuple(positions), data)
        index = self._known.get(key)
        if index is None:
            node = make_node(self.nodes, op, key[1], data, self._tensors)
            index = self._known[key] = len(self.nodes)
            self.nodes.append(node)
        return Var(self, index)

    def constant(self, value: Any) -> Var:
        """Exact numbers, nested in any way, as a tensor."""
        array = value if isinstance(value, np.ndarray) else np.array(value, dtype=object)
        entries = tuple(exact_number(entry) for entry in array.ravel().tolist())
        return self.add("constant", (), (tuple(array.shape), entries))


class Var:
    """A symbolic tensor: what one input makes of it; batches and data are no axes of it."""

    __slots__ = ("index", "recording")
    __array_ufunc__ = None  # NumPy arrays leave operations with tensors to them

    def __init__(self, recording: Recording, index: int) -> None:
        self.recording = recording
        self.index = index

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample's tensor."""
        return self.recording.nodes[self.index].shape

    def _make(self, op: str, *others: Var, data: tuple[Any, ...] = ()) -> Var:
        return self.recording.add(op, (self, *others), data)

    def _other(self, other: Any) -> Var:
        return other if isinstance(other, Var) else self.recording.constant(other)

    def __repr__(self) -> str:
        return f"<tensor {self.recording.nodes[self.index].op} {self.shape}>"

    # arithmetic

    def __add__(self, other: Var | Number) -> Var:
        return self._make("add", self._other(other))

    def __neg__(self) -> Var:
        return self.scale(-1)

    def __sub__(self, other: Var | Number) -> Var:
        return self + (-self._other(other))

    def __mul__(self, other: Var | Number) -> Var:
        return self._make("mul", self._other(other))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Number) -> Var:
        return -self + other

    def __truediv__(self, other: Var | Number) -> Var:
        if isinstance(other, Var):
            return self * other.reciprocal()
        if (divisor := Fraction(_rational(other))) == 0:
            raise InputError("network", "/ 0", "numbers to divide by are not 0")
        return self.scale(1 / divisor)

    def __rtruediv__(self, other: Number) -> Var:
        return self.reciprocal() * other

    def __pow__(self, exponent: int) -> Var:
        """z^exponent for a whole exponent ≥ 1."""
        exact = whole(exponent, "an exponent")
        if exact < 1:
            raise InputError("network", f"power {exact}", "exponents are whole numbers ≥ 1")
        return self if exact == 1 else self._make("power", data=(exact,))

    def scale(self, factor: Number | str) -> Var:
        """The tensor times one exact number: integer, fraction or text ("sqrt(2)/2", "2/√π")."""
        exact = exact_number(factor)
        return self if exact == 1 else self._make("scale", data=(exact,))

    def reciprocal(self) -> Var:
        return self._make("reciprocal")

    def inverse(self) -> Var:
        """The inverses of square matrices, by elimination without looking for pivots."""
        return self._make("inverse")

    def sqrt(self) -> Var:
        return self._make("root")

    def rsqrt(self) -> Var:
        """1/√z, as normalisation layers use it."""
        return self.sqrt().reciprocal()

    # functions

    def function(self, name: str) -> Var:
        """An elementary function by name (``conserved.kernel.functions.ELEMENTARY``)."""
        return self._make("function", data=(name,))

    def softmax(self, mask: Any = None) -> Var:
        """exp(z)/Σ exp(z) over the last axis; mask: an array of 0 and 1."""
        weight = self.function("exp")
        if mask is not None:
            weight = weight * self._other(mask)
        return weight / weight.sum(-1)

    # pieces

    def gate(self) -> Var:
        """1 where z > 0, else 0."""
        return self._make("gate")

    def relu(self) -> Var:
        """max(z, 0)."""
        return self * self.gate()

    def abs(self) -> Var:
        """|z|."""
        return self * (self.gate().scale(2) - 1)

    def maximum(self, other: Var | Number) -> Var:
        """The larger of two, entry by entry: b + relu(a − b)."""
        b = self._other(other)
        return b + (self - b).relu()

    def max(self, axis: int = -1) -> Var:
        """The largest along an axis, which goes."""
        axis = self._axis(axis)
        chosen = (self * self._make("argmax", data=(axis,))).sum(axis)
        return chosen.reshape(*self.shape[:axis], *self.shape[axis + 1 :])

    def sort(self) -> Var:
        """The entries along the last axis, ascending."""
        column = self.reshape(*self.shape, 1)
        return (self._make("order") @ column).reshape(*self.shape)

    # shapes

    def __matmul__(self, other: Var) -> Var:
        """Matrix product of the tensors; a vector on the left is a row."""
        return self._make("matmul", self._other(other))

    @property
    def T(self) -> Var:
        """The last two tensor axes exchanged."""
        rank = len(self.shape)
        if rank < 2:
            raise InputError("network", ".T", f"a tensor of shape {self.shape} has no two axes")
        return self.transpose(*range(rank - 2), rank - 1, rank - 2)

    def transpose(self, *axes: int) -> Var:
        """Tensor axes in a new order."""
        return self._make("transpose", data=tuple(map(self._axis, axes)))

    def reshape(self, *shape: int) -> Var:
        """The entries in another shape; one length may be −1, for what is left."""
        exact = lengths(shape, prod(self.shape))
        return self if exact == self.shape else self._make("reshape", data=exact)

    def broadcast_to(self, *shape: int) -> Var:
        """Repeated along new axes in front and axes of length 1, as NumPy does."""
        return self._make("broadcast", data=tuple(whole(n, "a length") for n in shape))

    def sum(self, axis: int) -> Var:
        """Sum over one tensor axis (negative axes count from the end), kept with length 1."""
        return self._make("sum", data=(self._axis(axis),))

    def mean(self, axis: int) -> Var:
        """Mean over one tensor axis, kept with length 1."""
        return self.sum(axis).scale(Fraction(1, self.shape[self._axis(axis)]))

    def take(self, indices: Sequence[int], axis: int = 0) -> Var:
        """The entries at constant positions along an axis."""
        axis = self._axis(axis)
        length = self.shape[axis]
        return self._make("gather", data=(axis, tuple(position(i, length, axis) for i in indices)))

    def __getitem__(self, key: Any) -> Var:
        """Integers and slices with positive steps, as NumPy takes them."""
        found, kept = ranges(key, self.shape)
        return self._make("slice", data=tuple(found)).reshape(*kept)

    def __bool__(self) -> bool:
        advice = "has no truth value: a program takes every branch; write gate, relu or maximum"
        raise InputError("network", repr(self), advice)

    def __iter__(self) -> Iterator[Var]:
        if not self.shape:
            raise InputError("network", repr(self), "a tensor without axes has no parts")
        return (self[i] for i in range(self.shape[0]))

    def _axis(self, axis: int) -> int:
        rank = len(self.shape)
        at = whole(axis, "an axis")
        if not -rank <= at < rank:
            raise InputError("network", f"axis {at}", f"a tensor of shape {self.shape}")
        return at % rank


def concatenate(parts: Sequence[Var], axis: int = -1) -> Var:
    """Tensors side by side along an axis."""
    tensors = [part for part in parts if isinstance(part, Var)]
    if not tensors or len(tensors) < len(parts):
        raise InputError("network", "concatenate", "takes one or more tensors")
    first = tensors[0]
    return first.recording.add("concat", tensors, (first._axis(axis),))


def exact_number(value: Any) -> int | str:
    """An exact number as programs hold it.

    Raises:
        InputError: a float, or no number: it would not be the same over GF(p).
    """
    if isinstance(value, str):
        return value
    exact = Fraction(_rational(value))
    whole = exact.denominator == 1 and abs(exact.numerator) < _LARGE
    return exact.numerator if whole else str(exact)


def _rational(value: Any) -> int | Fraction:
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        raise InputError("network", value, _EXACT)
    return value
