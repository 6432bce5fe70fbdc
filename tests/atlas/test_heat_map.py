"""The map: against the rule of the theory on the plane, and against hand-made results."""

from dataclasses import replace
from pathlib import Path

import pytest

from conserved.atlas import Atlas, Case, Result, cases, draw, heat_map, sweep
from conserved.atlas.grid import panels
from conserved.errors import InputError

TURNS = range(2, 17)
POWERS = (2, 3, 4)
DEGREES = range(2, 7)


@pytest.fixture(scope="module")
def rotations(tmp_path_factory):
    wanted = cases(
        [f"poly:2-1-1,power={r}" for r in POWERS],
        [f"poly:{q}" for q in DEGREES],
        [f"rotation:{k}" for k in TURNS],
    )
    return sweep(wanted, tmp_path_factory.mktemp("atlas") / "rotations.sqlite", jobs=2)


def rotations_add_a_law(k, r):
    """Theory §6: iff k divides no nonzero degree of the circle's characters in Sʳ and S²ʳ."""
    seen = {*range(-r, r + 1, 2), *range(-2 * r, 2 * r + 1, 2)} - {0}
    return not any(m % k == 0 for m in seen)


def table(text):
    """The rows of the first panel as numbers: {(power, loss): [...]}."""
    lines = [line.split() for line in text.splitlines()]
    rows = [words for words in lines if len(words) == 2 + len(TURNS) and words[0].isdigit()]
    return {(int(row[0]), row[1]): [int(x.replace("·", "0")) for x in row[2:]] for row in rows}


@pytest.mark.parametrize("r", POWERS)
def test_the_plane_follows_the_rule(rotations, r):
    assert table(heat_map(rotations))[r, "poly:2"] == [
        int(rotations_add_a_law(k, r)) for k in TURNS
    ]


def test_the_page_shows_this_map(rotations):
    page = Path(__file__).parents[2] / "docs" / "atlas.md"
    assert heat_map(rotations) in page.read_text(encoding="utf-8")


def test_every_bound_is_closed_and_proved(rotations):
    assert len(rotations.cells) == 225
    assert all(cell.sure for cell in rotations.cells)
    assert {result.computations for result in rotations.results} == {1}


def test_a_higher_degree_never_adds_laws(rotations):
    upper = {(c.case.network, c.case.symmetry, c.case.loss): c for c in rotations.cells}
    for (network, symmetry, loss), cell in upper.items():
        higher = upper.get((network, symmetry, f"poly:{int(loss[5:]) + 1}"))
        if higher is not None:
            assert higher.result.upper <= cell.result.upper
            assert higher.added_upper <= cell.added_upper


def test_the_map_is_aligned_and_narrow(rotations):
    lines = heat_map(rotations).splitlines()
    assert all(len(line) <= 100 for line in lines)
    rows = [line for line in lines if "poly:" in line and "network" not in line]
    assert len(rows) == len(POWERS) * len(DEGREES)
    (header,) = [line for line in lines if "rotation:" in line and "network" not in line]
    assert header.split()[-15:] == [str(k) for k in TURNS]
    assert {len(line) for line in (*rows, header)} == {len(header)}


def result(network="poly:2-1-1,power=2", loss="mse", symmetry="none", labels="invariant", upper=1):
    case = Case(network, loss, symmetry, labels)
    return Result(case, 0, upper, 3, (2,), closed=True, rigorous=True)


PLAIN = result()
TURNED = result(symmetry="rotation:5", upper=2)


def test_every_doubt_is_marked_with_its_reason():
    unclosed = replace(TURNED, closed=False, stopped="the budget was used up")
    doubted = replace(
        result(symmetry="rotation:7", upper=13), rigorous=False, note="arguments may be dependent"
    )
    failed = Result(replace(TURNED.case, symmetry="rotation:9"), 0, reason="not enough memory")
    pending = result(loss="poly:3", symmetry="rotation:7")
    text = heat_map(Atlas((PLAIN, unclosed, doubted, failed, pending)))
    row, other = [line for line in text.splitlines() if line.startswith((" mse", "mse", "poly:"))]
    assert row.split() == ["mse", "1?", "12?", "×"]
    assert other.split() == ["poly:3", "–"]
    assert "? the budget was used up [poly:2-1-1,power=2 mse rotation:5 invariant]" in text
    assert "? arguments may be dependent [" in text
    assert "× not enough memory [" in text
    assert (
        "4 cells: 2 with room for laws that the symmetry adds; 2 not closed or not proved; " in text
    )
    assert "1 failed; 1 not computed yet." in text


def test_a_failed_comparison_fails_the_cell():
    failed = Result(PLAIN.case, 0, reason="not enough memory")
    text = heat_map(Atlas((failed, TURNED)))
    assert "× for all data: not enough memory [" in text
    assert "1 cell: 0 with" in text


def test_left_over_axes_become_panels():
    networks = [f"poly:2-{h}-1,power={r}" for h in (1, 2) for r in (2, 3)]
    found = panels(
        Atlas(
            tuple(
                result(network, symmetry=symmetry, labels=labels)
                for network in networks
                for symmetry in ("rotation:10", "rotation:9", "dihedral:3", "negation")
                for labels in ("invariant", "sign")
            )
        )
    )
    assert len(found) == 2 * (2 + 1 + 1)  # width 2 is a column where the symmetry is not
    assert all(panel.row_name == "power" for panel in found)
    assert all([row.network for row in panel.rows] == ["2", "3"] for panel in found)
    turns = next(panel for panel in found if panel.column_name == "rotation")
    assert turns.columns == ("9", "10")
    assert turns.title == "network poly:2-1-1,power=* · symmetry rotation:* · labels invariant"


def test_without_numbered_symmetries_the_longest_axis_is_the_columns():
    networks = [f"linear:{n}-{h}-1" for n in (4, 5, 12) for h in (1, 2)]
    found = panels(Atlas(tuple(result(network, symmetry="permutation") for network in networks)))
    (only,) = found
    assert only.columns == ("4", "5", "12")
    assert [row.network for row in only.rows] == ["1", "2"]
    assert only.title == "network linear:*-*-1 · symmetry permutation · labels invariant"


def test_a_wide_map_comes_in_strips():
    wide = Atlas(tuple(result(symmetry=f"rotation:{k}", upper=1) for k in range(2, 102)))
    text = heat_map(wide)
    assert all(len(line) <= 100 for line in text.splitlines())
    headers = [line.split()[2:] for line in text.splitlines() if "rotation: " in line]
    assert [k for strip in headers for k in strip] == [str(k) for k in range(2, 102)]


def test_no_symmetry_is_said_so():
    assert heat_map(Atlas((PLAIN,))).endswith("No problem with a symmetry here.")


@pytest.mark.parametrize("name", ["map.svg", pytest.param("map.png", marks=pytest.mark.slow)])
def test_the_figure_is_drawn(rotations, tmp_path, name):
    draw(rotations, tmp_path / name)
    head = (tmp_path / name).read_bytes()[:8]
    assert head.startswith((b"\x89PNG", b"<?xml"))


def test_a_figure_that_cannot_be_drawn_is_refused(rotations, tmp_path):
    with pytest.raises(InputError, match=r"the name ends in \.png"):
        draw(rotations, tmp_path / "map.bmp")
    with pytest.raises(InputError, match="folder does not exist"):
        draw(rotations, tmp_path / "nowhere" / "map.png")
    with pytest.raises(InputError, match="no problem with a symmetry"):
        draw(Atlas((PLAIN,)), tmp_path / "map.png")
