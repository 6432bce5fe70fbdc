"""The ways to train: gradient flow, and steps of descent. One protocol, a leaf for each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any, ClassVar

import numpy as np

from conserved.dynamics.steps import Steps
from conserved.errors import InputError, is_whole, nearest
from conserved.kernel.scalars import Array

LOOSER = (1e-6, 1e-9)  # tolerances of the solver before its own: each a thousandfold finer
STEP_LIMIT = 10_000_000

State = tuple[Array, ...]


@dataclass(frozen=True, kw_only=True)
class Dynamics(ABC):
    """How θ moves, given ∇L.

    Not to be confused with ``dynamics.Dynamics``, whose constants are counted: a law of gradient
    flow is watched here along other dynamics too.

    Attributes:
        decay: λ ≥ 0, the weight decay, λθ added to the gradient (to the step for Adam).
    """

    name: ClassVar[str]
    formula: ClassVar[str]

    decay: float = 0.0

    def __post_init__(self) -> None:
        require_number("decay", self.decay, least=0.0)

    @property
    def batch(self) -> int | None:
        """How many data make up one gradient; None for all."""
        return None

    def ladder(self) -> tuple[Dynamics, ...]:
        """The same dynamics at other accuracies, which tell true laws from false; may be empty."""
        return ()

    @abstractmethod
    def finer(self, factor: int) -> Dynamics:
        """The same over the same horizon with a step (or tolerance) smaller by a factor."""

    @property
    def text(self) -> str:
        """Its name and settings on one line."""
        rest = {key: value for key, value in asdict(self).items() if value not in (None, 0.0)}
        return ", ".join([self.name, *(f"{key} {_shown(value)}" for key, value in rest.items())])

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "formula": self.formula, **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class GradientFlow(Dynamics):
    """θ′ = −∇L(θ) − λθ, by an explicit Runge–Kutta method of order 8 with error control (DOP853).

    Args:
        time: T, how long.
        rtol: tolerance of each step, relative to the size of each parameter.

    Example:
        >>> GradientFlow(time=5.0).text
        'flow, time 5, rtol 1e-13'
    """

    name = "flow"
    formula = "θ′ = −∇L(θ)"

    time: float = 10.0
    rtol: float = 1e-13

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("time", self.time, above=0.0)
        require_number("rtol", self.rtol, least=3e-14)
        if self.rtol > 1e-3:
            raise InputError("rtol", self.rtol, "is at most 1e-3")

    def ladder(self) -> tuple[Dynamics, ...]:
        return tuple(replace(self, rtol=rtol) for rtol in LOOSER if rtol > 10 * self.rtol)

    def finer(self, factor: int) -> Dynamics:
        return replace(self, rtol=max(self.rtol / factor, 3e-14))


@dataclass(frozen=True, kw_only=True)
class Descent(Dynamics):
    """Steps of size η along some direction made from gradients.

    Args:
        rate: η > 0.
        steps: how many.
    """

    rate: float = 0.01
    steps: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("rate", self.rate, above=0.0)
        require_count("steps", self.steps, STEP_LIMIT)
        if self.batch is not None:
            require_count("size", self.batch, STEP_LIMIT)

    @property
    def time_per_step(self) -> float:
        """How far along gradient flow one step gets, for small steps."""
        return self.rate

    @property
    def ledger(self) -> Steps | None:
        """Its steps as those whose effect on a law is known exactly; None for any others."""
        return Steps(self.rate, decay=self.decay)

    def begin(self, theta: Array) -> State:
        """The state before the first step."""
        return ()

    @abstractmethod
    def direction(self, theta: Array, gradient: Array, state: State) -> tuple[Array, State]:
        """What η is multiplied by, and the next state: θ⁺ = θ − η·direction."""

    def finer(self, factor: int) -> Descent:
        return replace(self, rate=self.rate / factor, steps=self.steps * factor)


@dataclass(frozen=True, kw_only=True)
class GradientDescent(Descent):
    """θ⁺ = θ − η(∇L(θ) + λθ), the gradient over all data.

    Example:
        >>> [rung.rate for rung in GradientDescent(rate=0.1).ladder()]
        [0.05, 0.025]
    """

    name = "gd"
    formula = "θ⁺ = θ − η∇L(θ)"

    def direction(self, theta: Array, gradient: Array, state: State) -> tuple[Array, State]:
        return gradient + self.decay * theta, state

    def ladder(self) -> tuple[Dynamics, ...]:
        return self.finer(2), self.finer(4)


@dataclass(frozen=True, kw_only=True)
class StochasticDescent(Descent):
    """θ⁺ = θ − η(∇L_B(θ) + λθ), the gradient over a minibatch; every epoch meets all data once.

    Args:
        size: how many data in a minibatch.
    """

    name = "sgd"
    formula = "θ⁺ = θ − η∇L_B(θ)"

    size: int = 8

    @property
    def batch(self) -> int | None:
        return self.size

    def direction(self, theta: Array, gradient: Array, state: State) -> tuple[Array, State]:
        return gradient + self.decay * theta, state


@dataclass(frozen=True, kw_only=True)
class Momentum(Descent):
    """v⁺ = μv + ∇L(θ) + λθ, θ⁺ = θ − ηv⁺ (heavy ball), v = 0 at the start.

    Args:
        momentum: μ, 0 ≤ μ < 1.
        size: of a minibatch; None for all data.
    """

    name = "momentum"
    formula = "v⁺ = μv + ∇L(θ), θ⁺ = θ − ηv⁺"

    momentum: float = 0.9
    size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fraction("momentum", self.momentum)

    @property
    def batch(self) -> int | None:
        return self.size

    @property
    def time_per_step(self) -> float:
        return self.rate / (1 - self.momentum)

    @property
    def ledger(self) -> Steps:
        return Steps(self.rate, self.momentum, decay=self.decay)

    def begin(self, theta: Array) -> State:
        return (np.zeros_like(theta),)

    def direction(self, theta: Array, gradient: Array, state: State) -> tuple[Array, State]:
        velocity = self.momentum * state[0] + gradient + self.decay * theta
        return velocity, (velocity,)

    def ladder(self) -> tuple[Dynamics, ...]:
        return () if self.size else (self.finer(2), self.finer(4))


@dataclass(frozen=True, kw_only=True)
class Adam(Descent):
    """Adam (1412.6980) with decoupled weight decay: each entry of the step is rescaled by itself.

    Args:
        size: of a minibatch; None for all data.
        beta1, beta2: decay of the two averages.
        epsilon: added to the root of the second.
    """

    name = "adam"
    formula = "θ⁺ = θ − η m/(√s + ε)"

    size: int | None = None
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fraction("beta1", self.beta1)
        require_fraction("beta2", self.beta2)
        require_number("epsilon", self.epsilon, above=0.0)

    @property
    def batch(self) -> int | None:
        return self.size

    @property
    def ledger(self) -> None:
        return None

    def begin(self, theta: Array) -> State:
        return np.zeros_like(theta), np.zeros_like(theta), np.zeros(())

    def direction(self, theta: Array, gradient: Array, state: State) -> tuple[Array, State]:
        first, second, count = state
        first = self.beta1 * first + (1 - self.beta1) * gradient
        second = self.beta2 * second + (1 - self.beta2) * gradient**2
        count = count + 1
        mean = first / (1 - self.beta1**count)
        spread = np.sqrt(second / (1 - self.beta2**count))
        return mean / (spread + self.epsilon) + self.decay * theta, (first, second, count)


DYNAMICS: dict[str, type[Dynamics]] = {
    kind.name: kind for kind in (GradientFlow, GradientDescent, StochasticDescent, Momentum, Adam)
}


def make_dynamics(name: str, **settings: Any) -> Dynamics:
    """The dynamics of that name; settings that are None are left at their defaults.

    Raises:
        InputError: no such dynamics, or a setting that it does not have.

    Example:
        >>> make_dynamics("momentum", rate=0.1, momentum=None).text
        'momentum, rate 0.1, steps 1000, momentum 0.9'
    """
    kind = DYNAMICS.get(name.strip())
    if kind is None:
        raise InputError("dynamics", name, f"unknown; {nearest(name, DYNAMICS)}")
    given = {key: value for key, value in settings.items() if value is not None}
    known = kind.__dataclass_fields__
    for key, value in given.items():
        if key not in known:
            advice = f"'{kind.name}' does not take it; it takes {', '.join(known)}"
            raise InputError(key, value, advice)
    return kind(**given)


def require_number(
    name: str, value: float, *, above: float | None = None, least: float | None = None
) -> None:
    """Refuse what is not a finite number of the wanted size."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if number and (above is None or value > above) and (least is None or value >= least):
        return
    wanted = f"above {above:g}" if above is not None else f"at least {least:g}"
    raise InputError(name, value, f"give a number {wanted}")


def require_fraction(name: str, value: float) -> None:
    """Refuse what is not a number from 0 to below 1."""
    require_number(name, value, least=0.0)
    if value >= 1:
        raise InputError(name, value, "give a number below 1")


def require_count(name: str, value: int, most: int) -> None:
    """Refuse what is not a whole number from 1 to ``most``."""
    if not is_whole(value) or not 1 <= value <= most:
        raise InputError(name, value, f"give a whole number from 1 to {most:,}")


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
