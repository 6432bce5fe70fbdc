"""Reading a graph of ATen operations as a program: one symbolic tensor after the other."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from conserved.errors import ConservedError, InputError
from conserved.networks.torch.ops import TABLE
from conserved.networks.torch.ops.random import RANDOM
from conserved.networks.torch.values import (
    Chosen,
    Context,
    Masked,
    Tokens,
    UncoveredError,
    operation_name,
    refusal,
)
from conserved.networks.tracing import Var

if TYPE_CHECKING:
    from torch.fx import Graph, Node

_SILENT = {"_assert_tensor_metadata", "_assert_scalar", "_assert_async", "sym_constrain_range"}
_RANDOM = "is random: module.eval(), or leave it out"
_CONTROL = {"cond", "while_loop", "map_impl", "scan"}
_SYMBOLIC = Var | Tokens | Masked | Chosen


def read_graph(graph: Graph, given: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """The value of every node that is not needed by an uncovered one.

    Args:
        graph: as exported.
        given: placeholders → what stands for them.
        context: where operations are recorded.

    Returns:
        node name → value.

    Raises:
        UncoveredError: an operation that is not in the table, with its place and shape.
    """
    values: dict[str, Any] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            values[node.name] = given[node.name]
        elif node.op == "call_function":
            context.node = node
            values[node.name] = read_node(node, values, context)
        elif node.op == "get_attr":
            raise refusal(node, "its control flow is part of its data; a network is one formula")
    return values


def read_node(node: Node, values: Mapping[str, Any], context: Context) -> Any:
    """One operation: by torch itself where everything it is given is constant, else by the table.

    Raises:
        UncoveredError: it is not in the table.
    """
    args = _filled(node.args, values)
    kwargs = _filled(node.kwargs, values)
    if node.target is operator.getitem:
        return args[0][args[1]]
    name = operation_name(node)
    if name in _SILENT:
        return None
    if any(values[entering.name] is None for entering in node.all_input_nodes):
        return None  # what becomes of running statistics, which are no output
    rule = TABLE.get(name)
    if "nondeterministic_seeded" in str(getattr(node.target, "tags", ())) and rule is None:
        raise refusal(node, _RANDOM)
    if not _symbolic((args, kwargs)) and name not in RANDOM:
        return _by_torch(node, args, kwargs)
    if rule is None:
        control = name in _CONTROL or "wrap_with" in name
        why = "control flow and switched gradients are not read" if control else "not covered"
        raise refusal(node, why)
    try:
        value = rule(context, *args, **kwargs)
    except UncoveredError:
        raise
    except ConservedError as error:
        raise refusal(node, f"{error}") from error
    except (TypeError, ValueError, NotImplementedError, RuntimeError) as error:
        told = " ".join(f"{error}".split())[:100]
        raise refusal(node, f"not covered with these arguments ({told})") from error
    _check_shape(node, value)
    return value


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Arguments with nodes replaced by what stands for them."""
    if hasattr(value, "op") and hasattr(value, "target"):
        return values[value.name]
    if isinstance(value, Mapping):
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_filled(item, values) for item in value]
    return value


def _symbolic(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_symbolic, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_symbolic, value))
    return isinstance(value, _SYMBOLIC)


def _by_torch(node: Node, args: Any, kwargs: Any) -> Any:
    """A constant, worked out in float64."""
    import torch

    def wide(value: Any) -> Any:
        if isinstance(value, torch.dtype) and value.is_floating_point:
            return torch.float64
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            return value.detach().to(torch.float64)
        if isinstance(value, list):
            return [wide(item) for item in value]
        return value

    args = [wide(value) for value in args]
    kwargs = {key: wide(value) for key, value in kwargs.items()}
    made = node.target(*args, **kwargs)  # type: ignore[operator]
    if isinstance(made, torch.Tensor) and made.dtype == torch.float32:
        made = made.to(torch.float64)
    return made


def _check_shape(node: Node, value: Any) -> None:
    """A reading that has another shape than torch's own is wrong, and must not pass."""
    expected = getattr(node.meta.get("val"), "shape", None)
    if expected is None or not hasattr(value, "shape"):
        return
    if tuple(expected) != tuple(value.shape):
        raise refusal(node, f"was read as a tensor of shape {tuple(value.shape)}")


def ancestors(graph: Graph, output: str) -> set[str]:
    """The names of the nodes that an output is made from, itself among them."""
    by_name = {node.name: node for node in graph.nodes}
    met: set[str] = set()
    waiting = [output]
    while waiting:
        name = waiting.pop()
        if name not in met:
            met.add(name)
            node = by_name[name]
            training = operation_name(node) == "_native_batch_norm_legit_functional"
            passed = node.args[3:5] if training else ()  # statistics that are written, not read
            waiting += [made.name for made in node.all_input_nodes if made not in passed]
    return met


def only_output(outputs: Sequence[tuple[str, str]], wanted: str | int | None) -> str:
    """The node of the output asked for.

    Raises:
        InputError: none of that name, or several and none asked for.
    """
    names = [name for name, _ in outputs]
    if not outputs:
        raise InputError("output", wanted or "", "the module returns no tensor")
    if wanted is None and len(outputs) == 1:
        return outputs[0][1]
    if isinstance(wanted, str) and wanted in names:
        return outputs[names.index(wanted)][1]
    number = str(wanted)
    if number.isdigit() and int(number) < len(outputs):
        return outputs[int(number)][1]
    given = "" if wanted is None else wanted
    raise InputError("output", given, f"the module returns several: name one of {', '.join(names)}")
