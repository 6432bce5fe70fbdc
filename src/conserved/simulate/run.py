"""``simulate``: data, loss, dynamics and laws in; trajectory and verdicts out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.errors import InputError, is_whole
from conserved.kernel.scalars import Array
from conserved.law import Law
from conserved.problem import Problem
from conserved.simulate.data import Augment, Dataset, check_dataset, initial, make_dataset
from conserved.simulate.diffusion import Diffusion, check_seeds
from conserved.simulate.dynamics import Dynamics, as_dynamics, require_number
from conserved.simulate.experiment import Experiment, Progress
from conserved.simulate.motion import check_flow
from conserved.simulate.record import Simulation, Verdict


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
        >>> law = GramLaw(layout=problem.state, terms=terms)
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
    theta = initial(problem.network, streams[1], scale) if start is None else _start(problem, start)
    made = Experiment(
        problem, tuple(laws), moves, data, kind, theta, seed, streams[1], length, progress
    )
    if seeds is not None:
        check_seeds(seeds, made.due, kind)

    def result(
        verdicts: tuple[Verdict, ...], complete: bool, spread: tuple[Diffusion, ...] = ()
    ) -> Simulation:
        main = made.runs[0][1] if made.runs else made.trajectory(made.recorder, moves)
        return Simulation(
            problem,
            moves,
            data,
            kind,
            made.objective.route,
            seed,
            main,
            tuple(run for _, run in made.runs[1:]),
            verdicts,
            perf_counter() - began,
            complete,
            spread,
        )

    try:
        with threads_for(problem.network.size), np.errstate(all="ignore"):
            made.run()
            if ladder:
                made.repeat()
            verdicts = made.verdicts(streams[3], scale)
            spread = made.spread(seeds)
    except KeyboardInterrupt:
        if on_interrupt is not None:
            made.recorder.close()
            words = "the run was interrupted"
            on_interrupt(
                result(tuple(Verdict(law, "not tested", words) for law in made.laws), False)
            )
        raise
    return result(verdicts, True, spread)


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
