"""``conserved watch``: the log of a training run as a live page, an offline file, or text."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conserved.cli.command import Command
from conserved.cli.outside import on_terminal, require_writable, show, show_json, tell
from conserved.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conserved.monitor import Run

HOLD = 0
VIOLATED = 3


@click.command(cls=Command, also={"log": "RUN.jsonl"})
@click.argument("run", metavar="RUN.jsonl", type=click.Path())
@click.option("--report", metavar="FILE.html", type=click.Path(), help="Write one offline file.")
@click.option("--text", is_flag=True, help="Print the verdicts; so does a pipe.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--port", type=int, metavar="N", help="Port of the live page; a free one by default.")
@click.option("--open", "opened", is_flag=True, help="Open the live page in a browser.")
def watch(
    run: str, report: str | None, text: bool, as_json: bool, port: int | None, opened: bool
) -> int:
    """Show RUN.jsonl, a log that cq.watch(…, log=FILE) writes or has written.

    On a terminal: a page that follows the run, on this machine alone; the address has a secret in
    it. Exit status of the others: 0 no law is violated, 3 one is, 2 unusable input.
    """
    from conserved.monitor import Run

    if port is not None and not 0 <= port < 1 << 16:
        raise InputError("--port", port, "a port is 0 … 65535")
    require_writable(report=report)
    path = Path(run)
    if report is not None and path.exists() and Path(report).resolve() == path.resolve():
        raise InputError("--report", report, "is the log itself; name another file")
    served = port is not None or opened
    if (report or text or as_json) and served:
        raise InputError("--port" if port is not None else "--open", "", "goes with the live page")
    if not (report or text or as_json) and (served or _seen()):
        return _serve(Run(path), port or 0, opened)
    with _read(Run(path)) as whole:
        return _told(whole, report, text, as_json)


def _seen() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _serve(run: Run, port: int, opened: bool) -> int:
    from conserved.monitor import Live

    try:
        live = Live(run, port)
    except InputError:
        run.close()
        raise
    click.echo(live.address)  # in one piece, however narrow the terminal
    sys.stdout.flush()  # a pipe is read while we go on
    tell("Ctrl-C ends it.")
    if opened:
        click.launch(live.address)
    try:
        live.serve()
    except KeyboardInterrupt:
        tell("")
    return HOLD


@contextmanager
def _read(run: Run) -> Iterator[Run]:
    """The whole log, with a bar on stderr where that takes long and somebody watches."""
    try:
        if not on_terminal():
            run.update()
        elif run.update(1.0):
            from rich.console import Console
            from rich.progress import Progress

            with Progress(console=Console(stderr=True), transient=True) as bar:
                task = bar.add_task("reading", total=1.0)
                while run.update(0.5):
                    bar.update(task, completed=run.share)
        if run.fault:
            raise InputError("RUN.jsonl", str(run.path), run.fault)
        yield run
    finally:
        run.close()


def _told(run: Run, report: str | None, text: bool, as_json: bool) -> int:
    from conserved.monitor import summary, summary_json, write_offline

    told = summary_json(run)
    if as_json:
        show_json(told)
    elif text or report is None:
        show(summary(run))
    if report is not None:
        write_offline(run, report)
        tell(f"report: {report}")
    return VIOLATED if told["count"]["violated"] else HOLD
