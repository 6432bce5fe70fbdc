"""The phase law of complex blocks: 2606.10913's range laws over C have one companion (theory §6).

Where every field moves the complex vectors P of C^n by P′ = P·N with N Hermitian, the complex
volume of P obeys (log det M)′ = tr N for any maximal square part M of P, which is real: the phase
of det M is conserved. Its gradient is Im tr(M⁻¹ dM).
"""

from __future__ import annotations

import numpy as np

from conserved.arithmetic.residues import Residues
from conserved.arithmetic.rowspace import RowSpace, inverse_matrix
from conserved.arithmetic.scalars import Array
from conserved.symmetry.isotypic import Block


def phase_gradient(scalars: Residues, block: Block, vectors: Array) -> Array | None:
    """Gradient of the phase of the volume with respect to the vectors P.

    Args:
        scalars: residues.
        block: a complex block; its second unit generates C.
        vectors: (count, k) the real vectors of P, without their multiples by i.

    Returns:
        (count, k), or None where the vectors span all of C^n several times over or not at all.
    """
    unit, square = _imaginary(scalars, block)
    frame = _complex_frame(scalars, unit)  # rows e_1, Je_1, e_2, Je_2, …
    back = inverse_matrix(scalars, frame)
    entries = scalars.matmul(vectors, back).reshape(len(vectors), -1, 2)
    columns = _complex_independent(scalars, unit, vectors)
    rows = _complex_pivots(scalars, entries[columns], square)
    if rows is None:
        return None
    part = entries[np.ix_(columns, rows)]
    inverse = inverse_matrix(scalars, _real_form(scalars, part, square))
    size = len(columns)
    real, imaginary = inverse[:size, :size], inverse[size:, :size]
    gradient = np.zeros_like(entries)
    # Im tr((X + Yj)(dA + dB j)) = tr(X dB + Y dA)
    gradient[np.ix_(columns, rows, [0])] = imaginary[:, :, None]
    gradient[np.ix_(columns, rows, [1])] = real[:, :, None]
    return scalars.matmul(gradient.reshape(len(vectors), -1), back.T)


def _imaginary(scalars: Residues, block: Block) -> tuple[Array, int]:
    """J in the second unit with J² = −c, and c as a residue."""
    k = block.dimension
    candidate = next(u for u in block.units if not _is_scalar(scalars, u))
    trace = scalars.reduce(np.asarray(np.trace(candidate)))
    mean = scalars.mul(trace, np.asarray(scalars.fraction(1, k), dtype=candidate.dtype))
    unit = scalars.reduce(candidate - mean * np.eye(k, dtype=candidate.dtype))
    square = scalars.matmul(unit, unit)
    return unit, int(-square[0, 0])


def _is_scalar(scalars: Residues, matrix: Array) -> bool:
    return not scalars.reduce(matrix - matrix[0, 0] * np.eye(len(matrix), dtype=matrix.dtype)).any()


def _complex_frame(scalars: Residues, unit: Array) -> Array:
    """A real basis e_1, Je_1, e_2, Je_2, … of the space on which J acts, as rows."""
    k = len(unit)
    space, rows = RowSpace(scalars, k), []
    for e in np.eye(k, dtype=unit.dtype):
        if space.add(e[None])[0]:
            turned = scalars.matmul(unit, e[:, None])[:, 0]
            space.add(turned[None])
            rows += [e, turned]
    return np.stack(rows)


def _complex_independent(scalars: Residues, unit: Array, vectors: Array) -> list[int]:
    space, chosen = RowSpace(scalars, vectors.shape[1]), []
    for index, vector in enumerate(vectors):
        if space.add(vector[None])[0]:
            space.add(scalars.matmul(unit, vector[:, None])[:, 0][None])
            chosen.append(index)
    return chosen


def _real_form(scalars: Residues, part: Array, square: int) -> Array:
    """The real matrix [[A, −cB], [B, A]] of M = A + Bj; M acts from vectors to rows."""
    a, b = part[..., 0].T, part[..., 1].T
    scaled = scalars.mul(b, np.asarray(-square, dtype=b.dtype))
    return np.concatenate([np.concatenate([a, scaled], 1), np.concatenate([b, a], 1)])


def _complex_pivots(scalars: Residues, entries: Array, square: int) -> list[int] | None:
    """Complex coordinates on which the chosen vectors have an invertible square part."""
    count, size, _ = entries.shape
    space, chosen = RowSpace(scalars, 2 * count), []
    for row in range(size):
        form = _real_form(scalars, entries[:, [row]], square)
        if space.add(form[:1])[0]:
            space.add(form[1:])
            chosen.append(row)
        if len(chosen) == count:
            return chosen
    return None
