"""Random numbers that a module draws in its forward: dropout, noise, branches left out.

A step goes along the gradient at the numbers that were drawn. A law that holds whatever they are
holds for every step, and so they can be read as data: part of the input of the program, another one
at each step. Masks are taken as any numbers, not as 0 or 1/(1 − p) alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from conserved.networks.torch.values import operation_name

if TYPE_CHECKING:
    from torch.fx import Graph, Node

Shape = tuple[int, ...]
DRAWS = (
    "bernoulli",
    "rand",
    "randn",
    "rand_like",
    "randn_like",
    "normal_functional",
    "uniform",
)
_RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")


def draws_of(graph: Graph) -> dict[str, Shape]:
    """The shape of the random numbers of each node that draws some, by name."""
    found = {node.name: _shape(node) for node in graph.nodes if node.op == "call_function"}
    return {name: shape for name, shape in found.items() if shape is not None}


def masks_only(graph: Graph, draws: Mapping[str, Shape]) -> bool:
    """Whether all are masks of dropout, which are 1 where it is off."""
    return not any(node.name in draws and operation_name(node) in DRAWS for node in graph.nodes)


def _shape(node: Node) -> Shape | None:
    name, args, made = operation_name(node), node.args, node.meta.get("val")
    if made is None:
        return None
    if name in DRAWS:
        return tuple(made.shape)
    if name == "native_dropout":
        return tuple(made[0].shape) if args[2] else None
    if name == "scaled_dot_product_attention":
        rate = args[4] if len(args) > 4 else node.kwargs.get("dropout_p", 0.0)
        query, key = (_meta(args[k]).shape for k in (0, 1))
        return (*query[:-1], key[-2]) if rate else None
    if name in _RECURRENT:
        layers, rate, train, first = args[4], args[5], args[6], args[8]
        steps = made[0].shape
        wide = (steps[1], steps[0], steps[2]) if first else tuple(steps)
        return (int(str(layers)) - 1, *wide) if rate and train and layers != 1 else None
    return None


def _meta(node: Any) -> Any:
    return node.meta["val"]
