"""From runs to verdicts: measures each law where all accuracies meet, and asks ``verdicts``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from conserved.dynamics.outcomes import REFUSED
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array
from conserved.law import Law
from conserved.simulate.breaking import Balance, rates
from conserved.simulate.data import initial
from conserved.simulate.dynamics import Dynamics
from conserved.simulate.ledger import (
    SCALE_FLOOR,
    DriftPredictions,
    PredictedDrift,
    predicted_drift,
    rule_text,
    step_scale,
)
from conserved.simulate.nearly import explained, flow_ledger, judge_broken
from conserved.simulate.objective import Objective
from conserved.simulate.record import Ledger, Tangency, Trajectory, Verdict
from conserved.simulate.recorder import Recorder
from conserved.simulate.rounding import (
    EPS,
    Points,
    Sizes,
    examined_points,
    law_sizes,
    law_values,
    point_budget,
    spread_out,
)
from conserved.simulate.verdicts import SAFE, Audit, Watched, judge_descent, judge_flow, tangency_of

_GENERIC = 6  # points away from the trajectory
_NEVER = np.iinfo(np.intp).max  # a step that was not taken


def judge_of(dynamics: Dynamics) -> type[Judge]:
    """Who judges a run by steps, or one along a flow."""
    return StepJudge if dynamics.stepwise else FlowJudge


class Judge(ABC):
    """Everything about one run that its laws have in common.

    Args:
        objective: L along the run.
        average: L on exactly averaged data where the run met moved ones; None if not available.
        runs: recorders and trajectories: of the run, and of the ladder.
        laws: to be judged.
        rng: for points away from the trajectory and rounding errors.
        scale: of the start.
        balance: what breaks the symmetry of the data, step by step.
    """

    def __init__(
        self,
        objective: Objective,
        average: Objective | None,
        runs: Sequence[tuple[Recorder, Trajectory]],
        laws: Sequence[Law],
        rng: np.random.Generator,
        scale: float,
        balance: Balance,
    ) -> None:
        self.objective, self.average, self.rng = objective, average, rng
        self.balance = balance
        self.recorder, self.trajectory = runs[0]
        self.dynamics = self.trajectory.dynamics
        self.runs = runs
        main, start = self.trajectory, objective.problem.network.size
        self.scale = float(np.sqrt(np.mean(main.thetas[0][:start] ** 2))) or 1.0
        self.checks = [_checks(recorder) for recorder, _ in runs]
        most = point_budget(laws)
        marked = np.isin(np.arange(len(main.times)), self.checks[0])
        self.rows = spread_out(len(main.times), most, marked)
        self.points = examined_points(objective, main.thetas[self.rows], rng)
        gone = np.cumsum(np.abs(np.diff(main.thetas, axis=0)), axis=0)
        gone = np.concatenate([np.zeros_like(main.thetas[:1]), gone])[self.rows]
        self.ways = np.diff(gone, axis=0, prepend=gone[:1])
        self.generic = self._generic_points(scale)

    def _generic_points(self, scale: float) -> Points | None:
        """Random θ as large as the start, far from any symmetric one."""
        if self.average is None:
            return None
        network = self.objective.problem.network
        size = float(np.linalg.norm(self.trajectory.thetas[0][: network.size]))
        thetas = np.stack([initial(network, self.rng, scale) for _ in range(_GENERIC)])
        if size:
            thetas *= size / np.linalg.norm(thetas, axis=1, keepdims=True)
        states = np.stack([self.average.begin(theta, self.rng) for theta in thetas])
        return examined_points(self.average, states, self.rng)

    def verdict(self, number: int, law: Law, predictions: DriftPredictions) -> Verdict:
        """The verdict on the law of that number."""
        with np.errstate(all="ignore"):
            return self._judged(number, law, predictions)

    def _judged(self, number: int, law: Law, predictions: DriftPredictions) -> Verdict:
        if not np.isfinite(self.trajectory.values[number][0]).all():
            return Verdict(law, "not tested", "it has no value at the start")
        sizes = law_sizes(law, self.points, self.ways, self.rng)
        return self.judged(number, law, sizes, predictions)

    @abstractmethod
    def judged(self, number: int, law: Law, sizes: Sizes, predictions: DriftPredictions) -> Verdict:
        """The verdict on a law of these sizes along the run."""

    @property
    def in_order(self) -> tuple[Sequence[tuple[Recorder, Trajectory]], list[NDArray[np.intp]]]:
        """The runs as verdicts compare them, and the rows that all of them share."""
        return self.runs, self.checks

    def _tangency(self, law: Law) -> tuple[Tangency | None, int]:
        if self.generic is None:
            return None, 0
        still = np.zeros_like(self.generic.thetas)
        return tangency_of(law_sizes(law, self.generic, still, self.rng))

    # ---------------------------------------------------------------- drifts and allowances

    def _watched(self, number: int, law: Law, sizes: Sizes, rates: Array) -> Watched:
        """The law at the moments that all accuracies share.

        ``rates`` (c,): h e^{rate·t} is what stays.
        """
        runs, checks = self.in_order
        moments = min(len(rows) for rows in checks)
        drifts, allowances, settings = [], [], []
        for (_, run), rows in zip(runs, checks, strict=True):
            rows = rows[:moments]
            grown = np.exp(rates * run.times[rows][:, None])
            values = self._kept(run, number)[rows] * grown
            drifts.append(values - values[0])
            allowances.append(self._allowance(sizes, run, rows, rates))
            settings.append(run.dynamics.setting[1])
        own = self.rows if checks[0] is self.rows else self.checks[0][:moments]
        place = np.searchsorted(self.rows, own)
        name = self.dynamics.setting[0]
        start = self.trajectory.values[number][0]
        return Watched(
            law,
            name,
            tuple(settings),
            tuple(drifts),
            tuple(allowances),
            self.trajectory.times[own],
            self._reach(sizes, rates)[place],
            start,
        )

    def _kept(self, run: Trajectory, number: int) -> Array:
        """What a true law keeps along a run: h, less what breaks the symmetry of the data."""
        told = run.predicted[number] if run.predicted else None
        return run.values[number] if told is None else run.values[number] - told

    def _reach(self, sizes: Sizes, rates: Array) -> Array:
        """How far the law could have gone, had nothing cancelled: (P, c).

        Along a flow with decay θ also moves by the decay alone, which tells nothing of the law.
        """
        if not rates.any():
            return sizes.reach
        times = self.trajectory.times[self.rows][:, None]
        pulled = sizes.gross * np.exp(rates * times)
        return np.cumsum(pulled * np.diff(times, axis=0, prepend=times[:1]), axis=0)

    def _allowance(
        self, sizes: Sizes, run: Trajectory, rows: NDArray[np.intp], rates: Array
    ) -> Array:
        """What numerical error explains at these rows of a run, (K, c).

        Sizes are those met on the main run, whose path the others follow closely.
        """
        main = self.trajectory
        at = np.clip(np.searchsorted(main.times[self.rows], run.times[rows]), 0, len(self.rows) - 1)
        times = main.times[self.rows]
        grown = np.exp(rates * times[:, None])
        size = np.maximum.accumulate(sizes.size * grown, axis=0)[at]
        noise = np.cumsum(sizes.noise * grown * np.diff(times, prepend=0.0)[:, None], axis=0)[at]
        steps = run.steps[rows][:, None]
        rounding = EPS * size * (steps + SAFE) + SAFE * noise
        if not (tolerance := run.dynamics.tolerance):
            return np.asarray(rounding)
        local = tolerance * (sizes.spread + self.scale * sizes.slope) * grown
        return np.asarray(rounding + steps * np.maximum.accumulate(local, axis=0)[at])


class FlowJudge(Judge):
    """Of a flow: what the solver does not explain is no law."""

    def judged(self, number: int, law: Law, sizes: Sizes, predictions: DriftPredictions) -> Verdict:
        tangency, worst = self._tangency(law)
        degrees = homogeneity(law) if self.dynamics.decay else np.zeros(law.size)
        if degrees is None:
            words = "weight decay moves it, and it is not homogeneous, so no rule says how far"
            return Verdict(law, "not tested", words)
        watched = self._watched(number, law, sizes, self.dynamics.decay * degrees)
        found = judge_flow(watched, tangency, worst, _decays(self.dynamics.decay, degrees))
        told = self.trajectory.predicted[number] if self.trajectory.predicted else None
        if told is None or self.average is None:
            return found
        start = rates(self.objective, self.average, law, self.trajectory.thetas[0])
        return explained(found, flow_ledger(self.trajectory, number), start)

    @property
    def in_order(self) -> tuple[Sequence[tuple[Recorder, Trajectory]], list[NDArray[np.intp]]]:
        """The finest, which was asked for, last."""
        return [*self.runs[1:], self.runs[0]], [*self.checks[1:], self.checks[0]]


class StepJudge(Judge):
    """Of steps: each is held against what it must do to a true law."""

    @cached_property
    def probes(self) -> Points | None:
        """Gradients met on the way, on the data they were met on."""
        met = self.recorder.probes
        if not met:
            return None
        thetas, gradients = np.stack([p.theta for p in met]), np.stack([p.gradient for p in met])
        chosen = [p.chosen for p in met]
        return examined_points(self.objective, thetas, self.rng, gradients, chosen)

    @property
    def in_order(self) -> tuple[Sequence[tuple[Recorder, Trajectory]], list[NDArray[np.intp]]]:
        """The run asked for first; alone where its steps blew up before they share a moment."""
        if min(len(rows) for rows in self.checks) < 2:
            return self.runs[:1], [self.rows]
        return self.runs, self.checks

    def judged(self, number: int, law: Law, sizes: Sizes, predictions: DriftPredictions) -> Verdict:
        tangency, _ = self._tangency(law)
        watched = self._watched(number, law, sizes, np.zeros(law.size))
        if (ledger := self.balance.ledger(number)) is not None:
            return judge_broken(watched, self._on_average(law), ledger, tangency)
        audit = self._audit(law, sizes, predicted_drift(predictions, number))
        return judge_descent(
            watched,
            audit,
            tangency,
            steps=self.dynamics.steps_in_words,
            random=self.objective.moving,
            decays=bool(self.dynamics.decay),
            why_not=self.dynamics.why_not,
        )

    def _on_average(self, law: Law) -> Audit:
        """What the averages of the gradients met do to a law."""
        average = self.balance.average
        assert average is not None
        met = self.recorder.probes
        thetas, chosen = np.stack([p.theta for p in met]), [p.chosen for p in met]
        parts = zip(thetas, chosen, strict=True)
        pulls = np.concatenate([average.evaluate(theta[None], c)[1] for theta, c in parts])
        return self._slopes(law, examined_points(average, thetas, self.rng, pulls, chosen))

    def _slopes(self, law: Law, points: Points) -> Audit:
        """−η⟨∇h, g⟩ itself, at the steps probed."""
        rate = self.dynamics.setting[1]
        met = law_sizes(law, points, np.zeros_like(points.thetas), self.rng)
        unit, residual = rate * met.noise, rate * np.abs(met.inner)
        ledger = _no_ledger(law, "⟨∇h(θ), g⟩ = 0", len(met.inner))
        units, power = _ratio(residual, unit), _ratio(rate * met.gross, unit)
        worst = np.nan_to_num(residual).max(axis=0)
        steps = np.array([probe.step + 1 for probe in self.recorder.probes])
        since = np.where(units > REFUSED, steps[:, None], _NEVER).min(axis=0)
        share = _ratio(np.abs(met.inner), met.gross).max(axis=0)
        return Audit(worst, units.max(axis=0), power.max(axis=0), since, ledger, share)

    def _audit(self, law: Law, sizes: Sizes, drift: PredictedDrift | None) -> Audit:
        if self.probes is None:
            nothing = np.zeros(law.size)
            return Audit(nothing, nothing, nothing, nothing.astype(np.intp), _no_ledger(law, "", 0))
        if drift is None:
            return self._slopes(law, self.probes)
        rate = self.dynamics.setting[1]
        still = np.zeros_like(self.probes.thetas)
        met = law_sizes(law, self.probes, still, self.rng)
        # h is evaluated twice, the second time where a long step leads, and the step rounded once;
        # momentum carries older gradients along
        carried = self.dynamics.carried
        steep = rate * self.probes.gradients
        leap = np.stack([np.abs(law.gradients(Reals(), step)) @ np.abs(step) for step in steep])
        unit = 3 * EPS * (met.size + leap) + carried * rate * met.noise
        scale = step_scale(self.probes.thetas, steep, drift.powers)[:, None]
        floor = np.maximum.accumulate(unit / scale, axis=0)
        units = _ratio(drift.scaled, floor[self._probes_near(drift.worst_steps)])
        steps, functions, risen = drift.rises
        refused = _ratio(risen, floor[self._probes_near(steps), functions]) > REFUSED
        since = np.full(law.size, _NEVER)
        np.minimum.at(since, functions[refused], steps[refused])
        ledger = Ledger(
            rule_text(self.dynamics),
            drift.steps,
            drift.predicted,
            drift.observed,
            0,
            0,
            drift.audited,
        )
        power = np.where(met.size > SCALE_FLOOR, _ratio(rate * met.gross, unit), 0.0)
        return Audit(drift.worst.max(axis=0), units.max(axis=0), power.max(axis=0), since, ledger)

    def _probes_near(self, steps: NDArray[np.intp]) -> NDArray[np.intp]:
        """The last probe before each of these steps."""
        probed = np.array([probe.step for probe in self.recorder.probes])
        return np.clip(np.searchsorted(probed, steps - 1, side="right") - 1, 0, None)


def homogeneity(law: Law) -> Array | None:
    """k with h(sθ) = s^k h(θ) for each component, by Euler's identity; None when there is none.

    Example:
        >>> from conserved.law import GramLaw, GramTerm, Layout
        >>> layout = Layout((("W1", (2, 3)),))
        >>> homogeneity(GramLaw(layout=layout, terms=(GramTerm("W1", 0),))).tolist()
        [2.0, 2.0, 2.0]
    """
    rng = np.random.default_rng(law.layout.size)
    found = []
    for theta in rng.standard_normal((3, law.layout.size)):
        value = law_values(law, theta[None])[0]
        found.append(law.gradients(Reals(), theta) @ theta / np.where(value, value, 1.0))
    degrees = np.rint(found[0])
    exact = all(np.abs(each - degrees).max(initial=0.0) < 1e-6 for each in found)
    return degrees if exact else None


def _checks(recorder: Recorder) -> NDArray[np.intp]:
    """Rows that every accuracy meets."""
    return np.flatnonzero([row.check for row in recorder.rows])


def _decays(decay: float, degrees: Array) -> str:
    if not decay or not degrees.any():
        return ""
    kinds = sorted({int(k) for k in degrees})
    exponent = f"{kinds[0]}λt" if len(kinds) == 1 else "kλt"
    return f"decays like e^(−{exponent}), and apart from that "


def _no_ledger(law: Law, rule: str, audited: int) -> Ledger:
    none = np.zeros((0, law.size))
    return Ledger(rule, np.zeros(0, dtype=np.int64), none, none, 0.0, 0.0, audited)


def _ratio(values: Array, unit: Array) -> Array:
    ratio: Array = np.where(unit > 0, values / np.where(unit > 0, unit, 1.0), 0.0)
    return ratio
