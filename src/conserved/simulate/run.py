"""``simulate``: data, loss, dynamics and laws in; trajectory and verdicts out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.errors import ConservedError, InputError, is_whole
from conserved.kernel.scalars import Array
from conserved.law import Law
from conserved.problem import Problem
from conserved.simulate.data import Augment, Dataset, check_dataset, initial, make_dataset
from conserved.simulate.dynamics import Dynamics, as_dynamics, require_number
from conserved.simulate.judging import judge
from conserved.simulate.ledger import Accounts
from conserved.simulate.motion import check_flow, followed
from conserved.simulate.objective import Objective, make_objective
from conserved.simulate.record import Simulation, Trajectory, Verdict
from conserved.simulate.recorder import Main, Recorder
from conserved.simulate.rounding import law_values

Progress = Callable[[str, float], None]
_CHUNK = 64  # θ whose loss is computed at once


def simulate(
    problem: Problem,
    laws: Sequence[Law] = (),
    *,
    dynamics: Dynamics | str = "flow",
    data: Dataset | str = "teacher",
    augment: Augment | None = None,
    samples: int | None = None,
    start: Array | None = None,
    scale: float = 1.0,
    length: float | None = None,
    ladder: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
    on_interrupt: Callable[[Simulation], None] | None = None,
) -> Simulation:
    """Train in float64, watch laws, and say of each whether it holds.

    Args:
        problem: network, loss and class of data.
        laws: what to watch, for instance ``analyze(problem).laws``.
        dynamics: ``GradientFlow(…)`` and the like, or the name of one.
        data: a ``Dataset``, or the name of one (see ``make_dataset``).
        augment: "full" (the default under a symmetry), "random" (descent only) or "none".
        samples: how many data.
        start: θ(0), (D,); by default random.
        scale: of a random start.
        length: stop when the path of θ is as long, to compare runs at equal length.
        ladder: also run at other accuracies; without, verdicts rest on single steps alone.
        seed: an integer ≥ 0; the same seed gives the same run.
        progress: called with (stage, share done).
        on_interrupt: called with what there is on Ctrl-C, before KeyboardInterrupt goes on.

    Raises:
        InputError: arguments that do not fit together.
        LimitError: orbits or laws too large for memory.

    Example:
        >>> from conserved.law import GramLaw, GramTerm
        >>> from conserved.networks import Linear
        >>> problem = Problem(network=Linear(3, 2, 1))
        >>> terms = GramTerm("W1", 0), GramTerm("W2", 1, -1)
        >>> law = GramLaw(layout=Layout.of(problem.network.parameters), terms=terms)
        >>> simulate(problem, [law]).verdicts[0].outcome
        'conserved'
    """
    began = perf_counter()
    moves = as_dynamics(dynamics)
    _check(problem, laws, seed)
    check_flow(problem, stepwise=moves.stepwise, name=moves.name, decay=moves.decay)
    seed = int(seed)  # NumPy's integers are no JSON
    kind = augment or ("full" if problem.symmetric else "none")
    _check_augment(problem, moves, kind)
    if length is not None:
        require_number("length", length, above=0.0)
    require_number("scale", scale, above=0.0)
    streams = [np.random.default_rng([seed, k]) for k in range(4)]
    if isinstance(data, str):
        data = make_dataset(problem, data, samples=samples, rng=streams[0])
    check_dataset(problem, data)
    objective = make_objective(problem, data, kind, np.random.default_rng([seed, 4]))
    theta = initial(problem.network, streams[1], scale) if start is None else _start(problem, start)
    if not moves.stepwise:
        objective = followed(objective)
        theta = objective.begin(theta, streams[1])
    kept = tuple(laws)
    runs: list[tuple[Recorder, Trajectory]] = []
    recorder = Recorder(theta, problem.network.size)
    accounts = Accounts(kept, moves)

    def result(verdicts: tuple[Verdict, ...], complete: bool) -> Simulation:
        main = runs[0][1] if runs else _trajectory(objective, recorder, moves, kept)
        return Simulation(
            problem,
            moves,
            data,
            kind,
            objective.route,
            seed,
            main,
            tuple(run for _, run in runs[1:]),
            verdicts,
            perf_counter() - began,
            complete,
        )

    try:
        with threads_for(problem.network.size), np.errstate(all="ignore"):
            shuffle = [seed, 2]  # every accuracy meets the same minibatches
            moves.run(
                objective,
                theta,
                recorder,
                rng=np.random.default_rng(shuffle),
                audit=accounts.add,
                length=length,
                watch=_named(progress, "run"),
            )
            accounts.close()
            runs.append((recorder, _trajectory(objective, recorder, moves, kept)))
            course = runs[0][1]
            main = Main(moves.planned, float(course.times[-1]), course.complete)
            for rung in moves.ladder() if ladder and kept else ():
                other = Recorder(theta, problem.network.size)
                rung.run(
                    objective,
                    theta,
                    other,
                    rng=np.random.default_rng(shuffle),
                    length=length,
                    watch=_named(progress, "{} {:g}".format(*rung.setting)),
                    main=main,
                )
                runs.append((other, _trajectory(objective, other, rung, kept)))
            average = _average(problem, data, objective)
            found = judge(objective, average, runs, kept, streams[3], scale)
            verdicts = tuple(found.verdict(k, law, accounts) for k, law in enumerate(kept))
    except KeyboardInterrupt:
        if on_interrupt is not None:
            recorder.close()
            words = "the run was interrupted"
            on_interrupt(result(tuple(Verdict(law, "not tested", words) for law in kept), False))
        raise
    return result(verdicts, True)


def _trajectory(
    objective: Objective, recorder: Recorder, dynamics: Dynamics, laws: Sequence[Law]
) -> Trajectory:
    rows = recorder.rows
    thetas = np.stack([row.theta for row in rows])
    chunks = [thetas[k : k + _CHUNK] for k in range(0, len(thetas), _CHUNK)]
    with np.errstate(all="ignore"):
        losses = np.concatenate([objective.value(chunk) for chunk in chunks])
        values = tuple(law_values(law, thetas) for law in laws)
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
    )


def _average(problem: Problem, data: Dataset, objective: Objective) -> Objective | None:
    """What a law is to be tangent to away from the run: the exact average, where there is one."""
    if not objective.moving:
        return objective
    try:
        return make_objective(problem, data, "full", np.random.default_rng(0))
    except ConservedError:
        return None


def _check(problem: Problem, laws: Sequence[Law], seed: int) -> None:
    if not isinstance(problem, Problem):
        raise InputError("problem", repr(problem), "give a conserved.Problem")
    if not isinstance(laws, Sequence):
        raise InputError("laws", laws, "give a list of laws, such as analyze(…).laws")
    layout = problem.state
    for law in laws:
        if not isinstance(law, Law):
            raise InputError("laws", law, "give laws such as law.GramLaw(…) or analyze(…).laws")
        if law.layout != layout:
            advice = f"speaks of other parameters than {problem.network.spec} has"
            raise InputError("laws", law.text, advice)
    if not is_whole(seed) or seed < 0:
        raise InputError("seed", seed, "give a whole number from 0")


def _check_augment(problem: Problem, dynamics: Dynamics, augment: str) -> None:
    if augment not in ("full", "random", "none"):
        raise InputError("augment", augment, "known: full, random, none")
    if augment == "random" and not dynamics.stepwise:
        raise InputError("augment", augment, "needs steps: take gd or sgd, or full augmentation")
    if augment == "random" and dynamics.looks_twice:
        raise InputError("augment", augment, f"moves data between the two looks of {dynamics.name}")
    if augment == "random" and not problem.symmetric:
        raise InputError("augment", augment, "needs a symmetry of the data; name one")


def _start(problem: Problem, start: Array) -> Array:
    advice = f"give {problem.network.size} finite numbers"
    try:
        theta = np.asarray(start, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("start", start, advice) from error
    if theta.shape != (problem.network.size,) or not np.isfinite(theta).all():
        raise InputError("start", f"shape {theta.shape}", advice)
    return theta.copy()


def _named(progress: Progress | None, stage: str) -> Callable[[float], None] | None:
    return None if progress is None else lambda share: progress(stage, share)
