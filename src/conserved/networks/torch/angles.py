"""Tables of cosines and sines of position times frequency, as powers of formal rotations.

Rotary embeddings and sinusoidal positions come as floats, from a buffer or worked out on the way.
A column 1, cos ω, cos 2ω, … or 0, sin ω, sin 2ω, … shows its ω. Frequencies that are whole
multiples of a smaller one become powers of its rotation, so that the relations between them hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import acos, asin

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.angles import angle

Column = NDArray[np.float64]

_SINGLE, _DOUBLE = 2e-6, 1e-12  # how near the entries of a table are
_SAME = 1e-3  # of two frequencies, one of them read from a rounded cosine
_MULTIPLE = 20_000  # of a smaller frequency


@dataclass
class Angles:
    """The frequencies met so far.

    Attributes:
        bases: as decimals.
    """

    bases: list[str] = field(default_factory=list)

    def read(self, values: NDArray[np.float64]) -> tuple[int | str, ...] | None:
        """The entries of a table of cosines and sines, in C order; None where it is none."""
        close = _SINGLE if (values.astype(np.float32) == values).all() else _DOUBLE
        if not values.size or np.abs(values).max() > 1 + close:
            return None
        for axis, length in enumerate(values.shape):
            if length < 2:
                continue
            moved = np.moveaxis(values, axis, 0)
            columns = moved.reshape(length, -1).T
            waves = [_wave(column, close) for column in columns]
            if any(wave is None for wave in waves):
                continue
            known = self._multiples([wave[1] for wave in waves if wave is not None])
            entries = np.empty((len(columns), length), dtype=object)
            for k, wave in enumerate(waves):
                assert wave is not None
                multiple, base = known[wave[1]]
                name = "sin" if wave[0] else "cos"
                entries[k, 0] = 0 if wave[0] else 1
                for t in range(1, length):
                    entries[k, t] = f"{name}({t * multiple}*{base})"
            back = np.moveaxis(entries.T.reshape(moved.shape), 0, axis)
            return tuple(back.ravel().tolist())
        return None

    def _multiples(self, frequencies: list[float]) -> dict[float, tuple[int, str]]:
        """Each frequency as a multiple of a base, the smallest first."""
        found: dict[float, tuple[int, str]] = {}
        for frequency in sorted(set(frequencies)):
            for base in self.bases:
                ratio = frequency / float(base)
                whole = round(ratio)
                if 1 <= whole <= _MULTIPLE and abs(ratio - whole) <= _SAME * min(1, 1 / whole**0.5):
                    found[frequency] = (whole, base)
                    break
            else:
                base = _decimal(frequency)
                self.bases.append(base)
                found[frequency] = (1, base)
        return found


def _wave(column: Column, close: float) -> tuple[bool, float] | None:
    """(whether a sine, ω) of a column cos(tω) or sin(tω), t = 0, 1, …; None where it is neither."""
    first = float(column[1])
    if abs(column[0]) < close and 0 < first <= 1:
        sine, frequency = True, asin(first)
        if len(column) > 2:  # beyond a quarter turn
            frequency = float(np.arctan2(first, column[2] / (2 * first)))
    elif abs(column[0] - 1) < close and abs(first) < 1:
        sine, frequency = False, acos(first)
    else:
        return None
    for guess in (float(f"{frequency:.3g}"), frequency):  # as it was typed, or as it is
        steps = np.arange(len(column)) * guess
        made = np.sin(steps) if sine else np.cos(steps)
        if guess and np.abs(made - column).max() <= close:
            return sine, guess
    return None


def _decimal(frequency: float) -> str:
    text = f"{frequency:.15g}"
    assert angle(f"cos(1*{text})"), text
    return text
