"""Augmentation drawn at every step: is ⟨∇h, g⟩ of mean 0, and how far does it let a law diffuse?

Let h be a law of data averaged over a group. Where a step draws its elements at random, the mean of
its gradient over the draws is that of the average, so that x_t = η⟨∇h, g⟩ is a martingale
increment: E[x_t | what came before] = 0, whichever minibatch it is. Two things follow from the
run alone.

*The spread* of what the draws did to h. Steps carry each x_t on by a rule that is linear in it
(``dynamics.steps``), so what they did, and its variance, are sums over the run: without momentum
−Σ x_t and Σ x_t².

*A mean that is not 0* shows in S = Σ x_t/‖∇h‖ against V, the sum of squares; the weight is known
before the draw, and lets all steps count alike where h grows steep. For symmetric increments
exp(λS − λ²V/2) is a supermartingale (V. H. de la Peña, Ann. Probab. 27 (1999) 537), and so is its
mixture over λ ~ N(0, 1/ρ) (H. Robbins, Ann. Math. Statist. 41 (1970) 1397); with probability 1 − α

    S² < (V + ρ)(2 log(1/α) + log(1 + V/ρ))   at all times at once.

For other increments that holds in the limit (arXiv 2103.06476), which sums over a batch are near.
ρ is V after the first looks, before which nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.dynamics.outcomes import shown
from conserved.dynamics.steps import Forecast, Steps

Floats = NDArray[np.float64]

FIRST = 128
"""Looks before anything is said: fewer cannot tell a biased draw from a skewed one. The most skewed
draw from 24 elements, where one outweighs all others, was met too rarely in 5 of 1,000 runs with
one datum a step, and in none of 40,000 with 4 [M]."""

ALARM = 1e-6
"""α: how often a law that holds on average is called violated, in a run of any length."""


@dataclass(frozen=True)
class Drawn:
    """What draws have done to a law so far.

    Attributes:
        looks: steps that drew.
        met: what they did to the function that they spread most, as a share of its terms.
        spread: the standard deviation of that, predicted; None where no rule carries it on.
        off: by how many spreads the sum of η⟨∇h, g⟩ is from 0, of the worst function.
        limit: what that stays below if the mean is 0; ∞ where it is too early to say.
        kept: sums, from which the run can go on.
    """

    looks: int
    met: float
    spread: float | None
    off: float
    limit: float
    kept: tuple[tuple[float, ...], ...] = ()

    @staticmethod
    def read(record: Mapping[str, Any]) -> Drawn:
        """From the log.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        spread = record["spread"]
        return Drawn(
            int(record["looks"]),
            float(record["met"]),
            None if spread is None else float(spread),
            float(record["off"]),
            float(record["limit"]),
            tuple(tuple(map(float, row)) for row in record["kept"]),
        )

    @property
    def biased(self) -> str:
        """That the mean is not 0, and what that comes of."""
        return (
            f"⟨∇h, g⟩ does not average to 0: η⟨∇h, g⟩ sums up to {self.off:.1f} spreads, which by "
            f"chance stays below {self.limit:.1f}; elements are not drawn evenly from the whole "
            "group, anew at every step, or labels are not moved along, or gradients are clipped"
        )

    @property
    def words(self) -> str:
        """How far draws went, beside how far they were predicted to."""
        if self.spread is None:
            return f"draws of the augmentation move it; {self._mean}"
        if self.spread > 1:
            return f"draws of the augmentation have spread it over all its values; {self._mean}"
        ratio = abs(self.met) / self.spread if self.spread else 0.0
        rate = self.spread / max(1, self.looks) ** 0.5
        return (
            f"draws of the augmentation moved it by {ratio:.1f} of the spread that they predict "
            f"({shown(self.spread)} of its terms, {shown(rate)} √steps); {self._mean}"
        )

    @property
    def _mean(self) -> str:
        if not np.isfinite(self.limit):
            return f"whether ⟨∇h, g⟩ averages to 0 is not told by fewer than {FIRST} steps"
        return (
            f"⟨∇h, g⟩ averages to 0, its sum is off by {self.off:.1f} spreads "
            f"(chance: below {self.limit:.1f})"
        )


class Mean:
    """Whether increments have mean 0, for several functions at once.

    Args:
        functions: how many; α is shared among them.

    Attributes:
        looks: how many increments there were.
        sums: (3, c) S, V and ρ.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> fair, biased = Mean(1), Mean(1)
        >>> for x in rng.choice([-1.0, 1.0], (4000, 1)):
        ...     fair.add(x, 0 * x)
        ...     biased.add(x + 0.2, 0 * x)
        >>> fair.refuted.tolist(), biased.refuted.tolist()
        ([False], [True])
    """

    def __init__(self, functions: int) -> None:
        self.looks = 0
        self.sums = np.zeros((3, functions))
        self._alarm = ALARM / max(functions, 1)

    def add(self, increment: Floats, rounding: Floats) -> None:
        """One look.

        Args:
            increment: x.
            rounding: how large x may be without meaning it, so that rounding is no trend.
        """
        self.looks += 1
        self.sums[0] += increment
        self.sums[1] += np.maximum(increment**2, rounding**2)
        if self.looks == FIRST:
            self.sums[2] = self.sums[1]

    @property
    def off(self) -> Floats:
        """(c,) |S|/√(V + ρ), how many spreads the sum is from 0."""
        total, square, scale = self.sums
        whole = square + scale
        return np.abs(total) / np.sqrt(np.where(whole > 0, whole, 1.0))

    @property
    def limit(self) -> Floats:
        """(c,) what ``off`` stays below if the mean is 0."""
        _, square, scale = self.sums
        known = (self.looks > FIRST) & (scale > 0)
        grown = 1 + np.where(known, square, 0.0) / np.where(known, scale, 1.0)
        return np.where(known, np.sqrt(2 * np.log(1 / self._alarm) + np.log(grown)), np.inf)

    @property
    def refuted(self) -> NDArray[np.bool_]:
        """(c,) whether the mean is not 0."""
        return np.asarray(self.off > self.limit)


class Spread:
    """What draws have done to h, and the variance of that, carried on as steps carry it on.

    Args:
        functions: how many.

    Attributes:
        sums: (5, c): the part of h − h(0) that is due to the draws, the part of ⟨∇h, b⟩ that is,
            and the variance of the first, between both, of the second.

    Example:
        >>> spread, steps = Spread(1), Steps(0.1, momentum=0.5)
        >>> for x in (1.0, -1.0):
        ...     spread.add(np.array([x]), steps, degree=0)
        >>> (spread.met / 0.1).round(9).tolist(), (spread.variance / 0.01).round(9).tolist()
        ([-0.5], [3.25])
    """

    def __init__(self, functions: int) -> None:
        self.sums = np.zeros((5, functions))
        self.begun = False

    @property
    def met(self) -> Floats:
        """(c,) what draws did to h."""
        return np.asarray(self.sums[0])

    @property
    def variance(self) -> Floats:
        """(c,) of ``met``."""
        return np.asarray(self.sums[2])

    def add(self, pairing: Floats, steps: Steps, degree: int, decay: float = 0.0) -> None:
        """One step.

        Args:
            pairing: (c,) ⟨∇h, g⟩ of what is descended along.
            steps: momentum and decoupled decay; coupled decay is told apart.
            degree: k of the law, which decay shrinks.
            decay: λ, added to the gradient.
        """
        (a, b), (c, d), (e, f) = _carried(steps, degree, decay, self.begun)
        self.begun = self.begun or bool(steps.momentum)
        met, pull, mm, mp, pp = self.sums
        new = pairing**2
        self.sums = np.stack(
            [
                a * met + c * pull + e * pairing,
                b * met + d * pull + f * pairing,
                a * a * mm + 2 * a * c * mp + c * c * pp + e * e * new,
                a * b * mm + (a * d + b * c) * mp + c * d * pp + e * f * new,
                b * b * mm + 2 * b * d * mp + d * d * pp + f * f * new,
            ]
        )

    def forget_pull(self) -> None:
        """Velocities are measured anew, with whatever they carry."""
        self.sums[[1, 3, 4]] = 0.0


def _carried(steps: Steps, degree: int, decay: float, begun: bool) -> list[tuple[float, float]]:
    """What one step makes of h, of ⟨∇h, b⟩ and of ⟨∇h, g⟩, each 1: pairs (h⁺, ⟨∇h, b⁺⟩)."""
    out = []
    for value, pull, pairing in np.eye(3):
        forecast = Forecast(replace(steps, decay=1.0), degree, pull if begun else None)
        change = forecast.change(decay * degree * value + pairing, np.zeros(()), value=value)
        assert forecast.tilt is not None
        out.append((float(value + change), float(forecast.tilt)))
    return out


class Draws:
    """Both, for the functions of one law and one combination of them.

    Args:
        signs: (c,) of that combination.
        degree: k of the law; None where it is not homogeneous.
    """

    def __init__(self, signs: Floats, degree: int | None) -> None:
        self._signs, self._degree = signs, degree
        self._mean, self._spread = Mean(len(signs) + 1), Spread(len(signs) + 1)
        self._known = True

    def add(
        self,
        pairing: Floats,
        rounding: Floats,
        steep: Floats,
        rate: float,
        steps: Steps | None,
        decays: Sequence[float] = (),
    ) -> None:
        """One step.

        Args:
            pairing, rounding: (c,) ⟨∇h, g⟩ and its rounding error at most.
            steep: (c + 1,) ‖∇h‖, and that of the combination.
            rate: η, for the mean.
            steps: its rule; None where there is none.
            decays: λ of the parameter groups.
        """
        x = self._with_sum(pairing)
        if rate:
            weight = rate / np.where(steep > 0, steep, 1.0)
            self._mean.add(weight * x, weight * np.append(rounding, rounding.sum()))
        plain = not any(decays) and not (steps is not None and steps.decoupled)
        alike = len(set(decays)) <= 1 and self._degree is not None
        if steps is None or not (plain or alike):
            self._known = False  # what draws did is not carried on by a rule
        elif self._known:
            decay = decays[0] if decays and alike else 0.0
            self._spread.add(x, steps, self._degree or 0, decay)

    def _with_sum(self, values: Floats) -> Floats:
        return np.append(values, self._signs @ values)

    def skip(self) -> None:
        """A step was not looked at."""
        self._spread.forget_pull()

    @property
    def refuted(self) -> bool:
        """Whether the mean of some function is not 0."""
        return bool(self._mean.refuted.any())

    @property
    def met(self) -> float:
        """What draws did to the combination, as far as a rule carries it on."""
        return float(self._spread.met[-1])

    def told(self, size: Floats) -> Drawn:
        """In numbers.

        Args:
            size: (c,) of the terms of each function.
        """
        off, limit = self._mean.off, self._mean.limit
        worst = int(np.argmax(off / limit))
        size = np.where(size > 0, size, 1.0)
        shares = np.sqrt(self._spread.variance[:-1]) / size
        most = int(np.argmax(shares))
        return Drawn(
            self._mean.looks,
            float(self._spread.met[most] / size[most]),
            float(shares[most]) if self._known else None,
            float(off[worst]),
            float(limit[worst]),
            tuple(map(tuple, np.vstack([self._mean.sums, self._spread.sums]).tolist())),
        )

    def go_on(self, told: Drawn) -> None:
        """Continue from there."""
        self._mean.looks = told.looks
        kept = np.array(told.kept)
        self._mean.sums, self._spread.sums = kept[:3], kept[3:]
        self._spread.begun = bool(self._spread.sums[1].any())
        self._known = told.spread is not None
