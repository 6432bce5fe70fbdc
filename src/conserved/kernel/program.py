"""A network as data: a straight-line program of ring operations on named tensors.

Every node has an operation, earlier nodes as arguments, constants of its own and a shape; the
shape of one input alone, since batches and data are axes that the evaluation adds in front
(``conserved.kernel.evaluate``). Two networks are the same when their programs are. Programs are
JSON, and reading one checks every size before anything is computed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import lcm, prod
from typing import Any

from conserved.kernel.errors import InputError
from conserved.kernel.shapes import SHAPES, Shape, fault_of_data, roots_of

NODE_LIMIT = 20_000
SIZE_LIMIT = 10_000_000  # entries of one tensor
TOTAL_LIMIT = 20_000_000  # entries of all values that a program from a file makes of one input
NAME_LIMIT = 80  # characters
CHOICES = ("gate", "argmax", "order")  # piecewise constant: what a derivative does not see

Tensors = tuple[tuple[str, Shape], ...]


@dataclass(frozen=True)
class Node:
    """One operation.

    Args:
        op: a name of ``conserved.kernel.shapes.SHAPES``.
        args: earlier nodes, by position.
        data: its constants, nested tuples of integers and texts.
        shape: of its value for one input.
    """

    op: str
    args: tuple[int, ...]
    data: tuple[Any, ...]
    shape: Shape


@dataclass(frozen=True)
class Program:
    """(parameters, inputs) ↦ one tensor.

    Args:
        parameters: (name, shape) of each, in the order of the flat vector θ.
        inputs: (name, shape) of each.
        nodes: in an order in which each comes after its arguments.
        output: the node whose value is the result.

    Example:
        >>> w, x = Node("parameter", (), ("w",), (2,)), Node("input", (), ("x",), (2,))
        >>> dot = (w, x, Node("mul", (0, 1), (), (2,)), Node("sum", (2,), (0,), (1,)))
        >>> program = Program((("w", (2,)),), (("x", (2,)),), dot, 3)
        >>> Program.from_json(program.to_json()) == program, program.shape
        (True, (1,))
    """

    parameters: Tensors
    inputs: Tensors
    nodes: tuple[Node, ...]
    output: int

    @property
    def shape(self) -> Shape:
        """Shape of the result for one input."""
        return self.nodes[self.output].shape

    @property
    def size(self) -> int:
        """D, the number of scalar parameters."""
        return sum(prod(shape) for _, shape in self.parameters)

    @cached_property
    def roots(self) -> int:
        """k such that all constants exist in GF(p) for p ≡ 1 mod 4k."""
        return lcm(1, *(roots_of(node.op, node.data) for node in self.nodes))

    @cached_property
    def choices(self) -> tuple[int, ...]:
        """The nodes that choose a piece: gates, maxima and orders."""
        return tuple(i for i, node in enumerate(self.nodes) if node.op in CHOICES)

    @property
    def has_roots(self) -> bool:
        """Whether it takes square roots."""
        return any(node.op == "root" for node in self.nodes)

    @cached_property
    def by_inputs(self) -> tuple[int, ...]:
        """The choices that inputs alone make, such as which token stands at a place."""
        nodes, met = self.nodes, self._reach("parameter", ())
        return tuple(i for i in self.choices if not met[nodes[i].args[0]])

    @cached_property
    def on_parameters(self) -> tuple[bool, ...]:
        """For each node whether a derivative by parameters passes through it."""
        return self._reach("parameter", CHOICES)

    @cached_property
    def on_inputs(self) -> tuple[bool, ...]:
        """For each node whether its value depends on an input."""
        return self._reach("input", ())

    def _reach(self, source: str, ends: Sequence[str]) -> tuple[bool, ...]:
        met: list[bool] = []
        for node in self.nodes:
            through = any(met[i] for i in node.args) and node.op not in ends
            met.append(node.op == source or through)
        return tuple(met)

    def used(self) -> frozenset[str]:
        """The names of the parameters that the result is made from."""
        needed = {self.output}
        for index in range(len(self.nodes) - 1, -1, -1):
            if index in needed:
                needed.update(self.nodes[index].args)
        nodes = (self.nodes[i] for i in needed)
        return frozenset(node.data[0] for node in nodes if node.op == "parameter")

    def volume(self, inputs: int = 1) -> int:
        """Number of entries that one evaluation on so many inputs keeps for its derivative."""
        total = 0
        for node, active, each in zip(self.nodes, self.on_parameters, self.on_inputs, strict=True):
            if active:
                total += prod(node.shape) * (inputs if each else 1)
        return total

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.to_json()).encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def to_json(self) -> dict[str, Any]:
        """{"parameters": …, "inputs": …, "nodes": [[op, args, data], …], "output": n}."""
        return {
            "parameters": [[name, list(shape)] for name, shape in self.parameters],
            "inputs": [[name, list(shape)] for name, shape in self.inputs],
            "nodes": [[node.op, list(node.args), _lists(node.data)] for node in self.nodes],
            "output": self.output,
        }

    @staticmethod
    def from_json(value: Any) -> Program:
        """From ``to_json``; shapes are worked out again.

        Raises:
            InputError: anything that is no program within the limits, with the place.
        """
        found = _mapping(value, "program", ("parameters", "inputs", "nodes", "output"))
        parameters = _tensors(found["parameters"], "parameters")
        inputs = _tensors(found["inputs"], "inputs")
        listed = _list(found["nodes"], "nodes", NODE_LIMIT)
        nodes: list[Node] = []
        total = 0
        known = {"parameter": dict(parameters), "input": dict(inputs)}
        for index, item in enumerate(listed):
            place = f"nodes[{index}]"
            parts = _list(item, place, 3)
            if len(parts) != 3 or not isinstance(parts[0], str):
                raise _error(place, item, "a node is [operation, arguments, constants]")
            args = tuple(_whole(i, place, index - 1) for i in _list(parts[1], place, NODE_LIMIT))
            data = _tuples(_list(parts[2], place, SIZE_LIMIT))
            nodes.append(make_node(nodes, parts[0], args, data, known, place))
            total += prod(nodes[-1].shape)
            if total > TOTAL_LIMIT:
                advice = f"all values together have more than {TOTAL_LIMIT:,} entries"
                raise _error(place, parts[0], advice)
        if not nodes:
            raise _error("nodes", [], "a program has at least one node")
        output = _whole(found["output"], "output", len(nodes) - 1)
        return Program(parameters, inputs, tuple(nodes), output)


def make_node(
    nodes: Sequence[Node],
    op: str,
    args: tuple[int, ...],
    data: tuple[Any, ...],
    tensors: Mapping[str, Mapping[str, Shape]],
    place: str = "network",
) -> Node:
    """A node with its shape, checked.

    Args:
        nodes: those before it.
        op, args, data: of the new one.
        tensors: shapes of the parameters and inputs by kind ("parameter", "input") and name.
        place: for errors.

    Raises:
        InputError: an unknown operation, unusable constants, or shapes that do not fit.
    """
    rule = SHAPES.get(op)
    if rule is None:
        raise _error(place, op, f"unknown operation; known are {', '.join(sorted(SHAPES))}")
    if op in tensors:
        if len(args) or len(data) != 1 or data[0] not in list(tensors[op]):
            known = ", ".join(tensors[op]) or "none"
            raise _error(place, [op, list(args), _lists(data)], f"the {op}s are {known}")
        return Node(op, args, data, tensors[op][data[0]])
    if fault := fault_of_data(op, data):
        raise _error(place, [op, *_lists(data)], fault)
    shapes = [nodes[i].shape for i in args]
    shape = rule(shapes, data)
    if isinstance(shape, str):
        given = f"{op} of shapes {', '.join(map(str, shapes)) or 'none'}"
        raise _error(place, given, shape)
    if not 0 < prod(shape) <= SIZE_LIMIT:
        advice = f"tensors have 1 to {SIZE_LIMIT:,} entries"
        raise _error(place, f"{op} of {prod(shape):,} entries", advice)
    return Node(op, args, data, shape)


def _tensors(value: Any, what: str) -> Tensors:
    tensors: dict[str, Shape] = {}
    for item in _list(value, what, NODE_LIMIT):
        pair = _list(item, what, 2)
        if len(pair) != 2 or not isinstance(pair[0], str) or not 0 < len(pair[0]) <= NAME_LIMIT:
            raise _error(what, item, f"each is [name of up to {NAME_LIMIT} characters, shape]")
        shape = tuple(_whole(n, what, SIZE_LIMIT) for n in _list(pair[1], what, 16))
        if pair[0] in tensors or not prod(shape) or prod(shape) > SIZE_LIMIT:
            raise _error(what, item, "names differ and tensors have 1 to 10,000,000 entries")
        tensors[pair[0]] = shape
    return tuple(tensors.items())


def _mapping(value: Any, what: str, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(keys):
        raise _error(what, value, f"an object with {', '.join(keys)} is needed")
    return value


def _list(value: Any, what: str, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise _error(what, value, f"a list of at most {most:,} is needed")
    return value


def _whole(value: Any, what: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise _error(what, value, f"a whole number from 0 to {most:,} is needed")
    return value


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, tuple) else value


def _error(place: str, given: Any, advice: str) -> InputError:
    shown = str(given)
    return InputError(place, shown if len(shown) <= 60 else f"{shown[:59]}…", advice)
