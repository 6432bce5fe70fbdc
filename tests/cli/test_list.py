"""``conserved list``, help and version."""

from __future__ import annotations

import json
import re

import pytest

import conserved as cq
from conserved.dynamics import FLOWS
from conserved.losses import LOSSES
from conserved.networks import FAMILIES
from conserved.symmetry import SYMMETRIES
from tests.cli.shell import BOUNDS_DIFFER, CERTIFIED, UNUSABLE, Capture, ask

TABLES = {
    "networks": FAMILIES,
    "symmetries": SYMMETRIES,
    "losses": LOSSES,
    "flows": FLOWS,
}


def rows_of(capsys: Capture, kind: str) -> list[dict[str, str]]:
    status, out, err = ask(capsys, "list", kind, "--json")
    assert (status, err) == (0, "")
    rows = json.loads(out)
    assert all(row["example"] and row["meaning"] and row["grammar"] for row in rows)
    return rows


def name_in(text: str) -> str:
    found = re.match(r"[a-z-]+", text)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("kind", list(TABLES))
def test_list_shows_every_name_that_parses(capsys: Capture, kind: str) -> None:
    rows = rows_of(capsys, kind)
    assert len(rows) == len(TABLES[kind])
    if kind != "symmetries":  # sums, copies and files have no name of their own
        for column in ("example", "grammar"):
            assert [name_in(row[column]) for row in rows] == list(TABLES[kind])
    status, out, err = ask(capsys, "list", kind)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert line.startswith(row["example"])
        assert row["meaning"] in line
        assert row["grammar"] in line


SOLIDS = dict.fromkeys(("tetrahedral", "octahedral", "icosahedral"), "linear:3-1-1")
GRIDS = dict.fromkeys(
    (f"grid-{kind}:4x4" for kind in ("rotation", "flip", "dihedral", "shift")), "linear:16-1-1"
)
FITTING = (
    SOLIDS
    | GRIDS
    | {
        "permutation:4+none:2": "linear:6-1-1",
        "2xpermutation:5": "linear:10-1-1",
        "cross-entropy": "linear:2-1-2",
        "outputs": "linear:1-1",  # as many outputs as parameters
    }
)


@pytest.mark.parametrize("kind", list(TABLES))
def test_every_example_analyses(capsys: Capture, kind: str) -> None:
    """What ``list`` offers works as it stands."""
    option = {"symmetries": "--symmetry", "losses": "--loss", "flows": "--flow"}.get(kind)
    for row in rows_of(capsys, kind):
        example = row["example"]
        network = FITTING.get(example, "linear:2-1-1")
        if example in ("group.json", "metric:p.csv"):
            continue  # a file of the user's own: see tests/symmetry
        question = [example] if option is None else [network, option, example]
        status, out, err = ask(capsys, "analyze", *question)
        assert status in (CERTIFIED, BOUNDS_DIFFER)
        assert err == ""
        assert example in out


def test_version_and_help(capsys: Capture) -> None:
    assert ask(capsys, "--version") == (0, f"conserved {cq.__version__}\n", "")
    for arguments in (["--help"], ["-h"], ["analyze", "--help"], ["list", "-h"]):
        status, out, err = ask(capsys, *arguments)
        assert (status, err) == (0, "")
        assert "Usage: conserved" in out


def test_no_arguments_show_the_help(capsys: Capture) -> None:
    status, out, err = ask(capsys)
    assert (status, out) == (UNUSABLE, "")
    assert "analyze" in err
    assert "list" in err
