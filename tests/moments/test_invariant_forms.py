"""Invariants from generators alone, against sums over all elements and classical theory."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from conserved.errors import ConservedError
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES
from conserved.kernel.residues import residues
from conserved.networks.monomials import Monomials
from conserved.symmetry import (
    SYMMETRIES,
    Copies,
    Dihedral,
    Equivariant,
    GridDihedral,
    GridFlip,
    GridRotation,
    GridShift,
    Group,
    Hyperoctahedral,
    Icosahedral,
    Invariant,
    Negation,
    Octahedral,
    Orthogonal,
    Permutation,
    Rotation,
    Shift,
    Sign,
    SignFlip,
    SpecialOrthogonal,
    Symmetry,
    Tetrahedral,
    Trivial,
)
from conserved.symmetry.invariants import (
    Action,
    check_invariance,
    invariant_forms,
    with_quarter_turns,
)
from tests.moments.oracles import (
    assert_same_span,
    brauer,
    matchings,
    paired_elements,
    power_action,
    rank,
    ring_for,
    series,
    summed_forms,
)

FINITE = [
    Trivial(3),
    Negation(2),
    SignFlip(3),
    *map(Permutation, (2, 3, 4)),
    *map(Shift, (3, 4, 5, 6)),
    *map(Hyperoctahedral, (2, 3)),
    *map(Rotation, (2, 3, 4, 5, 8)),
    *map(Dihedral, (3, 4, 5)),
    Tetrahedral(),
    Octahedral(),
    Icosahedral(),
    *(leaf(h, w) for leaf in (GridRotation, GridFlip, GridShift) for h, w in ((2, 2), (2, 3))),
    GridDihedral(2, 2),
    Permutation(2) * Rotation(3),
    Copies(2, Permutation(3)),
    Copies(2, Rotation(5)),
]
each_group = pytest.mark.parametrize("group", FINITE, ids=lambda group: group.sized)


def action_of(group, scalars):
    return Action(group.generators(scalars), group.infinitesimal(scalars))


def labels_of(labels, group, scalars, m):
    return Action(
        labels.matrices(group, scalars, m).reshape(-1, m, m),
        labels.infinitesimal(group, scalars, m).reshape(-1, m, m),
    )


def lifted(group, scalars, degree):
    lift = Monomials(group.dimension, degree)
    inputs = action_of(group, scalars)
    return Action(
        lift.representation(scalars, inputs.group), lift.derivative(scalars, inputs.algebra)
    )


def test_every_finite_named_group_is_in_the_table():
    infinite = {"orthogonal", "special-orthogonal"}
    named = {name for name, form in SYMMETRIES.items() if isinstance(form, Symmetry)}
    words = {group.sized.partition(":")[0] for group in FINITE}
    assert named - infinite <= words


@each_group
@pytest.mark.parametrize("symmetric", [False, True])
def test_forms_on_the_input(group, symmetric):
    """The span of Σ_g g E gᵀ, element by element."""
    scalars = ring_for(group)
    action = action_of(group, scalars)
    forms = invariant_forms(scalars, action, action, symmetric=symmetric)
    elements, _ = paired_elements(scalars, action.group, action.group)
    assert len(elements) == group.order
    expected = summed_forms(scalars, elements, elements, symmetric)
    assert_same_span(scalars, forms, expected)
    assert len(forms) == rank(scalars, forms), "a basis"
    if symmetric:
        np.testing.assert_array_equal(forms, forms.swapaxes(-1, -2))


@each_group
@pytest.mark.parametrize("labels", [Invariant(), Sign(), Equivariant()], ids=lambda a: a.name)
@pytest.mark.parametrize("degree", [1, 2])
def test_forms_between_labels_and_lifts(group, labels, degree):
    scalars = ring_for(group)
    m = group.dimension if isinstance(labels, Equivariant) else 2
    left = labels_of(labels, group, scalars, m)
    right = lifted(group, scalars, degree)
    forms = invariant_forms(scalars, left, right)
    assert_same_span(
        scalars, forms, summed_forms(scalars, *paired_elements(scalars, left.group, right.group))
    )


@pytest.mark.parametrize(
    "group",
    [Rotation(3), Rotation(5), Dihedral(4), Permutation(3), Icosahedral(), SignFlip(2)],
    ids=lambda group: group.sized,
)
@pytest.mark.parametrize("degree", [2, 3])
def test_forms_on_a_lift(group, degree):
    """S on Sym²: fourth-order moments; on Sym³: sixth."""
    scalars = ring_for(group)
    action = lifted(group, scalars, degree)
    forms = invariant_forms(scalars, action, action, symmetric=True)
    elements, _ = paired_elements(scalars, action.group, action.group)
    assert_same_span(scalars, forms, summed_forms(scalars, elements, elements, symmetric=True))


def test_both_layouts_of_residues_agree():
    for group in (Permutation(4), Hyperoctahedral(3), Orthogonal(3)):
        counts = []
        for prime in (BLAS_PRIMES[0], BLAS_PRIMES[1], INT64_PRIMES[0]):
            scalars = residues(prime)
            action = lifted(group, scalars, 2)
            counts.append(len(invariant_forms(scalars, action, action, symmetric=True)))
        assert len(set(counts)) == 1


# ------------------------------------------------------------------ classical invariant theory

MOLIEN: list[tuple[Group, dict[int, int], list[int]]] = [
    *((Permutation(n), {0: 1}, list(range(1, n + 1))) for n in (2, 3, 4, 5)),
    *((Hyperoctahedral(n), {0: 1}, list(range(2, 2 * n + 1, 2))) for n in (2, 3)),
    *((SignFlip(n), {0: 1}, [2] * n) for n in (2, 3)),
    *((Dihedral(k), {0: 1}, [2, k]) for k in (3, 4, 5, 7)),
    *((Rotation(k), {0: 1, k: 1}, [2, k]) for k in (3, 4, 5, 7, 8)),
    (Negation(2), {0: 1, 2: 1}, [2, 2]),
    (Tetrahedral(), {0: 1, 6: 1}, [2, 3, 4]),
    (Octahedral(), {0: 1, 9: 1}, [2, 4, 6]),
    (Icosahedral(), {0: 1, 15: 1}, [2, 6, 10]),
    *((Orthogonal(n), {0: 1}, [2]) for n in (1, 2, 3, 4)),
    *((SpecialOrthogonal(n), {0: 1}, [2]) for n in (2, 3, 4)),
    (Orthogonal(2) * Permutation(2), {0: 1}, [2, 1, 2]),
]


@pytest.mark.parametrize(
    "group, numerator, degrees", MOLIEN, ids=[group.sized for group, _, _ in MOLIEN]
)
def test_invariant_polynomials_are_those_of_molien(group, numerator, degrees):
    """dim (Sym^r)^G is the coefficient of t^r in Molien's series, all from textbooks."""
    scalars = ring_for(group)
    top = 11 if group.dimension < 4 else 7
    expected = series(numerator, degrees, top)
    for degree in range(1, top):
        right = lifted(group, scalars, degree)
        left = labels_of(Invariant(), group, scalars, 1)
        assert len(invariant_forms(scalars, left, right)) == expected[degree], degree


def test_the_odd_invariant_of_the_icosahedron():
    """The first invariant of odd degree is the product of its 15 mirror planes."""
    group = Icosahedral()
    scalars = ring_for(group)
    left = labels_of(Invariant(), group, scalars, 1)
    assert len(invariant_forms(scalars, left, lifted(group, scalars, 13))) == 0
    (form,) = invariant_forms(scalars, left, lifted(group, scalars, 15))
    assert form.any()


@pytest.mark.parametrize("n", [2, 3, 5, 8, 20])
def test_two_symmetric_forms_of_permutations(n):
    """Sym²(R^n)^{S_n}: the identity and the all-ones matrix, for n! beyond listing too."""
    scalars = residues(BLAS_PRIMES[0])
    action = action_of(Permutation(n), scalars)
    forms = invariant_forms(scalars, action, action, symmetric=True)
    ones = np.ones((n, n), dtype=scalars.dtype)
    assert_same_span(scalars, forms, np.stack([np.eye(n, dtype=scalars.dtype), ones]))


# ------------------------------------------------------------------ the orthogonal group: Brauer


def tensor_forms(group, a, b, quarter_turns):
    scalars = residues(BLAS_PRIMES[0])
    action = action_of(group, scalars)
    if quarter_turns:
        action, _ = with_quarter_turns(scalars, action, action)
    left, right = (power_action(scalars, action, r) for r in (a, b))
    return scalars, invariant_forms(scalars, left, right)


PAIRINGS = {2: [1, 1, 1, 1], 4: [1, 3, 3, 3], 6: [1, 10, 15, 15]}  # total degree: n = 1, 2, 3, 4


def test_matchings_are_counted_by_double_factorials():
    assert [len(matchings(tuple(range(k)))) for k in (2, 4, 6)] == [1, 3, 15]


SHAPES = [(n, a, b) for n in (1, 2, 3, 4) for a, b in ((1, 1), (2, 2), (1, 3), (3, 3), (2, 4))]


@pytest.mark.parametrize(
    "n, a, b, quarter_turns",
    [
        *((*shape, True) for shape in SHAPES),
        # thousands of candidates are what quarter turns are there to avoid
        *((n, a, b, False) for n, a, b in SHAPES if n ** (a + b) <= 1000),
    ],
)
def test_orthogonal_invariants_are_pairings(n, a, b, quarter_turns):
    """Brauer: invariants of V^⊗2r are spanned by products of δ; (2r−1)!! of them for n ≥ r."""
    scalars, forms = tensor_forms(Orthogonal(n), a, b, quarter_turns)
    assert_same_span(scalars, forms, brauer(scalars, n, a, b))
    assert len(forms) == PAIRINGS[a + b][n - 1]


@pytest.mark.parametrize("a, b", [(1, 2), (2, 3), (1, 4)])
@pytest.mark.parametrize("n", [2, 3])
def test_no_orthogonal_invariants_of_odd_degree(n, a, b):
    """−1 is an orthogonal matrix."""
    assert len(tensor_forms(Orthogonal(n), a, b, True)[1]) == 0


def levi_civita(n):
    """ε as an integer array (n, …, n)."""
    index = np.indices((n,) * n).reshape(n, -1).T
    sign = [round(np.linalg.det(np.eye(n)[list(row)])) for row in index]
    return np.array(sign).reshape((n,) * n)


@pytest.mark.parametrize("n, a, b", [(2, 1, 1), (3, 1, 2), (4, 2, 2)])
def test_rotations_keep_the_volume_too(n, a, b):
    """SO(n) in degree n: the pairings and ε, which a reflection negates."""
    scalars, forms = tensor_forms(SpecialOrthogonal(n), a, b, True)
    volume = scalars.from_integers(levi_civita(n).reshape(1, n**a, n**b))
    pairings = brauer(scalars, n, a, b) if n % 2 == 0 else volume[:0]
    assert_same_span(scalars, forms, np.concatenate([pairings, volume]))


CATALAN, RIORDAN = (1, 1, 2, 5), (1, 0, 1, 1, 3, 6, 15)


@pytest.mark.parametrize(
    "n, a, b, count",
    [
        *((2, a, b, comb(a + b, (a + b) // 2)) for a, b in ((1, 1), (2, 2), (3, 3))),
        *((3, a, b, RIORDAN[a + b]) for a, b in ((1, 1), (1, 2), (2, 2), (2, 3), (3, 3))),
        *((4, a, b, CATALAN[(a + b) // 2] ** 2) for a, b in ((1, 1), (2, 2), (3, 3))),
    ],
)
def test_dimensions_of_rotation_invariants(n, a, b, count):
    """SO(2): C(2r, r). SO(3): Riordan numbers. SO(4) = SU(2)²/±1: squared Catalan numbers."""
    assert len(tensor_forms(SpecialOrthogonal(n), a, b, True)[1]) == count


# ------------------------------------------------------------------ planted errors


def test_the_last_check_refuses_forms_that_are_not_invariant():
    scalars = residues(BLAS_PRIMES[0])
    for group in (Permutation(4), SpecialOrthogonal(3), Hyperoctahedral(3)):
        action = action_of(group, scalars)
        forms = invariant_forms(scalars, action, action)
        check_invariance(scalars, action, action, forms)
        wrong = forms.copy()
        wrong[0, 0, 1] += 1
        with pytest.raises(ConservedError, match="not invariant"):
            check_invariance(scalars, action, action, wrong)
