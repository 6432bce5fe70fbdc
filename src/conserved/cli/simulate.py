"""``conserved simulate``: train, and watch the laws."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from conserved.cli.command import Command
from conserved.cli.module import Given, module_options
from conserved.cli.outside import on_terminal, require_writable, show, show_json, tell
from conserved.errors import ConservedError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conserved.law import Law
    from conserved.problem import Problem
    from conserved.simulate.dynamics import Dynamics
    from conserved.simulate.experiment import Progress as Report
    from conserved.simulate.record import Simulation

ALL_HOLD = 0
SOME_DO_NOT = 3
LONG_RUN = 2.0  # seconds before a bar appears
LAW_BUDGET = 30.0  # seconds of the analysis: laws are wanted here, not their count
_FILE_BYTES = 64 * 2**20
# what the settings of the dynamics are called here
_OPTIONS = {
    "time": "--time",
    "rtol": "--rtol",
    "rate": "--lr",
    "steps": "--steps",
    "momentum": "--momentum",
    "dampening": "--dampening",
    "nesterov": "--nesterov",
    "radius": "--radius",
    "decay": "--weight-decay",
    "size": "--batch",
}


@click.command(cls=Command, also={**_OPTIONS, "laws": "--law"})
@click.argument("network")
@click.option("--loss", default="mse", show_default=True, help="Loss; see conserved list losses.")
@click.option(
    "--symmetry",
    default="none",
    show_default=True,
    help="Group that data are closed under; see conserved list symmetries.",
)
@click.option(
    "--labels",
    default="invariant",
    show_default=True,
    help="How labels transform: invariant, equivariant or sign.",
)
@module_options(batch=False, output=False)
@click.option(
    "--flow",
    default="gradient",
    show_default=True,
    help="Whose laws to watch; see conserved list flows.",
)
@click.option(
    "--dynamics",
    default="flow",
    show_default=True,
    metavar="NAME",
    help="flow; or steps: gd, sgd, momentum, adam, adamw, sign, muon, sam.",
)
@click.option("--time", type=float, help="How long to follow the flow.  [default: 10]")
@click.option("--rtol", type=float, help="Tolerance of the solver.  [default: 1e-13]")
@click.option("--lr", type=float, help="The size of a step.  [default: 0.01]")
@click.option("--steps", type=int, help="How many steps.  [default: 1000]")
@click.option("--momentum", type=float, help="μ.  [default: 0.9; 0.95 for muon]")
@click.option("--dampening", type=float, help="δ of momentum.  [default: 0]")
@click.option("--nesterov", is_flag=True, default=None, help="Momentum that looks ahead.")
@click.option("--radius", type=float, help="ρ of sam.  [default: 0.05]")
@click.option("--weight-decay", type=float, help="λ.  [default: 0]")
@click.option("--batch", type=int, help="Data in a minibatch.  [default: 8 for sgd, else all]")
@click.option(
    "--data",
    default="teacher",
    show_default=True,
    help="teacher, random, digits, fashion-mnist, FILE.csv or FILE.npz.",
)
@click.option("--samples", type=int, help="How many data.  [default: 32; all of a file]")
@click.option(
    "--augment",
    type=click.Choice(["full", "random", "none"]),
    help="Average over the group, or move data at random.  [default: full]",
)
@click.option("--seeds", type=int, help="Watch the spread over so many random augmentations.")
@click.option(
    "--scale",
    type=float,
    default=1.0,
    show_default=True,
    help="Size of the random parameters at the start.",
)
@click.option("--length", type=float, help="Stop when the path of the parameters is as long.")
@click.option("--law", metavar="FILE.json", help="Watch these laws, not those of the analysis.")
@click.option("--seed", type=int, default=0, show_default=True, help="An integer ≥ 0.")
@click.option("--output", metavar="FILE.json", help="Write the record, also when interrupted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def simulate(
    network: str,
    loss: str,
    symmetry: str,
    labels: str,
    input_shape: str | None,
    tokens: int | None,
    flow: str,
    dynamics: str,
    data: str,
    samples: int | None,
    augment: str | None,
    seeds: int | None,
    scale: float,
    length: float | None,
    law: str | None,
    seed: int,
    output: str | None,
    as_json: bool,
    time: float | None,
    rtol: float | None,
    lr: float | None,
    steps: int | None,
    momentum: float | None,
    dampening: float | None,
    nesterov: bool | None,
    radius: float | None,
    weight_decay: float | None,
    batch: int | None,
) -> int:
    """Train NETWORK and say of each law whether it holds.

    Exit status: 0 every law was tested and none is violated, 3 some law is violated or not
    tested, 2 unusable input, 130 interrupted.
    """
    from conserved.cli.factory import network_of
    from conserved.cli.simulation_text import simulation_text
    from conserved.problem import Problem
    from conserved.simulate.motion import check_flow
    from conserved.simulate.run import simulate as run

    built = network_of(network, Given(input_shape, tokens=tokens))
    problem = Problem.around(built, loss=loss, symmetry=symmetry, labels=labels, flow=flow)
    settings = {
        "time": time,
        "rtol": rtol,
        "rate": lr,
        "steps": steps,
        "momentum": momentum,
        "dampening": dampening,
        "nesterov": nesterov,
        "radius": radius,
        "decay": weight_decay,
        "size": batch,
    }
    moves = _dynamics(dynamics, settings)
    check_flow(problem, stepwise=moves.stepwise, name=moves.name, decay=moves.decay)
    require_writable(output=output)
    given = None if law is None else _laws_from_file(problem, law)

    def save(partial: Simulation) -> None:
        if output is not None:
            _write(partial, output)
            tell(f"conserved: partial record in {output}")
        elif as_json:
            show_json(partial.to_json())

    with _progress() as progress:
        laws = _known_laws(problem, seed, progress) if given is None else given
        simulation = run(
            problem,
            laws,
            dynamics=moves,
            data=data,
            augment=augment,  # type: ignore[arg-type]
            samples=samples,
            scale=scale,
            length=length,
            seeds=seeds,
            seed=seed,
            progress=progress,
            on_interrupt=save,
        )
    if output is not None:
        _write(simulation, output)
    if as_json:
        show_json(simulation.to_json())
    else:
        show(simulation_text(simulation))
    return ALL_HOLD if simulation.holds else SOME_DO_NOT


def _dynamics(name: str, settings: dict[str, float | int | bool | None]) -> Dynamics:
    """The dynamics asked for; a setting of another one is refused."""
    from conserved.simulate.dynamics import DYNAMICS, make_dynamics

    if name not in DYNAMICS:
        make_dynamics(name)
    known = [_OPTIONS[key] for key in DYNAMICS[name].__dataclass_fields__ if key in _OPTIONS]
    for key, value in settings.items():
        if value is not None and _OPTIONS[key] not in known:
            advice = f"{name} does not take it; it takes {', '.join(known)}"
            raise InputError(_OPTIONS[key], value, advice)
    return make_dynamics(name, **settings)


def _known_laws(problem: Problem, seed: int, progress: Report | None) -> tuple[Law, ...]:
    """What the analysis finds; what it did not look for is said on stderr, not passed over."""
    from conserved.analysis import analyze

    def report(stage: str, done: int, of: int) -> None:
        if progress is not None:
            progress(stage, done / max(of, 1))

    found = analyze(problem, seed=seed, budget=LAW_BUDGET, progress=report)
    if found.notes:
        notes = "; ".join(found.notes)
        tell(f"conserved: there may be more laws: {notes}; --law FILE names others")
    return found.laws


def _laws_from_file(problem: Problem, name: str) -> tuple[Law, ...]:
    """Laws from the JSON of an analysis, a list of laws, or one law."""
    from conserved.law import law_from_json

    path = Path(name)
    try:
        with path.open("rb") as file:  # a pipe or a device does not say how much is coming
            content = file.read(_FILE_BYTES + 1)
        if len(content) > _FILE_BYTES:
            raise InputError("--law", name, "larger than 64 MiB")
        found = json.loads(content.decode())
    except OSError as error:
        raise InputError("--law", name, error.strerror or "cannot be read") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, ConservedError):
            raise
        raise InputError("--law", name, "is no JSON") from error
    if isinstance(found, dict) and "laws" in found:
        found = found["laws"]
    items = found if isinstance(found, list) else [found]
    layout = problem.state
    try:
        return tuple(law_from_json(item, layout, f"laws[{k}]") for k, item in enumerate(items))
    except InputError as error:
        raise InputError("--law", name, f"{error.argument} {error.advice}") from error


def _write(simulation: Simulation, name: str) -> None:
    """Write the record in one piece."""
    from conserved.files import write_whole

    text = json.dumps(simulation.to_json(), ensure_ascii=False) + "\n"
    try:
        Path(name).resolve().parent.mkdir(parents=True, exist_ok=True)
        write_whole(name, text.encode())
    except OSError as error:
        raise InputError("--output", name, error.strerror or "cannot be written") from error


@contextmanager
def _progress() -> Iterator[Report | None]:
    """A bar on stderr, when that is a terminal and the run is not over at once."""
    if not on_terminal():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", total=1.0)
    start = perf_counter()

    def report(stage: str, share: float) -> None:
        bar.update(task, description=stage, completed=share)
        if perf_counter() - start > LONG_RUN:
            bar.start()

    try:
        yield report
    finally:
        bar.stop()
