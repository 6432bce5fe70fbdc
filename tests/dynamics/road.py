"""The equations as they are printed, in t, differentiated by torch: no residues and no clock."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import pytest

pytest.importorskip("torch", reason="torch is the other road")

import torch
from torch import Tensor
from torch.func import grad

import conserved as cq
from tests.road.count import GAP, Sized, nested, rank

_GATES = 16
_LONGEST = 8


@dataclass(frozen=True)
class Equations:
    """One network of the families linear and relu, and one flow, by their texts."""

    network: str
    flow: str

    def __post_init__(self) -> None:
        built = cq.networks.parse_network(self.network)
        put = object.__setattr__
        put(self, "shapes", {p.name: tuple(p.shape) for p in built.parameters})
        put(self, "size", built.size)
        put(self, "inputs", built.input_shape[-1])
        put(self, "outputs", built.output_shape[-1])
        name, _, told = self.flow.partition(":")
        put(self, "name", name)
        put(self, "told", told)
        put(self, "second", name in ("momentum", "nesterov", "mirror-momentum"))
        put(self, "timed", self.second or name == "decay")
        put(self, "state", self.size * (1 + self.second) + self.timed)
        put(self, "rates", 0.5 + torch.arange(self.size, dtype=torch.float64).sin().abs())

    def output(self, theta: Tensor, x: Tensor, gates: Tensor) -> Tensor:
        sizes = [prod(shape) for shape in self.shapes.values()]
        parts = torch.split(theta, sizes)
        named = {
            name: part.reshape(shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }
        last = sum(name.startswith("W") for name in named)
        z = x
        for layer in range(1, last + 1):
            z = named[f"W{layer}"] @ z
            if f"b{layer}" in named:
                z = z + named[f"b{layer}"]
            if self.network.startswith("relu") and layer < last:
                z = z * gates[: len(z)]
        return z

    def by_entry(self, other: float) -> Tensor:
        """What the text says of each tensor, entry by entry."""
        told = dict(pair.split("=") for pair in self.told.split(",") if "=" in pair)
        every = _number(self.told) if self.told and not told else other
        parts = [
            torch.full((prod(shape),), _number(told[name]) if name in told else every)
            for name, shape in self.shapes.items()
        ]
        return torch.cat(parts).double()

    def mirrored(self) -> Tensor:
        chosen = self.told.split(",") if self.told else list(self.shapes)
        parts = [
            torch.full((prod(shape),), float(name in chosen)) for name, shape in self.shapes.items()
        ]
        return torch.cat(parts).double()

    def field(self, x: Tensor, y: Tensor) -> Sized:
        """A multiple of the drift, and the pull of a datum.

        Args:
            x: the input.
            y: the pull on the output, gates, and the multiple.
        """
        v, gates, a = y[: self.outputs], (y[self.outputs : -1] > 0).double(), y[-1:]
        pull = grad(lambda theta: (v * self.output(theta, x, gates)).sum())
        n = self.size

        def value(state: Tensor) -> Tensor:
            theta, time, one = state[:n], state[-1:], torch.ones(1, dtype=state.dtype)
            w = pull(theta)
            if self.name == "rates":
                return w * (self.rates if self.told == "entries" else self.by_entry(1.0))
            if self.name == "mirror":
                return w * (self.mirrored() * theta + (1 - self.mirrored()))
            if self.name == "decay":
                return torch.cat([w - a * self.by_entry(0.0) * theta, a * one])
            if not self.second:
                return w
            friction = 3 / time if self.name == "nesterov" else _number(self.told)
            moved = state[n : 2 * n]
            along = theta * moved if self.name == "mirror-momentum" else moved
            return torch.cat([a * along, w - a * friction * moved, a * one])

        return lambda state: (value(state), value(state).norm())

    def laws(self, seed: int) -> int | None:
        """dim(state) less the rank of all brackets at one point; None where no gap tells."""
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape: int) -> Tensor:
            size = 0.4 + 0.9 * torch.rand(*shape, generator=generator, dtype=torch.float64)
            return size * (2 * torch.randint(2, shape, generator=generator) - 1)

        point = draw(self.state).abs()
        rows, before = torch.zeros(0, self.state, dtype=torch.float64), -1
        for length in range(1, _LONGEST + 1):
            many = self.state + 4
            x, y = (draw(many, length, width) for width in (self.inputs, self.outputs + _GATES + 1))
            rows = torch.cat([rows, nested(self, point, x, y)])  # type: ignore[arg-type]
            found, gap = rank(rows)
            if gap < GAP:
                before = -1
                continue
            if found in (before, self.state):
                return self.state - found
            before = found
        return None


def _number(text: str) -> float:
    above, _, below = text.partition("/")
    return float(above) / float(below or 1)
