"""A flow, followed by a solver."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from conserved.errors import InputError
from conserved.kernel.scalars import Array
from conserved.simulate.dynamics.base import GROWTH, Course, Dynamics, require_number
from conserved.simulate.objective import Objective
from conserved.simulate.recorder import CHECKS, Recorder

LOOSER = (1e-6, 1e-9)  # tolerances of the solver before its own: each a thousandfold finer
EVALUATIONS = 100_000  # of the gradient, after which a run of the solver stops where it is
_STUCK_AFTER, _STUCK = 4000, 1e-4  # gradients in which no such share of the horizon is gained
_HUGE = 1e100  # in place of what overflowed: its square does not, and the solver shortens its step


@dataclass(frozen=True, kw_only=True)
class GradientFlow(Dynamics):
    """The flow of the problem, θ′ = −∇L(θ) − λθ for gradient flow, by DOP853.

    An explicit Runge–Kutta method of order 8 with error control (Hairer, Nørsett, Wanner 1993).

    Args:
        time: T, how long.
        rtol: tolerance of each step, relative to the size of each parameter.

    Example:
        >>> GradientFlow(time=5.0).text
        'flow, time 5, rtol 1e-13'
    """

    name = "flow"
    formula = "θ′ = −∇L(θ)"

    time: float = 10.0
    rtol: float = 1e-13

    def __post_init__(self) -> None:
        super().__post_init__()
        require_number("time", self.time, above=0.0)
        require_number("rtol", self.rtol, least=3e-14)
        if self.rtol > 1e-3:
            raise InputError("rtol", self.rtol, "is at most 1e-3")

    @property
    def setting(self) -> tuple[str, float]:
        return "rtol", self.rtol

    @property
    def tolerance(self) -> float:
        return self.rtol

    def ladder(self) -> tuple[Dynamics, ...]:
        return tuple(replace(self, rtol=rtol) for rtol in LOOSER if rtol > 10 * self.rtol)

    def finer(self, factor: int) -> Dynamics:
        return replace(self, rtol=max(self.rtol / factor, 3e-14))

    def run(self, objective: Objective, theta: Array, recorder: Recorder, course: Course) -> None:
        from scipy.integrate import DOP853

        def field(_: float, point: Array) -> Array:
            recorder.evaluations += 1
            slope = -objective.evaluate(point[None])[1][0] - self.decay * point
            if not np.abs(slope).sum() < _HUGE:  # nan too
                slope = np.clip(np.nan_to_num(slope, nan=_HUGE), -_HUGE, _HUGE)
            return np.asarray(slope)

        n = objective.problem.network.size
        scale = float(np.abs(theta[:n]).max(initial=0.0)) or 1.0
        spread = float(np.sqrt(np.mean(theta[:n] ** 2))) or 1.0
        tolerance = {"rtol": self.rtol, "atol": self.rtol * spread}
        start, step, stride, mark = 0.0, 0, None, (0, 0.0)
        for k in range(1, CHECKS + 1):
            end = self.time * (k / CHECKS) ** 2
            first = None if stride is None else min(stride, end - start)
            solver = DOP853(field, start, theta, end, first_step=first, **tolerance)
            while solver.status == "running":
                stride = solver.h_abs  # at the end, that of the step before the one cut short
                solver.step()
                if solver.status == "failed" or np.abs(solver.y[:n]).max() > GROWTH * scale:
                    recorder.finish(f"blew up at time {solver.t:.4g}", complete=False)
                    return
                step += 1
                recorder.move(solver.t, step, solver.y.copy(), check=solver.status == "finished")
                if course.watch is not None:
                    course.watch(solver.t / self.time)
                if self._stops(recorder, solver.t, course, mark):
                    return
                if recorder.evaluations - mark[0] > _STUCK_AFTER:
                    mark = recorder.evaluations, solver.t
            start, theta = end, solver.y
        recorder.finish(f"time {self.time:g} reached", complete=True)

    def _stops(
        self, recorder: Recorder, time: float, course: Course, mark: tuple[int, float]
    ) -> bool:
        """Whether the run ends before its time; ``mark``: gradients and time a while ago."""
        length, main = course.length, course.main
        until = None if main is None or main.complete else main.time
        if length is not None and recorder.current.length >= length:
            recorder.finish(f"path length {length:g} reached", complete=True)
        elif until is not None and time > until:
            recorder.finish("as far as the finest run came", complete=False)
        elif recorder.evaluations > EVALUATIONS:
            words = f"stopped at time {time:.4g} after {EVALUATIONS:,} gradients"
            recorder.finish(words, complete=False)
        elif recorder.evaluations - mark[0] > _STUCK_AFTER and time - mark[1] < _STUCK * self.time:
            # on the kink of a relu the two sides push θ against each other
            words = (
                f"stuck at time {time:.4g}: the gradient jumps to and fro there, or "
                f"time {self.time:g} is too far for steps of this solver"
            )
            recorder.finish(words, complete=False)
        else:
            return False
        return True
