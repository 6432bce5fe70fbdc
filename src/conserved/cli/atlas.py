"""``conserved atlas``: the question asked many times, and the answers as a map."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

import click

from conserved.cli.command import Command
from conserved.cli.outside import INTERRUPTED, on_terminal, show, show_json, tell
from conserved.errors import naming

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ALL_SURE = 0
SOME_MARKED = 3
_NETWORKS = ("poly:2-1-1,power={2,3,4}",)
_SYMMETRIES = ("rotation:{2..16}",)
_LOSSES = ("poly:{2..6}",)


@click.command(cls=Command, also={"path": "results"})
@click.argument("results", metavar="RESULTS.sqlite", type=click.Path())
@click.option("--network", multiple=True, default=_NETWORKS, show_default=True, metavar="PATTERN")
@click.option(
    "--symmetry", multiple=True, default=_SYMMETRIES, show_default=True, metavar="PATTERN"
)
@click.option("--loss", multiple=True, default=_LOSSES, show_default=True, metavar="PATTERN")
@click.option(
    "--labels", multiple=True, default=("invariant",), show_default=True, metavar="PATTERN"
)
@click.option("--seed", type=int, default=0, show_default=True, help="An integer ≥ 0.")
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes.")
@click.option("--budget", type=float, metavar="SECONDS", help="Stop each closure after so long.")
@click.option("--scheduler", metavar="ADDRESS", help="A running Dask scheduler, tcp://host:port.")
@click.option("--retry", is_flag=True, help="Compute again what had failed.")
@click.option("--figure", metavar="FILE.png", type=click.Path(), help="Draw the map, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def atlas(
    results: str,
    network: Sequence[str],
    symmetry: Sequence[str],
    loss: Sequence[str],
    labels: Sequence[str],
    seed: int,
    jobs: int,
    budget: float | None,
    scheduler: str | None,
    retry: bool,
    figure: str | None,
    as_json: bool,
) -> int:
    """Map how many laws data symmetry adds, over network × symmetry × loss × labels.

    PATTERN is a text of `conserved analyze` with braces: {a,b} and {2..16}. The options may be
    repeated. RESULTS.sqlite keeps every result: run again to go on, or to add to it. Exit status:
    0 every bound is closed and proved, 3 some cells are marked, 2 unusable input.
    """
    from conserved.atlas import cases, draw, expand_all, heat_map, sweep
    from conserved.atlas.figure import require_figure

    wanted = cases(
        expand_all(network, "--network"),
        expand_all(loss, "--loss"),
        expand_all(symmetry, "--symmetry"),
        expand_all(labels, "--labels"),
    )
    if figure is not None:
        with naming({"path": "--figure"}):
            require_figure(figure)
    with _progress() as progress:
        try:
            found = sweep(
                wanted,
                results,
                seed=seed,
                jobs=jobs,
                budget=budget,
                scheduler=scheduler,
                retry=retry,
                progress=progress,
            )
        except KeyboardInterrupt:
            tell(f"conserved: interrupted; {progress.words(results)}")
            return INTERRUPTED
    if as_json:
        show_json(found.to_json())
    else:
        show(heat_map(found))
    tell(progress.words(results))
    if figure is not None:
        with naming({"path": "--figure"}):
            draw(found, figure)
    return ALL_SURE if all(cell.sure for cell in found.cells) else SOME_MARKED


class _Progress:
    """Counts what is done, and shows it where there is a terminal."""

    def __init__(self) -> None:
        self.found: int | None = None  # already in the file
        self.done = self.all = 0
        self.start = perf_counter()

    def __call__(self, done: int, everything: int) -> None:
        if self.found is None:
            self.found = done
        self.done, self.all = done, everything

    def words(self, results: str) -> str:
        """One line: what was computed, what was there, what is left."""
        if self.found is None:
            return "nothing computed yet"
        new, left = self.done - self.found, self.all - self.done
        seconds = perf_counter() - self.start
        text = f"{new:,} computed in {seconds:.1f} s, {self.found:,} already in {results}"
        return f"{text}, {left:,} left; the same command goes on" if left else text


class _Bar(_Progress):
    """The same with a bar on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        super().__init__()
        columns = ("closures", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self.task = self.bar.add_task("", total=None)

    def __call__(self, done: int, everything: int) -> None:
        super().__call__(done, everything)
        self.bar.update(self.task, completed=done, total=everything)


@contextmanager
def _progress() -> Iterator[_Progress]:
    if not on_terminal():
        yield _Progress()
        return
    progress = _Bar()
    with progress.bar:
        yield progress
