"""Laws of an exact analysis on a model's own gradient: those of symmetric data among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.errors import InputError
from conserved.kernel.real import Reals
from conserved.law import Law
from conserved.watching.tensors import whole

Floats = NDArray[np.float64]
_ORBITS = (
    "the batch is no union of whole orbits of the group, or its labels are not moved along, or a "
    "gradient is wrong"
)


def pairings(
    laws: Sequence[Law], named: Mapping[str, Any], slopes: Mapping[str, Any]
) -> list[tuple[Floats, Floats]]:
    """For each law ⟨∇h, g⟩ of its functions, and what that is of the size of.

    Args:
        laws: of one network.
        named, slopes: parameters and gradients by name; what has no gradient counts as 0.

    Raises:
        InputError: a law speaks of a parameter that the model has not, or of another shape.
    """
    out = []
    for law in laws:
        theta, slope = [], []
        for name, shape in law.layout.tensors:
            if name not in named or tuple(whole(named[name]).shape) != shape:
                advice = f"the model has no parameter '{name}' of shape {shape}"
                raise InputError("laws", law.text, advice)
            held = slopes.get(name)
            theta.append(whole(named[name]).double().cpu().numpy().ravel())
            zero = np.zeros_like(theta[-1])
            slope.append(zero if held is None else whole(held).double().cpu().numpy().ravel())
        normal = law.gradients(Reals(), np.concatenate(theta))
        steep = np.concatenate(slope)
        out.append((normal @ steep, np.abs(normal) @ np.abs(steep)))
    return out


def why(law: Law) -> str:
    """What most likely broke it."""
    return _ORBITS if law.origin == "data symmetry" else "a gradient is wrong"
