"""What steps of descent do to a true law, exactly (theory §14, "Steps").

A true law h = θᵀMθ + lᵀθ has ⟨∇h(θ), g⟩ = 0 for every gradient g met at θ. Steps with momentum μ,
dampening δ, coupled decay λ and rate η, as in ``torch.optim.SGD``,

    b⁺ = μb + (1 − δ)(g + λθ),  d = b⁺, or g + λθ + μb⁺ after Nesterov,  θ⁺ = θ − ηd

(b⁺ = g + λθ in the first step), then change h by −η⟨∇h, d⟩ + η² dᵀMd, where ⟨∇h, d⟩ follows from
β = ⟨∇h(θ), b⟩ alone, and β⁺ = ⟨∇h(θ), b⁺⟩ − 2η dᵀMb⁺. What is measured is dᵀMd and dᵀMb⁺; what is
left over is the violation of the law. Decoupled decay λ' multiplies θ by ρ = 1 − ηλ' first, and so
a law of degree k by ρ^k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conserved.kernel.scalars import Array


@dataclass(frozen=True)
class Steps:
    """Steps of SGD.

    Args:
        rate: η.
        momentum: μ.
        dampening: δ.
        nesterov: whether the step looks ahead.
        decay: λ, added to the gradient as λθ.
        decoupled: λ', by which θ itself shrinks.
    """

    rate: float
    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False
    decay: float = 0.0
    decoupled: float = 0.0

    @property
    def formula(self) -> str:
        """The prediction as on paper."""
        if self.momentum:
            return "h(θ⁺) = h(θ) − ηw + η² v⁺ᵀMv⁺, w = μβ + λ⟨∇h, θ⟩, β⁺ = w − 2η v⁺ᵀMv⁺"
        if self.decay:
            return "h(θ⁺) = (1 − ηλ)² h(θ) + η² gᵀMg"
        return "h(θ⁺) = h(θ) + η² gᵀMg"


class Forecast:
    """The change of a true law, step by step.

    Args:
        steps: as they are made.
        degree: k of a homogeneous law, which decoupled decay needs.
        tilt: β, where steps were made before; None before the first.

    Example:
        >>> h = lambda w: w[0] ** 2 - w[1] ** 2  # loss ½(w₁w₂ − 1)²
        >>> forecast, w, b, told = (
        ...     Forecast(Steps(0.1, momentum=0.9)),
        ...     np.array([2.0, 1.0]),
        ...     0.0,
        ...     3.0,
        ... )
        >>> for _ in range(5):
        ...     b = 0.9 * b + (w[0] * w[1] - 1) * w[::-1]
        ...     told += forecast.change(0.0, h(b))
        ...     w = w - 0.1 * b
        >>> bool(abs(told - h(w)) < 1e-14)
        True
    """

    def __init__(self, steps: Steps, degree: Array | int = 2, tilt: Array | None = None) -> None:
        self.steps = steps
        self.degree = degree
        self.tilt = tilt

    def change(
        self, radial: Array, square: Array, crossed: Array | None = None, value: Array | None = None
    ) -> Array:
        """h(θ⁺) − h(θ) of one step.

        Args:
            radial: ⟨∇h(θ), θ⟩ before the step.
            square: dᵀMd.
            crossed: dᵀMb⁺; by default that is dᵀMd too.
            value: h(θ), which decoupled decay needs.
        """
        steps = self.steps
        pulled = steps.decay * radial
        fresh = pulled
        if self.tilt is not None:
            fresh = steps.momentum * self.tilt + (1 - steps.dampening) * pulled
        along = fresh if steps.momentum else pulled
        if steps.nesterov:
            along = pulled + steps.momentum * fresh
        shrunk: Array | float = 1.0
        kept = 0.0 * square
        if steps.decoupled:
            assert value is not None, "decoupled decay shrinks the law itself"
            rho = 1 - steps.rate * steps.decoupled
            shrunk, kept = rho ** (self.degree - 1), (rho**self.degree - 1) * value
        mixed = square if crossed is None else crossed
        self.tilt = shrunk * fresh - 2 * steps.rate * mixed
        return np.asarray(kept - steps.rate * shrunk * along + steps.rate**2 * square)
