"""A linear map W ∈ R³ and data with all cyclic shifts (the linear example of 2606.10913).

f(x) = W·x, squared error, labels invariant. On the zero-sum plane C_3 turns by 120°, symmetric
matrices that commute with it commute with all of O(2), and no invariant label reaches the plane:
the part P of W in it moves along its own ray, P′ = −cP. Its direction is
(W1−W2)/(W1+W2−2W3). A step of gradient descent is P⁺ = (1 − ηc) P, so discrete steps keep it too,
of any size. One random shift for each datum and step, as augmentation is often done, does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.analysis import analyze
from conserved.kernel.scalars import Array
from conserved.law import Law, Layout, Polynomial, RationalLaw
from conserved.problem import Problem
from conserved.simulate import (
    Dataset,
    Dynamics,
    GradientDescent,
    GradientFlow,
    Simulation,
    Trajectory,
    simulate,
)
from conserved.zoo import style
from conserved.zoo.chart import Curve, chart
from conserved.zoo.claim import Claim
from conserved.zoo.figure import Measurement, rounded
from conserved.zoo.geometry import farthest, trajectories, turned, up_to

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NETWORK, SYMMETRY = "linear:3-1", "shift"
POINTS, STARTS = 4, 5
FLOW = GradientFlow(time=3.0)
COARSE, FINE = 0.3, 0.03  # rates of descent, the first so large that single steps are seen
STAYS, TURNS = 1e-9, 2.0  # degrees: rounding, and what the eye sees
# an orthogonal basis of the zero-sum plane: W1 − W2 and (W1 + W2 − 2 W3)/√3
PLANE = np.array([[1.0, -1.0, 0.0], [1 / np.sqrt(3), 1 / np.sqrt(3), -2 / np.sqrt(3)]])


@dataclass(frozen=True, eq=False)
class LinearFigure(Measurement):
    """What was met.

    Attributes:
        symmetry: the group averaged over.
        due: laws due to it, by exact count.
        outcomes: the verdict on the law along the averaged flow, for each start.
        flow, coarse, fine: averaged data, along the flow and in steps of two sizes.
        plain: plain data, along the flow.
        random: steps with one random group element for each datum.
    """

    symmetry: str
    due: int | None
    outcomes: tuple[str, ...]
    flow: tuple[Trajectory, ...]
    coarse: tuple[Trajectory, ...]
    fine: tuple[Trajectory, ...]
    plain: tuple[Trajectory, ...]
    random: tuple[Trajectory, ...]

    def claims(self) -> tuple[Claim, ...]:
        due = float("nan") if self.due is None else self.due
        kept, name = self.outcomes.count("conserved"), self.symmetry
        flow, coarse, fine = (max(self.turns(r)) for r in (self.flow, self.coarse, self.fine))
        plain, random = (float(np.median(self.turns(r))) for r in (self.plain, self.random))
        return (
            Claim(f"laws due to {name}, counted exactly", due, "=", 1),
            Claim("starts whose law is judged conserved", kept, "=", len(self.flow)),
            Claim(f"P turns along the flow, {name} averaged", flow, "≤", STAYS, "°"),
            Claim(f"P turns in steps of rate {COARSE}, {name} averaged", coarse, "≤", STAYS, "°"),
            Claim(f"P turns in steps of rate {FINE}, {name} averaged", fine, "≤", STAYS, "°"),
            Claim("P turns, plain data (median)", plain, "≥", TURNS, "°"),
            Claim("P turns, one random shift each step (median)", random, "≥", TURNS, "°"),
        )

    @property
    def matched(self) -> tuple[float, ...]:
        """For each start, the length that all its paths have."""
        groups = (self.flow, self.coarse, self.fine, self.plain, self.random)
        return tuple(min(float(r.lengths[-1]) for r in runs) for runs in zip(*groups, strict=True))

    def turns(self, runs: tuple[Trajectory, ...]) -> list[float]:
        """For each start, the largest angle in degrees that P turned by, at matched length."""
        pairs = zip(runs, self.matched, strict=True)
        return [farthest(run, turned(in_plane(run.thetas)), length) for run, length in pairs]

    def chart(self) -> str:
        curves = []
        named = (self.symmetry, self.flow), ("random shifts", self.random), ("plain", self.plain)
        for name, runs in named:
            turns = self.turns(runs)
            start = turns.index(max(turns))
            lengths, angles = self._turning(runs, start)
            curves.append(Curve(f"{name}: {turns[start]:.2g}°", lengths, np.abs(angles)))
        return chart(curves, x="path length", y="P has turned by (degrees; worst start)")

    def _turning(self, runs: tuple[Trajectory, ...], start: int) -> tuple[Array, Array]:
        run = runs[start]
        return up_to(run, turned(in_plane(run.thetas)), self.matched[start])

    def to_json(self) -> dict[str, Any]:
        groups = {
            "averaged, flow": self.flow,
            f"averaged, steps of rate {COARSE}": self.coarse,
            f"averaged, steps of rate {FINE}": self.fine,
            "plain, flow": self.plain,
            f"one random shift for each datum, steps of rate {FINE}": self.random,
        }
        return {
            "network": NETWORK,
            "symmetry": self.symmetry,
            "law": "(W1−W2)/(W1+W2−2W3)",
            "due": self.due,
            "outcomes": list(self.outcomes),
            "matched_lengths": rounded(self.matched),
            "turned": {name: rounded(self.turns(runs)) for name, runs in groups.items()},
            "paths": {name: [_path(run) for run in runs] for name, runs in groups.items()},
        }

    def draw(self) -> Figure:
        figure = style.figure(style.TWO_COLUMNS, 2.8)
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.15))
        self._draw_plane(left)
        self._draw_turning(right)
        return figure

    def _draw_plane(self, axes: Axes) -> None:
        looks: tuple[tuple[tuple[Trajectory, ...], dict[str, Any]], ...] = (
            (self.plain, {"color": style.VERMILION, "linewidth": 1.5}),
            (self.flow, {"color": style.BLUE, "linewidth": 1.5}),
            (self.coarse, {"color": style.BLUE, "marker": "o", "markersize": 3, "linewidth": 0}),
        )
        for runs, look in looks:
            for run in runs:
                axes.plot(*in_plane(run.thetas).T, **look)
        for run in self.flow:
            x, y = in_plane(run.thetas)[0]
            axes.plot([x], [y], "o", color="white", markeredgecolor=style.BLACK, markersize=4.5)
        axes.plot([0], [0], "+", color=style.GREY, markersize=7)
        style.tag(axes, f"dots: steps,\nrate {COARSE}", (0.04, 0.96), style.BLUE, va="top")
        style.plane(axes, "P, the zero-sum part of W", x="W₁ − W₂", y="(W₁ + W₂ − 2W₃)/√3")

    def _draw_turning(self, axes: Axes) -> None:
        groups = (
            (self.random, style.GREEN),
            (self.plain, style.VERMILION),
            (self.flow, style.BLUE),
        )
        for runs, color in groups:
            for start in range(len(runs)):
                axes.plot(*self._turning(runs, start), color=color, linewidth=1.3)
        style.panel(axes, "Angle that P turns (degrees)", x="path length")
        end = max(self.matched)
        most = max(max(self.turns(runs)) for runs in (self.flow, self.coarse, self.fine))
        axes.set_xlim(0, 1.5 * end)
        words = "plain data, flow", f"averaged: 0 ± {style.power(most)},\nflow and steps alike"
        ends = [self._farthest_end(runs) for runs in (self.plain, self.random)]
        labels = (
            (words[0], ends[0], style.VERMILION),
            (words[1], 0.0, style.BLUE),
            ("one random shift\neach step", ends[1], style.GREEN),
        )
        style.name_ends(axes, labels, 1.04 * end)

    def _farthest_end(self, runs: tuple[Trajectory, ...]) -> float:
        ends = [float(self._turning(runs, start)[1][-1]) for start in range(len(runs))]
        return max(ends, key=abs)


def measure(
    seed: int = 0, symmetry: str = SYMMETRY, starts: int = STARTS, flow: GradientFlow = FLOW
) -> LinearFigure:
    """Flow and descend from a ring of starts, with the average over a group and without.

    Args:
        seed: draws the data and the random group elements.
        symmetry: what is averaged over.
        starts: how many.
        flow: horizon and tolerance; descent gets as far.
    """
    problem = Problem.from_text(NETWORK, symmetry=symmetry)
    data, laws = _data(seed), [direction_law(problem)]
    coarse, fine = (GradientDescent(rate=r, steps=round(flow.time / r)) for r in (COARSE, FINE))

    def runs(dynamics: Dynamics, **more: Any) -> tuple[Simulation, ...]:
        return tuple(
            simulate(problem, dynamics=dynamics, data=data, start=start, seed=seed, **more)
            for start in _ring(starts)
        )

    averaged = runs(flow, laws=laws)
    return LinearFigure(
        symmetry=symmetry,
        due=analyze(problem, seed=seed).from_data_symmetry,
        outcomes=tuple(run.verdicts[0].outcome for run in averaged),
        flow=trajectories(averaged),
        coarse=trajectories(runs(coarse)),
        fine=trajectories(runs(fine)),
        plain=trajectories(runs(flow, augment="none")),
        random=trajectories(runs(fine, augment="random")),
    )


def direction_law(problem: Problem) -> Law:
    """(W1−W2)/(W1+W2−2W3)."""
    above = Polynomial.of({(0,): 1, (1,): -1})
    below = Polynomial.of({(0,): 1, (1,): 1, (2,): -2})
    layout = Layout.of(problem.network.parameters)
    return RationalLaw(layout=layout, components=((above, below),), origin="data symmetry")


def in_plane(thetas: Array) -> Array:
    """The zero-sum part of W in an orthogonal basis: (S, 3) → (S, 2).

    Example:
        >>> in_plane(np.array([[2.0, 2.0, 2.0], [1.0, -1.0, 0.0]])).tolist()
        [[0.0, 0.0], [2.0, 0.0]]
    """
    plane: Array = thetas @ PLANE.T
    return plane


def _ring(starts: int) -> Array:
    """W with P on the unit circle of the plane and mean 0.4, (starts, 3)."""
    angles = 2 * np.pi * (np.arange(starts) + 0.2) / starts
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    thetas: Array = around @ np.linalg.pinv(PLANE).T + 0.4
    return thetas


def _data(seed: int) -> Dataset:
    rng = np.random.default_rng([seed, POINTS])
    x, y = rng.standard_normal((POINTS, 3)), rng.standard_normal((POINTS, 1))
    return Dataset("random", "Gaussian inputs and labels", x, y)


def _path(run: Trajectory) -> dict[str, Any]:
    plane = in_plane(run.thetas)
    return {
        "dynamics": run.dynamics.text,
        "lengths": rounded(run.lengths),
        "P": rounded(plane),
        "turned": rounded(turned(plane)),
        "losses": rounded(run.losses),
    }
