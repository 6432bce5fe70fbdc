"""Data that are only nearly symmetric: how fast a law of the average drifts on them (theory §15).

Let h be constant along ∇L_G, L_G the loss of the data averaged over the group. On the data as they
are, ḣ = −⟨∇h, ∇L⟩ = −⟨∇h, ∇(L − L_G)⟩: linear in what breaks the symmetry (moments S − S_G and
C − C_G), and known at any θ before training. Along a run that rate is summed up beside θ; what h
moves beyond it is −∫⟨∇h, ∇L_G⟩, which is 0 for a true law and for no other. Augmentation that is
drawn at every step is the same with random S − S_G of mean 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import final

import numpy as np
from numpy.typing import NDArray

from conserved.errors import ConservedError
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array
from conserved.law import Law
from conserved.problem import Problem
from conserved.simulate.data import Augment, Dataset
from conserved.simulate.dynamics import Dynamics
from conserved.simulate.objective import Chosen, Objective, make_objective
from conserved.simulate.record import Ledger

FLOW_RULE = "ḣ = −⟨∇h, ∇(L − L_G)⟩"
STEP_RULE = "h(θ − ηg) − h(θ − ηg_G)"
_KEPT = 100  # moments at which prediction and observation are kept


def averaged(problem: Problem, data: Dataset, augment: Augment) -> Objective | None:
    """L_G where a run meets other data than averaged ones; None where it is not to be had."""
    if not problem.symmetric or augment == "full":
        return None
    try:
        return make_objective(problem, data, "full", np.random.default_rng(0))
    except ConservedError:
        return None


def due_to_symmetry(problem: Problem, laws: Sequence[Law], dynamics: Dynamics) -> tuple[int, ...]:
    """Which laws are those of the average alone, along dynamics for which this is worked out."""
    plain = problem.flow.name == "gradient" and not dynamics.decay and dynamics.carried == 1
    rule = dynamics.ledger is not None if dynamics.stepwise else True
    if not (plain and rule):
        return ()
    return tuple(number for number, law in enumerate(laws) if law.origin == "data symmetry")


def rates(objective: Objective, average: Objective, law: Law, theta: Array) -> Array:
    """ḣ = −⟨∇h, ∇(L − L_G)⟩ at θ (D,), for each function of the law: (c,)."""
    broken = objective.evaluate(theta[None])[1][0] - average.evaluate(theta[None])[1][0]
    found: Array = -law.gradients(Reals(), theta) @ broken
    return found


@final
class Breaking(Objective):
    """L on (θ, p) with p′ = −⟨∇h, ∇(L − L_G)⟩ for some laws, so that h − p is what stays.

    Args:
        inner: L.
        average: L_G.
        laws: h.
    """

    def __init__(self, inner: Objective, average: Objective, laws: Sequence[Law]) -> None:
        super().__init__(inner.problem, inner.data)
        self.inner, self.average, self.laws, self.route = inner, average, laws, inner.route
        self.size = inner.problem.network.size

    def begin(self, theta: Array, rng: np.random.Generator) -> Array:
        return np.concatenate([theta, np.zeros(sum(law.size for law in self.laws))])

    def evaluate(self, theta: Array, chosen: Chosen = None) -> tuple[Array, Array]:
        points = theta[:, : self.size]
        values, gradient = self.inner.evaluate(points, chosen)
        broken = gradient - self.average.evaluate(points, chosen)[1]
        moved = [
            np.concatenate([law.gradients(Reals(), point) @ pull for law in self.laws])
            for point, pull in zip(points, broken, strict=True)
        ]
        return values, np.concatenate([gradient, np.stack(moved)], axis=1)

    def value(self, theta: Array) -> Array:
        return self.inner.value(theta[:, : self.size])

    def split(self, states: Array) -> list[Array]:
        """What is predicted of each law at states (S, …): (S, c) each."""
        ends = np.cumsum([self.size, *(law.size for law in self.laws)])
        return [states[:, a:b] for a, b in pairwise(ends.tolist())]

    def jittered(self, rng: np.random.Generator, amount: float) -> Objective:
        raise NotImplementedError("errors are measured on the inner objective")


class Balance:
    """Of each step of a descent what the breaking of the symmetry moves some laws by.

    Args:
        average: L_G.
        laws: by number.
        dynamics: plain steps along the gradient.
    """

    def __init__(self, average: Objective | None, laws: dict[int, Law], dynamics: Dynamics) -> None:
        self.average, self.laws = average, laws
        self.rate = dynamics.setting[1]
        self.every = -(-dynamics.planned // _KEPT) or 1
        self.step = 0
        self.told = {number: np.zeros(law.size) for number, law in laws.items()}
        self.rows: list[tuple[int, dict[int, tuple[Array, Array]]]] = []
        self.start: dict[int, Array] = {}

    def add(self, theta: Array, moved: Array, chosen: NDArray[np.intp] | None) -> None:
        """One step: θ and θ⁺, over which data."""
        if self.average is None or not self.laws:
            return
        self.step += 1
        pull = self.average.evaluate(theta[None], chosen)[1][0]
        alone = theta - self.rate * pull  # where the average would have led
        kept = self.step % self.every == 0
        row: dict[int, tuple[Array, Array]] = {}
        for number, law in self.laws.items():
            if self.step == 1:
                self.start[number] = law.value(theta)
            after = law.value(moved)
            self.told[number] = self.told[number] + after - law.value(alone)
            if kept:
                row[number] = self.told[number], after - self.start[number]
        if kept:
            self.rows.append((self.step, row))

    def ledger(self, number: int) -> Ledger | None:
        """Prediction and observation of one law; None where none was made."""
        if not self.rows or number not in self.laws:
            return None
        none = np.zeros(self.laws[number].size)
        pairs = [(none, none), *(row[number] for _, row in self.rows)]
        predicted, observed = (np.stack(column) for column in zip(*pairs, strict=True))
        steps = np.array([0, *(step for step, _ in self.rows)])
        return Ledger(STEP_RULE, steps, predicted, observed, 0.0, 0.0, self.step)
