"""The few array operations that laws need and scalars do not have, for NumPy and torch alike.

Values of laws are computed on torch tensors by the very code that computes them over GF(p), so
that autograd differentiates the formula that was proved.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import inverse_matrix
from conserved.kernel.scalars import Array, Scalars


def inverse(scalars: Scalars, matrices: Array) -> Array:
    """Inverses of stacked square matrices (batch, n, n), NumPy arrays or torch tensors.

    Raises:
        DegenerateSampleError: singular mod p. Over the reals the inverse is nan.
    """
    if not isinstance(matrices, np.ndarray):
        import torch

        inverted: Array = torch.linalg.inv(matrices)
        return inverted
    if isinstance(scalars, Residues):
        return np.stack([inverse_matrix(scalars, matrix) for matrix in matrices])
    try:
        return np.linalg.inv(matrices)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.full_like(matrices, np.nan)
        return np.concatenate([inverse(scalars, matrix[None]) for matrix in matrices])


def constant(array: NDArray[np.generic], like: Array) -> Array:
    """A NumPy array in the array library, dtype and device of ``like``."""
    if isinstance(like, np.ndarray):
        return array
    converted: Array = like.new_tensor(array)
    return converted


def joined(parts: Sequence[Array], axis: int) -> Array:
    """Arrays one after the other along an axis."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts, axis=axis)
    import torch

    together: Array = torch.cat(list(parts), dim=axis)
    return together


def segment_sums(terms: Array, owner: NDArray[np.intp], count: int) -> Array:
    """Sums of the columns of (batch, terms) by owner, which ascends and skips none: (batch, count).

    Example:
        >>> segment_sums(np.array([[1, 2, 4]]), np.array([0, 0, 1]), 2).tolist()
        [[3, 4]]
    """
    if isinstance(terms, np.ndarray):
        starts = np.searchsorted(owner, np.arange(count))
        sums: Array = np.add.reduceat(terms, starts, axis=1)
        return sums
    index = terms.new_tensor(owner).long()
    return terms.new_zeros(len(terms), count).index_add(1, index, terms)
