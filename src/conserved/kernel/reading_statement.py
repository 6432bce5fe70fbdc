"""Reading what a certificate speaks of: a program, a loss, matrices, rows of exact numbers."""

from __future__ import annotations

from math import prod
from typing import Literal, cast

from conserved.kernel.data import DataClass, Labels, Row
from conserved.kernel.entries import ROOTS_LIMIT, EntryError, entry
from conserved.kernel.errors import InputError
from conserved.kernel.flow import Flow
from conserved.kernel.group import ORDER_LIMIT, Exact, Lift, Matrix, Move, Symmetry
from conserved.kernel.law import fault_of_law
from conserved.kernel.loss import Loss
from conserved.kernel.losses import parse_loss
from conserved.kernel.program import Program
from conserved.kernel.reader import Reader
from conserved.kernel.statement import Statement, fault_of_class, fault_of_orbits

_GENERATORS = 1000
_LIFT_LIMIT = 4096


def read_statement(reader: Reader) -> Statement:
    """The statement of a document.

    Raises:
        InputError: with the place.
    """
    program = read_program(reader["program"])
    if len(program.inputs) != 1 or not program.inputs[0][1] or not program.shape:
        raise reader["program"].error("a network has one input and one output, each with axes")
    if not program.parameters:
        raise reader["program"].error("a network has parameters")
    try:
        loss = parse_loss(reader["loss"].text(40))
        loss.check(program.shape)
    except InputError as error:
        raise reader["loss"].error(error.advice) from error
    symmetry = None if reader["symmetry"].value is None else _symmetry(reader["symmetry"], program)
    data = None if reader["data"].value is None else _data(reader["data"], program, loss)
    flow = Flow.read(reader["flow"], program.parameters)
    statement = Statement(program, loss, symmetry, flow, data)
    if symmetry is not None:
        _require_fit(reader["symmetry"], statement)
    if symmetry is not None and data is not None:
        if fault := fault_of_orbits(data, symmetry.order):
            raise reader["data"].error(fault)
        if data.labels == "inputs" and any(move.labels is None for move in symmetry.generators):
            raise reader["data"].error("labels that are inputs move as these do")
    if fault := fault_of_class(program, loss, flow, restricted=statement.kind != "all"):
        raise reader["flow"].error(fault)
    if statement.roots > ROOTS_LIMIT:
        raise reader.error(f"needs roots of unity of order above {ROOTS_LIMIT:,}")
    return statement


def read_program(reader: Reader) -> Program:
    """A program within the limits.

    Raises:
        InputError: with the place.
    """
    try:
        return Program.from_json(reader.value)
    except RecursionError as error:
        raise reader.error("nested too deep") from error
    except InputError as error:
        place = f"{reader.path}: {error.argument}"
        raise InputError(place, error.given, error.advice) from error


def _symmetry(reader: Reader, program: Program) -> Symmetry:
    reader.keys("generators", "turns", "order", "lift")
    n, m = program.inputs[0][1][-1], program.shape[-1]
    generators, turns = (
        tuple(_move(item, n, m) for item in reader[key].items(most=_GENERATORS))
        for key in ("generators", "turns")
    )
    order, lift = reader["order"], reader["lift"]
    listed = None if order.value is None else order.integer(2, ORDER_LIMIT)
    if (lift.value is None) == (listed is None) or (listed is not None and turns):
        raise order.error("either its elements are listed, without turns, or there is a lift")
    made = None if lift.value is None else _lift(lift, program)
    return Symmetry(generators, turns, listed, made)


def _require_fit(reader: Reader, statement: Statement) -> None:
    symmetry, loss = statement.symmetry, statement.loss
    assert symmetry is not None
    if symmetry.lift is not None:
        if loss.spec not in ("mse", "poly:2"):
            raise reader["lift"].error("moments are all that squared error sees, and no other loss")
        if statement.program.choices or statement.program.has_roots:
            raise reader["lift"].error("a network with gates or square roots has no lift")
    if loss.one_hot:
        for move in (*symmetry.generators, *symmetry.turns):
            rows = move.labels or ()
            if any(len(row) != 1 or row[0][1] != 1 for row in rows):
                raise reader.error("classes are permuted, or stay")


def _move(reader: Reader, n: int, m: int) -> Move:
    reader.keys("inputs", "labels")
    labels = reader["labels"]
    return Move(_matrix(reader["inputs"], n), None if labels.value is None else _matrix(labels, m))


def _matrix(reader: Reader, size: int) -> Matrix:
    rows = []
    for row in reader.items(exactly=size):
        entries = []
        for item in row.items(most=size):
            column, value = item.items(exactly=2)
            entries.append((column.integer(0, size - 1), _exact(value)))
        columns = [column for column, _ in entries]
        if columns != sorted(set(columns)):
            raise row.error("columns ascend, each once")
        rows.append(tuple(entries))
    return tuple(rows)


def _exact(reader: Reader) -> Exact:
    if isinstance(reader.value, int):
        return reader.integer(-(10**9), 10**9)
    text = reader.text()
    try:
        entry(text)
    except EntryError as error:
        raise reader.error(str(error)) from error
    return text


def _lift(reader: Reader, program: Program) -> Lift:
    reader.keys("features", "metric", "averages")
    features = read_program(reader["features"])
    shapes = [shape for _, shape in program.inputs]
    if (
        features.parameters
        or [shape for _, shape in features.inputs] != shapes
        or len(features.shape) != 2
        or fault_of_law(Program((), (), features.nodes, features.output))
    ):
        advice = "Φ is a polynomial program without parameters, from one input to (rows, τ)"
        raise reader["features"].error(advice)
    rows, tau = features.shape
    if tau > _LIFT_LIMIT or rows * program.shape[-1] != prod(program.shape):
        raise reader["features"].error("one row for each row of the outputs, and τ ≤ 4,096")
    metric = tuple(d.integer(1, 2**53) for d in reader["metric"].items(exactly=tau))
    k, length = reader["averages"].items(exactly=2)
    return Lift(features, metric, (k.integer(0, tau**2), length.integer(0, tau**2)))


def _data(reader: Reader, program: Program, loss: Loss) -> DataClass:
    reader.keys("points", "basis", "labels")
    size = prod(program.inputs[0][1])
    points, basis = (
        None if reader[key].value is None else _rows(reader[key], size)
        for key in ("points", "basis")
    )
    labels: Labels
    if isinstance(reader["labels"].value, str):
        labels = cast(Literal["any", "inputs"], reader["labels"].choice("any", "inputs"))
    else:
        labels = _rows(reader["labels"], prod(program.shape), len(points or ()))
        for row, item in zip(labels, reader["labels"].items(), strict=True):
            if fault := loss.fault_of_label(row, program.shape[-1]):
                raise item.error(fault)
    if points is not None and basis is not None:
        raise reader["basis"].error("inputs are listed, or they are combinations")
    if labels == "inputs" and program.inputs[0][1] != program.shape:
        raise reader["labels"].error("inputs and outputs of the network have different shapes")
    if labels == "inputs" and not loss.real_labels:
        raise reader["labels"].error(f"inputs are no labels for {loss.spec}")
    if points is None and basis is None and labels == "any":
        raise reader.error("all data are no class of their own; null says that")
    return DataClass(points, basis, labels)


def _rows(reader: Reader, width: int, count: int | None = None) -> tuple[Row, ...]:
    rows = tuple(
        tuple(item.fraction() for item in row.items(exactly=width))
        for row in reader.items(exactly=count)
    )
    if not rows:
        raise reader.error("at least one row is needed")
    return rows
