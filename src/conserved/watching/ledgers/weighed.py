"""A law whose parameters have rates of their own, each term over its rate.

Where no term of h mixes parameters of different rates, h = Σ h_c, and steps θ_c⁺ = θ_c − η_c d_c do
to

    H = Σ (η₁/η_c) h_c

what steps of one rate η₁ along (η_c/η₁) d_c do: ⟨∇H, (η_c/η₁) g_c⟩ = ⟨∇h, g⟩ (theory §14).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.real import Reals
from conserved.law import Law

Floats = NDArray[np.float64]
_POINTS, _SAME = 3, 1e-9  # random points of a test, and how well both sides agree there


class Weighed:
    """Σ w_c h_c of one law, as a function of real θ.

    Args:
        law: with c functions; its terms mix no parameters of different weights.
        weights: (D,) w of each parameter.

    Example:
        >>> from conserved.law import GramLaw, GramTerm, Layout
        >>> terms = GramTerm("a", 0, 1), GramTerm("b", 0, -1)
        >>> law = GramLaw(layout=Layout((("a", (1, 1)), ("b", (1, 1)))), terms=terms)
        >>> Weighed(law, np.array([1.0, 4.0])).at(np.array([3.0, 1.0]))
        (array([5.]), array([[ 6., -8.]]))
    """

    def __init__(self, law: Law, weights: Floats) -> None:
        self.law = law
        different = np.unique(weights)
        self._parts = (
            [(1.0, None)] if len(different) == 1 else [(w, weights == w) for w in different]
        )

    def at(self, theta: Floats) -> tuple[Floats, Floats]:
        """(c,) values and (c, D) gradients at θ (D,)."""
        value, normal = np.zeros(self.law.size), np.zeros((self.law.size, len(theta)))
        for weight, mask in self._parts:
            kept = theta if mask is None else np.where(mask, theta, 0.0)
            value = value + weight * self.law.values(Reals(), kept[None])[0]
            slopes = weight * self.law.gradients(Reals(), kept)
            normal = normal + (slopes if mask is None else np.where(mask, slopes, 0.0))
        return value, normal


def separable(law: Law, weights: Floats) -> bool:
    """Whether no term of a law mixes parameters of different weights (D,).

    Example:
        >>> from conserved.law import Layout, Polynomial, PolynomialLaw
        >>> layout = Layout((("w", (2,)),))
        >>> sums, product = Polynomial.of({(0,): 1, (1, 1): 1}), Polynomial.of({(0, 1): 1})
        >>> laws = [PolynomialLaw(layout=layout, components=(p,)) for p in (sums, product)]
        >>> [separable(law, np.array([1.0, 2.0])) for law in laws]
        [True, False]
    """
    rng = np.random.default_rng(law.layout.size)
    masks = [weights == w for w in np.unique(weights)]
    points = rng.standard_normal((_POINTS, law.layout.size))
    with np.errstate(all="ignore"):
        try:
            whole = law.values(Reals(), points)
            parts = [law.values(Reals(), np.where(mask, points, 0.0)) for mask in masks]
        except (ArithmeticError, np.linalg.LinAlgError):
            return False
        size = np.abs(whole) + np.sum(np.abs(parts), axis=0)
        return bool((np.abs(whole - np.sum(parts, axis=0)) <= _SAME * size).all())
