"""Steps that are no combination of gradients, so that no rule says what they do to a law.

What is known of them: ⟨∇h(θ), g⟩ = 0 holds of a true law for every gradient g met at θ, whatever is
then made of g, and that is what is tested, step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod, sqrt

import numpy as np

from conserved.dynamics.outcomes import NOT_ALONG
from conserved.kernel.program import Tensors
from conserved.kernel.scalars import Array
from conserved.simulate.dynamics.base import require_fraction, require_number
from conserved.simulate.dynamics.descent import Descent, State


@dataclass(frozen=True, kw_only=True)
class Batched(Descent):
    """Steps on minibatches, or on all data.

    Args:
        size: of a minibatch; None for all data.
    """

    size: int | None = None

    @property
    def batch(self) -> int | None:
        return self.size


@dataclass(frozen=True, kw_only=True)
class Adam(Batched):
    """Adam (1412.6980) with λθ added to the gradient, as ``torch.optim.Adam``.

    Each entry of the step is rescaled by itself. What is kept exactly: differences of entries whose
    gradients are always the same, such as two biases that are added (``--flow sign``).

    Args:
        beta1, beta2: decay of the two averages.
        epsilon: added to the root of the second.
    """

    name = "adam"
    formula = "θ⁺ = θ − η m/(√s + ε)"
    remembers = ("m", "s", "step")
    optimizer = "Adam"
    why_not = NOT_ALONG["Adam"]

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fraction("beta1", self.beta1)
        require_fraction("beta2", self.beta2)
        require_number("epsilon", self.epsilon, above=0.0)

    def begin(self, theta: Array, tensors: Tensors = ()) -> State:
        return np.zeros_like(theta), np.zeros_like(theta), np.zeros(())

    def direction(self, theta: Array, gradient: Array, state: State) -> tuple[Array, State]:
        return self._scaled(gradient + self.decay * theta, state)

    def _scaled(self, gradient: Array, state: State) -> tuple[Array, State]:
        first, second, count = state
        first = self.beta1 * first + (1 - self.beta1) * gradient
        second = self.beta2 * second + (1 - self.beta2) * gradient**2
        count = count + 1
        mean = first / (1 - self.beta1**count)
        spread = np.sqrt(second / (1 - self.beta2**count))
        return mean / (spread + self.epsilon), (first, second, count)


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (1711.05101), λθ added to the step."""

    name = "adamw"
    optimizer = "AdamW"
    formula = "θ⁺ = (1 − ηλ)θ − η m/(√s + ε)"
    why_not = NOT_ALONG["AdamW"]

    def direction(self, theta: Array, gradient: Array, state: State) -> tuple[Array, State]:
        scaled, state = self._scaled(gradient, state)
        return scaled + self.decay * theta, state


@dataclass(frozen=True, kw_only=True)
class SignDescent(Batched):
    """θ⁺ = θ − η sign ∇L(θ), with λθ added to the step; ``--flow sign`` counts what it keeps."""

    name = "sign"
    formula = "θ⁺ = θ − η sign ∇L(θ)"
    optimizer = "sign descent"
    why_not = NOT_ALONG["sign descent"]

    def direction(self, theta: Array, gradient: Array, state: State) -> tuple[Array, State]:
        return np.sign(gradient) + self.decay * theta, state


@dataclass(frozen=True, kw_only=True)
class Muon(Batched):
    """Momentum, each matrix of it then replaced by its polar factor (Jordan et al. 2024).

    The factor is exact, by singular values; implementations iterate (Newton and Schulz).
    A vector counts as one column, a tensor of more axes as the matrix of its first. λθ is added to
    the step, as in ``torch.optim.Muon``.

    What is known: rotations of hidden units commute with polar factors, rescalings do not, so
    balancedness goes; no law of quadratic functions is known.

    Args:
        momentum: μ, 0 ≤ μ < 1.
        nesterov: whether it looks ahead.
    """

    name = "muon"
    formula = "v⁺ = μv + (1 − μ)∇L(θ), θ⁺ = θ − η polar(v⁺)"
    remembers = ("v", "heights", "ends")
    optimizer = "Muon"
    why_not = NOT_ALONG["Muon"]

    momentum: float = 0.95
    nesterov: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fraction("momentum", self.momentum)

    def begin(self, theta: Array, tensors: Tensors = ()) -> State:
        heights = [shape[0] if shape else 1 for _, shape in tensors] or [len(theta)]
        sizes = [prod(shape) for _, shape in tensors] or [len(theta)]
        return np.zeros_like(theta), np.array(heights), np.cumsum(sizes)

    def direction(self, theta: Array, gradient: Array, state: State) -> tuple[Array, State]:
        velocity = self.momentum * state[0] + (1 - self.momentum) * gradient
        along = velocity
        if self.nesterov:
            along = (1 - self.momentum) * gradient + self.momentum * velocity
        heights, ends = state[1:]
        parts = zip(np.split(along, ends[:-1]), heights.tolist(), strict=True)
        turned = np.concatenate([polar(part.reshape(n, -1)).ravel() for part, n in parts])
        return turned + self.decay * theta, (velocity, heights, ends)


def polar(matrix: Array) -> Array:
    """UVᵀ of M = USVᵀ, times √max(1, rows/columns) as Muon scales it; 0 for 0.

    Example:
        >>> polar(np.array([[3.0, 0.0], [0.0, -2.0]])).tolist()
        [[1.0, 0.0], [0.0, -1.0]]
    """
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    kept = s > 1e-14 * s.max(initial=0.0)
    factor: Array = (u * kept) @ v * sqrt(max(1.0, matrix.shape[0] / matrix.shape[1]))
    return factor


@dataclass(frozen=True, kw_only=True)
class SharpnessAware(Batched):
    """SAM (2010.01412): θ⁺ = θ − η(∇L(θ + ρ ∇L(θ)/‖∇L(θ)‖) + λθ).

    What is known: the gradient is one of the class, but at another point, where ∇h differs; a law
    moves to first order in ηρ, and a linear one not at all.

    Args:
        radius: ρ > 0.
    """

    name = "sam"
    formula = "θ⁺ = θ − η∇L(θ + ρ∇L(θ)/‖∇L(θ)‖)"
    looks_twice = True
    optimizer = "SAM"
    why_not = NOT_ALONG["SAM"]

    radius: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("radius", self.radius, above=0.0)

    def ahead(self, theta: Array, gradient: Array) -> Array | None:
        size = float(np.linalg.norm(gradient))
        return theta + self.radius * gradient / size if size else theta

    def direction(self, theta: Array, gradient: Array, state: State) -> tuple[Array, State]:
        return gradient + self.decay * theta, state
