"""Vector fields of one's own: known counts, and brackets in SymPy at exact rational points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import sympy as sp

import conserved as cq
from conserved.certificate import check_file
from conserved.cli import run
from conserved.errors import InputError
from conserved.kernel.program import Program
from conserved.networks.tracing import concatenate, trace
from conserved.verification import verify

S, E, C, P = sp.symbols("s e c p")
Q, V, L, I = (sp.symbols(f"{name}1:4") for name in "qvLI")
X, Y, R, T = sp.symbols("x y r t")
RATES = sp.symbols("bind part turn")


def enzyme() -> list[Any]:
    """S + E ⇌ C → P + E (Michaelis and Menten 1913)."""
    bound, split, turned = RATES[0] * S * E, RATES[1] * C, RATES[2] * C
    return [split - bound, split + turned - bound, bound - split - turned, turned]


def top(moments: Sequence[Any]) -> list[Any]:
    """Euler's equations, L' = L × (L / I)."""
    return list(sp.Matrix(L).cross(sp.Matrix([a / b for a, b in zip(L, moments, strict=True)])))


@dataclass(frozen=True)
class Case:
    """A family of fields and how many laws it has, some of them known."""

    name: str
    parameters: Sequence[Any]
    family: Sequence[Sequence[Any]]
    count: int
    laws: tuple[Any, ...] = ()  # all that are expected in closed form, up to combinations


KEPLER = [V[0], V[1], -Q[0] / R**3, -Q[1] / R**3, (Q[0] * V[0] + Q[1] * V[1]) / R]
CASES = [
    Case("enzyme", [S, E, C, P], [enzyme()], 2, (E + C, S + C + P)),
    Case(
        "central forces",
        [*Q, *V],
        [[*V, *(-T * q for q in Q)]],
        3,
        tuple(Q[i] * V[j] - Q[j] * V[i] for i, j in combinations(range(3), 2)),
    ),
    Case("a top", L, [top([1, 2, 5])], 2, (sum(a**2 for a in L), 5 * L[0] ** 2 - 3 * L[2] ** 2)),
    Case("all tops", L, [top(I)], 1, (sum(a**2 for a in L),)),
    Case("predator and prey", [X, Y], [[X - X * Y, X * Y - Y]], 1),  # x + y − log xy, no polynomial
    Case("predators and prey", [X, Y], [[X, 0], [X * Y, 0], [0, X * Y], [0, Y]], 0),
    Case(
        "Kepler",
        [Q[0], Q[1], V[0], V[1], R],
        [KEPLER],
        4,  # the fourth is the direction of the perihelion
        (
            Q[0] ** 2 + Q[1] ** 2 - R**2,
            Q[0] * V[1] - Q[1] * V[0],
            (V[0] ** 2 + V[1] ** 2) / 2 - 1 / R,
        ),
    ),
    Case("a constant", [X, Y, T], [[T * Y, -T * X, 0]], 2, (X**2 + Y**2, T)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_counts_and_laws(case: Case) -> None:
    found = cq.laws_of(case.family, case.parameters)
    assert found.count.certified
    assert found.count.upper == case.count == rank_left(case)
    assert found.count.written == len(case.laws) == rank_of_gradients(case)


def rank_left(case: Case) -> int:
    """D − rank of the closure, by SymPy's brackets at a rational point."""
    rng = np.random.default_rng(5)
    symbols = list(case.parameters)
    free = {s for w in case.family for e in w for s in sp.sympify(e).free_symbols} - set(symbols)
    fields = []
    for w in case.family:
        for _ in range(1 + 2 * len(free)):  # constants enter rationally: a few values span all
            values = {k: sp.Rational(int(rng.integers(1, 99)), 7) for k in free}
            fields.append(sp.Matrix([sp.sympify(e).subs(values) for e in w]))
    at = {k: sp.Rational(int(rng.integers(2, 99)), 11) for k in symbols}
    generators, rank = list(fields), 0
    while True:
        table = sp.Matrix.hstack(*[w.subs(at) for w in fields])
        kept = table.rref()[1]
        if len(kept) == rank:
            return len(symbols) - rank
        fields, rank = [fields[k] for k in kept], len(kept)
        fields += [
            w.jacobian(symbols) * u - u.jacobian(symbols) * w for u in generators for w in fields
        ]


def rank_of_gradients(case: Case) -> int:
    """Of the laws known, each of which SymPy finds constant along every field."""
    for law in case.laws:
        for w in case.family:
            slope = sum(sp.diff(law, s) * e for s, e in zip(case.parameters, w, strict=True))
            assert sp.simplify(slope) == 0
    if not case.laws:
        return 0
    return int(sp.Matrix(list(case.laws)).jacobian(list(case.parameters)).rank())


def test_laws_of_a_reaction_are_the_left_kernel_of_its_stoichiometry() -> None:
    found = cq.laws_of(enzyme(), [S, E, C, P])
    net = sp.Matrix([[-1, 1, 0], [-1, 1, 1], [1, -1, -1], [0, 0, 1]])
    left = sp.Matrix([list(v) for v in net.T.nullspace()])
    theta = np.array([3.0, 5.0, 7.0, 11.0])
    rows = sp.Matrix([[sp.nsimplify(x) for x in law.gradient(theta)[0]] for law in found.laws])
    assert rows.rank() == left.rank() == sp.Matrix.vstack(rows, left).rank() == 2


def test_a_false_law_is_refused() -> None:
    """On all tops the energy of one is no law; on that one it is."""
    one, every = cq.laws_of(top([1, 2, 5]), L), cq.laws_of(top(I), L)
    energy = [law for law in one.laws if law.text != every.laws[0].text]
    assert verify(one.problem, energy).holds == (True,)
    assert verify(every.problem, energy).holds == (False,)


def test_certificates_stand_by_themselves(tmp_path: Any) -> None:
    path = tmp_path / "kepler.json"
    cq.laws_of(KEPLER, [Q[0], Q[1], V[0], V[1], R]).certificate.save(path)
    assert check_file(path).status == "CERTIFIED"
    path.write_text(path.read_text().replace('"kind": "outputs"', '"sort": "outputs"'))
    with pytest.raises(InputError, match="unknown key"):
        check_file(path)


def oscillators(shape: tuple[int, ...] = (2,)) -> Program:
    """q' = p, p' = −x q, as a program on two tensors."""
    tensors = (("q", shape), ("p", shape))
    return trace(
        tensors,
        (("x", (1,)),),
        lambda named, x: concatenate([named["p"], -named["q"] * x["x"].broadcast_to(2)]),
    )


def test_programs_are_taken() -> None:
    found = cq.laws_of(oscillators())
    assert found.count.certified
    assert [law.text for law in found.laws] == ["q[1] p[2] − q[2] p[1]"]


def test_numbers_are_constants_and_whole() -> None:
    assert cq.laws_of([1, Fraction(1, 2)], [X, Y]).laws[0].text == "x − 2 y"
    assert cq.laws_of(sp.Matrix([Y, -X]), [X, Y]).laws[0].text == "x² + y²"


@pytest.mark.parametrize(
    "fields, parameters, words",
    [
        ([0.5 * X], [X], "numbers are exact: write Rational('0.5"),
        ([sp.sin(X)], [X], "fields 'sin(x)': fields are rational"),
        ([sp.sqrt(X)], [X], "whole powers"),
        ([sp.pi * X], [X], "fields 'pi': fields are rational"),
        ([X / (X - X)], [X], "fields 'zoo': fields are rational"),
        ([X], [X, Y], "the field has 1 entries, and there are 2 parameters"),
        ([[X], [X, Y]], [X], "field 2 has 2 entries, and there are 1 parameters"),
        ("x", [X], "give lists of SymPy expressions"),
        (["x"], [X], "give lists of SymPy expressions"),
        ([], [X], "give lists of SymPy expressions"),
        ([None], [X], "give lists of SymPy expressions"),
        ([True], [X], "fields are rational"),
        ([X], None, "parameters 'None': give a list of SymPy symbols"),
        ([X], ["x"], "parameters 'x': each is a SymPy symbol"),
        ([X, X], [X, X], "parameters 'x': stands there twice"),
        ([X], [sp.Symbol("x" * 90)], "names have up to 80 letters"),
        (oscillators(), [X], "a program names its own parameters"),
    ],
)
def test_what_is_no_family_is_refused(fields: Any, parameters: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        cq.laws_of(fields, parameters)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_programs_with_other_outputs_are_refused() -> None:
    whole = oscillators()
    short = Program(whole.parameters, whole.inputs, whole.nodes, 0)
    with pytest.raises(InputError, match="one entry for each of the 4 parameters, and the output"):
        cq.laws_of(short)
    gated = trace((("q", (2,)),), (("x", (1,)),), lambda named, x: named["q"].relu())
    with pytest.raises(InputError, match="fields with gates or maxima are not counted"):
        cq.laws_of(gated)


@pytest.mark.parametrize(
    "words, told",
    [
        (("linear:3-2", "--flow", "outputs"), "a field has one entry for each of the 6 parameters"),
        (("linear:1-1", "--flow", "outputs", "--symmetry", "negation"), "no class of data"),
        (("linear:1-1", "--flow", "outputs+decay:1"), "nothing goes with it"),
    ],
)
def test_the_command_line_refuses(
    words: Sequence[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["analyze", *words]) == 2
    assert told in capsys.readouterr().err


def test_the_command_line_takes_outputs(capsys: pytest.CaptureFixture[str]) -> None:
    """w' = w x: one field, so nothing stays."""
    assert run(["analyze", "linear:1-1", "--flow", "outputs"]) == 0
    assert "laws  0" in capsys.readouterr().out
