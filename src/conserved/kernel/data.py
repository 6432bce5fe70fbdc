"""Classes of data that are no groups, as exact numbers: which inputs, with which labels.

These inputs with any labels; these labelled samples, however they are weighted; all inputs of a
subspace; inputs that are their own labels (theory §15).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Any, Literal

import numpy as np

from conserved.kernel.errors import DegenerateSampleError
from conserved.kernel.program import Node, Program, make_node
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array, Scalars
from conserved.kernel.shapes import Shape

Row = tuple[Fraction, ...]
Labels = tuple[Row, ...] | Literal["any", "inputs"]


@dataclass(frozen=True)
class DataClass:
    """Inputs and labels that a dataset of the class may have; every weight of a datum is allowed.

    Args:
        points: the only inputs, each flattened; None where inputs are not listed.
        basis: inputs are combinations of these; None for no such condition.
        labels: "any", "inputs" (y = x), or one row for each point.
    """

    points: tuple[Row, ...] | None = None
    basis: tuple[Row, ...] | None = None
    labels: Labels = "any"

    @property
    def labelled(self) -> bool:
        """Whether a datum has one label."""
        return self.labels != "any"

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows of numbers that it is written with."""
        listed = () if isinstance(self.labels, str) else self.labels
        return (*(self.points or ()), *(self.basis or ()), *listed)

    @property
    def bits(self) -> tuple[float, float]:
        """Bits of the largest numerator and of the largest denominator."""
        numbers = [number for row in self.rows for number in row]
        above = max((abs(number.numerator) for number in numbers), default=1)
        below = max((number.denominator for number in numbers), default=1)
        return float(above.bit_length()), float((below - 1).bit_length())

    def thinned(self, places: Sequence[int]) -> DataClass:
        """Some of the points alone, with their labels: what they pull, all of them do."""
        assert self.points is not None
        points = tuple(self.points[place] for place in places)
        if isinstance(self.labels, str):
            return replace(self, points=points)
        return replace(self, points=points, labels=tuple(self.labels[place] for place in places))

    def to_json(self) -> dict[str, Any]:
        labels = self.labels if isinstance(self.labels, str) else _listed(self.labels)
        return {
            "points": None if self.points is None else _listed(self.points),
            "basis": None if self.basis is None else _listed(self.basis),
            "labels": labels,
        }


def table(rows: Sequence[Row], shape: Sequence[int], scalars: Scalars) -> Array:
    """Rows of exact numbers as scalars, (rows, *shape).

    Raises:
        DegenerateSampleError: a denominator is 0 mod p.
    """
    numbers = [number for row in rows for number in row]
    if isinstance(scalars, Reals):
        flat: Array = np.array([float(number) for number in numbers], dtype=scalars.dtype)
        return flat.reshape(len(rows), *shape)
    above = scalars.from_integers(np.array([n.numerator for n in numbers], dtype=object))
    below = scalars.from_integers(np.array([n.denominator for n in numbers], dtype=object))
    if scalars.is_zero(below).any():
        raise DegenerateSampleError("a number of the data has a denominator that is 0 mod p")
    return scalars.mul(above, scalars.inverse(below)).reshape(len(rows), *shape)


def combined(program: Program, basis: Sequence[Row]) -> Program:
    """The same network on combinations of some inputs: z ↦ f(θ, Σ_k z_k b_k).

    Example:
        >>> x, w = Node("input", (), ("x",), (2,)), Node("parameter", (), ("w",), (2,))
        >>> dot = (x, w, Node("mul", (0, 1), (), (2,)), Node("sum", (2,), (0,), (1,)))
        >>> program = Program((("w", (2,)),), (("x", (2,)),), dot, 3)
        >>> combined(program, [(Fraction(1), Fraction(0))]).inputs
        (('x', (1,)),)
    """
    ((name, shape),) = program.inputs
    numbers = tuple(_constant(number) for row in basis for number in row)
    shapes: dict[str, Shape] = {name: (len(basis),)}
    tensors = {"parameter": dict(program.parameters), "input": shapes}
    nodes: list[Node] = []
    for op, args, data in (
        ("input", (), (name,)),
        ("reshape", (0,), (1, len(basis))),
        ("constant", (), ((len(basis), prod(shape)), numbers)),
        ("matmul", (1, 2), ()),
        ("reshape", (3,), shape),
    ):
        nodes.append(make_node(nodes, op, args, data, tensors))
    put = len(nodes)
    moved = [
        put - 1 if node.op == "input" else put + index for index, node in enumerate(program.nodes)
    ]
    for node in program.nodes:  # an input of the old program stays as an unused node
        nodes.append(
            Node("input", (), (name,), (len(basis),))
            if node.op == "input"
            else replace(node, args=tuple(moved[i] for i in node.args))
        )
    inputs = ((name, (len(basis),)),)
    return Program(program.parameters, inputs, tuple(nodes), moved[program.output])


def _constant(number: Fraction) -> int | str:
    return number.numerator if number.denominator == 1 else str(number)


def _listed(rows: Sequence[Row]) -> list[list[str]]:
    return [[str(number) for number in row] for row in rows]
