"""What of a module can be read: every parameter accounted for, nothing skipped in silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from conserved.errors import InputError
from conserved.networks.torch.export import require_module
from conserved.networks.torch.network import Reading, examples
from conserved.networks.torch.reading import ancestors, read_node
from conserved.networks.torch.values import Context, UncoveredError, place_of
from conserved.notebook import frame

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import Tensor, nn
    from torch.fx import Node

Status = Literal["covered", "frozen", "tied", "unused", "unsupported"]


@dataclass(frozen=True)
class Row:
    """One parameter.

    Attributes:
        name, shape: of it.
        status: what becomes of it.
        detail: why, where that is not plain: an operation, or the name it is tied to.
    """

    name: str
    shape: tuple[int, ...]
    status: Status
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "shape": list(self.shape),
            "status": self.status,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Coverage:
    """Every parameter of a module, and the operations that cannot be read.

    Attributes:
        module: its class.
        rows: one for each name of a parameter.
        uncovered: the operations, each with its module path and shape.
        constants: what the numbers of the module were taken for.
    """

    module: str
    rows: tuple[Row, ...]
    uncovered: tuple[str, ...]
    constants: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether everything the output is made from is covered."""
        return not self.uncovered

    def of(self, status: Status) -> tuple[Row, ...]:
        """The parameters of one status."""
        return tuple(row for row in self.rows if row.status == status)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": "conserved.coverage/1",
            "module": self.module,
            "complete": self.complete,
            "parameters": [row.to_json() for row in self.rows],
            "uncovered": list(self.uncovered),
            "constants": list(self.constants),
        }

    def to_frame(self) -> DataFrame:
        """A row of pandas for each parameter: ``name``, ``shape``, ``status``, ``detail``.

        Raises:
            ConservedError: pandas is not installed.
        """
        columns = ("name", "shape", "status", "detail")
        return frame(({key: getattr(row, key) for key in columns} for row in self.rows), columns)

    def text(self) -> str:
        """A table, and one line that sums it up."""
        cells = [
            (row.name, "×".join(map(str, row.shape)) or "1", row.status, row.detail)
            for row in self.rows
        ]
        widths = [max((len(cell[i]) for cell in cells), default=0) for i in range(3)]
        lines = [
            "  ".join([*(cell[i].ljust(widths[i]) for i in range(3)), cell[3]]).rstrip()
            for cell in cells
        ]
        lines += [f"not covered: {line}" for line in self.uncovered]
        lines += [f"note: {line}" for line in self.constants]
        counted = ", ".join(
            f"{len(rows)} {status} ({sum(prod(row.shape) for row in rows):,} numbers)"
            for status in ("covered", "frozen", "tied", "unused", "unsupported")
            if (rows := self.of(status))
        )
        verdict = "covered" if self.complete else "not covered as a whole"
        return "\n".join([*lines, f"{self.module}: {verdict}. {counted or 'no parameters'}."])

    def __str__(self) -> str:
        return self.text()


def coverage(
    module: nn.Module,
    example: Tensor | Sequence[Tensor],
    *,
    batch: int | None = None,
    tokens: int | None = None,
    output: str | int | None = None,
) -> Coverage:
    """Say of every parameter of a module what becomes of it.

    Args:
        module, example, batch, tokens, output: as for ``read_module``.

    Raises:
        InputError: the module cannot be exported at all.
    """
    require_module(module)
    reading = Reading(module, examples(example, batch), batch, tokens, output)
    found = reading.found
    recording, constants, given = reading.begin()
    context = Context(recording, constants, eps=True, batched=bool(batch))
    x = given[found.inputs[0]]
    lost: dict[str, UncoveredError] = {}
    values: dict[str, Any] = {}
    for node in found.graph.nodes:
        if node.op == "placeholder":
            values[node.name] = given[node.name]
        elif node.op == "call_function":
            context.node = node
            try:
                values[node.name] = read_node(node, values, context)
            except UncoveredError as error:
                lost[node.name] = error
                values[node.name] = _stand_in(x, node)
        elif node.op == "get_attr":
            values[node.name] = None
    reached = ancestors(found.graph, reading.output)
    fed = _fed(found.graph.nodes, found.inputs)
    blamed = {
        name: f"{node.target} in {place_of(node)}"
        for node in found.graph.nodes
        if node.name in lost and node.name in reached
        for name in _own_parameters(node, found.names, fed)
    }
    rows = []
    for name, tensor in module.named_parameters(remove_duplicate=False):
        shape = tuple(tensor.shape)
        used = any(found.names.get(place) == name for place in reached)
        if name in found.tied:
            rows.append(Row(name, shape, "tied", f"to {found.tied[name]}"))
        elif not tensor.requires_grad:
            rows.append(Row(name, shape, "frozen"))
        elif name in blamed:
            rows.append(Row(name, shape, "unsupported", blamed[name]))
        else:
            rows.append(Row(name, shape, "covered" if used else "unused"))
    uncovered = [
        f"{error.advice} in {error.given}" for name, error in lost.items() if name in reached
    ]
    kind = type(module).__name__
    if not lost:
        uncovered += _backward(reading)
    return Coverage(kind, tuple(rows), tuple(uncovered), constants.lines())


def _backward(reading: Reading) -> list[str]:
    """What is wrong with the backward of a module that is covered otherwise."""
    try:
        program = reading.run(eps=True).program
    except InputError:  # no parameters among what the output is made from
        return []
    fault = reading.fault_of_gradient(program)
    return [f"{fault} in {reading.kind}"] if fault else []


def _stand_in(x: Any, node: Node) -> Any:
    """Something that depends on the input, in place of what could not be read."""
    one = (x if hasattr(x, "recording") else x.rows).reshape(-1)[0]

    def like(value: Any) -> Any:
        if isinstance(value, tuple | list):
            return [like(item) for item in value]
        lengths = getattr(value, "shape", ())
        shape = tuple(n if isinstance(n, int) and n else 1 for n in lengths)  # others: of data
        return one.reshape(*(1 for _ in shape)).broadcast_to(*shape)

    return like(node.meta.get("val"))


def _fed(nodes: Any, inputs: Sequence[str]) -> set[str]:
    """The names of the nodes that depend on an input."""
    met = set(inputs)
    for node in nodes:
        if any(entering.name in met for entering in node.all_input_nodes):
            met.add(node.name)
    return met


def _own_parameters(node: Node, names: Mapping[str, str], fed: set[str]) -> set[str]:
    """The parameters that enter an operation without having met an input before."""
    met: set[str] = set()
    waiting = [entering for entering in node.all_input_nodes if entering.name not in fed]
    while waiting:
        entering = waiting.pop()
        if entering.name in names:
            met.add(names[entering.name])
        waiting += entering.all_input_nodes
    return met
