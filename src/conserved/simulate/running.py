"""One run: the solver's steps along the flow, or steps of descent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.scalars import Array
from conserved.simulate.dynamics import Descent, GradientFlow
from conserved.simulate.objective import Objective
from conserved.simulate.recorder import CHECKS, Recorder, check_steps

if TYPE_CHECKING:
    from conserved.simulate.ledger import Accounts

EVALUATIONS = 100_000  # of the gradient, after which a run of the solver stops where it is
_STUCK_AFTER, _STUCK = 4000, 1e-4  # gradients in which no such share of the horizon is gained
_GROWTH = 1e6  # of |θ|, beyond which a run counts as blown up
_HUGE = 1e100  # in place of what overflowed: its square does not, and the solver shortens its step

Watch = Callable[[float], None]


def run_flow(
    objective: Objective,
    dynamics: GradientFlow,
    theta: Array,
    recorder: Recorder,
    *,
    length: float | None = None,
    until: float | None = None,
    watch: Watch | None = None,
) -> None:
    """Follow θ′ = −∇L(θ) − λθ into a recorder, by DOP853 with error control.

    Args:
        objective: L.
        dynamics: horizon, tolerance and decay.
        theta: θ(0), (D,).
        recorder: keeps what is met.
        length: stop when the path is as long.
        until: give up beyond this time, which a finer run did not reach.
        watch: called with the share of the horizon that is done.
    """
    from scipy.integrate import DOP853

    def field(_: float, point: Array) -> Array:
        recorder.evaluations += 1
        slope = -objective.evaluate(point[None])[1][0] - dynamics.decay * point
        if not np.abs(slope).sum() < _HUGE:  # nan too
            slope = np.clip(np.nan_to_num(slope, nan=_HUGE), -_HUGE, _HUGE)
        return np.asarray(slope)

    scale = float(np.abs(theta).max(initial=0.0)) or 1.0
    spread = float(np.sqrt(np.mean(theta**2))) or 1.0
    tolerance = {"rtol": dynamics.rtol, "atol": dynamics.rtol * spread}
    start, step, stride, mark = 0.0, 0, None, (0, 0.0)
    for k in range(1, CHECKS + 1):
        end = dynamics.time * (k / CHECKS) ** 2
        first = None if stride is None else min(stride, end - start)
        solver = DOP853(field, start, theta, end, first_step=first, **tolerance)
        while solver.status == "running":
            stride = solver.h_abs  # at the end, that of the step before the one cut short
            solver.step()
            if solver.status == "failed" or np.abs(solver.y).max() > _GROWTH * scale:
                recorder.finish(f"blew up at time {solver.t:.4g}", complete=False)
                return
            step += 1
            recorder.move(solver.t, step, solver.y.copy(), check=solver.status == "finished")
            if watch is not None:
                watch(solver.t / dynamics.time)
            if length is not None and recorder.current.length >= length:
                recorder.finish(f"path length {length:g} reached", complete=True)
                return
            if until is not None and solver.t > until:
                recorder.finish("as far as the finest run came", complete=False)
                return
            if recorder.evaluations > EVALUATIONS:
                words = f"stopped at time {solver.t:.4g} after {EVALUATIONS:,} gradients"
                recorder.finish(words, complete=False)
                return
            if recorder.evaluations - mark[0] > _STUCK_AFTER:
                if solver.t - mark[1] < _STUCK * dynamics.time:
                    # on the kink of a relu the two sides push θ against each other
                    words = (
                        f"stuck at time {solver.t:.4g}: the gradient jumps to and fro there, or "
                        f"time {dynamics.time:g} is too far for steps of this solver"
                    )
                    recorder.finish(words, complete=False)
                    return
                mark = recorder.evaluations, solver.t
        start, theta = end, solver.y
    recorder.finish(f"time {dynamics.time:g} reached", complete=True)


def run_descent(
    objective: Objective,
    dynamics: Descent,
    theta: Array,
    recorder: Recorder,
    rng: np.random.Generator,
    *,
    checks: list[int] | None = None,
    accounts: Accounts | None = None,
    length: float | None = None,
    watch: Watch | None = None,
) -> None:
    """Take the steps of a descent into a recorder.

    Args:
        objective: L.
        dynamics: rate, steps and what else.
        theta: θ before the first step, (D,).
        recorder: keeps what is met.
        rng: shuffles the data into minibatches.
        checks: steps to keep in any case.
        accounts: books of every step, for the ledger.
        length: stop when the path is as long.
        watch: called with the share of the steps that is done.
    """
    limit = _GROWTH * (float(np.abs(theta).max(initial=0.0)) or 1.0)
    marked = set(checks or check_steps(dynamics.steps))
    state = dynamics.begin(theta)
    batches = minibatches(objective.samples, dynamics.batch, rng)
    for step in range(1, dynamics.steps + 1):
        chosen = next(batches)
        recorder.evaluations += 1
        gradient = objective.evaluate(theta[None], chosen)[1][0]
        direction, state = dynamics.direction(theta, gradient, state)
        moved = theta - dynamics.rate * direction
        if not np.abs(moved).max() <= limit:  # nan too
            recorder.finish(f"blew up at step {step:,}", complete=False)
            break
        if accounts is not None:
            accounts.add(theta, direction, moved)
        recorder.probe(step - 1, theta, gradient, chosen)
        recorder.move(step * dynamics.time_per_step, step, moved, check=step in marked)
        theta = moved
        if watch is not None:
            watch(step / dynamics.steps)
        if length is not None and recorder.current.length >= length:
            recorder.finish(f"path length {length:g} reached", complete=True)
            break
    else:
        recorder.finish(f"{dynamics.steps:,} steps taken", complete=True)


def minibatches(
    samples: int, size: int | None, rng: np.random.Generator
) -> Iterator[NDArray[np.intp] | None]:
    """Which data make up each gradient, without end; every epoch meets all data once."""
    if size is None or size >= samples:
        while True:
            yield None
    while True:
        order = rng.permutation(samples)
        for start in range(0, samples, size):
            yield order[start : start + size]
