"""One experiment: what is trained on what, the run asked for, and the same at other accuracies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from conserved.errors import ConservedError
from conserved.kernel.scalars import Array
from conserved.law import Law
from conserved.problem import Problem
from conserved.simulate.breaking import Balance, Breaking, averaged, due_to_symmetry
from conserved.simulate.data import Augment, Dataset
from conserved.simulate.diffusion import Diffusion, diffusion
from conserved.simulate.dynamics import Course, Dynamics
from conserved.simulate.judging import judge_of
from conserved.simulate.ledger import DriftPredictions
from conserved.simulate.motion import followed
from conserved.simulate.objective import Chosen, Objective, make_objective
from conserved.simulate.record import Trajectory, Verdict
from conserved.simulate.recorder import Main, Recorder
from conserved.simulate.rounding import law_values

Progress = Callable[[str, float], None]
_CHUNK = 64  # θ whose loss is computed at once


@dataclass(eq=False)
class Experiment:
    """Everything that runs and verdicts share.

    Args:
        problem, laws, dynamics, data, augment: as for ``simulate``, checked.
        theta: θ(0), (D,).
        seed: of minibatches and augmentation.
        rng: draws velocities, where a flow has them.
        length, progress: as for ``simulate``.

    Attributes:
        runs: recorder and trajectory of the run asked for, and then of others.
    """

    problem: Problem
    laws: tuple[Law, ...]
    dynamics: Dynamics
    data: Dataset
    augment: Augment
    theta: Array
    seed: int
    rng: np.random.Generator
    length: float | None = None
    progress: Progress | None = None
    runs: list[tuple[Recorder, Trajectory]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([self.seed, 4])
        self.objective = make_objective(self.problem, self.data, self.augment, rng)
        self.path: Objective = self.objective
        if not self.dynamics.stepwise:
            self.path = self.objective = followed(self.objective)
            if self.full is not None and self.due:
                laws = [self.laws[k] for k in self.due]
                self.path = Breaking(self.objective, self.full, laws)
        self.state = self.path.begin(self.theta, self.rng)
        self.recorder = Recorder(self.state, self.problem.network.size)
        self.predictions = DriftPredictions(self.laws, self.dynamics)
        stepwise = self.full if self.dynamics.stepwise else None
        self.balance = Balance(stepwise, {k: self.laws[k] for k in self.due}, self.dynamics)

    @cached_property
    def full(self) -> Objective | None:
        """L on exactly averaged data, where the run meets others and there is an average."""
        return averaged(self.problem, self.data, self.augment)

    @cached_property
    def due(self) -> tuple[int, ...]:
        """The laws of that average whose drift is predicted, by number."""
        if self.full is None:
            return ()
        return due_to_symmetry(self.problem, self.laws, self.dynamics)

    def run(self) -> None:
        """The run asked for, every step of it written down."""

        def audit(at: Array, along: Array, to: Array, carried: Array, chosen: Chosen) -> None:
            self.predictions.add(at, along, to, carried)
            self.balance.add(at, to, chosen)

        course = Course(
            rng=self._shuffle, audit=audit, length=self.length, watch=self._named("run")
        )
        self.dynamics.run(self.path, self.state, self.recorder, course)
        self.predictions.close()
        self.runs.append((self.recorder, self.trajectory(self.recorder, self.dynamics)))

    def repeat(self) -> None:
        """The same at other accuracies."""
        first = self.runs[0][1]
        main = Main(self.dynamics.planned, float(first.times[-1]), first.complete)
        for rung in self.dynamics.ladder() if self.laws else ():
            other = Recorder(self.state, self.problem.network.size)
            watch = self._named("{} {:g}".format(*rung.setting))
            course = Course(rng=self._shuffle, length=self.length, watch=watch, main=main)
            rung.run(self.path, self.state, other, course)
            self.runs.append((other, self.trajectory(other, rung)))

    def verdicts(self, rng: np.random.Generator, scale: float) -> tuple[Verdict, ...]:
        """One for each law; ``rng`` draws points away from the run, as large as ``scale``."""
        average = self.full if self.due else self._average()
        judge = judge_of(self.dynamics)
        found = judge(self.objective, average, self.runs, self.laws, rng, scale, self.balance)
        return tuple(found.verdict(k, law, self.predictions) for k, law in enumerate(self.laws))

    def spread(self, seeds: int | None) -> tuple[Diffusion, ...]:
        """Over so many seeds of the augmentation, from the same start."""
        if seeds is None or self.full is None:
            return ()
        return diffusion(
            self.full,
            [self.laws[k] for k in self.due],
            self.dynamics,
            self.state,
            seeds=seeds,
            seed=self.seed,
            watch=self._named("seeds"),
        )

    def trajectory(self, recorder: Recorder, dynamics: Dynamics) -> Trajectory:
        """What a run has left so far."""
        rows = recorder.rows
        states = np.stack([row.theta for row in rows])
        thetas = states[:, : self.problem.state.size]
        told: dict[int, Array] = dict(zip(self.due, self.path.split(states), strict=False))
        chunks = [thetas[k : k + _CHUNK] for k in range(0, len(thetas), _CHUNK)]
        with np.errstate(all="ignore"):
            losses = np.concatenate([self.path.value(chunk) for chunk in chunks])
            values = tuple(law_values(law, thetas) for law in self.laws)
        return Trajectory(
            dynamics,
            np.array([row.time for row in rows]),
            np.array([row.step for row in rows]),
            np.array([row.length for row in rows]),
            losses,
            thetas,
            values,
            recorder.stopped,
            recorder.complete,
            recorder.evaluations,
            tuple(told.get(number) for number in range(len(self.laws))),
        )

    @property
    def _shuffle(self) -> np.random.Generator:
        """Every accuracy meets the same minibatches."""
        return np.random.default_rng([self.seed, 2])

    def _named(self, stage: str) -> Callable[[float], None] | None:
        progress = self.progress
        return None if progress is None else lambda share: progress(stage, share)

    def _average(self) -> Objective | None:
        """What a law is to be tangent to away from the run: the exact average, if there is one."""
        if not self.objective.moving:
            return self.objective
        try:
            rng = np.random.default_rng(0)
            return make_objective(self.problem, self.data, "full", rng)
        except ConservedError:
            return None
