"""Laws on torch tensors: the ring operations, and θ from a model's tensors by name.

Imported where tensors are given, never before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conserved.errors import InputError
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array
from conserved.law.layout import Layout

if TYPE_CHECKING:
    from torch import Tensor


class TorchScalars(Reals):
    """The reals for code that is given torch tensors in place of arrays.

    Sums and products are torch's own already; only what ``Reals`` does by NumPy is done anew.
    Coefficients are made in float64 and take the dtype of the tensors that they meet.

    Example:
        >>> import torch
        >>> TorchScalars().inverse(torch.tensor([4.0])).item()
        0.25
    """

    def inverse(self, x: Any) -> Any:
        return 1.0 / x

    def square_root(self, x: Any) -> tuple[Any, NDArray[np.bool_]]:
        raise NotImplementedError("laws take no square roots")

    def random(self, rng: np.random.Generator, shape: Sequence[int]) -> Array:
        raise NotImplementedError("laws draw nothing")


def flat_theta(layout: Layout, tensors: Mapping[str, Tensor]) -> Tensor:
    """θ (1, D) from tensors by name.

    Raises:
        InputError: a tensor is missing, or of another shape.

    Example:
        >>> import torch
        >>> flat_theta(Layout((("w", (2,)),)), {"w": torch.ones(2), "other": torch.ones(1)}).shape
        torch.Size([1, 2])
    """
    import torch

    parts = []
    for name, shape in layout.tensors:
        if name not in tensors:
            raise InputError("tensors", ", ".join(tensors), f"'{name}' is missing")
        if tuple(tensors[name].shape) != shape:
            given = f"{name}: {tuple(tensors[name].shape)}"
            raise InputError("tensors", given, f"this law speaks of a tensor of shape {shape}")
        parts.append(tensors[name].reshape(-1))
    return torch.cat(parts)[None]
