"""Lightning attention and data averaged over O(8) (2606.10913), at equal path length.

f(X) = X Q Kᵀ Xᵀ X V with 5 tokens of dimension 8, one head, one output, squared error. Averaged
over X → Xg, the loss depends on P = [Q K V] through PᵀP alone, so P′ = PN and the span of the
query, key and value vectors never changes: 3·(8 − 3) = 15 laws. With O(8) the labels drop out, f
being odd; with O(7) on seven features and the eighth fixed they enter, and the span of P on the
seven is conserved, 3·(7 − 3) = 12 laws.

Averaged and plain weights go unequally far in equal times, so both are compared where their paths
are equally long. An average over N random elements of O(8) is not symmetric: under it the span
turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.scalars import Array
from conserved.law import Law, Layout, SpanLaw, SpanPart
from conserved.problem import Problem
from conserved.simulate import (
    Dataset,
    GradientFlow,
    Simulation,
    Trajectory,
    initial,
    make_dataset,
    simulate,
)
from conserved.simulate.haar import random_elements
from conserved.simulate.objective import MomentObjective
from conserved.verification import verify
from conserved.zoo import style
from conserved.zoo.chart import Curve, chart
from conserved.zoo.claim import Claim
from conserved.zoo.figure import Measurement, rounded
from conserved.zoo.geometry import farthest, span_turned, trajectories, up_to

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NETWORK, DIM = "lightning:dim=8,tokens=5,head=1,out=1", 8
KAPPA = 3  # columns of [Q K V]
STARTS, SAMPLES = 6, 32
LENGTH = 0.5  # of every path; the starts have norm 2 or so
FLOW = GradientFlow(time=10.0)  # at most
DRAWN = (1, 4, 16, 64)  # random elements in the place of the average
STAYS, TURNS = 1e-8, 1.0  # degrees: rounding, and what the eye sees


@dataclass(frozen=True, eq=False)
class Half:
    """One group: what was met with its average and without, from the same starts.

    Attributes:
        symmetry: the group averaged over.
        features: on how many features the span is watched.
        proved: independent laws of the span that are identities for such data; 0 if they are not.
        unproved: the same for all data.
        outcomes: the verdict along the averaged flow, for each start.
        pull: share of the averaged gradient that is due to the labels, at the first start.
        averaged, plain: the runs.
        sampled: from the first start, with so many random elements in the place of the average.
    """

    symmetry: str
    features: int
    proved: int
    unproved: int
    outcomes: tuple[str, ...]
    pull: float
    averaged: tuple[Trajectory, ...]
    plain: tuple[Trajectory, ...]
    sampled: dict[int, Trajectory]

    @property
    def length(self) -> float:
        """Of the path at which all runs are compared."""
        every = (*self.averaged, *self.plain, *self.sampled.values())
        return min(float(run.lengths[-1]) for run in every)

    def turning(self, run: Trajectory) -> Array:
        """Largest principal angle in degrees between the span then and at the start, (S,)."""
        return span_turned(vectors(run.thetas, self.features))

    def turns(self, runs: Iterable[Trajectory]) -> list[float]:
        """For each run, the largest angle that the span turned by up to the matched length."""
        return [farthest(run, self.turning(run), self.length) for run in runs]

    def claims(self, laws: int) -> tuple[Claim, ...]:
        """What is claimed of both groups alike, with the number of laws of the span."""
        name, kept = self.symmetry, self.outcomes.count("conserved")
        averaged, plain = max(self.turns(self.averaged)), min(self.turns(self.plain))
        return (
            Claim(f"laws of the span, {name}, exact identities", self.proved, "=", laws),
            Claim("laws of the span, all data, exact identities", self.unproved, "=", 0),
            Claim("starts whose span is judged conserved", kept, "=", len(self.averaged)),
            Claim(f"span turns, {name} averaged (largest)", averaged, "≤", STAYS, "°"),
            Claim("span turns, plain, at the same length (smallest)", plain, "≥", TURNS, "°"),
        )

    def to_json(self) -> dict[str, Any]:
        groups = {"averaged": self.averaged, "plain": self.plain}
        return {
            "symmetry": self.symmetry,
            "features": self.features,
            "laws_of_the_span": self.proved,
            "laws_of_the_span_for_all_data": self.unproved,
            "outcomes": list(self.outcomes),
            "share_of_labels": rounded(self.pull),
            "matched_length": rounded(self.length),
            "turned": {name: rounded(self.turns(runs)) for name, runs in groups.items()},
            "turned_by_sampled": dict(
                zip(map(str, self.sampled), rounded(self.turns(self.sampled.values())), strict=True)
            ),
            "paths": {
                name: [
                    {
                        "times": rounded(run.times),
                        "lengths": rounded(run.lengths),
                        "turned": rounded(self.turning(run)),
                        "losses": rounded(run.losses),
                    }
                    for run in runs
                ]
                for name, runs in groups.items()
            },
        }


@dataclass(frozen=True, eq=False)
class AttentionFigure(Measurement):
    """Both groups: all features turned, where labels drop out, and all but one, where they enter.

    Attributes:
        free: without the labels.
        labelled: with them.
    """

    free: Half
    labelled: Half

    def claims(self) -> tuple[Claim, ...]:
        free, labelled = self.free, self.labelled
        drawn = max(free.sampled)
        sampled = free.turns([free.sampled[drawn]])[0]
        shares = [100 * half.pull for half in (free, labelled)]
        return (
            *free.claims(KAPPA * (DIM - KAPPA)),
            Claim(f"span turns, {drawn} random elements averaged", sampled, "≥", 1e3 * STAYS, "°"),
            Claim("labels' share of the averaged gradient", shares[0], "≤", 1e-9, "%"),
            *labelled.claims(KAPPA * (DIM - 1 - KAPPA)),
            Claim("labels' share of the averaged gradient", shares[1], "≥", 0.01, "%"),
        )

    def chart(self) -> str:
        curves = []
        for name, runs in (("averaged", self.free.averaged), ("plain", self.free.plain)):
            turns = self.free.turns(runs)
            start = turns.index(max(turns))
            run = runs[start]
            lengths, angles = up_to(run, self.free.turning(run), self.free.length)
            curves.append(Curve(f"{name}: {turns[start]:.2g}°", lengths, angles))
        return chart(
            curves, x="path length", y="span of [Q K V] has turned by (degrees; worst start)"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "network": NETWORK,
            "dynamics": self.free.averaged[0].dynamics.to_json(),
            "halves": [self.free.to_json(), self.labelled.to_json()],
        }

    def draw(self) -> Figure:
        figure = style.figure(style.TWO_COLUMNS, 2.6)
        left, middle, right = figure.subplots(1, 3, width_ratios=(1.2, 1.2, 0.8))
        middle.sharey(left)
        _draw_half(left, self.free, "O(8): labels drop out")
        _draw_half(middle, self.labelled, "O(7), one feature fixed: labels enter")
        left.set_ylabel("span of [Q K V] turns (degrees)", fontsize=8)
        _draw_sampled(right, self.free)
        return figure


def _draw_half(axes: Axes, half: Half, title: str) -> None:
    for runs, color in ((half.plain, style.VERMILION), (half.averaged, style.BLUE)):
        for run in runs:
            lengths, angles = up_to(run, half.turning(run), half.length)
            axes.plot(lengths, angles, color=color, linewidth=1.4)
            axes.plot(lengths[-1:], angles[-1:], "o", color=color, markersize=3)
    style.panel(axes, title, x="path length")
    words = f"averaged: below {style.power(max(half.turns(half.averaged)))}°"
    axes.set_ylim(bottom=-0.15 * axes.get_ylim()[1])  # room for words below the line
    style.tag(axes, words, (0.97, 0.02), style.BLUE, ha="right", va="bottom")
    style.tag(axes, "plain data", (0.04, 0.97), style.VERMILION, va="top")


def _draw_sampled(axes: Axes, half: Half) -> None:
    turns = half.turns(half.sampled.values())
    exact = half.turns(half.averaged[:1])[0]
    axes.set(xscale="log", yscale="log")
    axes.plot(list(half.sampled), turns, "o-", color=style.GREEN, linewidth=1.4, markersize=4)
    axes.axhline(exact, color=style.BLUE, linewidth=1.6)
    style.tag(axes, "sampled average", (0.97, 0.78), style.GREEN, ha="right", va="top")
    style.tag(axes, "exact average", (0.97, 0.1), style.BLUE, ha="right", va="bottom")
    style.panel(axes, "Sampled averages", x="random elements of O(8)", y="span turns (degrees)")
    style.plain_ticks(axes, list(half.sampled), [str(n) for n in half.sampled], "x")


def measure(
    seed: int = 0,
    symmetries: tuple[str, str] = ("orthogonal", "orthogonal:7+none:1"),
    starts: int = STARTS,
    flow: GradientFlow = FLOW,
) -> AttentionFigure:
    """Flow from several starts with both averages, and on plain data.

    Args:
        seed: draws data and starts.
        symmetries: what is averaged over: for the span on all features, and on all but the last.
        starts: how many.
        flow: horizon and tolerance.
    """
    free, labelled = symmetries
    common: dict[str, Any] = {"seed": seed, "starts": starts, "flow": flow}
    return AttentionFigure(
        measure_half(free, DIM, drawn=DRAWN, **common), measure_half(labelled, DIM - 1, **common)
    )


def measure_half(
    symmetry: str,
    features: int,
    *,
    network: str = NETWORK,
    seed: int = 0,
    starts: int = STARTS,
    flow: GradientFlow = FLOW,
    drawn: Sequence[int] = (),
) -> Half:
    """One group.

    Args:
        symmetry: what is averaged over.
        features: on how many features the span is watched.
        network: with one head and one output.
        seed, starts, flow: as for ``measure``.
        drawn: for each of these numbers, a run under so many random elements instead.
    """
    problem = Problem.from_text(network, symmetry=symmetry)
    data = make_dataset(problem, "teacher", samples=SAMPLES, rng=np.random.default_rng([seed, 0]))
    law = span_law(problem, features)
    thetas = [initial(problem.network, np.random.default_rng([seed, 1, k])) for k in range(starts)]

    def run(
        start: Array, data: Dataset = data, laws: Sequence[Law] = (), **more: Any
    ) -> Simulation:
        common: dict[str, Any] = {"dynamics": flow, "length": LENGTH, "seed": seed}
        return simulate(problem, laws, data=data, start=start, **common, **more)

    averaged = [run(theta, laws=[law]) for theta in thetas]
    plain = [run(theta, augment="none") for theta in thetas]
    sampled = {n: run(thetas[0], _sampled(problem, data, n, seed), augment="none") for n in drawn}
    return Half(
        symmetry=symmetry,
        features=features,
        proved=_proved(problem, law),
        unproved=_proved(problem.architecture(), law),
        outcomes=tuple(run.verdicts[0].outcome for run in averaged),
        pull=_pull(problem, data, thetas[0]),
        averaged=trajectories(averaged),
        plain=trajectories(plain),
        sampled={n: run.trajectory for n, run in sampled.items()},
    )


def span_law(problem: Problem, features: int) -> Law:
    """The span of the first features of all columns of Q, K and V.

    Example:
        >>> law = span_law(Problem.from_text(NETWORK), 7)
        >>> print(law, law.size)
        range of [Q K V] on the first 7 features 12
    """
    dim = problem.network.input_shape[-1]
    rows = np.eye(features, dim, dtype=int)
    matrix = tuple(tuple(str(entry) for entry in row) for row in rows.tolist())
    return SpanLaw(
        layout=Layout.of(problem.network.parameters),
        what="range",
        parts=tuple(SpanPart(name, 0, matrix) for name in "QKV"),
        vectors=(0, 1, 2),
        pivots=(0, 1, 2),
        place="" if features == dim else f"on the first {features} features",
        origin="data symmetry",
    )


def vectors(thetas: Array, features: int) -> Array:
    """The first features of Q, K and V side by side: θ (S, 3·dim) → (S, features, 3)."""
    side_by_side: Array = thetas.reshape(len(thetas), KAPPA, -1)[:, :, :features].swapaxes(1, 2)
    return side_by_side


def _sampled(problem: Problem, data: Dataset, count: int, seed: int) -> Dataset:
    """The data moved by so many random elements of the group; labels stay."""
    rng = np.random.default_rng([seed, 2, count])
    elements = random_elements(problem.group, count, rng).matrices
    inputs = (data.inputs @ elements.swapaxes(1, 2)[:, None]).reshape(-1, *data.inputs.shape[1:])
    labels = np.tile(data.labels, (count, 1, 1))
    return Dataset(f"{count} random elements", "a sampled average", inputs, labels)


def _proved(problem: Problem, law: Law) -> int:
    """Its functions, which a chart makes independent, where their identities hold mod p."""
    # averages of O(8) over a prime near 2^61 would take long; six points make up for a smaller one
    return law.size * verify(problem, [law], prime=BLAS_PRIMES[0], points=6).holds[0]


def _pull(problem: Problem, data: Dataset, theta: Array) -> float:
    """‖∇L − ∇L without labels‖ / ‖∇L‖ at θ, averaged."""
    averaged = MomentObjective(problem, data)
    unlabelled = replace(data, labels=np.zeros_like(data.labels))
    without = MomentObjective(problem, unlabelled, (averaged.readout, averaged.space))
    gradient, rest = (o.evaluate(theta[None])[1][0] for o in (averaged, without))
    return float(np.linalg.norm(gradient - rest) / np.linalg.norm(gradient))
