"""Every lift: Φ(gx) = ρ(g)Φ(x), an invariant metric, a derivative, and A(θ)Φ(x) = f(θ, x)."""

from __future__ import annotations

import numpy as np
import pytest

import conserved as cq
from conserved.kernel.functions import FormalRing
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES
from conserved.kernel.residues import residues
from conserved.kernel.rowspace import inverse_matrix
from conserved.networks import Network
from conserved.networks.base import Parameter
from conserved.networks.lift import LIFT_LIMIT
from conserved.symmetry import Permutation, Rotation
from tests.moments.oracles import rank, rotations


class Product(Network):
    """A network of one's own: f(x) = (U x) ∘ (V x), homogeneous of degree 2 in x."""

    family = "product"

    def __init__(self, n: int, m: int) -> None:
        parameters = [Parameter("U", (m, n)), Parameter("V", (m, n))]
        self._declare(f"product:{n}-{m}", parameters, (n,), (m,))

    def forward(self, parameters, x):
        return (x @ parameters["U"].T) * (x @ parameters["V"].T)


NETWORKS = {
    network.spec: network
    for network in (
        *(cq.networks.Linear(*w) for w in ((4, 3), (3, 2, 2), (3, 2, 3, 2), (2, 3, 1, 2, 2))),
        cq.networks.Polynomial(2, 3, 1, power=2),
        cq.networks.Polynomial(3, 2, 2, power=3),
        cq.networks.Polynomial(2, 2, 1, power=5),
        cq.networks.Polynomial(3, 2, 2, power=1),
        cq.networks.Polynomial(2, 2, 2, 1, power=2),
        cq.networks.Polynomial(2, 1, 2, 1, 2, power=2),
        cq.networks.Lightning(dim=2, tokens=1),
        cq.networks.Lightning(dim=2, tokens=3, head=2, out=2),
        cq.networks.Lightning(dim=3, tokens=2, head=1, out=2),
        Product(3, 2),
    )
}
PRIMES = [BLAS_PRIMES[0], INT64_PRIMES[0]]  # one for each layout
each_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
each_prime = pytest.mark.parametrize("prime", PRIMES, ids=["float64", "int64"])


def setting(network, prime):
    lift = network.lift()
    assert lift is not None
    return residues(prime), lift, np.random.default_rng(3)


def assert_equal(scalars, a, b):
    assert a.shape == b.shape
    assert scalars.is_zero(scalars.reduce(a - b)).all()


@each_network
@each_prime
def test_the_lift_of_a_moved_input(network, prime):
    """Φ(gx) = ρ(g)Φ(x) for every matrix g, orthogonal or not."""
    scalars, lift, rng = setting(network, prime)
    n = network.input_shape[-1]
    matrices = scalars.random(rng, (3, n, n))
    x = scalars.random(rng, (4, *network.input_shape))
    rho = lift.representation(scalars, matrices)
    here = lift.features(scalars, x)
    assert here.shape == (4, lift.rows, lift.dimension)
    for g, moved in zip(matrices, rho, strict=True):
        assert_equal(
            scalars,
            lift.features(scalars, scalars.matmul(x, g.T)),
            scalars.matmul(here, moved.T),
        )
    both = lift.representation(scalars, scalars.matmul(matrices[:1], matrices[1:2]))
    assert_equal(scalars, both, scalars.matmul(rho[:1], rho[1:2]))


@each_network
@each_prime
def test_the_metric_is_invariant(network, prime):
    """ρ(g)ᵀ diag(d) ρ(g) = diag(d) for orthogonal g; ⟨Φ(x), Φ(y)⟩_d is a polynomial in ⟨x, y⟩."""
    scalars, lift, rng = setting(network, prime)
    turns = rotations(scalars, rng, network.input_shape[-1], 3)
    metric = np.diag(scalars.from_integers(lift.metric.astype(object)))
    for moved in lift.representation(scalars, turns):
        assert_equal(scalars, scalars.matmul(scalars.matmul(moved.T, metric), moved), metric)
    assert (lift.metric > 0).all()
    sheared = scalars.random(rng, (1, network.input_shape[-1], network.input_shape[-1]))
    (moved,) = lift.representation(scalars, sheared)
    moved = scalars.matmul(scalars.matmul(moved.T, metric), moved)
    assert scalars.reduce(moved - metric).any(), "a metric that all matrices keep says nothing"


@each_network
@each_prime
def test_the_derivative_of_the_representation(network, prime):
    """d/dt ρ(1 + tX) at 0, from the values of that polynomial in t at t = 0, 1, 2, …."""
    scalars, lift, rng = setting(network, prime)
    n = network.input_shape[-1]
    generators = scalars.random(rng, (2, n, n))
    degree = getattr(lift, "power", 3)
    powers = scalars.from_integers([[t**k for k in range(degree + 1)] for t in range(degree + 1)])
    slope = inverse_matrix(scalars, powers)[1]  # from values to the coefficient of t
    one = scalars.from_integers(np.eye(n, dtype=np.int64))
    for x, expected in zip(generators, lift.derivative(scalars, generators), strict=True):
        line = np.stack([scalars.reduce(one + t * x) for t in range(degree + 1)])
        values = lift.representation(scalars, line).reshape(degree + 1, -1)
        assert_equal(scalars, scalars.matmul(slope[None], values).reshape(expected.shape), expected)


def lifted_output(network, scalars, theta):
    """F(θ) with axes (jet, batch, rows, m)."""
    lift = network.lift()
    output = lift.outputs_at(FormalRing(scalars), theta).output
    return output.reshape(*theta.shape[:2], -1, lift.outputs)


def true_output(network, scalars, theta, x):
    """f(θ, x) with axes (batch, rows, m): x in one batch per θ."""
    output = network.run(FormalRing(scalars), theta, x[:, None]).output
    return output.reshape(len(x), -1, network.output_shape[-1])


@each_network
@each_prime
def test_the_linear_form_is_the_network(network, prime):
    """⟨A, yΦᵀ⟩ = ⟨y, f⟩ and ⟨A ΦΦᵀ, A⟩ = ‖f‖², through ``outputs_at`` and ``change_basis``."""
    scalars, lift, rng = setting(network, prime)
    theta = scalars.random(rng, (1, 5, network.size))
    x = scalars.random(rng, (5, *network.input_shape))
    y = scalars.random(rng, (5, lift.rows, lift.outputs))
    phi = lift.features(scalars, x)
    mixed = lift.change_basis_mixed(scalars, scalars.matmul(y.swapaxes(-1, -2), phi))
    quadratic = lift.change_basis(scalars, scalars.matmul(phi.swapaxes(-1, -2), phi))
    (form,) = lifted_output(network, scalars, theta)
    f = true_output(network, scalars, theta, x)

    def paired(a, b):
        return scalars.reduce(scalars.mul(a, b).reshape(len(a), -1).sum(axis=1))

    assert mixed.shape == form.shape
    assert form.shape[1] >= lift.dimension
    assert_equal(scalars, paired(form, mixed), paired(f, y))
    assert_equal(scalars, paired(form, scalars.matmul(quadratic, form)), paired(f, f))
    assert paired(f, y).all(), "not zero by accident"


@each_network
def test_features_are_linearly_independent(network):
    """τ is not larger than need be: Φ spans T, but for one token, where it is x ⊗ x ⊗ x."""
    scalars, lift, rng = setting(network, BLAS_PRIMES[0])
    x = scalars.random(rng, (2 * lift.dimension, *network.input_shape))
    phi = lift.features(scalars, x).reshape(-1, lift.dimension)
    expected = 4 if network.input_shape == (1, 2) else lift.dimension
    assert rank(scalars, phi) == expected


@pytest.mark.parametrize(
    "network",
    [
        cq.networks.ReLU(3, 2, 1),
        cq.networks.MLP(3, 2, 1, act="tanh"),
        cq.networks.Polynomial(3, 2, 2, 2, 2, 2, 2, 1, power=2),  # degree 64
        cq.networks.Polynomial(20, 2, 1, power=5),  # 42,504 monomials
        cq.networks.Lightning(dim=13, tokens=2),  # 1,183 entries
        cq.networks.Linear(1100, 1, 1),
    ],
    ids=lambda network: network.spec,
)
def test_no_lift_beyond_the_limit(network):
    assert network.lift() is None
    assert LIFT_LIMIT == 1024


@pytest.mark.parametrize("group", [Permutation(3), Rotation(3), Rotation(5)])
def test_a_network_of_ones_own_takes_both_routes(group):
    network = Product(group.dimension, 2)
    problem = cq.Problem(network=network, symmetry=group)
    moments, orbits = (cq.lie_closure(problem, route=route) for route in ("moments", "orbits"))
    assert moments.closed
    assert moments.upper == orbits.upper
    assert moments.ranks[0] == orbits.ranks[0]
