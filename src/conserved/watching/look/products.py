"""Sums of products over the entries of tensors, at the speed at which memory is read.

Nothing of a tensor's size is made. Parts of a sum are made in the tensors' own precision, and added
in double. A processor is quickest with parts that stay in its cache; an accelerator with few large
ones, for it waits for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from conserved.watching.tensors import whole

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Parts:
    """How much of a tensor is taken at once.

    Attributes:
        entries: that are summed in one go.
        products: of a pair that are held at once.
    """

    entries: int
    products: int


_ROWS = 2**12  # that are summed in one go
_CACHED, _FEW = _Parts(2**20, 2**17), _Parts(2**24, 2**23)


def _parts(x: Tensor) -> _Parts:
    return _CACHED if x.device.type == "cpu" else _FEW


def entries(tensor: Tensor) -> Tensor:
    """What sums are made of: in float32 where the tensor is less precise."""
    import torch

    held = whole(tensor)
    return held if held.dtype in (torch.float32, torch.float64) else held.float()


def line(axis: int, x: Tensor) -> Tensor:
    """Σ X over all axes but one: (length of the axis,) in double."""
    import torch

    before, here, behind = _around(axis, x)
    if before == behind == 1:
        return x.reshape(here).double()
    if before == 1:
        return torch.mv(x.reshape(here, behind), x.new_ones(behind)).double()
    rows = x.reshape(before, here * behind)
    parts = [rows[start : start + _ROWS] for start in range(0, before, _ROWS)]
    sums = torch.stack([torch.mv(part.t(), x.new_ones(len(part))) for part in parts])
    return sums.double().sum(0).reshape(here, behind).sum(1)


def along(axis: int, pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Σ X∘Y of each pair over all axes but one: (pairs, length of the axis) in double.

    A part of all tensors is read at a time, so that what occurs in several pairs is at hand.
    """
    import torch

    x = pairs[0][0]
    before, here, behind = _around(axis, x)
    if before == behind == 1:
        return torch.stack([(a * b).reshape(here) for a, b in pairs]).double()
    rows, columns = (here, behind) if before == 1 else (before, here * behind)
    flat = [(a.reshape(rows, columns), b.reshape(rows, columns)) for a, b in pairs]
    step = max(1, min(_ROWS, _parts(x).products // max(1, columns)))
    room = x.new_empty((len(pairs), min(step, rows), columns))
    sums = []
    for start in range(0, max(1, rows), step):
        part = room[:, : min(step, rows - start)]
        for k, (a, b) in enumerate(flat):
            torch.mul(a[start : start + step], b[start : start + step], out=part[k])
        # a product with ones is much faster than a sum
        if before == 1:
            sums.append(torch.matmul(part, x.new_ones(columns)))
        else:
            sums.append(torch.matmul(x.new_ones(part.shape[1]), part))
    if before == 1:
        return torch.cat(sums, 1).double()
    found = torch.stack(sums).double().sum(0)
    return found.reshape(len(pairs), here, behind).sum(2)


def _around(axis: int, x: Tensor) -> tuple[int, int, int]:
    shape = tuple(x.shape)
    return prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])


def total(x: Tensor, y: Tensor) -> Tensor:
    """Σ X∘Y over all entries: (1,) in double."""
    import torch

    a, b = x.reshape(-1), y.reshape(-1)
    step = _parts(x).entries
    parts = [slice(start, start + step) for start in range(0, max(1, len(a)), step)]
    return (
        torch.stack([torch.dot(a[part], b[part]) for part in parts]).double().sum(0, keepdim=True)
    )


def combined(signs: Floats, places: NDArray[np.intp], axis: int, x: Tensor) -> Tensor:
    """(cells, rest): rᵀX, where slices of X along an axis are its rows.

    Args:
        signs: (cells, size), r.
        places: (cells, size), the slices that belong to each cell.
        axis: of which slices are rows.
        x: X.
    """
    import torch

    shape = tuple(x.shape)
    count, size = places.shape
    x = x.reshape(prod(shape[:axis]), shape[axis], -1)
    start = int(places[0, 0])
    if np.array_equal(places.ravel(), np.arange(start, start + count * size)):
        x = x[:, start : start + count * size]
    else:
        x = x[:, torch.as_tensor(places.ravel(), device=x.device)]
    cells = x.reshape(x.shape[0], count, size, -1)
    r = torch.as_tensor(signs, dtype=x.dtype, device=x.device)
    if cells.shape[0] == 1:
        return torch.bmm(r[:, None], cells[0])[:, 0]
    return torch.einsum("cs,acsb->cab", r, cells).reshape(count, -1)
