"""One family of laws as two sides of a balance: how far they are apart, and moving them together.

Along the symmetry X ↦ e^{cR} X of all terms of a law (``balance``) the terms of one sign grow while
those of the other shrink.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.blocks import BlockLaw
from conserved.blocks.patterns import Column
from conserved.errors import InputError

Floats = NDArray[np.float64]
_TINY = 1e-14  # of an eigenvalue beside the largest: it may be 0
_STEPS = 64  # of bisection, in log scale: to 1e-17
_REACH = 60.0  # largest logarithm of a scale
_REACHED = 1e-6  # relative


class Sides:
    """One family: its terms on the parameters, and what moves them.

    Args:
        law: with terms of both signs.
    """

    def __init__(self, law: BlockLaw) -> None:
        self.law = law
        _, self.blocks, self.rows = law.family.key
        self._terms = [(float(c), column) for c, column in law.family.terms]
        self._wanted: Floats = np.zeros(self.blocks)

    def aim(self, wanted: Any) -> None:
        """Values of the functions."""
        try:
            values = np.broadcast_to(np.asarray(wanted, dtype=np.float64), (self.blocks,))
        except ValueError as error:
            told = f"give one value, or {self.blocks}"
            raise InputError("to", self.law.text, told) from error
        if not np.isfinite(values).all():
            raise InputError("to", self.law.text, "values are finite numbers")
        if self.rows > 1 and values.any():
            raise InputError("to", self.law.text, "a family of matrices goes to 0 alone")
        self._wanted = values

    def reason(self, held: Mapping[str, Floats]) -> str:
        """Why it cannot be moved, or ""."""
        if self.rows > 1:
            if len({abs(c) for c, _ in self._terms}) > 1:
                return "left alone: its coefficients differ"
            grams = self._grams(held)
            small = [np.linalg.eigvalsh(g)[:, [0, -1]] for g in grams]
            if any((lowest <= _TINY * largest).any() for lowest, largest in (s.T for s in small)):
                return "left alone: one side is singular"
            return ""
        return "" if self._able(held).any() else "left alone: one side is 0"

    def _able(self, held: Mapping[str, Floats]) -> NDArray[np.bool_]:
        """(blocks,) which functions have two sides."""
        return np.minimum(*self._norms(held)) > 0

    def missed(self, held: Mapping[str, Floats]) -> str:
        """Which functions are not where they should be, and why, or ""."""
        far = self._gaps(held) > _REACHED
        alone = 0 if self.rows > 1 else int((far & ~self._able(held)).sum())
        if alone:
            return f"{alone} of {self.blocks} left alone: one side is 0"
        return f"{int(far.sum())} of {self.blocks} not reached" if far.any() else ""

    def off(self, held: Mapping[str, Floats]) -> float:
        """The largest |h − wanted| as a share of its terms."""
        return float(self._gaps(held).max(initial=0.0))

    def _gaps(self, held: Mapping[str, Floats]) -> Floats:
        """(blocks,) the same of each function."""
        if self.rows > 1:
            up, down = self._grams(held)
            gap = np.abs(up - down).max(axis=(1, 2))
            size = np.trace(up + down, axis1=1, axis2=2) / self.rows
        else:
            up, down = self._norms(held)
            gap, size = np.abs(up - down - self._wanted), up + down + np.abs(self._wanted)
        return np.asarray(gap / np.where(size > 0, size, 1.0))

    def move(self, held: dict[str, Floats]) -> float:
        """Go to the wanted values, whatever else that changes; the largest relative change."""
        if self.rows > 1:
            return self._turn(held)
        logs = self._logarithms(held)
        for c, column in self._terms:
            scale = np.ones(held[column.tensor].shape[column.axis])
            places = column.places()
            scale[places] = np.exp(c * logs)[:, None, None]
            shape = [1] * held[column.tensor].ndim
            shape[column.axis] = -1
            held[column.tensor] = held[column.tensor] * scale.reshape(shape)
        return float(np.abs(logs).max(initial=0.0))

    def _logarithms(self, held: Mapping[str, Floats]) -> Floats:
        """s of each function with Σ c e^{2cs} n = wanted, which grows with s; 0 where none is."""
        each = [(c, self._norm(held, column)) for c, column in self._terms]
        able = self._able(held)
        most = max(abs(c) for c, _ in self._terms)
        far = _REACH / most
        low, high = np.full(self.blocks, -far), np.full(self.blocks, far)
        for _ in range(_STEPS):
            middle = (low + high) / 2
            over = sum((c * np.exp(2 * c * middle) * n for c, n in each), np.zeros(self.blocks))
            high = np.where(over > self._wanted, middle, high)
            low = np.where(over > self._wanted, low, middle)
        middle = (low + high) / 2
        return np.where(able & (np.abs(middle) < 0.99 * far), middle, 0.0)  # or out of reach

    def _norms(self, held: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Σ c‖X‖² of the terms of each sign."""
        out = [np.zeros(self.blocks), np.zeros(self.blocks)]
        for c, column in self._terms:
            out[c < 0] += abs(c) * self._norm(held, column)
        return out[0], out[1]

    def _norm(self, held: Mapping[str, Floats], column: Column) -> Floats:
        rows = _rows(held[column.tensor], column)
        return np.asarray((rows**2).sum(axis=(1, 2, 3)))

    def _grams(self, held: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Σ X Xᵀ of the terms of each sign, (blocks, size, size)."""
        out = [np.zeros((self.blocks, self.rows, self.rows)) for _ in range(2)]
        for c, column in self._terms:
            rows = _rows(held[column.tensor], column)
            out[c < 0] += np.einsum("brsn,brtn->bst", rows, rows, optimize=True)
        return out[0], out[1]

    def _turn(self, held: dict[str, Floats]) -> float:
        """G A G = G⁻¹ B G⁻¹ for G² the geometric mean of A⁻¹ and B."""
        up, down = self._grams(held)
        root = _power(up, 0.5)
        back = _power(up, -0.5)
        mean = back @ _power(root @ down @ root, 0.5) @ back
        for sign, g in ((1, _power(mean, 0.5)), (-1, _power(mean, -0.5))):
            for c, column in self._terms:
                if (c > 0) != (sign > 0):
                    continue
                tensor = np.moveaxis(held[column.tensor].copy(), column.axis, 0)
                flat = tensor.reshape(tensor.shape[0], -1)
                places = column.places()
                flat[places] = g[:, None] @ flat[places]
                made = flat.reshape(tensor.shape)
                held[column.tensor] = np.moveaxis(made, 0, column.axis)
        return float(np.abs(_power(mean, 0.5) - np.eye(self.rows)).max(initial=0.0))


def _power(matrices: Floats, exponent: float) -> Floats:
    """Of symmetric positive matrices (blocks, size, size)."""
    values, vectors = np.linalg.eigh((matrices + matrices.swapaxes(1, 2)) / 2)
    powers = np.maximum(values, np.finfo(np.float64).tiny) ** exponent
    made: Floats = (vectors * powers[:, None, :]) @ vectors.swapaxes(1, 2)
    return made


def _rows(tensor: Floats, column: Column) -> Floats:
    """(blocks, repeats, size, rest)."""
    moved = np.moveaxis(tensor, column.axis, 0)
    return moved.reshape(moved.shape[0], -1)[column.places()]
