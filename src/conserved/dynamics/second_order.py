"""Dynamics whose state has velocities and time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from conserved.dynamics.base import Dynamics, checked
from conserved.errors import InputError
from conserved.kernel.flow import Flow
from conserved.kernel.program import Tensors

FRICTION = Fraction(1)


@dataclass(frozen=True)
class Momentum(Dynamics):
    """Heavy ball.

    Args:
        friction: τ ≥ 0.
    """

    friction: Fraction = FRICTION
    formula = "θ'' = −τθ' − ∇L(θ)"

    def __post_init__(self) -> None:
        require_friction(self.friction)

    @property
    def name(self) -> str:
        return f"momentum:{self.friction}"

    def flow(self, tensors: Tensors) -> Flow:
        return checked(self, Flow(friction=self.friction), tensors)


@dataclass(frozen=True)
class Nesterov(Dynamics):
    """The limit of Nesterov's accelerated method (Su, Boyd, Candès 2014)."""

    name = "nesterov"
    formula = "θ'' = −(3/t)θ' − ∇L(θ)"

    def flow(self, tensors: Tensors) -> Flow:
        return checked(self, Flow(friction=Fraction(3), fading=True), tensors)


@dataclass(frozen=True)
class MirrorMomentum(Dynamics):
    """Heavy ball in the mirror ∇Φ(θ) = log θ of the entropy, on all tensors.

    Args:
        friction: τ ≥ 0.
    """

    friction: Fraction = FRICTION
    formula = "(log θ)'' = −τ(log θ)' − ∇L(θ)"

    def __post_init__(self) -> None:
        require_friction(self.friction)

    @property
    def name(self) -> str:
        return f"mirror-momentum:{self.friction}"

    def flow(self, tensors: Tensors) -> Flow:
        mirrored = Flow(friction=self.friction, mirror=tuple(name for name, _ in tensors))
        return checked(self, mirrored, tensors)


def require_friction(value: object) -> None:
    """Refuse what is no friction.

    Raises:
        InputError: no fraction, or one below 0.
    """
    if not isinstance(value, Fraction) or value < 0:
        raise InputError("friction", value, "a fraction of at least 0 is needed")
