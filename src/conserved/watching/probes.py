"""Laws of a model as numbers on its tensors, in torch, cheap enough for every step.

A family ⟨R, X Xᵀ⟩ is probed with one random R = r rᵀ on blocks, or diag(r): Σ c ‖Xᵀr‖², one pass
over each tensor. A violation of the family shows in it but for a chance of measure zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conserved.blocks import BlockLaw
from conserved.blocks.patterns import Column

if TYPE_CHECKING:
    from torch import Tensor

Tensors = Mapping[str, "Tensor"]


class Probe:
    """One family with one random R.

    Args:
        law: of the model.
        like: a tensor of each parameter, for its device.
        rng: draws r.

    Attributes:
        text: what the family says.
        tensors: the parameters that occur.
    """

    def __init__(self, law: BlockLaw, text: str, like: Tensors, rng: np.random.Generator) -> None:
        self.law = law
        self.text = text
        self.tensors = tuple(dict.fromkeys(c.tensor for _, c in law.family.terms))
        degree, blocks, size = law.family.key
        signs = rng.choice([-1.0, 1.0], size=(blocks, size))
        self.linear = degree == "linear"
        self._terms = [
            _Term(float(factor), column, signs, like[column.tensor])
            for factor, column in law.family.terms
        ]

    def pairing(self, left: Tensors, right: Tensors) -> tuple[float, float]:
        """(value, size) of Σ c ⟨R, X Yᵀ⟩ for two sets of tensors; linear families pair with 1."""
        value = size = 0.0
        for term in self._terms:
            here, there = left[term.column.tensor], right[term.column.tensor]
            one, scale = term.pairing(here, there, self.linear)
            value += term.factor * one
            size += abs(term.factor) * scale
        return value, size

    def value(self, tensors: Tensors) -> float:
        """h."""
        return self.pairing(tensors, tensors)[0]


@dataclass(eq=False)
class _Term:
    """One tensor along one axis."""

    factor: float
    column: Column
    signs: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    like: Tensor

    def __post_init__(self) -> None:
        import torch

        places = self.column.places()
        device = self.like.device
        self._places = torch.as_tensor(places, device=device)
        self._signs = torch.as_tensor(self.signs, dtype=torch.float64, device=device)
        del self.like

    def pairing(self, x: Tensor, y: Tensor, linear: bool) -> tuple[float, float]:
        if self.column.key == ("quadratic", 1, 1) and self.column.whole:  # a trace
            return _dot(x, y), float(x.norm() * y.norm())
        there = self._rows(y)
        if linear:
            return float((there.sum((1, 2, 3)).double() * self._signs[:, 0]).sum()), float(
                y.norm() * there.shape[2] ** 0.5
            )
        here = self._rows(x)
        if here.shape[2] == 1:
            each = (here * there).sum((1, 2, 3)).double()
            value = float((each * self._signs[:, 0]).sum())
        else:
            signs = self._signs.to(here.dtype)[:, None, :, None]
            value = float(((here * signs).sum(2) * (there * signs).sum(2)).sum(dtype=None))
        return value, float(x.norm() * y.norm())

    def _rows(self, tensor: Tensor) -> Tensor:
        """(blocks, repeats, size, rest)."""
        moved = tensor.movedim(self.column.axis, 0)
        flat = moved.reshape(moved.shape[0], -1)
        return flat[self._places]


def _dot(x: Tensor, y: Tensor) -> float:
    return float((x * y).sum())


def named_texts(laws: Sequence[BlockLaw]) -> list[str]:
    """A line for each family."""
    from conserved.blocks import plain
    from conserved.law.lines import lines

    out = []
    for law in laws:
        told = lines(list(law.laws))
        out.append("; ".join(line.text for line in told) if told else plain(law.family))
    return out
