"""What was done to a gradient as a whole, or to its loss, that no law survives.

No single tensor is to blame: values were clipped, the loss has a penalty, the parameters are no
more those that the gradient was taken at, or the gradient before was not cleared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import ref

import numpy as np

from conserved.watching.gradient.causes import listed
from conserved.watching.gradient.tested import Tested
from conserved.watching.look.products import Floats
from conserved.watching.look.sums import Sums
from conserved.watching.tensors import whole

_ALIKE = 1e-3  # of what is paired: a penalty explains it
_FEW = 3  # functions, or entries, from which on an agreement is none of chance


class Forward:
    """Whether parameters are those of the last forward pass, told by torch's own counts.

    Args:
        watching: False where tensors are sharded, and gathered for a forward.
    """

    def __init__(self, watching: bool = True) -> None:
        self._watching = watching
        self._marks: dict[str, tuple[int, int]] = {}
        self._used: dict[str, tuple[ref[Any], int]] = {}

    def used(self, named: Mapping[str, Any]) -> None:
        """A step was taken, with the gradients that are there."""
        grads: Mapping[str, Any] = {n: p.grad for n, p in named.items() if p.grad is not None}
        self._used = {name: (ref(grad), int(grad._version)) for name, grad in grads.items()}

    def note(self, named: Mapping[str, Any]) -> None:
        """A forward pass whose gradient is asked for begins."""
        if self._watching:
            self._marks = {name: _mark(p) for name, p in named.items()}

    def kept(self, named: Mapping[str, Any]) -> list[str]:
        """Parameters whose gradient is what a step used, and one more added to it."""
        there = {name: p.grad for name, p in named.items() if name in self._used}
        return [name for name, grad in there.items() if _added(self._used[name], grad)]

    def moved(self, named: Mapping[str, Any]) -> list[str]:
        """Parameters that changed since."""
        return [n for n, mark in self._marks.items() if n in named and _mark(named[n]) != mark]


def _added(used: tuple[ref[Any], int], grad: Any) -> bool:
    """Clearing in place writes once more than that, and clearing else makes another tensor."""
    held, version = used
    return grad is not None and grad._version == version + 1 and held() is grad


def _mark(parameter: Any) -> tuple[int, int]:
    return parameter._version, parameter.data_ptr()


def altered(
    sums: Sums,
    tested: Tested,
    found: Mapping[str, Floats],
    slopes: Sequence[Any],
    moved: Sequence[str],
    kept: Sequence[str],
) -> str:
    """What explains all violations at once, in words, or "".

    Args:
        sums: the laws.
        tested, found: the gradient's test and the sums it was made from.
        slopes: gradients of all parameters.
        moved: parameters that changed since the forward pass.
        kept: those whose gradient of the step before is in this one.
    """
    if moved:
        return f"the gradient is that of other values: {listed(moved)} changed after the forward"
    if kept:
        told = f"the gradient of {listed(kept)} of the step before was not cleared, and is in this"
        return f"{told} one: call optimizer.zero_grad()"
    if most := _clipped(slopes):
        told = f"the gradient was clipped by value, to ±{most:.3g}"
        return f"{told}, which keeps no law: clip its norm"
    if decay := _penalty(sums, tested, found):
        told = f"the loss has a penalty of {decay / 2:.3g} Σθ², which is no loss of data"
        return f"{told}: weight_decay={decay:.3g} does the same, and is forecast"
    return ""


def _clipped(slopes: Sequence[Any]) -> float:
    """The largest entry, if it is met too often to be the value of a gradient; or 0."""
    sizes = [whole(slope).abs() for slope in slopes if slope.numel()]
    most = max((float(size.max()) for size in sizes), default=0.0)
    met = [int((size == most).sum()) for size in sizes]
    often = sum(met) >= _FEW and sum(n > 0 for n in met) > 1
    return most if often and np.isfinite(most) else 0.0


def _penalty(sums: Sums, tested: Tested, found: Mapping[str, Floats]) -> float:
    """λ where the gradient has λθ in it: all quadratic laws are off by 2λ h; or 0."""
    mine = tested.violated & ~sums.linear
    value = 2 * sums.total(found["xx"])
    if mine.sum() < _FEW or not np.isfinite(tested.pairing[mine]).all():
        return 0.0
    decay = float(tested.pairing[mine] @ value[mine] / max(value[mine] @ value[mine], 1e-300))
    left = np.abs(tested.pairing - decay * value)[mine]
    return decay if (left <= _ALIKE * np.abs(tested.pairing[mine]).max()).all() else 0.0
