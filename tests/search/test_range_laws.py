"""Laws due to data symmetry with exact coefficients: as many as the exact counts leave room for,
true over other fields and along explicit orbits, and refused when anything is false.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from conserved.fields import MomentFields, OrbitFields
from conserved.kernel.primes import INT64_PRIMES, prime_with_roots
from conserved.kernel.residues import residues
from conserved.kernel.rowspace import RowSpace
from conserved.law import RationalLaw, SpanLaw
from conserved.search import closed_form, spans
from conserved.search.candidates import on_blocks
from conserved.search.lifted import Lifted, splitting_scalars
from conserved.verification import constant_along, verify
from tests.search.due import assert_laws, found_for, problem_of

# ------------------------------------------------------------------ counts, over swept ranges

SWEPT = [
    *((f"linear:{n}-{h}-{m}", "permutation") for n, h, m in [(3, 1, 1), (5, 2, 2), (6, 3, 1)]),
    *((f"linear:{n}-1-1", "shift") for n in range(3, 13)),
    ("linear:4-2-3-2", "permutation"),
    ("linear:9-1-1", "3xpermutation:3"),
    ("linear:10-2-1", "2xpermutation:5"),
    ("linear:7-2-1", "permutation:3+permutation:4"),
    ("linear:9-1-1", "shift:5+permutation:3+none:1"),
    ("linear:5-2-3", "signflip"),
    ("poly:2-1-2,power=2", "rotation:7"),
    ("poly:3-2-1,power=2", "icosahedral"),
    ("poly:4-3-1,power=2", "orthogonal"),
    ("lightning:dim=4,tokens=2,head=1,out=1", "orthogonal"),
    pytest.param("lightning:dim=5,tokens=2,head=1,out=2", "orthogonal", marks=pytest.mark.slow),
    *((f"linear:{n}-{p}", "shift") for n in (4, 5, 6, 9) for p in (1, 3)),
    *((f"linear:{n}-{p}", "permutation") for n in (3, 5) for p in (1, 2)),
    ("linear:7-2", "permutation:3+orthogonal:3+none:1"),
    ("linear:9-2", "grid-shift:3x3"),
    ("linear:6-2", "2xpermutation:3"),
    ("linear:6-2", "grid-flip:2x3"),
    *((f"linear:4-{p}", "2xrotation:5") for p in (1, 2, 3, 4)),
    *((f"linear:6-{p}", "3xrotation:3") for p in (3, 4)),
]
EQUIVARIANT = [
    *((f"linear:{n}-{h}-{n}", "hyperoctahedral") for n, h in [(3, 1), (5, 1), (5, 2), (6, 1)]),
    *((f"linear:{n}-1-{n}", "permutation") for n in (4, 6)),
    *((f"linear:{n}-{n}", "shift") for n in (3, 4, 5)),
    ("linear:3-3", "orthogonal"),
    ("linear:3-3", "icosahedral"),
    ("linear:4-4", "permutation"),
    ("linear:4-4", "2xrotation:3"),
    ("linear:6-6", "2xpermutation:3"),
]


@pytest.mark.parametrize("network, symmetry", SWEPT)
def test_all_extra_laws_are_written_down(network, symmetry):
    assert_laws(problem_of(network, symmetry))


@pytest.mark.parametrize("network, symmetry", EQUIVARIANT)
def test_equivariant_labels(network, symmetry):
    assert_laws(problem_of(network, symmetry, "equivariant"))


@pytest.mark.parametrize("n, p", [(2, 1), (3, 2), (3, 3), (4, 2)])
def test_one_layer_off_the_equivariant_maps(n, p):
    """O(n) on the inputs, nothing on the labels: all of W keeps its direction. Labels that turn
    as inputs do take one direction, the identity, out of it."""
    assert_laws(problem_of(f"linear:{n}-{p}", "orthogonal"), n * p - 1)
    (law,) = assert_laws(problem_of(f"linear:{n}-{n}", "orthogonal", "equivariant"), n**2 - 2)
    assert law.name.startswith("direction of W1")
    assert law.name.endswith("apart from the equivariant maps")


# ------------------------------------------------------------------ forms and words


def test_figure_2():
    """C_3 on R^3 (2606.10913, figure 2)."""
    (law,) = assert_laws(problem_of("linear:3-1", "shift"))
    assert isinstance(law, RationalLaw)
    assert law.text == "(W1[1,1] − W1[1,2]) / (W1[1,1] + W1[1,2] − 2 W1[1,3])"
    assert law.name == "direction of W1 on the zero-sum part of the features"


@pytest.mark.parametrize(
    "n, m, symmetry",
    [
        (3, 1, "octahedral"),
        (3, 2, "tetrahedral"),
        (4, 1, "hyperoctahedral"),
        (6, 1, "hyperoctahedral"),
    ],
)
def test_reciprocal_squares(n, m, symmetry):
    """No rotation is unseen, and n − 2 laws there are all the same."""
    (law,) = assert_laws(problem_of(f"poly:{n}-1-{m},power=2", symmetry), n - 2)
    assert law.name == "direction of the differences of 1/W1[i]²"


@pytest.mark.parametrize(
    "network", ["poly:3-1-1,power=2", "poly:3-2-1,power=2", "poly:3-1-1,power=3"]
)
def test_reciprocal_squares_are_not_claimed_elsewhere(network):
    laws, _, _ = found_for(problem_of(network, "icosahedral"))
    assert not any("1/W1" in law.name for law in laws)


NAMES = [
    ("linear:6-2", "shift", "invariant", "direction of W1 on the frequency-2 part of the features"),
    ("linear:6-2", "shift", "invariant", "direction of W1 on the alternating part of the features"),
    ("linear:6-2-1", "permutation:4+none:2", "invariant", "on the zero-sum part of features 1–4"),
    ("linear:7-1-1", "none:3+permutation:4", "invariant", "on the zero-sum part of features 4–7"),
    (
        "linear:8-1-1",
        "2xpermutation:4",
        "invariant",
        "on the zero-sum parts of features 1–4 and 5–8",
    ),
    ("linear:4-1-4", "permutation", "equivariant", "range of [W1 W2] on the zero-sum part of the"),
    ("linear:5-1-3", "negation", "invariant", "direction of W2"),
    (
        "linear:9-1-1",
        "shift:5+permutation:3+none:1",
        "invariant",
        "frequency-2 part of features 1–5",
    ),
    ("lightning:dim=4,tokens=2,head=1,out=1", "orthogonal", "invariant", "range of [Q K V]"),
    ("lightning:dim=5,tokens=2,head=1,out=1", "orthogonal:4+none:1", "invariant", "features 1–4"),
]


@pytest.mark.parametrize("network, symmetry, labels, words", NAMES)
def test_blocks_have_names(network, symmetry, labels, words):
    laws, reasons, _ = found_for(problem_of(network, symmetry, labels))
    assert any(words in law.name for law in laws)
    assert any(words in reason for reason in reasons)


def test_frequencies_come_in_order():
    laws, _, _ = found_for(problem_of("linear:12-1-1", "shift"))
    names = [law.name for law in laws]
    assert [f"frequency-{f}" in name for f, name in enumerate(names, 1)] == [True] * 5


@pytest.mark.parametrize(
    "network, symmetry", [("linear:8-1-1", "2xpermutation:4"), ("linear:5-2", "shift")]
)
def test_coefficients_do_not_depend_on_seed_or_draw(network, symmetry):
    problem = problem_of(network, symmetry)
    first, second = found_for(problem, seed=0)[0], found_for(problem, seed=5)[0]
    assert [law.text for law in first] == [law.text for law in second]
    assert [getattr(law, "parts", law) for law in first] == [
        getattr(law, "parts", law) for law in second
    ]


# ------------------------------------------------------------------ two roads, and refusals


@pytest.mark.parametrize(
    "network, symmetry, labels",
    [
        ("linear:4-2-1", "permutation", "invariant"),
        ("linear:5-1-1", "shift", "invariant"),
        ("linear:4-3", "2xrotation:5", "invariant"),
        ("linear:4-4", "shift", "equivariant"),
    ],
)
def test_laws_are_constant_along_explicit_orbits(network, symmetry, labels):
    """Found along the moments, checked on orbits element by element over another field."""
    problem = problem_of(network, symmetry, labels)
    laws, _, _ = found_for(problem)
    scalars = residues(prime_with_roots(20, below=2**31))
    orbits = OrbitFields(problem, scalars, np.random.default_rng(3))
    theta = orbits.point()
    _, values = orbits.draw(12, theta)
    space = RowSpace(scalars, orbits.dimension)
    for law in laws:
        assert constant_along(orbits, law, theta[0, 0], values)
        assert int(space.add(law.gradients(scalars, theta[0, 0])).sum()) == law.independent


def changed(law, old, new):
    """The same law with one coefficient exchanged, the first of its kind."""
    part, rows = law.parts[0], [list(row) for row in law.parts[0].matrix]
    row = next(row for row in rows if old in row)
    row[row.index(old)] = new
    part = dataclasses.replace(part, matrix=tuple(map(tuple, rows)))
    return dataclasses.replace(law, parts=(part, *law.parts[1:]))


@pytest.mark.parametrize(
    "network, symmetry, labels, old, new",
    [
        ("linear:4-2-1", "permutation", "invariant", "-1", "1"),
        ("linear:5-1-1", "shift", "invariant", "cos(2*pi/5)", "cos(4*pi/5)"),
        ("linear:5-1-5", "hyperoctahedral", "equivariant", "1", "2"),
        ("linear:4-3", "2xrotation:5", "invariant", "1", "2"),
    ],
)
def test_false_coefficients_are_refused(network, symmetry, labels, old, new):
    problem = problem_of(network, symmetry, labels)
    law = next(
        law
        for law in found_for(problem)[0]
        if isinstance(law, SpanLaw) and any(old in row for row in law.parts[0].matrix)
    )
    assert verify(problem, [law, changed(law, old, new)]).holds == (True, False)


def test_a_law_of_the_symmetry_is_false_for_all_data():
    problem = problem_of("linear:4-2-1", "permutation")
    (law,) = found_for(problem)[0]
    assert verify(problem, [law]).holds == (True,)
    assert verify(problem.architecture(), [law]).holds == (False,)


def test_a_sampled_average_refuses_the_law():
    """Theory §5: a mean over sampled rotations is not invariant, and range laws drift along it."""
    problem = problem_of("linear:4-2-1", "orthogonal")
    (law,) = [law for law in found_for(problem)[0] if law.kind == "range"]
    scalars = residues(INT64_PRIMES[0])
    rng = np.random.default_rng(0)
    fields = MomentFields(problem, scalars, rng)
    theta = fields.point()
    assert constant_along(fields, law, theta[0, 0], fields.draw(4, theta)[1])
    noise = scalars.random(rng, fields.space.quadratic.shape)
    sampled = scalars.reduce(fields.space.quadratic + noise + noise.swapaxes(-1, -2))
    fields.space = dataclasses.replace(fields.space, quadratic=sampled)
    fields._quadratic = sampled
    assert not constant_along(fields, law, theta[0, 0], fields.draw(4, theta)[1])


def test_what_has_no_exact_form_is_said_and_not_counted(monkeypatch):
    monkeypatch.setattr(closed_form, "_DEGREE_LIMIT", 1)
    monkeypatch.setattr(spans, "waves", lambda *_: None)  # they need no reconstruction
    laws, reasons, extra = found_for(problem_of("linear:7-1-1", "shift"))
    assert (laws, extra) == ([], 3)
    assert sum("no short exact form" in reason for reason in reasons) == 3
    assert any("frequency-3" in reason for reason in reasons)


def test_a_wrong_reconstruction_does_not_pass(monkeypatch):
    """Planted: every number is read as its conjugate; the check mod another prime says no."""
    honest = closed_form._sum_text
    monkeypatch.setattr(spans, "waves", lambda *_: None)
    monkeypatch.setattr(
        closed_form, "_sum_text", lambda parts, k: honest([parts[0], -parts[1], *parts[2:]], k)
    )
    laws, reasons, _ = found_for(problem_of("linear:5-1-1", "shift"))
    assert laws == []
    assert sum("no short exact form" in reason for reason in reasons) == 2


def test_candidates_are_canonical():
    """The same arrays mod p whatever elements of the algebra were drawn."""
    problem = problem_of("linear:9-1-1", "3xpermutation:3")
    scalars = splitting_scalars(problem)
    images = []
    for seed in (1, 2):
        found = on_blocks(Lifted(problem, scalars, seed))
        images.append([part.image.tolist() for one in found for part in one.parts])
    assert images[0] == images[1]


@pytest.mark.slow
@pytest.mark.parametrize("n", [17, 24, 31, 40])
def test_long_cycles(n):
    """Fields of degree up to 16; beyond, some frequencies have no short form mod 61 bits."""
    laws, reasons, extra = found_for(problem_of(f"linear:{n}-1-1", "shift"))
    lost = sum("no short exact form" in reason for reason in reasons)
    assert len(laws) + lost == extra == (n - 1) // 2
    assert lost <= (1 if n == 31 else 0)
