"""Steps of descent along gradients, whose effect on a law is known exactly."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from conserved.dynamics.steps import Steps
from conserved.errors import InputError
from conserved.kernel.program import Tensors
from conserved.kernel.scalars import Array
from conserved.simulate.dynamics.base import (
    GROWTH,
    STEP_LIMIT,
    Course,
    Dynamics,
    require_count,
    require_fraction,
    require_number,
)
from conserved.simulate.objective import Objective
from conserved.simulate.recorder import Main, Recorder, check_steps

State = tuple[Array, ...]


@dataclass(frozen=True, kw_only=True)
class Descent(Dynamics):
    """Steps of size η along some direction made from gradients.

    Attributes:
        remembers: what its state holds besides θ, by name.

    Args:
        rate: η > 0.
        steps: how many.
    """

    stepwise = True
    optimizer = "SGD"
    remembers: ClassVar[tuple[str, ...]] = ()

    rate: float = 0.01
    steps: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("rate", self.rate, above=0.0)
        require_count("steps", self.steps, STEP_LIMIT)
        if self.batch is not None:
            require_count("size", self.batch, STEP_LIMIT)

    @property
    def setting(self) -> tuple[str, float]:
        return "rate", self.rate

    @property
    def planned(self) -> int:
        return self.steps

    @property
    def time_per_step(self) -> float:
        """How far along gradient flow one step gets, for small steps."""
        return self.rate

    def begin(self, theta: Array, tensors: Tensors = ()) -> State:
        """The state before the first step, for what θ holds: names and shapes."""
        return ()

    def ahead(self, theta: Array, gradient: Array) -> Array | None:
        """Where to take the gradient of the step instead, if anywhere else."""
        return None

    @abstractmethod
    def direction(self, theta: Array, gradient: Array, state: State) -> tuple[Array, State]:
        """What η is multiplied by, and the next state: θ⁺ = θ − η·direction.

        Args:
            theta, gradient: (D,).
            state: as ``begin`` made it, or the step before.
        """

    def finer(self, factor: int) -> Descent:
        return replace(self, rate=self.rate / factor, steps=self.steps * factor)

    def run(self, objective: Objective, theta: Array, recorder: Recorder, course: Course) -> None:
        limit = GROWTH * (float(np.abs(theta).max(initial=0.0)) or 1.0)
        marked = set(self._checks(course.main))
        state = self.begin(theta, objective.problem.network.program.parameters)
        batches = minibatches(objective.samples, self.batch, course.rng)
        for step in range(1, self.steps + 1):
            chosen = next(batches)
            recorder.evaluations += 1
            at, gradient = theta, objective.evaluate(theta[None], chosen)[1][0]
            if (other := self.ahead(theta, gradient)) is not None:
                recorder.evaluations += 1
                at, gradient = other, objective.evaluate(other[None], chosen)[1][0]
            direction, state = self.direction(theta, gradient, state)
            moved = theta - self.rate * direction
            if not np.abs(moved).max() <= limit:  # nan too
                recorder.finish(f"blew up at step {step:,}", complete=False)
                break
            if course.audit is not None:
                course.audit(theta, direction, moved, self.velocity(direction, state), chosen)
            recorder.probe(step - 1, at, gradient, chosen)
            recorder.move(step * self.time_per_step, step, moved, check=step in marked)
            theta = moved
            if course.watch is not None:
                course.watch(step / self.steps)
            if course.length is not None and recorder.current.length >= course.length:
                recorder.finish(f"path length {course.length:g} reached", complete=True)
                break
        else:
            recorder.finish(f"{self.steps:,} steps taken", complete=True)

    def velocity(self, direction: Array, state: State) -> Array:
        """What momentum carries over to the next step, b⁺ of ``Steps``."""
        return direction

    def _checks(self, main: Main | None) -> list[int]:
        """Steps to keep in any case: those of the main run, in finer steps."""
        if main is None or not main.planned:
            return check_steps(self.steps)
        return [k * self.steps // main.planned for k in check_steps(main.planned)]


def minibatches(
    samples: int, size: int | None, rng: np.random.Generator
) -> Iterator[NDArray[np.intp] | None]:
    """Which data make up each gradient, without end; every epoch meets all data once."""
    if size is None or size >= samples:
        while True:
            yield None
    while True:
        order = rng.permutation(samples)
        for start in range(0, samples, size):
            yield order[start : start + size]


@dataclass(frozen=True, kw_only=True)
class GradientDescent(Descent):
    """θ⁺ = θ − η(∇L(θ) + λθ), the gradient over all data.

    Example:
        >>> [rung.rate for rung in GradientDescent(rate=0.1).ladder()]
        [0.05, 0.025]
    """

    name = "gd"
    formula = "θ⁺ = θ − η∇L(θ)"

    @property
    def ledger(self) -> Steps | None:
        return Steps(self.rate, decay=self.decay)

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

    @property
    def ledger(self) -> Steps | None:
        return Steps(self.rate, decay=self.decay)

    def direction(self, theta: Array, gradient: Array, state: State) -> tuple[Array, State]:
        return gradient + self.decay * theta, state


@dataclass(frozen=True, kw_only=True)
class Momentum(Descent):
    """v⁺ = μv + (1 − δ)(∇L(θ) + λθ), θ⁺ = θ − ηv⁺, as ``torch.optim.SGD`` with momentum.

    In the first step v⁺ = ∇L(θ) + λθ. After Nesterov the step is η(∇L(θ) + λθ + μv⁺).

    Args:
        momentum: μ, 0 ≤ μ < 1.
        dampening: δ, 0 ≤ δ < 1.
        nesterov: whether the step looks ahead; without dampening.
        size: of a minibatch; None for all data.
    """

    name = "momentum"
    formula = "v⁺ = μv + ∇L(θ), θ⁺ = θ − ηv⁺"
    remembers = ("v", "step")

    momentum: float = 0.9
    dampening: float = 0.0
    nesterov: bool = False
    size: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fraction("momentum", self.momentum)
        require_fraction("dampening", self.dampening)
        if self.nesterov not in (True, False):
            raise InputError("nesterov", self.nesterov, "is True or False")
        if self.nesterov and (self.dampening or not self.momentum):
            raise InputError("nesterov", self.nesterov, "needs momentum, and no dampening")

    @property
    def batch(self) -> int | None:
        return self.size

    @property
    def time_per_step(self) -> float:
        return self.rate * (1 - self.dampening) / (1 - self.momentum)

    @property
    def carried(self) -> float:
        return 1 / (1 - self.momentum)

    @property
    def ledger(self) -> Steps:
        return Steps(self.rate, self.momentum, self.dampening, self.nesterov, self.decay)

    def begin(self, theta: Array, tensors: Tensors = ()) -> State:
        return np.zeros_like(theta), np.zeros(())

    def direction(self, theta: Array, gradient: Array, state: State) -> tuple[Array, State]:
        velocity, count = state
        pull = gradient + self.decay * theta
        velocity = self.momentum * velocity + (1 - self.dampening) * pull if count else pull
        along = pull + self.momentum * velocity if self.nesterov else velocity
        return along, (velocity, count + 1)

    def velocity(self, direction: Array, state: State) -> Array:
        return state[0]

    def ladder(self) -> tuple[Dynamics, ...]:
        return () if self.size else (self.finer(2), self.finer(4))
