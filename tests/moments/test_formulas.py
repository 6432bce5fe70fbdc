"""The formulas of theory §6 against the exact count, over swept ranges."""

from __future__ import annotations

import pytest

import conserved as cq


def extra(network, symmetry, labels="invariant"):
    problem = cq.Problem.from_text(network, symmetry=symmetry, labels=labels)
    with_symmetry = cq.lie_closure(problem)
    assert with_symmetry.closed
    return with_symmetry.upper - cq.lie_closure(problem.architecture()).upper


def room(k, kappa):
    """κ(k − κ), where there is room."""
    return kappa * (k - kappa) if kappa < k else 0


@pytest.mark.parametrize("m", [1, 2])
@pytest.mark.parametrize("n, h", [(n, h) for n in range(2, 13) for h in range(1, 5)])
def test_permuted_inputs(n, h, m):
    assert extra(f"linear:{n}-{h}-{m}", "permutation") == room(n - 1, h)


@pytest.mark.parametrize("n, h, g", [(n, h, g) for n in (4, 6, 9) for h in (1, 2) for g in (1, 2)])
def test_deep_permuted_inputs(n, h, g):
    if h == g == 1:
        pytest.skip("all widths 1 after the first: counted above")
    assert extra(f"linear:{n}-{h}-{g}-1", "permutation") == room(n - 1, h)


@pytest.mark.parametrize("n, h", [(n, h) for n in range(3, 8) for h in (1, 2)])
def test_copies_multiply_the_vectors(n, h):
    """Two copies of the inputs: multiplicity μ = 2, so κ = 2h."""
    assert extra(f"linear:{2 * n}-{h}-1", f"2xpermutation:{n}") == room(n - 1, 2 * h)


@pytest.mark.parametrize("n", range(2, 14))
def test_cyclic_shift_of_one_neuron(n):
    """Each plane block keeps its direction; the alternating block of even n is a line."""
    assert extra(f"linear:{n}-1-1", "shift") == (n - 1) // 2


@pytest.mark.parametrize("n, h", [(n, h) for n in range(2, 8) for h in (1, 2)])
def test_equivariant_sign_permutations(n, h):
    assert extra(f"linear:{n}-{h}-{n}", "hyperoctahedral", "equivariant") == room(n, 2 * h)


@pytest.mark.parametrize("n, h", [(n, 1) for n in range(3, 9)] + [(6, 2), (7, 2)])
def test_equivariant_permutations(n, h):
    assert extra(f"linear:{n}-{h}-{n}", "permutation", "equivariant") == room(n - 1, 2 * h)


@pytest.mark.parametrize("p", [1, 2, 3])
@pytest.mark.parametrize(
    "symmetry, blocks",
    [
        ("shift:3", [2]),
        ("shift:5", [2, 2]),
        ("shift:6", [2, 2, 1]),
        ("permutation:5", [4]),
        ("permutation:3+hyperoctahedral:2", [2, 2]),
    ],
)
def test_one_layer_keeps_directions(symmetry, blocks, p):
    """Σ (p·d − 1) over the nontrivial blocks of multiplicity one."""
    n = sum(int(part.split(":")[1]) for part in symmetry.split("+"))
    expected = sum(p * d - 1 for d in blocks)
    assert extra(f"linear:{n}-{p}", symmetry) == expected


@pytest.mark.parametrize("n, h, m", [(2, 1, 1), (2, 2, 2), (3, 2, 1), (4, 3, 2)])
def test_no_label_component_leaves_one_field(n, h, m):
    problem = cq.Problem.from_text(f"linear:{n}-{h}-{m}", symmetry="hyperoctahedral")
    closure = cq.lie_closure(problem)
    assert closure.upper == closure.parameters - 1
    assert problem.lift.mixed == 0


@pytest.mark.parametrize("r", [2, 3, 4])
@pytest.mark.parametrize("k", range(2, 14))
def test_polynomial_nets_under_plane_rotations(r, k):
    """Laws iff no j ≠ 0 with k·j among the weights of degree r or 2r."""
    seen = {*range(-r, r + 1, 2), *range(-2 * r, 2 * r + 1, 2)}
    free = not any(w % k == 0 for w in seen if w)
    assert extra(f"poly:2-1-1,power={r}", f"rotation:{k}") == int(free)


@pytest.mark.parametrize("n, h", [(n, h) for n in (3, 4, 5) for h in (1, 2)])
def test_polynomial_nets_under_the_orthogonal_group(n, h):
    assert extra(f"poly:{n}-{h}-1,power=2", "orthogonal") == room(n, h)


@pytest.mark.parametrize("d, tokens", [(d, t) for d in range(3, 8) for t in (2, 3)])
def test_lightning_attention_under_the_orthogonal_group(d, tokens):
    """3d − 7 laws in all, 2 of them of the architecture."""
    problem = cq.Problem.from_text(f"lightning:dim={d},tokens={tokens}", symmetry="orthogonal")
    assert cq.lie_closure(problem).upper == 3 * d - 7
    assert cq.lie_closure(problem.architecture()).upper == 2


@pytest.mark.parametrize("h", [1, 2])
@pytest.mark.parametrize("n", [4, 5])
def test_independent_groups_add_up(n, h):
    symmetry = f"permutation:{n}+permutation:{n}"
    assert extra(f"linear:{2 * n}-{h}-1", symmetry) == 2 * room(n - 1, h)
