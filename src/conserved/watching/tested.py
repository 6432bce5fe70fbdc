"""A gradient against the laws of a model: how far it is from orthogonal to each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conserved.dynamics.outcomes import EPS_SHARE, share_allowed
from conserved.watching.products import Floats
from conserved.watching.sums import Sums


@dataclass(frozen=True, eq=False)
class Tested:
    """A gradient against all laws; arrays are (F,).

    Attributes:
        pairing: ⟨∇h, g⟩.
        unit: what it is of the size of, had nothing cancelled.
        precision: relative rounding of the gradient.
        violated: whether it is more than rounding, or than an eps explains.
    """

    pairing: Floats
    unit: Floats
    precision: Floats
    violated: NDArray[np.bool_]

    @property
    def relative(self) -> Floats:
        """|⟨∇h, g⟩| over the sizes of what is paired; ∞ where it is not finite."""
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.abs(self.pairing) / self.unit
        share[(self.unit == 0) & (self.pairing == 0)] = 0.0
        return np.where(np.isfinite(share), share, np.inf)

    @property
    def roundings(self) -> Floats:
        """The same in units of the gradient's precision."""
        return self.relative / self.precision


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
        self._own_precision = np.zeros(sums.functions)
        np.maximum.at(self._own_precision, sums.owner, each[sums.tensors])
        self.without_eps = np.array([law.without_eps for law in sums.laws], dtype=bool)[sums.family]
        # noise in one parameter of a layer is that of its neighbours: a bias that nothing depends
        # on has a gradient of nothing else
        modules = [name.rpartition(".")[0] for name in sums.names]
        self._modules = np.unique(modules, return_inverse=True)[1].reshape(-1)
        self._largest = np.zeros(len(sums.names))

    def unit(self, square: Floats, steep: Floats, norms: Floats | None) -> Floats:
        """Σ |c| ‖X‖ ‖G‖ (F,), or Σ |c| √n ‖G‖ of linear terms.

        Args:
            square, steep: θθ and gg for each slot.
            norms: (names,) mean square of the entries of each parameter's gradient; None where
                those of earlier gradients do.
        """
        sums = self.sums
        # a loss near 0 is a difference of numbers as large as ever, and so is its gradient's noise
        if norms is not None:
            self._largest = np.fmax(self._largest, self.shared(norms))
        floor = sums.entries * self._largest[sums.tensors]
        beside = np.where(sums.straight, sums.entries, np.maximum(square, 0))
        return self.degree * sums.size(np.sqrt(beside * np.maximum(steep, floor)))

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
        slots = np.where(self.sums.straight, found["g"], found["xg"])
        pairing = self.degree * self.sums.total(slots)
        unit = self.unit(found["xx"], found.get("gg", np.zeros(len(slots))), norms)
        own = np.maximum(self._own_precision, precision)
        tested = Tested(pairing, unit, own, np.zeros(0, dtype=bool))
        kinds, place = np.unique(own, return_inverse=True)
        shares = [share_allowed(float(k), self.limit, underflow=underflow) for k in kinds]
        rounding = np.array(shares)[place]
        allowed = np.where(self.without_eps, np.maximum(EPS_SHARE, rounding), rounding)
        violated = (tested.relative > allowed) & ~skipped
        return Tested(pairing, unit, own, violated)
