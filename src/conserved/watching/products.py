"""Sums of products over the entries of tensors, at the speed at which memory is read.

Nothing of a tensor's size is made. Parts of a sum are made in the tensors' own precision, and added
in double.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from conserved.watching.tensors import whole

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]
_ROWS, _ENTRIES = 2**12, 2**20  # that are summed in one go
_PRODUCTS = 2**18  # that are held at once


def entries(tensor: Tensor) -> Tensor:
    """What sums are made of: in float32 where the tensor is less precise."""
    import torch

    held = whole(tensor)
    return held if held.dtype in (torch.float32, torch.float64) else held.float()


def along(axis: int, *factors: Tensor) -> Tensor:
    """Σ X, or Σ X∘Y, over all axes but one: (length of the axis,) in double."""
    shape = tuple(factors[0].shape)
    before, here, behind = prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
    if before == 1:
        return _across([x.reshape(here, behind) for x in factors])
    summed = _down([x.reshape(before, here * behind) for x in factors])
    return summed.reshape(here, behind).sum(1)


def total(*factors: Tensor) -> Tensor:
    """Σ X∘Y over all entries: (1,) in double."""
    import torch

    flat = [x.reshape(-1) for x in factors]
    starts = range(0, max(1, len(flat[0])), _ENTRIES)
    parts = [torch.dot(*(x[start : start + _ENTRIES] for x in flat)) for start in starts]
    return torch.stack(parts).double().sum(0, keepdim=True)


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


def _across(factors: list[Tensor]) -> Tensor:
    """Of (n, b), over b."""
    import torch

    one = torch.ones_like(factors[0][0])
    return torch.cat([torch.mv(part, one) for part in _parts(factors)]).double()


def _down(factors: list[Tensor]) -> Tensor:
    """Of (a, k), over a."""
    import torch

    sums = [torch.mv(part.t(), torch.ones_like(part[:, 0])) for part in _parts(factors)]
    return sums[0].double() if len(sums) == 1 else torch.stack(sums).double().sum(0)


def _parts(factors: list[Tensor]) -> Iterator[Tensor]:
    """X, or X∘Y, some rows at a time; a product with ones is the fastest sum of rows."""
    rows, columns = factors[0].shape
    step = _ROWS if len(factors) == 1 else max(1, min(_ROWS, _PRODUCTS // max(1, columns)))
    for start in range(0, max(1, rows), step):
        part = [x[start : start + step] for x in factors]
        yield part[0] if len(part) == 1 else part[0] * part[1]
