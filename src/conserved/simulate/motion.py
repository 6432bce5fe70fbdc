"""Flows other than gradient flow, in float64: the motion of the state that laws are counted on.

A state is θ, velocities where there is momentum, and a clock where time enters (``kernel.flow``).
What moves it is written as an objective on the state, whose gradient is minus the velocity of the
state, so that solvers and verdicts need not know which flow it is.
"""

from __future__ import annotations

from math import prod
from typing import final

import numpy as np

from conserved.dynamics import Natural
from conserved.errors import InputError
from conserved.kernel.flow import GRADIENT, Motion
from conserved.kernel.functions import FormalRing
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array
from conserved.problem import Problem
from conserved.simulate.objective import Chosen, Objective, PointObjective

_RATES = 1701  # draws the rates of single entries: any will do, the same in every run
_RANK = 1e-12  # singular values of a Jacobian below this share of the largest count as 0


def followed(objective: Objective) -> Objective:
    """The objective on the state of its problem's flow; itself for gradient flow.

    Raises:
        InputError: a flow that no solver follows, or that needs other data.
    """
    problem = objective.problem
    if problem.moves.kind:
        advice = {
            "sign": "its field jumps; take steps, --dynamics sign",
            "outputs": "has no loss to train on",
        }
        raise InputError("flow", problem.flow.name, advice[problem.moves.kind])
    if problem.moves != GRADIENT:
        return Moving(objective)
    return NaturalGradient(objective) if problem.flow == Natural() else objective


@final
class Moving(Objective):
    """L on the state; the gradient is minus its velocity.

    Args:
        inner: L on θ.
    """

    def __init__(self, inner: Objective) -> None:
        super().__init__(inner.problem, inner.data)
        self.inner, self.route, flow = inner, inner.route, inner.problem.moves
        tensors = inner.problem.network.program.parameters
        size = inner.problem.network.size
        rates = np.random.default_rng(_RATES).uniform(0.5, 2.0, size) if flow.free else None
        self.motion = Motion(flow, tensors, Reals(), FormalRing(Reals()), rates)

    def begin(self, theta: Array, rng: np.random.Generator) -> Array:
        """With velocities at random, as large as θ, and a clock of e^0 (or t = 1 for 3/t)."""
        flow, parts = self.problem.moves, [theta]
        if flow.moving:
            size = float(np.sqrt(np.mean(theta**2))) or 1.0
            parts.append(size * rng.standard_normal(len(theta)))
        if flow.timed:
            parts.append(np.array([1.0 if flow.unit or flow.fading else 0.0]))
        return np.concatenate(parts)

    def evaluate(self, theta: Array, chosen: Chosen = None) -> tuple[Array, Array]:
        motion, flow = self.motion, self.problem.moves
        values, gradient = self.inner.evaluate(theta[:, : motion.size], chosen)
        pull = motion.pulled(-gradient[None], theta[None])[0]
        velocity = np.zeros_like(theta)
        if flow.timed:
            velocity = motion.drift(theta[None])[0]
        if flow.fading:
            velocity /= theta[:, -1:]
        velocity[:, motion.pulls] += pull
        return values, -velocity

    def value(self, theta: Array) -> Array:
        return self.inner.value(theta[:, : self.motion.size])

    def jittered(self, rng: np.random.Generator, amount: float) -> Objective:
        return Moving(self.inner.jittered(rng, amount))


@final
class NaturalGradient(Objective):
    """F⁺∇L for squared error over points, F = mean JᵀJ: the least change of θ that fits best.

    With the residuals r of all data that is J⁺r, so no F is formed.

    Args:
        inner: L over points.

    Raises:
        InputError: another loss, or data that are averaged over.
    """

    def __init__(self, inner: Objective) -> None:
        super().__init__(inner.problem, inner.data)
        squared = inner.problem.loss.spec in ("mse", "poly:2")
        if type(inner) is not PointObjective or not squared:
            advice = "is followed for squared error over points (or orbits that are listed)"
            raise InputError("flow", inner.problem.flow.name, advice)
        self.inner: PointObjective = inner
        self.route = inner.route

    def evaluate(self, theta: Array, chosen: Chosen = None) -> tuple[Array, Array]:
        values = self.inner.value(theta)
        return values, np.stack([self._step(point) for point in theta])

    def _step(self, theta: Array) -> Array:
        network = self.problem.network
        x = self.inner.inputs.reshape(-1, *network.input_shape)
        y = self.inner.labels.reshape(-1, *network.output_shape)
        many = prod(network.output_shape)
        run = network.run(FormalRing(Reals()), theta[None, None], x[None])
        left = (run.output[0, 0] - y).ravel()
        rows = []
        for one in np.eye(many).reshape(many, *network.output_shape):
            wide = np.broadcast_to(theta, (1, len(x), len(theta)))
            each = network.run(FormalRing(Reals()), wide, x[:, None])
            seed = np.broadcast_to(one, each.output.shape)
            rows.append(each.gradient(np.ascontiguousarray(seed))[0])
        jacobian = np.stack(rows, axis=1).reshape(len(left), -1)
        found: Array = np.linalg.lstsq(jacobian, left, rcond=_RANK)[0]
        return found

    def jittered(self, rng: np.random.Generator, amount: float) -> Objective:
        return NaturalGradient(self.inner.jittered(rng, amount))


def check_flow(problem: Problem, *, stepwise: bool, name: str, decay: float) -> None:
    """Refuse a flow beside steps, or decay beside a flow that may have its own.

    Raises:
        InputError: naming both.
    """
    if problem.flow.name == "gradient":
        return
    if stepwise:
        advice = f"steps of {name} descend the gradient; leave the flow out, or take no steps"
        raise InputError("flow", problem.flow.name, advice)
    if decay:
        advice = "goes with gradient flow; of another flow say decay:L in the flow"
        raise InputError("decay", decay, advice)
