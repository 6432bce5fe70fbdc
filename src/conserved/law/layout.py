"""Where each parameter tensor lies in the flat vector θ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.errors import InputError

Index = NDArray[np.intp]


@dataclass(frozen=True)
class Layout:
    """Names and shapes of the parameter tensors, in the order of θ (each in C order).

    Args:
        tensors: (name, shape) pairs, names distinct.

    Raises:
        InputError: a name twice.

    Example:
        >>> layout = Layout((("W1", (2, 3)), ("b1", (2,))))
        >>> layout.size, layout.indices("b1").tolist(), layout.locate(7)
        (8, [6, 7], ('b1', (1,)))
    """

    tensors: tuple[tuple[str, tuple[int, ...]], ...]

    def __post_init__(self) -> None:
        names = [name for name, _ in self.tensors]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError("parameters", twice[0], "names of parameter tensors are distinct")

    @staticmethod
    def of(parameters: Iterable[Any]) -> Layout:
        """The layout of anything with ``name`` and ``shape``, such as ``network.parameters``."""
        return Layout(tuple((p.name, tuple(int(n) for n in p.shape)) for p in parameters))

    @cached_property
    def size(self) -> int:
        """D."""
        return sum(prod(shape) for _, shape in self.tensors)

    @cached_property
    def _blocks(self) -> dict[str, Index]:
        blocks, start = {}, 0
        for name, shape in self.tensors:
            stop = start + prod(shape)
            blocks[name] = np.arange(start, stop).reshape(shape)
            start = stop
        return blocks

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor.

        Raises:
            InputError: no tensor of that name.
        """
        return self.indices(name).shape

    def indices(self, name: str) -> Index:
        """Positions in θ of the entries of a tensor, in its shape.

        Raises:
            InputError: no tensor of that name.
        """
        if name not in self._blocks:
            known = ", ".join(self._blocks)
            raise InputError("tensor", name, f"no such parameter; there are: {known}")
        return self._blocks[name]

    def locate(self, index: int) -> tuple[str, tuple[int, ...]]:
        """The tensor in which an entry of θ lies, and its place there, from 0."""
        for name, block in self._blocks.items():
            first = int(block.ravel()[0]) if block.size else -1
            if first <= index < first + block.size:
                place = np.unravel_index(index - first, block.shape)
                return name, tuple(int(i) for i in place)
        raise IndexError(f"θ has {self.size} entries")

    def to_json(self) -> list[dict[str, Any]]:
        return [{"name": name, "shape": list(shape)} for name, shape in self.tensors]
