"""``conserved coverage``: what of a PyTorch module can be read."""

from __future__ import annotations

import click

from conserved.cli.command import Command
from conserved.cli.module import Given, module_options
from conserved.cli.outside import show, show_json

COMPLETE = 0
NOT_COMPLETE = 3


@click.command(cls=Command)
@click.argument("network", metavar="FILE:FACTORY")
@module_options()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def coverage(
    network: str,
    input_shape: str | None,
    tokens: int | None,
    output: str | None,
    batch: int | None,
    as_json: bool,
) -> int:
    """Say of every parameter of a PyTorch module what becomes of it.

    Covered, frozen, tied, unused, or unsupported with the operation. The file is run. Exit
    status: 0 all is covered, 3 an operation is not, 2 unusable input.
    """
    from conserved.cli.factory import coverage_of

    found = coverage_of(network, Given(input_shape, batch, tokens, output))
    if as_json:
        show_json(found.to_json())
    else:
        show(found.text())
    return COMPLETE if found.complete else NOT_COMPLETE
