"""A gradient against the laws of a model: how far it is from orthogonal to each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conserved.dynamics.outcomes import EPS_SHARE, share_allowed
from conserved.watching.look.products import Floats
from conserved.watching.look.sums import Sums


@dataclass(frozen=True, eq=False)
class Tested:
    """A gradient against all laws; arrays are (F,).

    Attributes:
        pairing: ⟨∇h, g⟩.
        unit: what it is of the size of, had nothing cancelled.
        precision: relative rounding of the gradient.
        relative: |⟨∇h, g⟩| over the sizes of what is paired; ∞ where it is not finite.
        violated: whether it is more than rounding, or than an eps explains.
    """

    pairing: Floats
    unit: Floats
    precision: Floats
    relative: Floats
    violated: NDArray[np.bool_]

    @property
    def roundings(self) -> Floats:
        """What is off, in units of the gradient's precision."""
        return self.relative / self.precision


def _relative(pairing: Floats, unit: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.abs(pairing) / unit
    share[(unit == 0) & (pairing == 0)] = 0.0
    share[~np.isfinite(share)] = np.inf
    return share


class Tester:
    """Tests gradients against laws.

    Args:
        sums: the laws.
        limit: roundings that a law may be off by.
        precision: relative rounding of each parameter's gradient, by name.
    """

    def __init__(self, sums: Sums, limit: float, precision: Mapping[str, float]) -> None:
        self.sums, self.limit = sums, limit
        self.degree = np.where(sums.linear, 1, 2)
        each = np.array([precision.get(name, 0.0) for name in sums.names])
        own = np.zeros(sums.functions)
        np.maximum.at(own, sums.owner, each[sums.tensors])
        kinds, place = np.unique(own, return_inverse=True)  # few: of float32, of float64, …
        self._precisions, self._precision = kinds, place.reshape(-1)
        self.without_eps = np.array([law.without_eps for law in sums.laws], dtype=bool)[sums.family]
        # noise in one parameter of a layer is that of its neighbours: a bias that nothing depends
        # on has a gradient of nothing else
        modules = [name.rpartition(".")[0] for name in sums.names]
        self._modules = np.unique(modules, return_inverse=True)[1].reshape(-1)
        self._largest = np.zeros(len(sums.names))
        self._floor = np.zeros(sums.slots)

    def unit(self, square: Floats, steep: Floats | None, norms: Floats | None) -> Floats:
        """Σ |c| ‖X‖ ‖G‖ (F,), or Σ |c| √n ‖G‖ of linear terms.

        Args:
            square, steep: θθ and gg for each slot; None where a tensor's slots count alike.
            norms: (names,) mean square of the entries of each parameter's gradient; None where
                those of earlier gradients do.
        """
        sums = self.sums
        # a loss near 0 is a difference of numbers as large as ever, and so is its gradient's noise
        if norms is not None:
            self._largest = np.fmax(self._largest, self.shared(norms))
            self._floor = sums.entries * self._largest[sums.tensors]
        slope = self._floor if steep is None else np.maximum(steep, self._floor)
        beside = np.where(sums.straight, sums.entries, square)
        return self.degree * sums.size(np.sqrt(beside * slope))

    def shared(self, norms: Floats) -> Floats:
        """The mean square of a module's gradient, for each of its parameters."""
        known = np.isfinite(norms)
        total = np.bincount(self._modules[known], norms[known], self._modules.max(initial=0) + 1)
        count = np.bincount(self._modules[known], minlength=len(total))
        return (total / np.maximum(count, 1))[self._modules]

    def test(
        self,
        found: Mapping[str, Floats],
        norms: Floats | None,
        skipped: NDArray[np.bool_],
        precision: float = 0.0,
        *,
        underflow: bool = False,
    ) -> Tested:
        """Against one gradient.

        Args:
            found: ``xx``, ``xg``, ``g`` of a look, and ``gg`` where it is known: else a tensor's
                functions count alike.
            norms: as for ``unit``.
            skipped: (F,) functions of which a parameter is frozen.
            precision: at least, where the gradient went through half precision.
            underflow: whether that is float16, which loses small gradients.
        """
        pairing = self.degree * self.sums.total(found["g"] + found["xg"])  # one of them is 0
        unit = self.unit(found["xx"], found.get("gg"), norms)
        kinds = np.maximum(self._precisions, precision)
        shares = [share_allowed(float(k), self.limit, underflow=underflow) for k in kinds]
        rounding = np.array(shares)[self._precision]
        relative = _relative(pairing, unit)
        allowed = np.where(self.without_eps, np.maximum(EPS_SHARE, rounding), rounding)
        violated = (relative > allowed) & ~skipped
        return Tested(pairing, unit, kinds[self._precision], relative, violated)
