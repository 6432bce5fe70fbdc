"""A network family of another package: f = W (U x ⊙ V x)."""

from __future__ import annotations

from collections.abc import Mapping

from conserved.networks import Family, Network, Parameter, Var


class Bilinear(Network):
    """Two layers multiplied entry by entry, and one behind them."""

    family = "bilinear"

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        shapes = {"U": (hidden, inputs), "V": (hidden, inputs), "W": (outputs, hidden)}
        parameters = [Parameter(name, shape) for name, shape in shapes.items()]
        self._declare(f"bilinear:{inputs}-{hidden}-{outputs}", parameters, (inputs,), (outputs,))

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        return ((x @ parameters["U"].T) * (x @ parameters["V"].T)) @ parameters["W"].T


FAMILY = Family("bilinear", "W (U x ⊙ V x)", Bilinear, (3, 3), example="bilinear:2-2-1")
