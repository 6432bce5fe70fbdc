"""Laws due to data symmetry of groups from files: in other coordinates, and over C and H."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from conserved.law import PhaseLaw, SpanLaw
from conserved.search import modules
from conserved.symmetry import read_group
from tests.moments.oracles import monomial_generators, unitary_algebra
from tests.search.due import assert_laws, problem_of


def householder(*v):
    """The rational reflection 1 − 2vvᵀ/vᵀv."""
    size = sum(Fraction(x) ** 2 for x in v)
    return np.array(
        [[int(i == j) - 2 * a * b / size for j, b in enumerate(v)] for i, a in enumerate(v)]
    )


def turned(generators, frame, infinitesimal=()):
    """A group with these generators in another orthonormal frame."""
    document = {"schema": "conserved.group/1"}
    for key, matrices in (("generators", generators), ("infinitesimal", infinitesimal)):
        moved = [frame @ np.array(m, dtype=object) @ frame.T for m in matrices]
        document[key] = [[[str(x) for x in row] for row in m] for m in moved]
    return document


@pytest.fixture
def group_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(document):
        (tmp_path / "g.json").write_text(json.dumps(document), encoding="utf-8")
        assert read_group("g.json")
        return "g.json"

    return write


S4 = [np.roll(np.eye(4, dtype=int), 1, axis=0), np.eye(4, dtype=int)[[1, 0, 2, 3]]]


@pytest.mark.parametrize("network, labels", [("4-2-1", "invariant"), ("4-1-4", "equivariant")])
def test_a_rational_frame(group_file, network, labels):
    symmetry = group_file(turned(S4, householder(1, 2, 0, -1)))
    assert_laws(problem_of(f"linear:{network}", symmetry, labels), 2)


@pytest.mark.parametrize("split", [True, False])
def test_copies_that_no_coordinate_separates(group_file, monkeypatch, split):
    """Two copies of S_4 in a dense frame; with and without an element of least rank at hand."""
    if not split:
        monkeypatch.setattr(modules, "_elements", lambda scalars, algebra: iter(()))
    generators = [np.kron(np.eye(2, dtype=int), g) for g in S4]
    symmetry = group_file(turned(generators, householder(1, 2, 0, -1, 1, 1, 0, 3)))
    (law,) = assert_laws(problem_of("linear:8-1-1", symmetry), 2)
    assert law.dimension == (3 if split else 6)


@pytest.mark.parametrize("n", [5, 7, 8])
def test_cycles_from_a_file(group_file, n):
    """Integer matrices whose blocks need roots of unity all the same."""
    symmetry = group_file(turned([np.roll(np.eye(n, dtype=int), 1, axis=0)], np.eye(n, dtype=int)))
    named = assert_laws(problem_of(f"linear:{n}-1-1", "shift"))
    ours = assert_laws(problem_of(f"linear:{n}-1-1", symmetry), (n - 1) // 2)
    assert [law.text for law in ours] == [law.text for law in named]


def test_a_frame_of_cosines(group_file):
    """A fivefold turn of coordinates 1 and 3 beside a trivial one, in a frame turned by 2π/5."""
    c, s = "cos(2*pi/5)", "sin(2*pi/5)"
    turn = [[c, f"-{s}", "0"], [s, c, "0"], ["0", "0", "1"]]
    # R g Rᵀ with R a turn by 2π/5 of coordinates 2 and 3
    moved = [
        [c, f"-{s}*{c}", f"-{s}*{s}"],
        [f"{c}*{s}", f"{c}*{c}*{c} + {s}*{s}", f"{c}*{c}*{s} - {s}*{c}"],
        [f"{s}*{s}", f"{s}*{c}*{c} - {c}*{s}", f"{s}*{c}*{s} + {c}*{c}"],
    ]
    for matrix in (turn, moved):
        symmetry = group_file({"schema": "conserved.group/1", "generators": [matrix]})
        (law,) = assert_laws(problem_of("linear:3-1-1", symmetry), 1)
    assert law.roots == 5 or law.roots == 20


# ------------------------------------------------------------------ complex and quaternionic blocks

ALGEBRAS = [
    ("complex", 2, 2, 1, {"phase": 1}),
    ("complex", 3, 2, 1, {"complex range": 4, "phase": 1}),
    ("complex", 3, 3, 1, {"phase": 1}),
    ("quaternionic", 2, 2, 1, {}),
    ("quaternionic", 3, 2, 1, {"quaternionic range": 8}),
]


@pytest.mark.parametrize("kind, k, copies, h, expected", ALGEBRAS)
@pytest.mark.parametrize("dense", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_other_algebras(group_file, kind, k, copies, h, expected, dense):
    """Theory §6: 2κ(k − κ) + 1 over C, 4κ(k − κ) over H."""
    generators = monomial_generators(kind, k, copies)
    n = len(generators[0])
    frame = householder(1, 2, -1, *[0] * (n - 4), 1) if dense else np.eye(n, dtype=int)
    problem = problem_of(f"linear:{n}-{h}-1", group_file(turned(generators, frame)))
    laws = assert_laws(problem, sum(expected.values()))
    assert {law.name.split(" of ")[0]: law.independent for law in laws} == expected


def test_the_unitary_group(group_file):
    """U(3) on two copies, h = 1: 5 extra laws (theory §6)."""
    symmetry = group_file(turned([], np.eye(12, dtype=int), unitary_algebra(3, 2)))
    kinds = [type(law) for law in assert_laws(problem_of("linear:12-1-1", symmetry), 5)]
    assert kinds == [SpanLaw, PhaseLaw]
