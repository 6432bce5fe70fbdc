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
from conserved.simulate.breaking import Balance, Breaking, averaged, due_to_symmetry
from conserved.simulate.data import Augment, Dataset, check_dataset, initial, make_dataset
from conserved.simulate.diffusion import Diffusion, check_seeds, diffusion
from conserved.simulate.dynamics import Dynamics, as_dynamics, require_number
from conserved.simulate.judging import judge
from conserved.simulate.ledger import DriftPredictions
from conserved.simulate.motion import check_flow, followed
from conserved.simulate.objective import Chosen, Objective, make_objective
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
    seeds: int | None = None,
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
        seeds: of the augmentation, over which laws due to the symmetry are watched diffuse, beside
            what is predicted; with augment "random".
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
    kept = tuple(laws)
    full = averaged(problem, data, kind)
    due = due_to_symmetry(problem, kept, moves) if full is not None else ()
    if seeds is not None:
        check_seeds(seeds, due, kind)
    balance = Balance(full if moves.stepwise else None, {k: kept[k] for k in due}, moves)
    path = objective
    if not moves.stepwise:
        path = objective = followed(objective)
        if full is not None and due:
            path = Breaking(objective, full, [kept[k] for k in due])
        theta = path.begin(theta, streams[1])
    runs: list[tuple[Recorder, Trajectory]] = []
    recorder = Recorder(theta, problem.network.size)
    predictions = DriftPredictions(kept, moves)

    def result(
        verdicts: tuple[Verdict, ...], complete: bool, spread: tuple[Diffusion, ...] = ()
    ) -> Simulation:
        main = runs[0][1] if runs else _trajectory(path, recorder, moves, kept, due)
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
            spread,
        )

    try:
        with threads_for(problem.network.size), np.errstate(all="ignore"):
            shuffle = [seed, 2]  # every accuracy meets the same minibatches

            def audit(
                at: Array,
                along: Array,
                to: Array,
                carried: Array,
                chosen: Chosen,
            ) -> None:
                predictions.add(at, along, to, carried)
                balance.add(at, to, chosen)

            moves.run(
                path,
                theta,
                recorder,
                rng=np.random.default_rng(shuffle),
                audit=audit,
                length=length,
                watch=_named(progress, "run"),
            )
            predictions.close()
            runs.append((recorder, _trajectory(path, recorder, moves, kept, due)))
            course = runs[0][1]
            main = Main(moves.planned, float(course.times[-1]), course.complete)
            for rung in moves.ladder() if ladder and kept else ():
                other = Recorder(theta, problem.network.size)
                rung.run(
                    path,
                    theta,
                    other,
                    rng=np.random.default_rng(shuffle),
                    length=length,
                    watch=_named(progress, "{} {:g}".format(*rung.setting)),
                    main=main,
                )
                runs.append((other, _trajectory(path, other, rung, kept, due)))
            average = full if due else _average(problem, data, objective)
            found = judge(objective, average, runs, kept, streams[3], scale, balance)
            verdicts = tuple(found.verdict(k, law, predictions) for k, law in enumerate(kept))
            spread: tuple[Diffusion, ...] = ()
            if seeds is not None and full is not None:
                spread = diffusion(
                    full,
                    [kept[k] for k in due],
                    moves,
                    theta,
                    seeds=seeds,
                    seed=seed,
                    watch=_named(progress, "seeds"),
                )
    except KeyboardInterrupt:
        if on_interrupt is not None:
            recorder.close()
            words = "the run was interrupted"
            on_interrupt(result(tuple(Verdict(law, "not tested", words) for law in kept), False))
        raise
    return result(verdicts, True, spread)


def _trajectory(
    objective: Objective,
    recorder: Recorder,
    dynamics: Dynamics,
    laws: Sequence[Law],
    due: Sequence[int],
) -> Trajectory:
    rows = recorder.rows
    states = np.stack([row.theta for row in rows])
    thetas = states[:, : objective.problem.state.size]
    told: dict[int, Array] = dict(zip(due, objective.split(states), strict=False))
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
        tuple(told.get(number) for number in range(len(laws))),
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
