"""``conserved data``: what a dataset fixes, before any training."""

from __future__ import annotations

import click

from conserved.cli.command import Command
from conserved.cli.outside import show, show_json


@click.command(cls=Command, also={"labels": "--label-columns"})
@click.argument("file")
@click.option("--network", metavar="NETWORK", help="Also count what it keeps on these data.")
@click.option("--loss", default="mse", show_default=True, help="Loss; see conserved list losses.")
@click.option("--symmetry", metavar="SYMMETRY", help="This group; by default all that fit.")
@click.option("--label-columns", type=int, metavar="N", help="The last N columns are labels.")
@click.option("--budget", type=float, metavar="SECONDS", help="As for conserved analyze.")
@click.option("--seed", type=int, default=0, show_default=True, help="An integer ≥ 0.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def data(
    file: str,
    network: str | None,
    loss: str,
    symmetry: str | None,
    label_columns: int | None,
    budget: float | None,
    seed: int,
    as_json: bool,
) -> None:
    """What the data in FILE fix: a CSV, NPY or NPZ file, one input a row, labels last.

    Features that are constant, zero or there twice, the exact rank, the groups under which the
    data are closed, and how far they are from the others; with a network, what it keeps.
    """
    from conserved.cli.factory import network_of
    from conserved.cli.survey_text import survey_text
    from conserved.data import read_table
    from conserved.dataset import survey
    from conserved.losses import parse_loss

    found = survey(
        read_table(file),
        None if network is None else network_of(network),
        loss=parse_loss(loss),
        symmetry=symmetry,
        labels=label_columns,
        seed=seed,
        budget=budget,
    )
    if as_json:
        show_json(found.to_json())
    else:
        show(survey_text(found))
