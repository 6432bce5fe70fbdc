"""``conserved list``: the names the grammar knows, from the same tables that parse them."""

from __future__ import annotations

import click

from conserved.cli.command import Command
from conserved.cli.outside import show, show_json


@click.command("list", cls=Command)
@click.argument("kind", type=click.Choice(["networks", "symmetries", "losses", "flows"]))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_names(kind: str, as_json: bool) -> None:
    """List networks, symmetries, losses or flows, with their grammar."""
    rows = _rows(kind)
    if as_json:
        objects = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        show_json(objects)
        return
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        show("  ".join(cells).rstrip())


_COLUMNS = ("example", "meaning", "grammar")


def _rows(kind: str) -> list[tuple[str, str, str]]:
    """(an example that works, what it means, its grammar) for every name of a kind."""
    from conserved.dynamics import FLOWS
    from conserved.losses import LOSSES
    from conserved.networks import FAMILIES
    from conserved.symmetry import SYMMETRIES

    if kind == "networks":
        return [(f.example, f.formula, f.usage) for f in FAMILIES.values()]
    if kind == "symmetries":
        return [(s.example, s.summary, s.usage) for s in SYMMETRIES.values()]
    if kind == "losses":
        return [(loss.example, loss.formula, loss.usage) for loss in LOSSES.values()]
    return [(flow.example, flow.formula, flow.usage) for flow in FLOWS.values()]
