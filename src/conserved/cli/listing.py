"""``conserved list``: the names the grammar knows, from the same tables that parse them."""

from __future__ import annotations

import json

import click


@click.command("list")
@click.argument("kind", type=click.Choice(["networks", "symmetries", "losses", "flows"]))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_names(kind: str, as_json: bool) -> None:
    """List networks, symmetries, losses or flows, with their grammar."""
    rows = _rows(kind)
    if as_json:
        objects = [{"usage": usage, "meaning": meaning} for usage, meaning in rows]
        click.echo(json.dumps(objects, ensure_ascii=False))
        return
    width = max(len(usage) for usage, _ in rows)
    for usage, meaning in rows:
        click.echo(f"{usage:<{width}}  {meaning}".rstrip())


def _rows(kind: str) -> list[tuple[str, str]]:
    from conserved.flows import FLOWS
    from conserved.losses import LOSSES
    from conserved.networks import FAMILIES
    from conserved.symmetry import SYMMETRIES

    if kind == "networks":
        return [(f.usage, f"{f.formula}   e.g. {f.example}") for f in FAMILIES.values()]
    if kind == "symmetries":
        return [(s.usage, s.summary) for s in SYMMETRIES.values()]
    if kind == "losses":
        return [(loss.usage, loss.formula) for loss in LOSSES.values()]
    return [(flow.name, flow.formula) for flow in FLOWS.values()]
