"""The one matrix operation that laws need and scalars do not have: the inverse."""

from __future__ import annotations

import numpy as np

from conserved.arithmetic.residues import Residues
from conserved.arithmetic.rowspace import inverse_matrix
from conserved.arithmetic.scalars import Array, Scalars


def inverse(scalars: Scalars, matrices: Array) -> Array:
    """Inverses of stacked square matrices (batch, n, n), NumPy arrays or torch tensors.

    Raises:
        Redraw: singular mod p.
        numpy.linalg.LinAlgError: singular over the reals.
    """
    if not isinstance(matrices, np.ndarray):
        import torch

        inverted: Array = torch.linalg.inv(matrices)
        return inverted
    if isinstance(scalars, Residues):
        return np.stack([inverse_matrix(scalars, matrix) for matrix in matrices])
    return np.linalg.inv(matrices)
