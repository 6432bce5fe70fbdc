"""A small reverse-mode tape over jets: forward pass written once, gradient fields follow.

Every value has axes (jet, batch, datum, *tensor). Batch: one vector field each. Datum: the points
of that field's dataset (one point, or a whole orbit), summed over in the gradient. A network sees
only the tensor axes: its code reads like the formula for one input, ``z = x @ W.T``.
Parameters have datum axis 1 and always the full batch, so gradients stay apart per field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from conserved.errors import InputError
from conserved.kernel.functions import FormalRing
from conserved.kernel.scalars import Array

LEAD = 3  # jet, batch, datum
Pullback = Callable[[Array], Array]
Gate = Callable[[Array], Array]


class Tape:
    """Records operations on ``Var`` so that ``gradients`` can run them backwards.

    Args:
        ring: jets over residues or reals, with elementary functions.
        gate: z → 0/1 pattern of ``relu``; by default the sign of z at ε^0 (real scalars only).
    """

    def __init__(self, ring: FormalRing, gate: Gate | None = None) -> None:
        self.ring = ring
        self.gate = gate or _positive
        self._nodes: list[Var] = []

    def variable(self, value: Array) -> Var:
        """A value to differentiate by."""
        node = Var(self, value, [])
        self._nodes.append(node)
        return node

    def constant(self, value: Array) -> Var:
        """A value that is not differentiated by (data, masks)."""
        return Var(self, value, None)

    def record(self, value: Array, parents: Sequence[tuple[Var, Pullback]]) -> Var:
        """The result of an operation and how gradients flow back from it."""
        active = [(parent, back) for parent, back in parents if parent.parents is not None]
        if not active:
            return self.constant(value)
        node = Var(self, value, active)
        self._nodes.append(node)
        return node

    @property
    def volume(self) -> int:
        """Number of entries of all recorded values: what one pass keeps in memory."""
        return sum(node.value.size for node in self._nodes)

    def gradients(self, output: Var, seed: Array, wanted: Sequence[Var]) -> list[Array]:
        """Jᵀ·seed for each wanted variable, seed shaped like the output (summed over data).

        The tape is used up.
        """
        ring = self.ring
        partial: dict[int, Array] = {id(output): seed}
        for node in reversed(self._nodes):
            gradient = partial.get(id(node))
            if gradient is None or not node.parents:
                continue
            del partial[id(node)]
            for parent, back in node.parents:
                flow = back(gradient)
                held = partial.get(id(parent))
                partial[id(parent)] = flow if held is None else ring.add(held, flow)
        # each value knows its tape: without this the two would keep each other, and all the arrays
        # in between, alive until the garbage collector comes
        self._nodes.clear()
        zero = np.zeros((1,) * LEAD, dtype=ring.scalars.dtype)
        return [partial.get(id(variable), zero) for variable in wanted]


class Var:
    """A value on a tape. Indexing, ``shape`` and axes speak of the tensor axes only."""

    __slots__ = ("parents", "tape", "value")

    def __init__(
        self, tape: Tape, value: Array, parents: Sequence[tuple[Var, Pullback]] | None
    ) -> None:
        self.tape = tape
        self.value = value
        self.parents = parents  # None: a constant

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample's tensor."""
        return self.value.shape[LEAD:]

    # arithmetic

    def __add__(self, other: Var | int | Fraction) -> Var:
        a, b = _aligned(self, other)
        ring = self.tape.ring
        return self.tape.record(
            ring.add(a.value, b.value),
            [(a, _summed_to(ring, a.value)), (b, _summed_to(ring, b.value))],
        )

    def __neg__(self) -> Var:
        ring = self.tape.ring
        return self.tape.record(ring.neg(self.value), [(self, ring.neg)])

    def __sub__(self, other: Var | int | Fraction) -> Var:
        return self + (-other)

    def __mul__(self, other: Var | int | Fraction) -> Var:
        a, b = _aligned(self, other)
        ring = self.tape.ring
        to_a, to_b = _summed_to(ring, a.value), _summed_to(ring, b.value)
        return self.tape.record(
            ring.mul(a.value, b.value),
            [
                (a, lambda g: to_a(ring.mul(g, b.value))),
                (b, lambda g: to_b(ring.mul(g, a.value))),
            ],
        )

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: int | Fraction) -> Var:
        return -self + other

    def __truediv__(self, other: Var) -> Var:
        return self * other.reciprocal()

    def __pow__(self, exponent: int) -> Var:
        """z^exponent for a whole exponent ≥ 1."""
        if exponent < 1:
            raise ValueError(f"exponents are whole numbers ≥ 1, got {exponent}")
        ring = self.tape.ring
        if exponent == 1:
            return self
        lower = ring.power(self.value, exponent - 1)
        slope = ring.scale(lower, ring.scalars.fraction(exponent, 1))
        return self.tape.record(ring.mul(lower, self.value), [(self, lambda g: ring.mul(g, slope))])

    def scale(self, factor: float | int | Array) -> Var:
        """The tensor times one scalar of the ring (see ``Scalars.fraction``)."""
        ring = self.tape.ring
        return self.tape.record(
            ring.scale(self.value, factor), [(self, lambda g: ring.scale(g, factor))]
        )

    def reciprocal(self) -> Var:
        ring = self.tape.ring
        inverse = ring.inverse(self.value)
        slope = ring.neg(ring.mul(inverse, inverse))
        return self.tape.record(inverse, [(self, lambda g: ring.mul(g, slope))])

    def sqrt(self) -> Var:
        ring = self.tape.ring
        root = ring.square_root(self.value)
        slope = ring.inverse(ring.scale(root, 2))
        return self.tape.record(root, [(self, lambda g: ring.mul(g, slope))])

    def rsqrt(self) -> Var:
        """1/√z, as normalisation layers use it."""
        return self.sqrt().reciprocal()

    # functions

    def function(self, name: str) -> Var:
        """An elementary function by name (``conserved.kernel.functions.ELEMENTARY``)."""
        ring = self.tape.ring
        value = ring.function(name, self.value)
        return self.tape.record(
            value, [(self, lambda g: ring.mul(g, ring.slope(name, self.value, value)))]
        )

    def relu(self) -> Var:
        """max(z, 0) on the tape's activation pattern."""
        ring = self.tape.ring
        gate = self.tape.gate(self.value)
        return self.tape.record(ring.mul(self.value, gate), [(self, lambda g: ring.mul(g, gate))])

    def softmax(self, mask: Array | None = None) -> Var:
        """exp(z)/Σ exp(z) over the last axis, without the max shift; mask of 0/1 entries."""
        weight = self.function("exp")
        if mask is not None:
            weight = weight * self.tape.constant(mask)
        return weight / weight.sum(-1)

    # shapes

    def __matmul__(self, other: Var) -> Var:
        """Matrix product of the tensors; a vector on the left is a row."""
        if len(other.shape) == 2 and other.value.shape[2] == 1:
            return _rows_times_matrix(self, other)
        ring = self.tape.ring
        a, b = _aligned(self, other)
        to_a, to_b = _summed_to(ring, a.value), _summed_to(ring, b.value)
        return self.tape.record(
            ring.matmul(a.value, b.value),
            [
                (a, lambda g: to_a(ring.matmul(g, _transposed(b.value)))),
                (b, lambda g: to_b(ring.matmul(_transposed(a.value), g))),
            ],
        )

    @property
    def T(self) -> Var:
        """The last two tensor axes exchanged."""
        return self.tape.record(_transposed(self.value), [(self, _transposed)])

    def transpose(self, *axes: int) -> Var:
        """Tensor axes in a new order."""
        order = (*range(LEAD), *(LEAD + axis for axis in axes))
        inverse = tuple(np.argsort(order))
        return self.tape.record(
            self.value.transpose(order), [(self, lambda g: g.transpose(inverse))]
        )

    def reshape(self, *shape: int) -> Var:
        old = self.shape
        value = self.value.reshape(*self.value.shape[:LEAD], *shape)
        return self.tape.record(value, [(self, lambda g: g.reshape(*g.shape[:LEAD], *old))])

    def sum(self, axis: int) -> Var:
        """Sum over one tensor axis (negative axes count from the end), kept with length 1."""
        ring = self.tape.ring
        axis = axis if axis < 0 else axis - len(self.shape)
        length = self.value.shape[axis]
        value = ring.scalars.reduce(self.value.sum(axis=axis, keepdims=True))
        return self.tape.record(value, [(self, lambda g: np.repeat(g, length, axis=axis))])


def _rows_times_matrix(x: Var, matrix: Var) -> Var:
    """x @ M for a parameter matrix: all data and token axes become the rows of one product."""
    ring = x.tape.ring
    weight = matrix.value[:, :, 0]
    rows = x.value.reshape(*x.value.shape[:2], -1, x.value.shape[-1])
    product = _shared_product(ring, rows, weight)
    value = product.reshape(*product.shape[:2], *x.value.shape[2:-1], product.shape[-1])

    def as_rows(gradient: Array) -> Array:
        return gradient.reshape(*gradient.shape[:2], -1, gradient.shape[-1])

    def to_x(gradient: Array) -> Array:
        flow = _shared_product(ring, as_rows(gradient), _transposed(weight))
        return flow.reshape(len(flow), *gradient.shape[1:-1], flow.shape[-1])

    def to_matrix(gradient: Array) -> Array:
        return ring.matmul(_transposed(rows), as_rows(gradient))[:, :, None]

    return x.tape.record(value, [(x, to_x), (matrix, to_matrix)])


def _shared_product(ring: FormalRing, rows: Array, weight: Array) -> Array:
    """rows (J, B, R, n) @ weight (J, B, n, h); flat when all fields share the weight."""
    if weight.strides[1] == 0 and weight.shape[1] > 1:
        jet, batch, count, inner = rows.shape
        flat = ring.matmul(rows.reshape(jet, batch * count, inner), weight[:, 0])
        return flat.reshape(len(flat), batch, count, flat.shape[-1])
    return ring.matmul(rows, weight)


def _aligned(a: Var, other: Var | int | Fraction) -> tuple[Var, Var]:
    """Both with the same number of tensor axes (ones in front), as NumPy would broadcast them."""
    b = other if isinstance(other, Var) else _number(a.tape, other)
    rank = max(len(a.shape), len(b.shape))
    return _padded(a, rank), _padded(b, rank)


def _number(tape: Tape, number: object) -> Var:
    """An exact number as a constant.

    Raises:
        InputError: a float, or no number: it would not be the same over GF(p).
    """
    if isinstance(number, bool) or not isinstance(number, int | Fraction):
        advice = "numbers in a network are integers or fractions.Fraction, which are exact"
        raise InputError("network", number, advice)
    exact = Fraction(number)
    scalars = tape.ring.scalars
    value = scalars.fraction(exact.numerator, exact.denominator)
    return tape.constant(np.full((1,) * LEAD, value, dtype=scalars.dtype))


def _padded(x: Var, rank: int) -> Var:
    missing = rank - len(x.shape)
    return x.reshape(*(1,) * missing, *x.shape) if missing else x


def _summed_to(ring: FormalRing, target: Array) -> Pullback:
    """The pullback of broadcasting ``target``: sum over the axes along which it was repeated."""
    shape = target.shape

    def back(gradient: Array) -> Array:
        axes = tuple(
            axis for axis in range(2, len(shape)) if shape[axis] == 1 and gradient.shape[axis] > 1
        )
        if not axes:
            return gradient
        return ring.scalars.reduce(gradient.sum(axis=axes, keepdims=True))

    return back


def _transposed(x: Array) -> Array:
    return x.swapaxes(-1, -2)


def _positive(z: Array) -> Array:
    return (z[:1] > 0).astype(z.dtype)


def replay(gates: Sequence[Array]) -> Gate:
    """A gate that hands out recorded patterns (batch, data, *units), one per ``relu`` call."""
    source: Iterator[Array] = iter(gates)
    return lambda z: next(source)[None].astype(z.dtype, copy=False)
