"""What a search left out is said; and what families are made of, by a second road."""

from __future__ import annotations

from time import sleep

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from conserved.law import Law, Layout
from conserved.problem import Problem
from conserved.search import State, ansatz, find_laws
from conserved.search.families import cliques
from conserved.search.unknowns import Unknowns


def test_time_used_up_before_quadratic_laws_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(state: State) -> list[Law]:
        sleep(0.3)
        return []

    monkeypatch.setattr(ansatz, "_linear", slow)
    found = find_laws(Problem.from_text("linear:3-2-2"), budget=0.2)
    assert found.laws == ()
    assert found.notes == ("the search for laws was not finished: the budget was used up",)


def cliques_one_by_one(held: NDArray[np.bool_]) -> list[list[int]]:
    left, groups = [i for i in range(len(held)) if held[i, i]], []
    while left:
        group: list[int] = []
        for i in left:
            if all(held[i, k] for k in group):
                group.append(i)
        left = [i for i in left if i not in group]
        groups.append(group)
    return groups


@given(st.integers(0, 12), st.floats(0.1, 0.9), st.integers(0, 99))
def test_groups_of_indices(size: int, share: float, seed: int) -> None:
    held = np.random.default_rng(seed).random((size, size)) < share
    held |= held.T
    assert cliques(held) == cliques_one_by_one(held)


@pytest.mark.parametrize("limit", [1000, 30])
def test_every_unknown_knows_where_it_belongs(limit: int) -> None:
    tensors = (("W", (1, 1)), ("V", (3, 4)), ("s", ()), ("b", (1,)), ("K", (2, 1, 5)))
    unknowns = Unknowns(Layout(tensors), limit=limit)
    for name, at in unknowns.norms.items():
        assert unknowns.norm_of(at) == name
    belonging = [
        (at, axis) for axis in unknowns.axes for at in range(axis.start, axis.start + axis.size)
    ]
    assert all(unknowns.owner(at) is axis for at, axis in belonging)
    assert all(unknowns.norm_of(at) is None for at, _ in belonging)
    assert unknowns.linear + len(unknowns.norms) + len(belonging) == unknowns.size
