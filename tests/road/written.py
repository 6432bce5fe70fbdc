"""Networks that the grammar does not have, in the words of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is the other road")

from conserved.networks import Network, Parameter
from tests.road.forward import Model

Formula = Callable[[Mapping[str, Any], Any], Any]


class Written(Network):
    """The tensors of a model in torch, with a formula of its own."""

    family = "written"

    def __init__(self, name: str, model: Model, formula: Formula) -> None:
        self.formula = formula
        parameters = [Parameter(tensor, shape) for tensor, shape in model.shapes.items()]
        self._declare(name, parameters, model.inputs, model.outputs)

    def forward(self, parameters: Mapping[str, Any], x: Any) -> Any:
        return self.formula(parameters, x)


def normed(z: Any, eps: Fraction | int = 0) -> Any:
    """z / √(mean z² + ε)."""
    square = (z * z).sum(-1) * Fraction(1, z.shape[-1])
    return z * (square + eps if eps else square).rsqrt()


def gain_between(p: Mapping[str, Any], x: Any) -> Any:
    """W2 (g ∘ normed(W1 x))."""
    return (normed(x @ p["W1"].T) * p["g"]) @ p["W2"].T
