"""``conserved analyze``: the main question, asked from the shell."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import click

from conserved.cli.command import Command
from conserved.cli.module import Given, module_options
from conserved.cli.outside import (
    INTERRUPTED,
    interruptible,
    on_terminal,
    require_writable,
    show,
    show_json,
    tell,
)
from conserved.errors import InputError, RankLimitError, naming

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conserved.analysis import Analysis, Count
    from conserved.closure import AtStart
    from conserved.closure import Progress as Report
    from conserved.problem import Problem

CERTIFIED = 0
BOUNDS_DIFFER = 3
LONG_RUN = 2.0  # seconds; beyond that the estimate is printed first


@click.command(cls=Command, also={"data": "--symmetry"})
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
    help="How labels transform: invariant, equivariant, sign, or file.",
)
@click.option(
    "--inputs", metavar="one-hot|FILE|subspace:FILE", help="Only these inputs, with any labels."
)
@click.option(
    "--samples", metavar="FILE", help="Only these samples, label columns last, any weights."
)
@click.option("--autoencoding", is_flag=True, help="Every input is its own label.")
@click.option(
    "--flow",
    default="gradient",
    show_default=True,
    help="How parameters move; see conserved list flows.",
)
@module_options()
@click.option(
    "--blocks",
    is_flag=True,
    help="Laws of a whole model too large for an exact rank: no upper bound.",
)
@click.option(
    "--start", metavar="FILE.npz|zeros:NAME", help="Also the rank at this θ, as information."
)
@click.option("--degree", type=int, metavar="N", help="Try polynomial laws up to degree N.")
@click.option("--no-laws", is_flag=True, help="Count only: no search for laws, no reasons.")
@click.option(
    "--budget",
    type=float,
    metavar="SECONDS",
    help="Stop after so long, with what is known; certificate and report come after it.",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    metavar="cpu|cuda[:N]",
    help="Where large matrix products run; the answer is the same.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="An integer ≥ 0.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--certificate", metavar="FILE", type=click.Path(), help="Write a certificate.")
@click.option("--report", metavar="FILE.html", type=click.Path(), help="Write a report.")
def analyze(
    network: str,
    loss: str,
    symmetry: str,
    labels: str,
    inputs: str | None,
    samples: str | None,
    autoencoding: bool,
    flow: str,
    input_shape: str | None,
    tokens: int | None,
    output: str | None,
    batch: int | None,
    blocks: bool,
    start: str | None,
    degree: int | None,
    no_laws: bool,
    budget: float | None,
    device: str,
    seed: int,
    as_json: bool,
    certificate: str | None,
    report: str | None,
) -> int:
    """Count the conservation laws of NETWORK, e.g. linear:4-2-1.

    NETWORK is a family and its sizes (see: conserved list networks), or code of yours that makes
    one, or a PyTorch module: path/to/file.py:factory or package.module:factory. The file is run.
    Exit status: 0 the count is certified, 3 the two bounds differ, 2 unusable input, 130
    interrupted (Ctrl-C prints what is known by then; no certificate or report is written).
    """
    from conserved.analysis import analyze as run
    from conserved.cli.factory import network_of
    from conserved.cli.text import analysis_text
    from conserved.kernel.deadline import within
    from conserved.problem import Problem

    given = Given(input_shape, batch, tokens, output)
    if blocks:
        refused = {"--symmetry": symmetry != "none", "--labels": labels != "invariant"}
        refused |= {"--flow": flow != "gradient", "--degree": degree is not None}
        refused |= {"--inputs": inputs is not None, "--samples": samples is not None}
        refused |= {"--autoencoding": autoencoding, "--start": start is not None}
        refused |= {"--certificate": certificate is not None, "--device": device != "cpu"}
        require_writable(report=report)
        return _blocks(network, given, loss, seed, budget, as_json, report, refused)
    problem = Problem.around(
        network_of(network, given),
        loss=loss,
        symmetry=symmetry,
        labels=labels,
        flow=flow,
        inputs=inputs,
        samples=samples,
        autoencoding=autoencoding,
    )
    require_writable(certificate=certificate, report=report)
    _announce(problem, laws=not no_laws)
    with interruptible() as stop, within(budget):
        with _progress() as progress:
            analysis = run(
                problem,
                seed=seed,
                laws=not no_laws,
                degree=degree,
                progress=progress,
                device=device,
            )
        without = _without_eps(analysis)
        there = None if start is None else _at_start(analysis, start)
    if as_json:
        told = {**analysis.to_json(), **_of_module(analysis, without)}
        told |= {} if there is None else {"start": there.to_json()}
        show_json(told)
    else:
        show(analysis_text(analysis, without))
        if there is not None:
            show(f"Start {there.source}: {there.words}.")
    if stop.asked:
        return INTERRUPTED
    if certificate is not None:
        with naming({"path": "--certificate"}):
            analysis.certificate.save(certificate)
        tell(f"certificate: {certificate}; conserved check {certificate}")
    if report is not None:
        _report(analysis, report)
    return CERTIFIED if analysis.count.certified else BOUNDS_DIFFER


def _blocks(
    network: str,
    given: Given,
    loss: str,
    seed: int,
    budget: float | None,
    as_json: bool,
    report: str | None,
    refused: dict[str, bool],
) -> int:
    """Laws of a whole model, one pattern a line."""
    from conserved.cli.factory import blocks_of

    for option, used in refused.items():
        if used:
            advice = "goes with an exact count; block laws are of gradient flow on all data"
            raise InputError(option, "", advice)
    if seed < 0:
        raise InputError("--seed", seed, "a seed is an integer ≥ 0")
    with interruptible() as stop:
        found = blocks_of(network, given, loss, seed, budget)
    if as_json:
        show_json(found.to_json())
    else:
        show(found.text())
    if stop.asked:
        return INTERRUPTED
    if report is not None:
        from conserved.report import write_model_report

        with naming({"path": "--report"}):
            write_model_report(found, report, command=_typed())
        tell(f"report: {report}")
    return BOUNDS_DIFFER


def _typed() -> str:
    """The command line that we were started with."""
    return shlex.join(["conserved", *click.get_current_context().obj])


def _without_eps(analysis: Analysis) -> Count | None:
    """How many laws there are when the eps of a module's norms go to 0."""
    from conserved.analysis import analyze as run
    from conserved.kernel.deadline import ended_by, late
    from conserved.networks.torch import TorchNetwork

    network = analysis.problem.network
    if not isinstance(network, TorchNetwork) or network.without_eps is None:
        return None
    if late():
        tell(f"{ended_by()} before laws for eps → 0 were counted")
        return None
    problem = replace(analysis.problem, network=network.without_eps)
    return run(problem, seed=analysis.seed, laws=analysis.searched).count


def _at_start(analysis: Analysis, start: str) -> AtStart | None:
    """The rank at a given θ, if there is time."""
    from conserved.closure import rank_at
    from conserved.kernel.deadline import OutOfTimeError, check_time, ended_by

    try:
        check_time()
        return rank_at(analysis.problem, start, analysis.closure, seed=analysis.seed)
    except OutOfTimeError:
        tell(f"{ended_by()} before the rank at {start} was known")
        return None


def _of_module(analysis: Analysis, without: Count | None) -> dict[str, Any]:
    """What the JSON says of a PyTorch module besides."""
    from conserved.networks.torch import TorchNetwork

    network = analysis.problem.network
    if not isinstance(network, TorchNetwork):
        return {}
    of_eps = {} if without is None else {"without_eps": without.to_json()}
    return {"constants": list(network.notes), **of_eps}


def _report(analysis: Analysis, path: str) -> None:
    """Watch the laws along two short runs, and write all of it as one page."""
    from conserved.report import watch, write_report

    runs = watch(analysis, seed=analysis.seed, told=lambda line: tell(line))
    certificate = None
    if analysis.closure.ranks:
        try:
            certificate = analysis.certificate.to_json()
        except InputError as error:
            tell(f"no certificate in the report: {error}")
    line = _typed()
    with naming({"path": "--report"}):
        write_report(analysis, path, runs, certificate, command=line)
    tell(f"report: {path}")


def _announce(problem: Problem, *, laws: bool) -> None:
    """Say on stderr what a long run will take; what cannot be run is refused by the run itself."""
    from conserved.closure.cost import estimate
    from conserved.search import unknowns_of

    try:
        cost = estimate(problem)
    except RankLimitError:
        if not laws:
            return
        unknowns = unknowns_of(problem)
        tell(f"no exact rank; laws with {unknowns:,} unknown coefficients")
        return
    if cost.seconds > LONG_RUN:
        tell(f"estimate: {cost}")


@contextmanager
def _progress() -> Iterator[Report | None]:
    """A bar on stderr, when that is a terminal and the run is not over at once."""
    if not on_terminal():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("rank {task.completed}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("", total=None)
    start = perf_counter()

    def report(stage: str, rank: int, dimension: int) -> None:
        bar.update(task, description=stage, completed=rank, total=dimension)
        if perf_counter() - start > LONG_RUN:
            bar.start()

    try:
        yield report
    finally:
        bar.stop()
