"""What each step must do to one law of any degree, by the forecast for laws of degree 2.

``ledger`` does the same for all block laws of a model at once, whose degree is at most 2.

Where ⟨∇h, g⟩ = 0, a step θ⁺ = ρθ − ηd (ρ = 1 but for decoupled decay) does to h what
``dynamics.steps`` says, with

    η² dᵀMd    →  h(ρθ − ηd) − h(ρθ) + η⟨∇h(ρθ), d⟩,
    −2η dᵀMb⁺  →  ⟨∇h(θ⁺) − ∇h(ρθ), b⁺⟩:

the same numbers where h is of degree 2, and where it is not all that is of second and higher order
in η. It is 0 for the range and the direction of P where every gradient is PN: such steps keep them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from conserved.dynamics.steps import Forecast, Steps
from conserved.errors import DegenerateSampleError
from conserved.watching.ledgers.weighed import Weighed
from conserved.watching.look.products import Floats


@dataclass(frozen=True, eq=False)
class Rules:
    """How the parameters of one law step.

    Attributes:
        steps: of all of them; None where there is no common rule.
        sign: −1 where the loss is maximized.
        decay: (D,) λ of each, added to the gradient.
        weights: (D,) what a term of each counts: the first rate over its own.
        decays: the different ones.
        rate: the largest.
        why_not: why there is no common rule, or "".
    """

    steps: Steps | None
    sign: float
    decay: Floats
    weights: Floats
    decays: tuple[float, ...]
    rate: float
    why_not: str = ""


@dataclass(frozen=True, eq=False)
class Step:
    """What a step finds; vectors are (D,).

    Attributes:
        theta, slope: θ and g.
        floor: how large the gradient of each parameter's tensor has been at most, in the mean.
        velocity: b, 0 where there is none.
        begun: names of parameters that have one.
        missing: names of parameters without gradient, which stand still.
    """

    theta: Floats
    slope: Floats
    floor: Floats
    velocity: Floats
    begun: frozenset[str]
    missing: frozenset[str]


@dataclass(frozen=True, eq=False)
class Point:
    """A law at θ: h (c,) and ∇h (c, D), nan where it has no value."""

    theta: Floats
    value: Floats
    normal: Floats

    @property
    def size(self) -> Floats:
        """(c,) Σ |∂_i h| |θ_i|: how far h moves when every parameter does by its own size."""
        return np.asarray(np.abs(self.normal) @ np.abs(self.theta))

    @property
    def known(self) -> bool:
        """Whether it has a value."""
        return bool(np.isfinite(self.value).all() and np.isfinite(self.normal).all())


def point_of(law: Weighed, theta: Floats) -> Point:
    """A law at θ (D,)."""
    try:
        with np.errstate(all="ignore"):
            value, normal = law.at(theta)
    except (np.linalg.LinAlgError, DegenerateSampleError):
        size = law.law.size
        value, normal = np.full(size, np.nan), np.full((size, len(theta)), np.nan)
    return Point(theta, value, normal)


class LedgerOfOne:
    """The change of the functions of one law, step by step.

    Args:
        law: with c functions.
        names: of the parameters that occur in it.
        degree: k of a homogeneous law; None of others.

    Attributes:
        slack: (c,) rounding errors of gradients and velocities in ⟨∇h, d⟩.

    Example:
        >>> from conserved.law import Layout, Polynomial, PolynomialLaw
        >>> cubic = Polynomial.of({(0, 0, 0): 1, (1, 1, 1): -1})  # gradients along (θ₂², θ₁²)
        >>> law = PolynomialLaw(layout=Layout((("w", (2,)),)), components=(cubic,))
        >>> w, g, zero, none = np.array([2.0, 1.0]), np.array([1.0, 4.0]), np.zeros(2), frozenset()
        >>> law, one = Weighed(law, np.ones(2)), np.ones(2)
        >>> before, after = point_of(law, w), point_of(law, w - 0.1 * g)
        >>> step = Step(w, g, zero, zero, none, none)
        >>> rules = Rules(Steps(0.1), 1.0, zero, one, (), 0.1)
        >>> ledger = LedgerOfOne(law, ("w",), 3)
        >>> told = ledger.change(step, before, after, zero, rules, np.zeros(1))
        >>> bool(abs(before.value + told - after.value) < 1e-14)
        True
    """

    def __init__(self, law: Weighed, names: tuple[str, ...], degree: int | None) -> None:
        self._law, self._names, self._degree = law, frozenset(names), degree
        self._tilt: Floats | None = None
        self.slack = np.zeros(law.law.size)

    def forget(self) -> None:
        """Velocities are measured anew."""
        self._tilt, self.slack = None, 0 * self.slack

    def change(
        self,
        step: Step,
        before: Point,
        after: Point,
        pace: Floats,
        rules: Rules,
        leak: Floats,
    ) -> Floats | None:
        """h(θ⁺) − h(θ) (c,); None where no rule says it.

        Args:
            step: what it found.
            before, after: the law at θ and at θ⁺.
            pace: b⁺.
            rules: how it was taken.
            leak: (c,) ⟨∇h, g⟩ where that need not be 0, else 0.
        """
        if self._names <= step.missing:
            return 0 * before.value
        steps = self._steps(step, rules)
        found = None if steps is None else self._told(steps, step, before, after, pace, rules, leak)
        if found is None or not np.isfinite(found).all():
            self.forget()
            return None
        return found

    def _steps(self, step: Step, rules: Rules) -> Steps | None:
        steps = rules.steps
        if steps is None or self._names & step.missing:
            return None
        begun = self._names & step.begun
        if steps.dampening and begun and begun != self._names:
            return None  # a first step is not dampened, the others are
        return None if steps.decoupled and self._degree is None else steps

    def _told(
        self,
        steps: Steps,
        step: Step,
        before: Point,
        after: Point,
        pace: Floats,
        rules: Rules,
        leak: Floats,
    ) -> Floats:
        tilt = None
        if steps.momentum and self._names & step.begun:
            tilt = before.normal @ step.velocity if self._tilt is None else self._tilt
        pulled = rules.sign * step.slope + rules.decay * step.theta
        along = pulled
        if steps.momentum:
            along = pulled + steps.momentum * pace if steps.nesterov else pace
        start = before
        if steps.decoupled:
            start = point_of(self._law, (1 - steps.rate * steps.decoupled) * step.theta)
        end = point_of(self._law, start.theta - steps.rate * along)
        square = crossed = 0 * before.value
        if steps.rate:
            bent = end.value - start.value + steps.rate * (start.normal @ along)
            square = bent / steps.rate**2
            crossed = (start.normal - after.normal) @ pace / (2 * steps.rate)
        radial = before.normal @ (rules.decay * step.theta) + rules.sign * leak
        forecast = Forecast(replace(steps, decay=1.0), self._degree or 0, tilt)
        found: Floats = forecast.change(radial, square, crossed, before.value)
        assert forecast.tilt is not None
        self._tilt = np.asarray(forecast.tilt) if steps.momentum else None
        return found

    def unit(
        self, before: Point, after: Point, pace: Floats, rules: Rules, rounding: Floats, eps: float
    ) -> Floats:
        """What rounding explains of the change of this step, (c,).

        Args:
            before, after, pace, rules: as for ``change``.
            rounding: (c,) of ⟨∇h, g⟩.
            eps: relative rounding of the parameters.
        """
        steps = rules.steps
        kept = 0.0 if steps is None else steps.momentum
        if kept:
            turned = (np.abs(before.normal) + np.abs(after.normal)) @ np.abs(pace)
            rounding = rounding + eps * turned
        self.slack = kept * self.slack + rounding
        return eps * (before.size + after.size) + rules.rate * self.slack
