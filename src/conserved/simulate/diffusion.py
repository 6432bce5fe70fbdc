"""Augmentation drawn at every step: how far laws of the average diffuse, told before and met.

A step takes g in place of its average g_G, and moves a law of the average by
Δ = h(θ − ηg) − h(θ − ηg_G), of mean O(η²) and variance η² Var⟨∇h, g⟩ + O(η³). To first order a path
that strayed drifts no more than one that did not (⟨∇h, g_G⟩ = 0 everywhere), so over a run means
and variances add up along the path of the averaged loss, which needs no draw of the run itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conserved.errors import InputError, is_whole
from conserved.kernel.real import Reals
from conserved.kernel.scalars import Array
from conserved.law import Law
from conserved.simulate.dynamics import Course, Dynamics
from conserved.simulate.objective import Chosen, Objective, SampledObjective
from conserved.simulate.recorder import Recorder

SEEDS_LIMIT = 1000
_POINTS, _DRAWS = 32, 64  # of the averaged path, and of augmentations at each
_SIGMAS = 4.5  # a mean further off than so many of its errors is another one
_TAIL = 1e-5  # and a spread as unlikely as this is another one


@dataclass(frozen=True)
class Diffusion:
    """How far one function of a law goes over seeds of the augmentation, from one start.

    Attributes:
        law: a law of exactly averaged data.
        component: which of its functions, that of the largest spread predicted.
        seeds: how many runs.
        predicted, measured: (mean, standard deviation) of h at the end less h at the start.
        holds: whether the two agree as far as so many runs can tell.
    """

    law: Law
    component: int
    seeds: int
    predicted: tuple[float, float]
    measured: tuple[float, float]
    holds: bool

    def to_json(self) -> dict[str, Any]:
        names = ("mean", "spread")
        return {
            "law": self.law.text,
            "component": self.component,
            "seeds": self.seeds,
            "predicted": dict(zip(names, self.predicted, strict=True)),
            "measured": dict(zip(names, self.measured, strict=True)),
            "holds": self.holds,
        }


def check_seeds(seeds: int, laws: Sequence[int], augment: str) -> None:
    """Refuse what has no spread over seeds.

    Raises:
        InputError: naming what would do.
    """
    if not is_whole(seeds) or not 2 <= seeds <= SEEDS_LIMIT:
        raise InputError("seeds", seeds, f"give a whole number from 2 to {SEEDS_LIMIT:,}")
    if augment != "random" or not laws:
        advice = (
            "need laws due to a symmetry, random augmentation, and plain steps: gd or sgd without "
            "weight decay"
        )
        raise InputError("seeds", seeds, advice)


def diffusion(
    average: Objective,
    laws: Sequence[Law],
    dynamics: Dynamics,
    theta: Array,
    *,
    seeds: int,
    seed: int,
    watch: Callable[[float], None] | None = None,
) -> tuple[Diffusion, ...]:
    """Predict the spread over seeds, and run them.

    Args:
        average: L_G.
        laws: of it.
        dynamics: plain steps.
        theta: the start, (D,).
        seeds: how many runs; minibatches are the same in all of them.
        seed: of the whole.
        watch: called with the share that is done.
    """
    told = _predicted(average, laws, dynamics, theta, seed)
    ends = [np.zeros((seeds, law.size)) for law in laws]
    for k in range(seeds):
        rng = np.random.default_rng([seed, 4, k])
        moved = SampledObjective(average.problem, average.data, rng)
        recorder = Recorder(theta)
        dynamics.run(moved, theta, recorder, Course(rng=np.random.default_rng([seed, 2])))
        for number, law in enumerate(laws):
            ends[number][k] = law.value(recorder.current.theta) - law.value(theta)
        if watch is not None:
            watch((k + 1) / seeds)
    return tuple(_compared(*parts) for parts in zip(laws, told, ends, strict=True))


def _predicted(
    average: Objective, laws: Sequence[Law], dynamics: Dynamics, theta: Array, seed: int
) -> list[tuple[Array, Array]]:
    """Mean and variance of each function of each law, (c,) and (c,), summed over all steps."""
    path: list[tuple[Array, Chosen]] = []
    # an audit of the averaged run keeps its way; θ is as large as a law's gradient
    course = Course(
        rng=np.random.default_rng([seed, 2]),
        audit=lambda at, along, to, carried, chosen: path.append((at, chosen)),
    )
    dynamics.run(average, theta, Recorder(theta), course)
    steps = np.unique(np.linspace(0, len(path) - 1, min(_POINTS, len(path))).round().astype(int))
    rng = np.random.default_rng([seed, 5])
    moved = SampledObjective(average.problem, average.data, rng)
    found = [_one_step(average, moved, laws, dynamics.setting[1], *path[step]) for step in steps]
    weights = np.gradient(steps.astype(float)) if len(steps) > 1 else np.ones(1)
    weights *= len(path) / weights.sum()
    totals = []
    for number in range(len(laws)):
        mean, variance = (
            sum(w * part[number][k] for w, part in zip(weights, found, strict=True)) for k in (0, 1)
        )
        totals.append((np.asarray(mean), np.asarray(variance)))
    return totals


def _one_step(
    average: Objective,
    moved: Objective,
    laws: Sequence[Law],
    rate: float,
    theta: Array,
    chosen: Chosen,
) -> list[tuple[Array, Array]]:
    """Mean and variance of Δ at one θ, for each law."""
    pull = average.evaluate(theta[None], chosen)[1][0]
    drawn = np.stack([moved.evaluate(theta[None], chosen)[1][0] for _ in range(_DRAWS)])
    out = []
    for law in laws:
        alone = law.value(theta - rate * pull)
        jumps = np.stack([law.value(theta - rate * g) for g in drawn]) - alone
        # first order has mean 0 over the group, so it is left out of the mean
        first = -rate * (drawn - pull) @ law.gradients(Reals(), theta).T
        out.append(((jumps - first).mean(axis=0), jumps.var(axis=0, ddof=1)))
    return out


def _compared(law: Law, told: tuple[Array, Array], ends: Array) -> Diffusion:
    from scipy.special import chdtri  # of χ²; scipy.stats takes a second to import

    mean, spread = told[0], np.sqrt(told[1])
    c = int(np.argmax(spread))
    met = float(ends[:, c].mean()), float(ends[:, c].std(ddof=1))
    seeds, sigma = len(ends), float(spread[c])
    low, high = chdtri(seeds - 1, [1 - _TAIL, _TAIL]) / (seeds - 1)
    ratio = (met[1] / sigma) ** 2 if sigma else np.inf
    near = abs(met[0] - float(mean[c])) <= _SIGMAS * sigma / np.sqrt(seeds)
    holds = bool(low <= ratio <= high and near)
    return Diffusion(law, c, seeds, (float(mean[c]), sigma), met, holds)
