"""Sums of products over the entries of tensors, at the speed at which memory is read.

Each factor is read once and nothing of its size is made. Tensors of a processor's memory are summed
as NumPy arrays, others where they lie. Parts of a sum are made in the tensors' own precision, in
double they are added.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conserved.watching.tensors import whole

if TYPE_CHECKING:
    from torch import Tensor

Entries = Any  # of a tensor: a NumPy array on the processor, else the tensor
Floats = NDArray[np.float64]
_ROWS, _COLUMNS = 256, 4096  # of which sums are made in one go


def entries(tensor: Tensor) -> Entries:
    """What sums are made of: in float32 where the tensor is less precise."""
    import torch

    held = whole(tensor)
    if held.dtype not in (torch.float32, torch.float64):
        held = held.float()
    return held.numpy() if held.device.type == "cpu" else held


def along(axis: int, *factors: Entries) -> Any:
    """Σ X, or Σ X∘Y, over all axes but one: (length of the axis,) in double."""
    shape = tuple(factors[0].shape)
    before, here, behind = prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
    if before == 1:
        return _across([x.reshape(here, behind) for x in factors])
    summed = _down([x.reshape(before, here * behind) for x in factors])
    return summed.reshape(here, behind).sum(1)


def total(*factors: Entries) -> Any:
    """Σ X∘Y over all entries: (1,) in double."""
    flat = [x.reshape(-1) for x in factors]
    whole_rows = flat[0].shape[0] // _COLUMNS * _COLUMNS
    rows = _across([x[:whole_rows].reshape(-1, _COLUMNS) for x in flat])
    return rows.sum(0, keepdims=True) + _across([x[None, whole_rows:] for x in flat])


def combined(signs: Floats, places: NDArray[np.intp], axis: int, x: Entries) -> Any:
    """(cells, rest): rᵀX, where slices of X along an axis are its rows.

    Args:
        signs: (cells, size), r.
        places: (cells, size), the slices that belong to each cell.
        axis: of which slices are rows.
        x: X.
    """
    shape = tuple(x.shape)
    count, size = places.shape
    x = x.reshape(prod(shape[:axis]), shape[axis], -1)
    start = int(places[0, 0])
    if np.array_equal(places.ravel(), np.arange(start, start + count * size)):
        x = x[:, start : start + count * size]
    else:
        x = x[:, places.ravel()]
    cells = x.reshape(x.shape[0], count, size, -1)
    if isinstance(x, np.ndarray):
        found = np.einsum("cs,acsb->cab", signs.astype(x.dtype), cells)
    else:
        import torch

        r = torch.as_tensor(signs, dtype=x.dtype, device=x.device)
        found = torch.einsum("cs,acsb->cab", r, cells)
    return found.reshape(count, -1)


def _product(factors: list[Entries]) -> Any:
    return factors[0] if len(factors) == 1 else factors[0] * factors[1]


def _across(factors: list[Entries]) -> Any:
    """Of (n, b), over b."""
    if not isinstance(factors[0], np.ndarray):
        return _product(factors).double().sum(1)
    n, b = factors[0].shape
    rule = ",".join(["nb"] * len(factors)) + "->n"
    out = np.zeros(n)
    for start in range(0, b, _COLUMNS):
        out += np.einsum(rule, *(x[:, start : start + _COLUMNS] for x in factors))
    return out


def _down(factors: list[Entries]) -> Any:
    """Of (a, k), over a."""
    if not isinstance(factors[0], np.ndarray):
        return _product(factors).double().sum(0)
    a, k = factors[0].shape
    even = a // _ROWS * _ROWS
    rule = ",".join(["mak"] * len(factors)) + "->mk"
    parts = np.einsum(rule, *(x[:even].reshape(-1, _ROWS, k) for x in factors))
    rest = np.einsum(rule, *(x[None, even:] for x in factors))
    return parts.sum(0, dtype=np.float64) + rest[0]
