"""What stands for a torch tensor while a graph is read: a symbolic tensor, or one with a meaning.

Constants stay torch tensors until they meet a symbolic one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conserved.errors import InputError
from conserved.networks.torch.constants import Constants
from conserved.networks.tracing import Recording, Var

if TYPE_CHECKING:
    from torch import Tensor
    from torch.fx import Node

EPS_LIMIT = 1e-3  # below it a number under a root keeps it away from 0
MINUS_INFINITY = -1e4  # what is added to scores to mask them


@dataclass(frozen=True)
class Tokens:
    """Integers below V, as one-hot rows.

    Attributes:
        rows: (*shape, V).
    """

    rows: Var

    @property
    def shape(self) -> tuple[int, ...]:
        return self.rows.shape[:-1]


@dataclass(frozen=True)
class Masked:
    """Scores of which some are −∞.

    Attributes:
        scores: the finite ones, and anything elsewhere.
        keep: 1 where they are finite, else 0; of their shape.
    """

    scores: Var
    keep: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.scores.shape


@dataclass(frozen=True)
class Chosen:
    """Positions along the last axis that depend on the values: the places of maxima.

    Attributes:
        rows: one-hot rows, (*shape, n).
    """

    rows: Var

    @property
    def shape(self) -> tuple[int, ...]:
        return self.rows.shape[:-1]


class UncoveredError(InputError):
    """An operation that cannot be read."""


class Context:
    """What the reading of one operation may use.

    Args:
        recording: the program as it grows.
        constants: what its numbers were taken for.
        eps: whether small numbers under roots count as they are, or as 0.
        batched: whether a datum is a batch.
        drawn: random numbers by the node that draws them, where they count as data.

    Attributes:
        node: the operation that is read.
    """

    node: Node

    def __init__(
        self,
        recording: Recording,
        constants: Constants,
        *,
        eps: bool,
        batched: bool,
        drawn: Mapping[str, Var] | None = None,
    ) -> None:
        self.recording = recording
        self.constants = constants
        self.keeps_eps = eps
        self.batched = batched
        self._drawn = drawn or {}

    def drawn(self) -> Var:
        """The random numbers that this operation draws.

        Raises:
            UncoveredError: they are no data here.
        """
        if self.node.name not in self._drawn:
            raise self.refused("is random: module.eval(), or leave it out")
        return self._drawn[self.node.name]

    def var(self, value: Any) -> Var:
        """A symbolic tensor; constants are written exactly.

        Raises:
            UncoveredError: a value that is no plain tensor.
        """
        if isinstance(value, Var):
            return value
        if isinstance(value, bool | int | float):
            return self.recording.add("constant", (), ((), (self.exact(value),)))
        if isinstance(value, Tokens | Masked | Chosen):
            what = {"Tokens": "token indices", "Masked": "scores of −∞", "Chosen": "indices"}
            raise self.refused(f"it is given {what[type(value).__name__]}")
        array = self.floats(value)
        if not np.isfinite(array).all():
            raise self.refused("it is given infinite constants")
        return self.recording.add("constant", (), (array.shape, self.constants.table(array)))

    def exact(self, value: Any) -> int | str:
        """One exact number."""
        return self.constants.exact(float(value))

    def eps(self, value: float) -> Fraction:
        """A small number under a root, as it counts."""
        if not value:
            return Fraction(0)
        exact = Fraction(self.constants.exact(float(value)))
        self.constants.eps[str(float(value))] += 1
        return exact if self.keeps_eps else Fraction(0)

    def is_constant(self, value: Any) -> bool:
        """Whether it depends on no parameter and no input."""
        return not isinstance(value, Var | Tokens | Masked | Chosen)

    def on_parameters(self, value: Var) -> bool:
        """Whether a symbolic tensor depends on a parameter."""
        nodes = self.recording.nodes
        met, waiting = set(), [value.index]
        while waiting:
            index = waiting.pop()
            if index not in met:
                met.add(index)
                waiting += nodes[index].args
        return any(nodes[index].op == "parameter" for index in met)

    def is_root(self, value: Any) -> bool:
        """Whether it is a square root, or one in another shape."""
        if not isinstance(value, Var):
            return False
        node = self.recording.nodes[value.index]
        while node.op in ("reshape", "broadcast", "transpose"):
            node = self.recording.nodes[node.args[0]]
        return node.op == "root"

    def by_torch(self, array: NDArray[Any], *args: Any, **kwargs: Any) -> NDArray[Any]:
        """What the operation itself makes of a constant in place of its first argument."""
        import torch

        wide = torch.from_numpy(np.ascontiguousarray(array)).to(torch.float64)
        made = self.node.target(wide, *args, **kwargs)  # type: ignore[operator]
        return np.asarray(made.numpy()).astype(array.dtype)

    def place(self) -> str:
        """Of the operation."""
        return place_of(self.node)

    def floats(self, value: Tensor) -> NDArray[np.float64]:
        """A constant as an array."""
        import torch

        if value.is_complex():
            raise self.refused("it is given complex numbers")
        return np.asarray(value.detach().to(torch.float64).cpu().numpy())

    def refused(self, why: str) -> UncoveredError:
        """The error that says what cannot be read, and where."""
        return refusal(self.node, why)


def refusal(node: Node, why: str) -> UncoveredError:
    """The error that says which operation cannot be read, and where it stands."""
    value = node.meta.get("val")
    shape = "×".join(map(str, getattr(value, "shape", ()))) or "a number"
    return UncoveredError("module", place_of(node), f"{node.target} of shape {shape}: {why}")


def operation_name(node: Node) -> str:
    """The key of an operation in the table: its name without namespace and overload."""
    text = str(node.target)
    return text.split(".")[1] if text.startswith("aten.") else text


def place_of(node: Node) -> str:
    """The path of the module in which an operation stands."""
    stack = node.meta.get("nn_module_stack") or {}
    path, kind = next(reversed(stack.values()), ("", ""))
    kind = getattr(kind, "__name__", str(kind).rpartition(".")[2])
    return f"{path} ({kind})" if path else kind or "module"
