"""From a module to the graph of its operations, by ``torch.export``, and what it refuses."""

from __future__ import annotations

import logging
import operator
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

from conserved.errors import InputError, require_torch
from conserved.networks.torch.ops import TABLE

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.export import ExportedProgram
    from torch.fx import Graph, Node

_HALF = "is read in float32 or float64: module.float()"


@dataclass(frozen=True, eq=False)
class Exported:
    """A module as a graph, with what its placeholders stand for.

    Attributes:
        graph: of ATen operations, without mutation.
        parameters: trainable tensors by their own first name, in the module's order.
        names: placeholders of trainable tensors → that name.
        constants: placeholders of everything else that is no input → its value.
        frozen: parameters and buffers of floats that are not trained, by placeholder: names.
        tied: further names of a parameter → its first name.
        inputs: placeholders of the inputs, in their order.
        outputs: (name, node) of each output tensor.
        changing: placeholders of buffers that a forward changes → their names.
    """

    graph: Graph
    parameters: Mapping[str, Tensor]
    names: Mapping[str, str]
    constants: Mapping[str, Any]
    frozen: Mapping[str, str]
    tied: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[tuple[str, str], ...]
    changing: Mapping[str, str]


def require_module(module: Any) -> None:
    """Refuse what is no module, such as the weights of one.

    Raises:
        InputError: naming what was given.
    """
    kind = type(module).__name__
    require_torch("module", kind)
    from torch import nn

    if not isinstance(module, nn.Module):
        advice = "give a torch.nn.Module; weights alone do not say what is computed with them"
        raise InputError("module", kind, advice)


def exported(module: nn.Module, example: Sequence[Tensor]) -> Exported:
    """Export a module on an example of its inputs.

    Raises:
        InputError: in one line, whatever the reason.
    """
    _check_types(module, example)
    program = _program(module, tuple(example))
    first: dict[int, str] = {}
    parameters: dict[str, Tensor] = {}
    untrained: dict[str, Tensor] = {}
    tied: dict[str, str] = {}
    for name, tensor in module.named_parameters(remove_duplicate=False):
        own = first.setdefault(id(tensor), name)
        if own != name:
            tied[name] = own
        else:
            (parameters if tensor.requires_grad else untrained)[name] = tensor
    changed = _changed(program, type(module).__name__)
    names: dict[str, str] = {}
    constants: dict[str, Any] = {}
    frozen: dict[str, str] = {}
    changing: dict[str, str] = {}
    inputs = []
    for spec in program.graph_signature.input_specs:
        placeholder, target = spec.arg.name, str(spec.target)
        target = tied.get(target, target)
        if spec.kind.name == "USER_INPUT":
            inputs.append(placeholder)
        elif target in parameters:
            names[placeholder] = target
        elif spec.kind.name in ("PARAMETER", "BUFFER"):
            held = untrained[target] if target in untrained else module.get_buffer(target)
            constants[placeholder] = held
            if target in changed:
                changing[placeholder] = target
            if held.is_floating_point() and held.numel():
                frozen[placeholder] = target
        else:
            constants[placeholder] = program.constants.get(target)
    return Exported(
        program.graph,
        parameters,
        names,
        constants,
        frozen,
        tied,
        tuple(inputs),
        tuple(_outputs(program)),
        changing,
    )


def _changed(program: ExportedProgram, kind: str) -> set[str]:
    """The names of buffers that a forward changes; parameters that it changes are refused."""
    changed = set()
    for spec in program.graph_signature.output_specs:
        if spec.kind.name == "PARAMETER_MUTATION":
            advice = f"changes its parameter {spec.target} in place, which is no gradient step"
            raise InputError("module", kind, advice)
        if spec.kind.name == "BUFFER_MUTATION":
            changed.add(str(spec.target))
    return changed


def _check_types(module: nn.Module, example: Sequence[Tensor]) -> None:
    import torch

    named = [*module.named_parameters(), *module.named_buffers()]
    given = [(f"input {k + 1}", x) for k, x in enumerate(example)]
    for name, tensor in (*named, *given):
        if torch.nn.parameter.is_lazy(tensor):
            raise InputError("module", name, "has no shape yet: run the module once")
        what = f"{name} {tuple(tensor.shape)}"
        if tensor.is_meta:
            raise InputError("module", what, "is on the meta device, without values")
        if tensor.is_complex():
            raise InputError("module", what, "is complex; networks are real here")
        if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64):
            kind = str(tensor.dtype).removeprefix("torch.")
            raise InputError("module", what, f"is {kind}, and a module {_HALF}")


def _program(module: nn.Module, example: tuple[Tensor, ...]) -> ExportedProgram:
    """The exported program, its operations decomposed down to those of the table."""
    from torch.export import default_decompositions, export

    kind = type(module).__name__
    with quietly():
        try:
            program = export(module, example, strict=False)
            if all(_as_it_is(node) for node in program.graph.nodes):
                return program
            table: Any = default_decompositions()
            for operation in [key for key in table if _name(key) in TABLE]:
                table.pop(operation)
            decomposed: ExportedProgram = program.run_decompositions(table)
            return decomposed
        except Exception as error:
            advice = _why(error, example)
            raise InputError("module", kind, advice) from error


@contextmanager
def quietly() -> Iterator[None]:
    """Neither warnings about torch's own use of itself nor what it prints: one line is raised."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        nowhere = StringIO()
        with warnings.catch_warnings(), redirect_stdout(nowhere), redirect_stderr(nowhere):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _as_it_is(node: Node) -> bool:
    """Whether a node is read without decomposing it, which takes ten times as long as exporting."""
    if node.op != "call_function" or node.target is operator.getitem:
        return node.op != "get_attr"
    schema = getattr(node.target, "_schema", None)  # none: control flow
    if schema is None or schema.is_mutable:
        return False
    return _name(node.target) in TABLE or not node.all_input_nodes  # a constant


def _name(operation: Any) -> str:
    """Of an operation in the table, or ""."""
    space, _, rest = str(operation).partition(".")
    return rest.partition(".")[0] if space == "aten" else ""


def _why(error: Exception, example: Sequence[Tensor]) -> str:
    """What an error of torch's means, in one line."""
    told = " ".join(str(error).split())
    shapes = ", ".join("×".join(map(str, x.shape)) or "a number" for x in example)
    low = told.lower()
    if "data-dependent" in low or "data dependent" in low or "datadependent" in low:
        return "its control flow depends on the values of its data; a network is one formula"
    if "mutat" in low or "in-place" in low or "inplace" in low:
        return f"it changes its own tensors in place: {told[:120]}"
    if "found a fake tensor" in low:
        return "it replaces data of its tensors (.data = …) in forward; write out the function"
    reason = told.split(" Exception raised from")[0]
    return f"forward on an input of shape {shapes}: {type(error).__name__}: {reason[:160]}"


def _outputs(program: ExportedProgram) -> list[tuple[str, str]]:
    """(name, node) of the user's outputs that are tensors."""
    from torch.utils import _pytree as pytree

    specs = [s for s in program.graph_signature.output_specs if s.kind.name == "USER_OUTPUT"]
    tree = pytree.tree_unflatten(list(range(len(specs))), program.call_spec.out_spec)
    named = [(key, getattr(specs[index].arg, "name", "")) for key, index in named_outputs(tree)]
    return [(key, name) for key, name in named if name]


def named_outputs(outputs: Any) -> list[tuple[str, Any]]:
    """What a module returns, taken apart: (name, leaf)."""
    from torch.utils import _pytree as pytree

    paths, _ = pytree.tree_flatten_with_path(outputs)
    return [(pytree.keystr(path).strip("[].'\"") or "output", leaf) for path, leaf in paths]
