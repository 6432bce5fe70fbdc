"""The exact ledger of descent (theory §10): what each step must do to a true law, and what it did.

What a step must do is in ``dynamics.steps``: the velocities alone predict h. For plain descent of a
law without linear part that is h(θ⁺) = (1 − ηλ)² h(θ) + η² gᵀMg. With momentum, without decay, it
also says that h − (2ημ/(1−μ)) θᵀMv grows by η² (1+μ)/(1−μ) v⁺ᵀMv⁺. For a false law a step adds
−η⟨∇h, g⟩.

A law that is no polynomial of degree 2 has no such closed form; there −η⟨∇h, g⟩ itself, which
must be 0, is looked at on some of the steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conserved.dynamics.steps import Forecast
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array
from conserved.law import Law
from conserved.simulate.dynamics import Dynamics

_BLOCK = 64  # steps whose laws are evaluated at once
_KEPT = 100  # moments at which prediction and observation are kept
_NEVER = -10_000  # below the exponent of any number
SCALE_FLOOR = 1e-280  # a law as small as this underflows: what is left of it is no rounding error


def has_exact_rule(law: Law, dynamics: Dynamics) -> bool:
    """Whether the ledger predicts every step of this law."""
    return law.kind in ("linear", "quadratic") and dynamics.ledger is not None


def rule_text(dynamics: Dynamics) -> str:
    """The prediction as on paper, or that of plain descent where there is none."""
    rule = dynamics.ledger
    return "" if rule is None else rule.formula


@dataclass(eq=False)
class _Law:
    """The sums of one law so far."""

    law: Law
    even: bool  # h(−θ) = h(θ) and h(0) = 0: nothing but θᵀMθ
    forecast: Forecast
    predicted: Array
    observed: Array
    rows: list[tuple[int, Array, Array]]  # step, predicted, observed
    worst: list[tuple[int, Array, Array]]  # step, the largest residual of a block, per scale
    level: NDArray[np.intp]  # the binary exponent of the largest residual per scale so far
    rises: list[tuple[NDArray[np.intp], NDArray[np.intp], Array]]  # steps, functions, per scale

    @property
    def powers(self) -> tuple[int, ...]:
        """The degrees of its terms."""
        if self.even:
            return (2,)
        return (1,) if self.law.kind == "linear" else (1, 2)


class DriftPredictions:
    """Predicted and observed drift over all steps of a descent, of laws with an exact rule.

    Args:
        laws: all laws; those without a rule are passed over.
        dynamics: the descent.
    """

    def __init__(self, laws: tuple[Law, ...], dynamics: Dynamics) -> None:
        self.dynamics = dynamics
        self.steps = 0
        self.tracked = {
            number: self._open(law)
            for number, law in enumerate(laws)
            if has_exact_rule(law, dynamics)
        }
        self._every = -(-dynamics.planned // _KEPT) or 1
        self._waiting: list[tuple[Array, Array, Array, Array]] = []

    def _open(self, law: Law) -> _Law:
        zero = np.zeros(law.size)
        probe = np.random.default_rng(law.layout.size).standard_normal((1, law.layout.size))
        odd = np.abs(law.values(Reals(), probe) - law.values(Reals(), -probe)).max()
        rest = np.abs(law.values(Reals(), 0 * probe)).max()
        rows, level = [(0, zero, zero)], np.full(law.size, _NEVER)
        assert self.dynamics.ledger is not None
        forecast = Forecast(self.dynamics.ledger)
        return _Law(law, not odd and not rest, forecast, zero, zero, rows, [], level, [])

    def add(self, theta: Array, direction: Array, moved: Array, velocity: Array) -> None:
        """One step: θ, what η was multiplied by, θ⁺, and what momentum carries on."""
        self._waiting.append((theta, direction, moved, velocity))
        if len(self._waiting) >= _BLOCK:
            self.close()

    def close(self) -> None:
        """Write down the steps that wait."""
        if not self._waiting or not self.tracked:
            self._waiting = []
            return
        steps = [np.stack(column) for column in zip(*self._waiting, strict=True)]
        self._waiting = []
        self.steps += len(steps[0])
        for one in self.tracked.values():
            self._write(one, *steps)

    def _write(
        self, one: _Law, theta: Array, direction: Array, moved: Array, velocity: Array
    ) -> None:
        assert self.dynamics.ledger is not None
        rate = self.dynamics.ledger.rate
        before = one.law.values(Reals(), theta)
        change = one.law.values(Reals(), moved) - before
        square, _ = _parts(one, direction)
        radial = np.zeros_like(before)
        if self.dynamics.decay:
            quadratic, linear = _parts(one, theta)
            radial = 2 * quadratic + linear
        crossed = square
        if self.dynamics.ledger.nesterov:  # dᵀMb⁺, of the squares of sum and difference
            more, less = (
                _parts(one, direction + velocity)[0],
                _parts(one, direction - velocity)[0],
            )
            crossed = 0.25 * (more - less)
        expected = np.stack(
            [one.forecast.change(*parts) for parts in zip(radial, square, crossed, strict=True)]
        )
        predicted = one.predicted + np.cumsum(expected, axis=0)
        observed = one.observed + np.cumsum(change, axis=0)
        one.predicted, one.observed = predicted[-1], observed[-1]
        residual = np.abs(change - expected)
        scale = step_scale(theta, rate * direction, one.powers)[:, None]
        scaled = residual / scale
        one.worst.append((self.steps, residual.max(axis=0), scaled.max(axis=0)))
        first = self.steps - len(theta) + 1
        _rise(one, first, scaled)
        one.rows += [
            (step, predicted[step - first].copy(), observed[step - first].copy())
            for step in range(first, self.steps + 1)
            if step % self._every == 0 or (step == self.steps and len(theta) < _BLOCK)
        ]


def _rise(one: _Law, first: int, scaled: Array) -> None:
    """Write down each step at which the largest residual doubled: few, however long the run."""
    level = np.where(scaled > 0, np.frexp(scaled)[1], _NEVER).astype(np.intp)
    level = np.maximum.accumulate(np.concatenate([one.level[None], level]), axis=0)
    steps, functions = np.nonzero(np.diff(level, axis=0))
    one.level = level[-1]
    if len(steps):
        one.rises.append((first + steps, functions, scaled[steps, functions]))


def step_scale(theta: Array, step: Array, powers: tuple[int, ...]) -> Array:
    """Σ_k (‖θ‖ + ‖θ⁺ − θ‖)^k: what a law and its rounding grow with, (batch, D) → (batch,).

    A θ that decays far enough underflows; such steps are measured against 1, so they never count.
    """
    reach = np.linalg.norm(theta, axis=1) + np.linalg.norm(step, axis=1)
    scale: Array = sum((reach**k for k in powers), np.zeros_like(reach))
    return np.where(scale > SCALE_FLOOR, scale, 1.0)


def _parts(one: _Law, theta: Array) -> tuple[Array, Array]:
    """(θᵀMθ, lᵀθ) at θ (batch, D)."""
    value = one.law.values(Reals(), theta)
    if one.even:
        return value, np.zeros_like(value)
    other = one.law.values(Reals(), -theta)
    constant = one.law.values(Reals(), np.zeros_like(theta[:1]))
    return 0.5 * (value + other) - constant, 0.5 * (value - other)


@dataclass(frozen=True, eq=False)
class PredictedDrift:
    """What was predicted for one law, and what was observed.

    Attributes:
        steps: (K,).
        predicted, observed: (K, c) changes since the start.
        worst_steps: (B,) where each block ends.
        worst: (B, c) the largest residual of one step in each block.
        scaled: (B, c) the same in units of ``step_scale``.
        rises: (R,) steps, functions and their residuals, so scaled, wherever one was twice as
            large as any before.
        audited: how many steps.
        powers: the degrees of the law's terms, for ``step_scale``.
    """

    steps: NDArray[np.int64]
    predicted: Array
    observed: Array
    worst_steps: NDArray[np.int64]
    worst: Array
    scaled: Array
    rises: tuple[NDArray[np.intp], NDArray[np.intp], Array]
    audited: int
    powers: tuple[int, ...]


def predicted_drift(predictions: DriftPredictions, number: int) -> PredictedDrift | None:
    """Of the law of that number; None where it has no exact rule or no step was made."""
    one = predictions.tracked.get(number)
    if one is None or not one.worst:
        return None
    steps, predicted, observed = zip(*one.rows, strict=True)
    ends, worst, scaled = zip(*one.worst, strict=True)
    return PredictedDrift(
        np.array(steps),
        np.stack(predicted),
        np.stack(observed),
        np.array(ends),
        np.stack(worst),
        np.stack(scaled),
        _joined(one.rises),
        predictions.steps,
        one.powers,
    )


def _joined(
    rises: list[tuple[NDArray[np.intp], NDArray[np.intp], Array]],
) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    if not rises:
        return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    steps, functions, scaled = zip(*rises, strict=True)
    return np.concatenate(steps), np.concatenate(functions), np.concatenate(scaled)
