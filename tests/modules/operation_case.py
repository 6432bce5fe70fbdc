"""One use of an operation: a formula in torch on small tensors, of an input and of parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is what is read here")

import torch
from torch import Tensor, nn

Formula = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """One use of an operation.

    Attributes:
        formula: (x, *parameters) ↦ output.
        shapes: of the parameters.
        shape: of the input, with the batch axis.
        positive: whether parameters and inputs are made positive, as logarithms and roots need.
        tokens: V, where the input is integers.
        batch: as for ``read_module``.
        layer: whether the formula makes a layer, to be applied to the input.
    """

    formula: Formula
    shapes: tuple[tuple[int, ...], ...] = ((3, 4),)
    shape: tuple[int, ...] = (1, 3)
    positive: bool = False
    tokens: int | None = None
    batch: int | None = None
    layer: bool = False


class Written(nn.Module):
    """A formula with parameters w0, w1, … of small fractions."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case
        if case.layer:
            torch.manual_seed(5)
            self.layer = case.formula().double()
            for parameter in self.layer.parameters():
                parameter.data = (8 * parameter.data).round() / 4 + 0.125
        generator = torch.Generator().manual_seed(5)
        for k, shape in enumerate(case.shapes):
            values = torch.randint(-7, 8, shape, generator=generator).double() / 4
            values = values.abs() + 0.25 if case.positive else values + 0.125
            setattr(self, f"w{k}", nn.Parameter(values))

    def forward(self, x: Tensor) -> Tensor:
        if self.case.layer:
            return self.layer(x)[0]
        return self.case.formula(x, *(getattr(self, f"w{k}") for k in range(len(self.case.shapes))))


def elementwise(change: Callable[[Tensor], Tensor], **options: Any) -> list[Case]:
    """A function of one variable, of a product of parameters and input."""
    return [Case(lambda x, w: change(x @ w), **options)]


def moved(change: Callable[[Tensor], Tensor]) -> list[Case]:
    """A change of shape, of a tensor (1, 2, 3, 4) that depends on both."""
    return [Case(lambda x, w: change(x * w), ((2, 3, 4),), (1, 2, 3, 4))]


def rounds(layer: Callable[[], nn.Module]) -> list[Case]:
    """A layer over time, as torch has it: its own parameters, the input alone."""
    return [Case(layer, (), (1, 3, 2), layer=True)]
