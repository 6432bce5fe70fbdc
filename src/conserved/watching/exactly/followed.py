"""One law of an exact analysis along a run, with its track."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conserved.dynamics.outcomes import (
    REFUSED,
    ROUNDINGS,
    beyond_ledger,
    not_orthogonal,
    share_allowed,
)
from conserved.kernel.real import Reals
from conserved.law import Law
from conserved.simulate.judging import homogeneity
from conserved.watching.between import changed_between
from conserved.watching.exactly.charts import chart_at, charted
from conserved.watching.exactly.draws import Draws
from conserved.watching.exactly.exact import why
from conserved.watching.ledgers.ledger_of_one import LedgerOfOne, Rules, Step, point_of
from conserved.watching.ledgers.rules import MIXED, SAME
from conserved.watching.ledgers.weighed import Weighed, separable
from conserved.watching.look.products import Floats
from conserved.watching.tracks import RATIO_LOST, Track


class Followed:
    """One law.

    Args:
        law: with c functions.
        chart: the coordinates to see it in; by default those that are best here.
        theta: (D,) at the start.
        random: whether the data that it is due to are drawn at random.
        due: what it is due to, in words.
        precision: relative rounding of the parameters.
        rng: draws the signs of the combination of its functions that is logged.
    """

    def __init__(
        self,
        law: Law,
        theta: Floats,
        *,
        chart: tuple[int, ...] | None,
        random: bool,
        due: str,
        precision: float,
        rng: np.random.Generator,
    ) -> None:
        chart = chart_at(law, theta) if chart is None else chart
        self.law = law = charted(law, chart)
        self.names, self._precision = _occurring(law), precision
        self._signs = rng.choice([-1.0, 1.0], size=law.size)
        degrees = homogeneity(law)
        one = degrees is not None and len(set(degrees.tolist())) == 1
        self._degree = int(degrees[0]) if degrees is not None and one else None
        self._weigh(np.ones(law.layout.size))
        self._draws = Draws(self._signs, self._degree) if random else None
        self._looked = False  # at the last step
        self._pace: Floats | None = None  # that it left
        self._move(theta)
        self._offset = 0.0
        self.residual = self.gradient = np.nan
        self.broken = ""
        self.track = Track(
            text=law.text,
            tensors=self.names,
            functions=law.size,
            degree=self._degree or 0,
            precision=precision,
            due=due,
            chart=chart,
        )
        self._start_here()

    def _weigh(self, weights: Floats) -> None:
        """Have each term count by the rate of its parameters."""
        self._weights, self._weighed = weights, Weighed(self.law, weights)
        self._ledger = LedgerOfOne(self._weighed, self.names, self._degree)

    def _start_here(self) -> None:
        """What is predicted begins with the value here."""
        self._start = self._predicted = self._sound = self._at.value
        self.track.start = self.track.value = float(self._signs @ self._start)
        self.track.size = float(self._size.sum())

    def begin(self, rules: Rules) -> None:
        """Tell how its parameters step."""
        self._mixed = not separable(self.law, rules.weights)
        if rules.steps is not None and not self._mixed:
            self._weigh(rules.weights)
            self._move(self._at.theta)
            self._start_here()
        rules = self._own(rules)
        self.track.predicted = self.track.value if rules.steps is not None else None
        self.track.why_not = rules.why_not

    def _own(self, rules: Rules) -> Rules:
        """Steps as this law, each term over its rate, sees them."""
        if rules.steps is None or not rules.rate:
            return rules
        if not np.allclose(rules.weights, self._weights, rtol=SAME, atol=0):
            return replace(rules, steps=None, why_not=MIXED if self._mixed else RATIO_LOST)
        return replace(rules, rate=rules.steps.rate, decay=rules.decay / self._weights)

    def resume(self, start: float, size: float, predicted: float) -> None:
        """Go on from what an earlier run had come to."""
        self.track.start, self.track.size = start, size
        if self._draws is not None and self.track.draws is not None:
            self._draws.go_on(self.track.draws)
        if self.track.predicted is not None and np.isfinite(predicted):
            self._offset = predicted - self._foretold
            self.track.predicted = predicted

    @property
    def _foretold(self) -> float:
        """The combination as predicted, without what draws did to it."""
        drawn = 0.0 if self._draws is None else self._draws.met
        return float(self._signs @ self._predicted) - drawn + self._offset

    def _move(self, theta: Floats) -> None:
        """Be there."""
        self._at = point_of(self._weighed, theta)
        self._size = self._at.size / max(1, self._degree or 1)

    def _remember(self, theta: Floats) -> None:
        """Be there, by whatever happened: nothing is predicted of it."""
        self._move(theta)
        self._follow(self._at.value - self._sound)
        self._forget()

    def _follow(self, change: Floats) -> None:
        """Predict a change, where there is a value to predict."""
        if not self._at.known:
            return
        if not np.isfinite(self._sound).all():  # there was none so far
            self._start_here()
            return
        self._predicted, self._sound = self._predicted + change, self._at.value

    def _forget(self) -> None:
        """Velocities are measured anew."""
        self._ledger.forget()
        if self._draws is not None:
            self._draws.skip()

    def _changed(self, now: Floats, before: Floats | None) -> list[str]:
        """Parameters of which something (D,) is not what it was."""
        layout, moved = self.law.layout, now != (now if before is None else before)
        return [name for name in self.names if moved[layout.indices(name).ravel()].any()]

    def before(
        self, number: int, step: Step, half: float, waiting: str, *, underflow: bool = False
    ) -> None:
        """Test the gradient that a step is about to use.

        Args:
            number: of the step.
            step: what it finds.
            half: relative rounding of a gradient that went through half precision, else 0.
            waiting: why it cannot be tested, or "".
            underflow: whether that is float16, which loses small gradients.
        """
        self._step, self.broken = self._shared(step), ""
        self.residual = self.gradient = np.nan
        step = self._step
        moved = self._changed(step.theta, self._at.theta)
        paced = self._changed(step.velocity, self._pace)
        if moved:
            self._remember(step.theta)
        if paced:
            self._forget()
        if (moved or paced) and self._looked:
            self.broken = changed_between(moved, number, paced)
        self.track.waiting = waiting
        if not waiting and not self._at.known:
            self.track.waiting = "it has no value at these parameters"
        if self.track.waiting:
            return
        self.track.looks += 1
        self._pairing = self._at.normal @ step.slope
        both = np.vstack([self._at.normal, self._signs @ self._at.normal])
        self._steep = np.linalg.norm(both, axis=1)
        sizes = np.maximum(np.abs(step.slope), step.floor)
        self._precise = max(self._precision, half)
        self._rounding = self._precise * (np.abs(self._at.normal) @ sizes)
        if self._draws is None:
            allowed = share_allowed(self._precise, REFUSED, underflow=underflow)
            self._test(step, allowed / self._precise)

    def _shared(self, step: Step) -> Step:
        """What it finds, with directions as steps of the first rate would go."""
        slope, floor, velocity = (
            v / self._weights for v in (step.slope, step.floor, step.velocity)
        )
        return replace(step, slope=slope, floor=floor, velocity=velocity)

    def _test(self, step: Step, limit: float) -> None:
        self.gradient = _most(self._pairing, self._rounding)
        self.track.worst = max(self.track.worst, self.gradient)
        if not self.gradient <= limit:
            missing = sorted(step.missing & set(self.names))
            lost = f"{missing[0]} has no gradient: detached, or left out" if missing else ""
            off = not_orthogonal(self.gradient * self._precise, self.gradient)
            self.broken = f"{off}; {lost or why(self.law)}"
            if self.law.origin == "data symmetry":
                self.broken += "; if each step draws elements at random, say augment='random'"

    def after(self, theta: Floats, pace: Floats, rules: Rules) -> None:
        """Enter a step to θ⁺, b⁺ in the ledger."""
        before, self._looked = self._at, True
        pace, rules = pace / self._weights, self._own(rules)
        self._pace = pace if rules.steps is not None and rules.steps.momentum else None
        if self.track.waiting:
            self._remember(theta)
            return
        self._move(theta)
        if not self._at.known:
            return
        leak = self._pairing if self._draws is not None else 0 * self._pairing
        change = self._ledger.change(self._step, before, self._at, pace, rules, leak)
        observed = self._at.value - before.value
        self._follow(observed if change is None else change)
        if change is None:
            self.track.predicted = None
            self.track.why_not = rules.why_not or "a step was not that of all its parameters alike"
        else:
            unit = self._ledger.unit(before, self._at, pace, rules, self._rounding, self._precision)
            self._compare(observed - change, unit)
        self._draw(rules)
        self._tell()

    def _compare(self, gap: Floats, unit: Floats) -> None:
        self.residual = _most(gap, unit)
        self.track.residual = max(self.track.residual, self.residual)
        if self.residual > ROUNDINGS:
            largest = float(np.abs(gap).max())
            self.broken = self.broken or beyond_ledger(largest, self.residual)

    def _draw(self, rules: Rules) -> None:
        if self._draws is None:
            return
        self._draws.add(
            rules.sign * self._pairing,
            ROUNDINGS * self._rounding,
            self._steep,
            rules.rate,
            rules.steps if self.track.predicted is not None else None,
            rules.decays,
        )
        self.track.draws = self._draws.told(self._size)
        if self._draws.refuted:
            self.broken = self.broken or self.track.draws.biased

    def _tell(self) -> None:
        track = self.track
        size = np.where(self._size > 0, self._size, 1.0)
        track.value = float(self._signs @ self._at.value)
        track.moved = float(np.abs((self._at.value - self._start) / size).max())
        if track.predicted is not None:
            track.predicted = self._foretold

    def skip(self) -> None:
        """A step was taken that is not looked at."""
        self._looked, self._pace = False, None
        self._forget()


def _occurring(law: Law) -> tuple[str, ...]:
    """The parameters that occur in a law."""
    layout = law.layout
    point = np.random.default_rng(layout.size).standard_normal(layout.size)
    steep = np.abs(law.gradients(Reals(), point)).max(axis=0)
    return tuple(name for name, _ in layout.tensors if steep[layout.indices(name).ravel()].any())


def _most(values: Floats, unit: Floats) -> float:
    """The largest value in its unit; ∞ where it is not finite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        units = np.where(values == 0, 0.0, np.abs(values) / unit)
    return float(np.where(np.isfinite(units), units, np.inf).max(initial=0.0))
