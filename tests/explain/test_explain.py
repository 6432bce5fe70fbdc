"""Reasons and range laws: found where theory §6 says, verified, counted, and refused when false."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import conserved as cq
from conserved.closure.span import LieSpan
from conserved.fields import MomentFields, OrbitFields
from conserved.kernel.rowspace import RowSpace
from conserved.search.candidates import on_blocks
from conserved.search.lifted import Lifted, splitting_scalars
from tests.search.due import due, owed_along

# network, symmetry, labels, laws that the symmetry adds by range or direction, what keeps constant
GROUP_SCHEMA = "conserved.group/1"
KNOWN = [
    ("linear:4-2-1", "permutation", "invariant", 2, "range of W1 on the zero-sum part"),
    ("linear:5-2-2-1", "permutation", "invariant", 4, "range of W1 on the zero-sum part"),
    ("linear:10-3-1", "permutation", "invariant", 18, "range of W1 on the zero-sum part"),
    ("linear:3-1", "shift", "invariant", 1, "direction of W1 on the zero-sum part"),
    ("linear:6-2", "shift", "invariant", 7, "direction of W1"),
    ("linear:7-1-1", "shift", "invariant", 3, "direction of W1"),
    ("linear:5-1-1", "shift", "invariant", 2, "direction of W1"),
    ("linear:3-1-3", "hyperoctahedral", "equivariant", 2, "range of [W1 W2]"),
    ("linear:5-2-5", "hyperoctahedral", "equivariant", 4, "range of [W1 W2]"),
    ("linear:4-1-4", "permutation", "equivariant", 2, "range of [W1 W2]"),
    ("linear:8-1-1", "2xpermutation:4", "invariant", 2, "range of W1"),
    ("linear:6-2-1", "permutation:4+none:2", "invariant", 2, "range of W1"),
    ("poly:2-1-1,power=2", "rotation:3", "invariant", 1, "direction of W1"),
    ("poly:2-1-1,power=3", "rotation:5", "invariant", 1, "direction of W1"),
    ("poly:3-2-1,power=2", "icosahedral", "invariant", 2, "range of W1"),
    ("lightning:dim=4,tokens=2,head=1,out=1", "orthogonal", "invariant", 3, "range of [Q K V]"),
    ("lightning:dim=5,tokens=2,head=1,out=1", "orthogonal:4+none:1", "invariant", 3, "[Q K V]"),
]
NOTHING = [
    ("linear:4-3-2", "permutation", "invariant", "filled by κ = 3"),
    ("linear:4-2-1", "signflip", "invariant", "no continuous group"),
    ("poly:2-1-1,power=2", "rotation:4", "invariant", "degree 4"),
    ("poly:2-1-1,power=3", "rotation:6", "invariant", "degree 6"),
    ("poly:3-2-1,power=2", "hyperoctahedral", "invariant", "degree 4"),
]


def problem_of(network: str, symmetry: str, labels: str, loss: str = "mse") -> cq.Problem:
    return cq.Problem.from_text(network, symmetry=symmetry, labels=labels, loss=loss)


@pytest.mark.parametrize("network, symmetry, labels, extra, words", KNOWN)
def test_laws_owed_to_the_symmetry(network, symmetry, labels, extra, words):
    state, why, added = due(problem_of(network, symmetry, labels))
    assert sum(law.independent for law in state.laws) == extra == added
    assert any(words in law.name for law in state.laws)
    assert any(words in reason for reason in why.reasons)


@pytest.mark.parametrize("network", ["linear:5-1-4", "linear:3-1-4"])
def test_a_law_on_the_outputs_is_not_placed_in_the_inputs(network):
    state, _, _ = due(problem_of(network, "negation", "invariant"))
    assert [law.text for law in state.laws] == ["direction of W2"]


@pytest.mark.parametrize("network, symmetry, labels, words", NOTHING)
def test_why_there_is_none(network, symmetry, labels, words):
    state, why, added = due(problem_of(network, symmetry, labels))
    assert not state.laws
    assert not added
    assert words in " ".join(why.reasons)


@pytest.mark.parametrize("loss", ["logistic", "exponential", "any"])
def test_theorem_3_is_named(loss):
    state, why, _ = due(problem_of("linear:4-1-1", "permutation", "invariant", loss))
    (reason,) = why.reasons
    assert reason.startswith("Theorem 3")
    assert not state.laws


def test_the_ladder_is_named():
    _, why, _ = due(problem_of("linear:4-1-1", "permutation", "invariant", "poly:3"))
    assert "order 3" in why.reasons[0]


def test_labels_that_drop_out_are_named():
    _, why, _ = due(problem_of("linear:2-2-2", "rotation:4", "invariant"))
    assert "cross-moment yΦᵀ vanishes" in " ".join(why.reasons)
    assert "D − 1 = 7" in " ".join(why.reasons)


def test_all_data_need_no_reason():
    _, why, _ = due(cq.Problem.from_text("linear:4-2-1"))
    assert why.reasons == ()


def test_the_projector_is_constant_along_a_float_flow():
    """The second road: integrate the averaged loss in float64 and watch the range of W1."""
    rng = np.random.default_rng(0)
    zero_sum = np.eye(5) - 1 / 5
    w1, w2 = rng.standard_normal((2, 5)), rng.standard_normal((1, 2))
    a, b, c = 1.3, 0.4, 0.7  # S = a·1 + b·(all ones), C = c·(all ones): the averages under S_5
    moment, label = a * np.eye(5) + b * np.ones((5, 5)), c * np.ones((1, 5))

    def projector(w):
        vectors = (w @ zero_sum).T
        return vectors @ np.linalg.pinv(vectors)

    start, step = projector(w1), 1e-3
    free = w1.copy()
    for _ in range(2000):
        pull = w2 @ w1 @ moment - label
        w1, w2 = w1 - step * w2.T @ pull, w2 - step * pull @ w1.T
        free = free - step * rng.standard_normal((2, 5))  # a path that obeys nothing
    assert np.abs(projector(w1) - start).max() < 1e-12  # kept exactly by descent, P ↦ P·N
    assert np.abs(projector(free) - start).max() > 1e-3


def unitary(folder, n):
    """U(n) on R^2n as a file of generators."""
    algebra = []
    for i in range(n - 1):
        for entry in (1, 1j):
            one = np.zeros((n, n), complex)
            one[i, i + 1], one[i + 1, i] = entry, -np.conj(entry)
            algebra.append(one)
    algebra.append(np.diag([1j] + [0] * (n - 1)))
    real = [np.block([[a.real, -a.imag], [a.imag, a.real]]).astype(int).tolist() for a in algebra]
    path = folder / f"u{n}.json"
    path.write_text(json.dumps({"schema": GROUP_SCHEMA, "generators": [], "infinitesimal": real}))
    return path


@pytest.mark.parametrize("n, range_laws, phase", [(2, 0, 1), (3, 4, 1), (4, 8, 1)])
def test_complex_blocks(tmp_path, n, range_laws, phase):
    """Theory §6, the unitary analogue: 2κ(n − κ) + 1 on two copies, h = 1 (κ = 2)."""
    network, symmetry = f"linear:{4 * n}-1-1", f"2x{unitary(tmp_path, n)}"
    state, _, extra = due(cq.Problem.from_text(network, symmetry=symmetry))
    by_name = {law.text.split(" of ")[0]: law.independent for law in state.laws}
    assert by_name.get("complex range", 0) == range_laws
    assert by_name["phase"] == phase
    assert extra == range_laws + phase


def test_no_complex_law_when_the_vectors_fill_the_block(tmp_path):
    """κ > n/2 over the reals is no bar, κ > n over C is: U(1) on two copies, h = 1."""
    problem = cq.Problem.from_text("linear:4-1-1", symmetry="2xrotation:5")
    state, _, extra = due(problem)
    assert not extra
    assert not state.laws


class Sampled(MomentFields):
    """Planted: moments averaged over a few random rotations instead of all of O(n)."""

    def __init__(self, problem, scalars, rng):
        super().__init__(problem, scalars, rng)
        n = problem.network.input_shape[-1]
        shape = self.space.quadratic.shape
        noise = scalars.random(rng, (len(self.space.quadratic), n, n))
        noise = scalars.reduce(noise + noise.swapaxes(-1, -2))
        assert noise.shape == shape
        # what a Monte Carlo average leaves behind: a symmetric part that is not invariant
        quadratic = scalars.reduce(self.space.quadratic + noise)
        self.space = dataclasses.replace(self.space, quadratic=quadratic)
        self._quadratic = quadratic


def test_a_sampled_average_has_no_range_law():
    problem = problem_of("linear:4-2-1", "orthogonal", "invariant")
    scalars = splitting_scalars(problem)
    exact = MomentFields(problem, scalars, np.random.default_rng(0))
    assert sum(law.independent for law in owed_along(exact)) > 0
    assert owed_along(Sampled(problem, scalars, np.random.default_rng(0))) == []


def test_gradients_annihilate_fields_of_explicit_orbits():
    """Two roads: laws found along the moments, checked on fields from explicit orbits."""
    problem = problem_of("linear:4-2-1", "permutation", "invariant")
    scalars = splitting_scalars(problem)
    orbits = OrbitFields(problem, scalars, np.random.default_rng(2))
    zero_sum, _ = on_blocks(Lifted(problem, scalars))
    theta = orbits.point()
    (here,) = zero_sum.vectors(scalars, theta[0])
    span = LieSpan(orbits, theta=theta)
    span.close()
    # every direction of the closure moves P inside its own span
    moved = zero_sum.vectors(scalars, span.space.basis).reshape(-1, zero_sum.dimension)
    inside = RowSpace(scalars, zero_sum.dimension)
    inside.add(here)
    assert inside.rank == 2
    assert not inside.remainder(moved).any()


def test_the_same_seed_gives_the_same_words():
    problem = problem_of("linear:6-2", "shift", "invariant")
    first, second = (due(problem, seed=4) for _ in range(2))
    assert first[1].reasons == second[1].reasons
    assert first[0].laws == second[0].laws
