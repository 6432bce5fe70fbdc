"""Figure 1 of 2606.10913: a polynomial network of degree 6 and data with 18 rotations.

f(x) = a (w·x)⁶ on the plane, squared error, labels invariant. The loss sees forms of degree 6 and
12 in the input; averaged over C_18 they are those of O(2). Then the loss depends on ‖w‖ and a
alone, w′ is a multiple of w, and the angle of w never changes. C_12 keeps one form too many.

All runs start on one sheet of the law ‖w‖² − 6a² = c, which they cannot leave, so the loss on that
sheet is a surface over the plane of w, and what is drawn on it are the paths themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.analysis import analyze
from conserved.kernel.scalars import Array
from conserved.law import Law, Layout, Polynomial, RationalLaw
from conserved.problem import Problem
from conserved.simulate import Dataset, GradientFlow, Trajectory, simulate
from conserved.simulate.objective import Objective, make_objective
from conserved.zoo import style
from conserved.zoo.chart import Curve, chart
from conserved.zoo.claim import Claim
from conserved.zoo.figure import Measurement, rounded
from conserved.zoo.geometry import farthest, trajectories, turned, up_to

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NETWORK, SYMMETRY, SMALL = "poly:2-1-1,power=6", "rotation:18", "rotation:12"
POINTS, STARTS = 5, 7  # an odd number of starts: f is even, so −w only mirrors w
SHEET = -0.5  # c; negative, so that a² = (‖w‖² − c)/6 is never 0
RADIUS = 0.4  # ‖w‖ at the starts
FLOW = GradientFlow(time=300.0)
STAYS, TURNS = 1e-8, 3.0  # degrees: rounding, and what the eye sees
_CIRCLE, _SIDE, _EXTENT = 361, 81, 1.5


@dataclass(frozen=True, eq=False)
class PolynomialFigure(Measurement):
    """What was met.

    Attributes:
        symmetry: the group averaged over.
        due: laws due to it, by exact count.
        outcomes: the verdict on the angle of w with the average, for each start.
        exact, plain, small: runs with the average, without, and with a group that is too small.
        angles: (N,) round the circle ‖w‖ = 1 of the sheet, in degrees.
        circles: (2, N) the loss there: average, plain.
        axis: (M,) both axes of the plane of w.
        surfaces: (2, M, M) the loss on the sheet: average, plain.
    """

    symmetry: str
    due: int | None
    outcomes: tuple[str, ...]
    exact: tuple[Trajectory, ...]
    plain: tuple[Trajectory, ...]
    small: tuple[Trajectory, ...]
    angles: Array
    circles: Array
    axis: Array
    surfaces: Array

    def claims(self) -> tuple[Claim, ...]:
        exact, plain, small = (self.turns(runs) for runs in (self.exact, self.plain, self.small))
        kept = self.outcomes.count("conserved")
        due = float("nan") if self.due is None else self.due
        waves = [float(np.ptp(circle) / circle.mean()) for circle in self.circles]
        name = self.symmetry
        return (
            Claim(f"laws due to {name}, counted exactly", due, "=", 1),
            Claim("starts whose angle is judged conserved", kept, "=", len(self.exact)),
            Claim(f"w turns, {name} averaged (largest)", max(exact), "≤", STAYS, "°"),
            Claim("w turns, plain data (median)", float(np.median(plain)), "≥", TURNS, "°"),
            Claim(f"w turns, {SMALL} averaged (largest)", max(small), "≥", 1e3 * STAYS, "°"),
            Claim(f"loss round a circle varies, {name} averaged", 100 * waves[0], "≤", 1e-9, "%"),
            Claim("loss round a circle varies, plain data", 100 * waves[1], "≥", 10, "%"),
        )

    @property
    def matched(self) -> tuple[float, ...]:
        """For each start, the length that all its paths have."""
        runs = zip(self.exact, self.plain, self.small, strict=True)
        return tuple(min(float(run.lengths[-1]) for run in three) for three in runs)

    def turns(self, runs: tuple[Trajectory, ...]) -> list[float]:
        """For each start, the largest angle in degrees that w turned by, at matched length."""
        pairs = zip(runs, self.matched, strict=True)
        return [farthest(run, turned(run.thetas[:, :2]), length) for run, length in pairs]

    def chart(self) -> str:
        curves = []
        for name, runs in ((self.symmetry, self.exact), ("plain data", self.plain)):
            turns = self.turns(runs)
            start = turns.index(max(turns))
            lengths, angles = self._turning(runs, start)
            curves.append(Curve(f"{name}: {turns[start]:.2g}°", lengths, np.abs(angles)))
        return chart(curves, x="path length", y="w has turned by (degrees; worst start)")

    def _turning(self, runs: tuple[Trajectory, ...], start: int) -> tuple[Array, Array]:
        run = runs[start]
        return up_to(run, turned(run.thetas[:, :2]), self.matched[start])

    def to_json(self) -> dict[str, Any]:
        groups = {"averaged": self.exact, "plain": self.plain, SMALL: self.small}
        return {
            "network": NETWORK,
            "symmetry": self.symmetry,
            "dynamics": self.exact[0].dynamics.to_json(),
            "due": self.due,
            "outcomes": list(self.outcomes),
            "matched_lengths": rounded(self.matched),
            "turned": {name: rounded(self.turns(runs)) for name, runs in groups.items()},
            "paths": {name: [_path(run) for run in runs] for name, runs in groups.items()},
            "circle": {"angles": rounded(self.angles), "losses": rounded(self.circles)},
            "surface": {"axis": rounded(self.axis), "losses": rounded(self.surfaces)},
        }

    def draw(self) -> Figure:
        figure = style.figure(style.TWO_COLUMNS, 2.9)
        grid = figure.add_gridspec(2, 3, width_ratios=(1, 1, 0.95))
        left, middle = (figure.add_subplot(grid[:, column]) for column in (0, 1))
        count = self.symmetry.partition(":")[2]
        self._draw_surface(left, 1, self.plain, style.VERMILION, "Plain data: paths bend")
        self._draw_surface(middle, 0, self.exact, style.BLUE, f"{count} rotations: rays")
        middle.set_ylabel("")
        self._draw_circle(figure.add_subplot(grid[0, 2]))
        self._draw_turning(figure.add_subplot(grid[1, 2]))
        return figure

    def _draw_surface(
        self, axes: Axes, which: int, runs: tuple[Trajectory, ...], color: str, title: str
    ) -> None:
        inside = np.add.outer(self.axis**2, self.axis**2) < (0.95 * _EXTENT) ** 2
        levels = np.quantile(self.surfaces[1][inside], np.linspace(0, 0.8, 11))
        heights = self.surfaces[which]
        axes.contourf(
            self.axis, self.axis, heights, levels=levels, cmap="Greys", alpha=0.35, extend="max"
        )
        axes.contour(self.axis, self.axis, heights, levels, colors=style.GREY, linewidths=0.3)
        for run, length in zip(runs, self.matched, strict=True):
            x, y = (up_to(run, run.thetas[:, k], length)[1] for k in (0, 1))
            axes.plot(x, y, color=color, linewidth=1.6, solid_capstyle="round")
            axes.plot(x[:1], y[:1], "o", color="white", markeredgecolor=color, markersize=4)
            axes.plot(x[-1:], y[-1:], "o", color=color, markersize=4)
        style.plane(axes, title, x="w₁", y="w₂")

    def _draw_circle(self, axes: Axes) -> None:
        for losses, color in zip(self.circles, (style.BLUE, style.VERMILION), strict=True):
            axes.plot(self.angles, losses, color=color, linewidth=1.5)
        style.panel(axes, "Loss on the circle ‖w‖ = 1", x="angle of w (degrees)")
        axes.set_xticks([0, 90, 180, 270, 360])
        axes.set_ylim(bottom=0)

    def _draw_turning(self, axes: Axes) -> None:
        for runs, color in ((self.plain, style.VERMILION), (self.exact, style.BLUE)):
            for start in range(len(runs)):
                lengths, angles = self._turning(runs, start)
                axes.plot(lengths, angles, color=color, linewidth=1.5)
                axes.plot(lengths[-1:], angles[-1:], "o", color=color, markersize=3)
        style.panel(axes, "Angle that w turns (degrees)", x="path length")
        end = max(self.matched)
        axes.set_xlim(right=1.75 * end)
        axes.set_xticks([0, round(end / 2, 1), round(end, 1)])
        words = f"averaged: 0\n± {style.power(max(self.turns(self.exact)))}"
        style.tag(axes, words, (1.08 * end, 0), style.BLUE, xycoords="data", va="center")
        style.tag(axes, "plain data", (0.62, 0.98), style.VERMILION, va="top")


def measure(
    seed: int = 0, symmetry: str = SYMMETRY, starts: int = STARTS, flow: GradientFlow = FLOW
) -> PolynomialFigure:
    """Flow from a ring of starts, with the average over a group and without.

    Args:
        seed: draws the data.
        symmetry: what is averaged over.
        starts: how many.
        flow: horizon and tolerance.
    """
    problem, small = (Problem.from_text(NETWORK, symmetry=name) for name in (symmetry, SMALL))
    data, thetas = _data(seed), on_sheet(*_ring(starts))
    law = angle_law(problem)
    exact, plain, other = [], [], []
    for theta in thetas:
        common: dict[str, Any] = {"dynamics": flow, "data": data, "start": theta}
        run = simulate(problem, [law], **common)
        common["length"] = run.trajectory.lengths[-1]  # where the comparison ends
        exact.append(run)
        plain.append(simulate(problem, **common, augment="none"))
        other.append(simulate(small, **common))
    objectives = [_objective(problem, data, augment) for augment in ("full", "none")]
    angles = np.linspace(0, 2 * np.pi, _CIRCLE)
    axis = np.linspace(-_EXTENT, _EXTENT, _SIDE)
    circle, grid = on_sheet(np.cos(angles), np.sin(angles)), on_sheet(*np.meshgrid(axis, axis))
    return PolynomialFigure(
        symmetry=symmetry,
        due=analyze(problem, seed=seed).from_data_symmetry,
        outcomes=tuple(run.verdicts[0].outcome for run in exact),
        exact=trajectories(exact),
        plain=trajectories(plain),
        small=trajectories(other),
        angles=np.degrees(angles),
        circles=np.stack([objective.value(circle) for objective in objectives]),
        axis=axis,
        surfaces=np.stack([o.value(grid).reshape(_SIDE, _SIDE) for o in objectives]),
    )


def angle_law(problem: Problem) -> Law:
    """w₂/w₁, the tangent of the angle."""
    above, below = Polynomial.of({(1,): 1}), Polynomial.of({(0,): 1})
    layout = Layout.of(problem.network.parameters)
    return RationalLaw(layout=layout, components=((above, below),), origin="data symmetry")


def on_sheet(first: Array, second: Array) -> Array:
    """θ = (w, a) with these w and ‖w‖² − 6a² = c, a > 0: (N, 3)."""
    out = np.sqrt((first**2 + second**2 - SHEET) / 6)
    return np.stack([first.ravel(), second.ravel(), out.ravel()], axis=1)


def _ring(starts: int) -> tuple[Array, Array]:
    angles = 2 * np.pi * (np.arange(starts) + 0.3) / starts
    return RADIUS * np.cos(angles), RADIUS * np.sin(angles)


def _data(seed: int) -> Dataset:
    """Points near the unit circle, labels between 0 and 1 that know nothing of them."""
    rng = np.random.default_rng([seed, POINTS])
    x = rng.standard_normal((POINTS, 2))
    x *= rng.uniform(0.7, 1.2, (POINTS, 1)) / np.linalg.norm(x, axis=1, keepdims=True)
    return Dataset("ring", "points near the unit circle", x, rng.uniform(0, 1, (POINTS, 1)))


def _objective(problem: Problem, data: Dataset, augment: Any) -> Objective:
    return make_objective(problem, data, augment, np.random.default_rng(0))


def _path(run: Trajectory) -> dict[str, Any]:
    return {
        "lengths": rounded(run.lengths),
        "w": rounded(run.thetas[:, :2]),
        "turned": rounded(turned(run.thetas[:, :2])),
        "losses": rounded(run.losses),
    }
