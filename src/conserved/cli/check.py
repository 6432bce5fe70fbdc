"""``conserved check``: a certificate proved again from its file."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from conserved.cli.command import Command
from conserved.cli.outside import on_terminal, show, show_json

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

STATUS = {"CERTIFIED": 0, "OPEN": 3, "REFUTED": 2}


@click.command(cls=Command, also={"path": "file"})
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("--seed", type=int, metavar="N", help="Draws the fresh points; random by default.")
@click.option("--budget", type=float, metavar="SECONDS", help="Give up after so long.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def check(file: str, seed: int | None, budget: float | None, as_json: bool) -> int:
    """Prove the certificate FILE again, from the file alone.

    Ranks are found again, laws tested on fresh random points mod random primes. Exit status: 0
    every count is certified, 3 valid but a count is an interval, 2 a statement is refuted (the last
    line says which) or the file is no certificate.
    """
    from conserved.certificate import check_file

    with _spinner():
        report = check_file(file, seed=seed, budget=budget)
    if as_json:
        show_json(report.to_json())
    else:
        show(report.text())
    return STATUS[report.status]


def _spinner() -> AbstractContextManager[object]:
    """Something that moves on stderr, when that is a terminal."""
    if not on_terminal():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status("checking")
