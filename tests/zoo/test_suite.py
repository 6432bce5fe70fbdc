"""The published suite and its table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conserved.zoo import counts
from conserved.zoo.claim import all_hold
from conserved.zoo.suite import draw_suite

FEW = [case for k, case in enumerate(draw_suite()) if k in (0, 1, 50, 51)]


def test_a_few_networks_are_certified_with_their_laws():
    table = counts.measure(cases=FEW)
    assert all_hold(table.claims())
    assert all(row.laws for row in table.rows)
    assert [row.upper for row in table.rows] == [case.laws for case in FEW]
    assert "not" not in table.chart()


@pytest.mark.parametrize("place", range(len(FEW)))
def test_one_wrong_count_fails_the_claim_of_its_kind(place):
    planted = list(FEW)
    planted[place] = replace(FEW[place], laws=FEW[place].laws + 1)
    table = counts.measure(cases=planted)
    linear, relu, _ = table.claims()
    assert (linear.holds, relu.holds) == ((False, True) if place < 2 else (True, False))
    assert f"not {planted[place].laws}" in table.chart()


def test_an_open_bound_fails_the_claim():
    table = counts.measure(cases=FEW[:3])
    row = replace(table.rows[0], certified=False)
    assert not all_hold(replace(table, rows=(row, *table.rows[1:])).claims())


def test_no_networks_prove_nothing():
    table = counts.measure(cases=FEW[:2])
    assert [claim.holds for claim in table.claims()][:2] == [True, False]


@pytest.mark.slow
def test_all_hundred():
    table = counts.measure()
    assert all_hold(table.claims())
    assert [claim.measured for claim in table.claims()][:2] == [50, 50]
