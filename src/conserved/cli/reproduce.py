"""``conserved reproduce``: published figures and tables, measured again and judged."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from conserved.cli.command import Command
from conserved.cli.outside import on_terminal, show, show_json, tell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conserved.zoo import Reproduction

EVERY_CLAIM_HOLDS = 0
NOT_MEASURED = 2
SOME_CLAIM_FAILS = 3
FOLDER = "out/figures"


@click.command(cls=Command, also={"folder": "--output"})
@click.argument("name", required=False)
@click.option("--list", "listing", is_flag=True, help="List what can be reproduced, and stop.")
@click.option(
    "--output",
    metavar="FOLDER",
    type=click.Path(),
    default=FOLDER,
    show_default=True,
    help="For a record (JSON) of each and, with matplotlib, a picture (PNG).",
)
@click.option("--seed", type=int, default=0, show_default=True, help="An integer ≥ 0.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def reproduce(name: str | None, listing: bool, output: str, seed: int, as_json: bool) -> int:
    """Measure a published figure again, with better controls, and check what it claims.

    NAME is one of those that --list shows; without a name all are measured. Exit status: 0 every
    claim holds, 3 some claim does not, 2 unusable input or something is not installed.
    """
    from conserved.zoo import PUBLISHED, find, listed, make_folder

    if listing:
        entries = [entry.to_json() for entry in PUBLISHED.values()]
        if as_json:
            show_json(entries)
        else:
            show(listed())
        return EVERY_CLAIM_HOLDS
    names = list(PUBLISHED) if name is None else [find(name).name]
    make_folder(output)
    found, missing = _measured(names, output, seed, quiet=as_json)
    if as_json:
        record = found[0].to_json() if name is not None else _together(found, missing)
        show_json(record)
    if missing:
        return NOT_MEASURED
    return EVERY_CLAIM_HOLDS if all(one.holds for one in found) else SOME_CLAIM_FAILS


def _measured(
    names: Sequence[str], folder: str, seed: int, *, quiet: bool
) -> tuple[list[Reproduction], list[str]]:
    """(measured, not measured); of several, one that lacks something is passed over."""
    from conserved.errors import ConservedError, InputError
    from conserved.zoo import as_text, save
    from conserved.zoo import reproduce as run

    found: list[Reproduction] = []
    missing: list[str] = []
    for name in names:
        with _waiting(name):
            try:
                one = run(name, seed=seed)
            except ConservedError as error:
                if len(names) == 1 or isinstance(error, InputError):
                    raise
                tell(f"conserved: {name} not measured: {error}")
                missing.append(name)
                continue
            written = save(one, folder)
        found.append(one)
        if not quiet:
            show(as_text(one, written) + "\n" * (name != names[-1]))
    return found, missing


def _together(found: Sequence[Reproduction], missing: Sequence[str]) -> dict[str, Any]:
    return {
        "schema": "conserved.reproductions/1",
        "holds": not missing and all(one.holds for one in found),
        "not_measured": list(missing),
        "reproductions": [one.to_json() for one in found],
    }


def _waiting(name: str) -> AbstractContextManager[Any]:
    """A sign of life on stderr, when that is a terminal."""
    if not on_terminal():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(f"measuring {name}")
