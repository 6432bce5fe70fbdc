"""Classes of data in torch: gradients of data that a class has, and nothing of the engine."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

pytest.importorskip("torch", reason="torch is the other road")

import torch
from torch import Tensor

from tests.road.count import Floats


@dataclass(frozen=True)
class Given(Floats):
    """What is trained on data of a class; each field is of one datum, picked or drawn.

    Attributes:
        points: the only inputs, (N, *input), or None.
        labels: those of the points, (N, *output), or None for any.
        basis: inputs are combinations of these, or None.
        own: whether every input is its own label.
    """

    points: Tensor | None = None
    labels: Tensor | None = None
    basis: Tensor | None = None
    own: bool = False

    def draw(self, generator: torch.Generator, *shape: int) -> tuple[Tensor, Tensor]:
        x, y = super().draw(generator, *shape)
        if self.points is not None:
            picked = torch.randint(len(self.points), shape, generator=generator)
            x = self.points[picked]
            y = y if self.labels is None else self.labels[picked]
        if self.basis is not None:
            x = x[..., : len(self.basis)] @ self.basis
        return x, x if self.own else y
