"""Which laws a loss lets data symmetry add (theory §4, §5)."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from flint import fmpz_mat

import conserved as cq
from conserved.errors import InputError
from conserved.fields import make_fields
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES
from conserved.kernel.residues import residues


def upper(
    network: str, symmetry: str = "none", loss: str = "mse", labels: str = "invariant"
) -> int:
    """The bound of a finished run."""
    problem = cq.Problem.from_text(network, symmetry=symmetry, loss=loss, labels=labels)
    closure = cq.lie_closure(problem)
    assert closure.closed or "random patterns" in closure.stopped
    return closure.upper


# ------------------------------------------------------------------ Theorem 3

TINY = {
    2: ["linear:2-1", "linear:2-1-1", "linear:2-2-1", "poly:2-1-1,power=2", "poly:2-2-1,power=3"],
    3: ["linear:3-1", "linear:3-2-1", "relu:3-2-1", "mlp:3-2-1,act=tanh", "poly:3-1-1,power=2"],
    4: ["linear:4-1-1", "linear:4-2-1"],
}
GROUPS = {
    2: ["negation", "signflip", "rotation:3", "rotation:4", "rotation:5", "dihedral:3"],
    3: ["negation", "signflip", "permutation", "shift", "hyperoctahedral"],
    4: ["permutation", "shift"],
}
SWEEP = [(net, group) for n in TINY for net, group in product(TINY[n], GROUPS[n])]


@pytest.mark.parametrize("loss", ["logistic", "exponential", "any"])
@pytest.mark.parametrize("network, symmetry", SWEEP)
def test_analytic_losses_leave_no_room_for_symmetry(network: str, symmetry: str, loss: str) -> None:
    """Theorem 3 of 2606.10913: W_G = W, so the count is that of all data.

    Also where f(gx) = ±f(x) at every θ (poly, or linear under negation): there J(gx) = ±J(x) too,
    so what stays grouped is a multiple of one field.
    """
    architecture = upper(network, loss=loss)
    assert upper(network, symmetry, loss) == architecture
    assert architecture == upper(network), "for all data the loss does not matter"


def test_the_sweep_is_not_idle() -> None:
    """Under squared error a good part of the same sweep does gain laws."""
    gained = [row for row in SWEEP if upper(*row) > upper(row[0])]
    assert len(gained) >= 12


@pytest.mark.parametrize("labels", ["invariant", "sign", "equivariant"])
@pytest.mark.parametrize(
    "network, symmetry",
    [
        ("linear:3-1-3", "hyperoctahedral"),
        ("linear:3-1-3", "permutation"),
        ("linear:2-2-2", "rotation:4"),
        ("poly:2-2-2,power=2", "dihedral:3"),
    ],
)
def test_any_loss_with_several_outputs(network: str, symmetry: str, labels: str) -> None:
    assert upper(network, symmetry, "any", labels) == upper(network)


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
@pytest.mark.parametrize(
    "network, symmetry", [("linear:2-1-1", "negation"), ("linear:3-2-1", "permutation")]
)
def test_signed_labels(network: str, symmetry: str, loss: str) -> None:
    """y ↦ −y with x ↦ −x: an odd network sees every datum twice and nothing cancels."""
    assert upper(network, symmetry, loss, "sign") == upper(network)


@pytest.mark.parametrize("loss", ["mse", "poly:3", "poly:4", "logistic", "exponential", "any"])
@pytest.mark.parametrize("network", ["poly:2-3-1,power=2", "poly:3-2-1,power=2"])
def test_a_network_that_is_invariant_already(network: str, loss: str) -> None:
    """(W x)² does not see negation: an orbit is one datum, counted twice, whatever the loss."""
    assert upper(network, "negation", loss) == upper(network, loss=loss)


@pytest.mark.parametrize("loss", ["logistic", "exponential"])
def test_margin_losses_take_one_output(loss: str) -> None:
    with pytest.raises(InputError, match="2") as caught:
        cq.Problem.from_text("linear:2-2-2", loss=loss)
    assert caught.value.argument == "loss"


# ------------------------------------------------------------------ the ladder


@pytest.mark.parametrize(
    "network, counts", [("linear:4-1-1", (3, 2, 1, 1, 1)), ("linear:4-2-1", (5, 3, 3, 3, 3))]
)
def test_the_ladder(network: str, counts: tuple[int, ...]) -> None:
    """Theory §4, S_4: more orders of the prediction, fewer laws, down to the architecture's."""
    ladder = ("mse", "poly:3", "poly:4", "logistic", "exponential")
    assert tuple(upper(network, "permutation", loss) for loss in ladder) == counts
    assert upper(network) == counts[-1]


@pytest.mark.parametrize(
    "network, symmetry, labels",
    [
        ("linear:4-1-1", "permutation", "invariant"),
        ("linear:5-1-1", "permutation", "invariant"),
        ("linear:2-1-1", "rotation:8", "invariant"),
        ("linear:3-1-1", "signflip", "invariant"),
        ("linear:3-1-3", "permutation", "equivariant"),
        ("poly:2-1-1,power=2", "rotation:5", "invariant"),
        ("linear:3-2-1", "shift", "sign"),
    ],
)
def test_laws_never_grow_with_the_degree(network: str, symmetry: str, labels: str) -> None:
    counts = [upper(network, symmetry, f"poly:{q}", labels) for q in range(2, 7)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] >= upper(network, symmetry, "any", labels) == upper(network)
    assert counts[0] == upper(network, symmetry, "mse", labels)


# ------------------------------------------------------------------ moments span what orbits span


def permutation_matrices(kind: str, n: int) -> list[np.ndarray]:
    """Every element of S_n or C_n, listed with itertools alone."""
    if kind == "permutation":
        orders = list(permutations(range(n)))
    else:
        orders = [tuple((i + k) % n for i in range(n)) for k in range(n)]
    return [np.eye(n, dtype=object)[list(order)] for order in orders]


def moment_rank(n: int, r: int, m: int, elements: list[np.ndarray], equivariant: bool) -> int:
    """Rank of {∇⟨A S, A⟩, ∇⟨A, C⟩} for f = W2 W1 x, A = W2 W1 (theory §5), over Z.

    S and C run through averages of x xᵀ and y xᵀ over the listed elements: no orbit of a network
    is evaluated, no tape, no prime. Averages are sums here; a factor |G| changes no rank.
    """
    rng = np.random.default_rng(7)
    W1, W2 = (np.array(rng.integers(-50, 51, s).tolist(), dtype=object) for s in ((r, n), (m, r)))
    A = W2 @ W1
    unit = np.eye(max(n, m), dtype=object)
    rows = []
    for i, j in product(range(n), repeat=2):
        E = np.outer(unit[i, :n], unit[j, :n])
        S = sum(g @ (E + E.T) @ g.T for g in elements)
        rows.append(np.concatenate([(W2.T @ A @ S).ravel(), (A @ S @ W1.T).ravel()]))
    for i, j in product(range(m), range(n)):
        E = np.outer(unit[i, :m], unit[j, :n])
        C = sum((g @ E if equivariant else E) @ g.T for g in elements)
        rows.append(np.concatenate([(W2.T @ C).ravel(), (C @ W1.T).ravel()]))
    return fmpz_mat([[int(v) for v in row] for row in rows]).rank()


@pytest.mark.parametrize("widths", [(1, 1), (2, 1), (2, 2), (3, 2)], ids=str)
@pytest.mark.parametrize("kind, n", [("permutation", 3), ("shift", 4), ("permutation", 4)])
def test_moments_span_the_fields_of_orbits(kind: str, n: int, widths: tuple[int, int]) -> None:
    """The first rank of the closure is the rank of the averaged moments."""
    r, m = widths
    problem = cq.Problem.from_text(f"linear:{n}-{r}-{m}", symmetry=kind)
    expected = moment_rank(n, r, m, permutation_matrices(kind, n), equivariant=False)
    assert cq.lie_closure(problem).ranks[0] == expected


@pytest.mark.parametrize("kind, n", [("permutation", 3), ("shift", 4)])
@pytest.mark.parametrize("r", [1, 2])
def test_moments_with_equivariant_labels(kind: str, n: int, r: int) -> None:
    problem = cq.Problem.from_text(f"linear:{n}-{r}-{n}", symmetry=kind, labels="equivariant")
    expected = moment_rank(n, r, n, permutation_matrices(kind, n), equivariant=True)
    assert cq.lie_closure(problem).ranks[0] == expected


def test_moments_notice_a_missing_element() -> None:
    """Negative control: an average over part of the group spans another space."""
    elements = permutation_matrices("permutation", 4)
    whole = moment_rank(4, 2, 1, elements, False)
    assert moment_rank(4, 2, 1, elements[:-1], False) > whole == 2


# ------------------------------------------------------------------ cross-entropy: V_ℓ = 1^⊥


def count(
    network: str, symmetry: str = "none", labels: str = "invariant", loss: str = "cross-entropy"
) -> int:
    """The bound of a closed run; formal exp need not be generic along an orbit."""
    closure = cq.lie_closure(
        cq.Problem.from_text(network, symmetry=symmetry, loss=loss, labels=labels)
    )
    assert closure.closed or "random patterns" in closure.stopped
    return closure.upper


def two_layers(n: int, h: int, m: int) -> int:
    """Balancedness laws of linear:n-h-m (theory §7)."""
    k = min(h, n + m)
    return 2 * h - 1 if n == m == 1 else k * (2 * h + 1 - k) // 2


@pytest.mark.parametrize("n, m", [(1, 2), (2, 2), (3, 2), (3, 5), (6, 4)])
def test_one_layer_keeps_its_column_sums(n: int, m: int) -> None:
    """W′ = −Σ (softmax − y) xᵀ: column j sums to a constant, n laws, none for squared error."""
    assert count(f"linear:{n}-{m}") == n
    assert upper(f"linear:{n}-{m}") == 0


@pytest.mark.parametrize("n, h, m", [(2, 2, 2), (3, 2, 3), (4, 1, 3), (2, 4, 2), (1, 3, 2)])
def test_two_layers_lose_an_output_and_keep_its_sums(n: int, h: int, m: int) -> None:
    """1ᵀW2 stays put, h laws; orthogonally to 1 it is linear:n-h-(m−1) under squared error."""
    assert count(f"linear:{n}-{h}-{m}") == h + two_layers(n, h, m - 1)


@pytest.mark.parametrize(
    "last, family, bias",
    [
        (2, "linear:3-2-2-{m}", 0),
        (2, "linear:2-3-2-{m}", 0),
        (4, "relu:3-4-{m}", 0),
        (4, "relu:3-4-{m},bias", 1),
        (4, "mlp:3-4-{m},act=tanh", 0),
        (3, "mlp:2-3-{m},act=sigmoid,bias", 1),
        (2, "poly:3-2-{m},power=2", 0),
        (3, "swiglu:2-3-{m}", 0),
    ],
)
@pytest.mark.parametrize("m", [2, 3])
def test_the_last_layer_keeps_its_column_sums(last: int, family: str, bias: int, m: int) -> None:
    """One law per unit of the last hidden layer, one for the biases, and those of m − 1 outputs."""
    expected = last + bias + upper(family.format(m=m - 1))
    assert count(family.format(m=m)) == expected


@pytest.mark.parametrize("network", ["linear:3-2-3", "relu:3-4-3,bias", "mlp:3-4-3,act=tanh"])
def test_column_sums_are_annihilated_by_every_field(network: str) -> None:
    """∇(1ᵀW)_j at random points: the law itself, not its count; and it is none for mse."""
    for loss, conserved in (("cross-entropy", True), ("mse", False)):
        problem = cq.Problem.from_text(network, loss=loss)
        fields = make_fields(problem, residues(BLAS_PRIMES[0]), np.random.default_rng(0))
        _, values = fields.draw(20, fields.point())
        last = [p for p in problem.network.parameters if p.name[0] == "W"][-1]
        bias = 3 if "bias" in network else 0
        stop = problem.network.size - bias
        weights = values[:, stop - last.size : stop].reshape(-1, *last.shape)
        sums = fields.scalars.reduce(weights.sum(axis=1))
        assert (not sums.any()) == conserved
        if bias:
            assert (not fields.scalars.reduce(values[:, stop:].sum(axis=1)).any()) == conserved


SYMMETRIC_CLASSES = [
    ("linear:3-2", "permutation", "invariant"),
    ("linear:3-3", "permutation", "invariant"),
    ("linear:3-3", "permutation", "equivariant"),
    ("linear:2-2", "permutation", "equivariant"),
    ("linear:2-1-2", "permutation", "equivariant"),
    ("linear:3-1-3", "permutation", "equivariant"),
    ("linear:3-2-3", "shift", "equivariant"),
    ("linear:4-2-4", "grid-flip:2x2", "equivariant"),
    ("linear:3-2", "hyperoctahedral", "invariant"),
    ("linear:2-3", "rotation:4", "invariant"),
    ("linear:2-2-2", "rotation:5", "invariant"),
    ("linear:2-2-2", "negation", "invariant"),
    ("poly:2-2-2,power=2", "rotation:3", "invariant"),
    ("poly:3-2-3,power=2", "shift", "equivariant"),
    ("relu:3-2-3", "permutation", "equivariant"),
    ("mlp:3-2-3,act=tanh", "shift", "equivariant"),
    ("lightning:dim=2,tokens=2,head=1,out=2", "permutation", "equivariant"),
]


@pytest.mark.parametrize("network, symmetry, labels", SYMMETRIC_CLASSES)
def test_theorem_3_for_cross_entropy(network: str, symmetry: str, labels: str) -> None:
    """Softmax is no polynomial: with one-hot labels too, symmetry adds no law."""
    assert count(network, symmetry, labels) == count(network)


def test_that_sweep_is_not_idle_either() -> None:
    """Under squared error a third of it does gain laws."""
    gained = [
        row for row in SYMMETRIC_CLASSES if count(*row, loss="mse") > count(row[0], loss="mse")
    ]
    assert len(gained) >= 6


@pytest.mark.parametrize(
    "symmetry, m, labels, words",
    [
        ("permutation", 3, "sign", "permutation does not permute them this way"),
        ("negation", 3, "sign", "negation does not permute them this way"),
        ("hyperoctahedral", 3, "equivariant", "hyperoctahedral does not permute them this way"),
        ("orthogonal", 3, "equivariant", "orthogonal does not permute them this way"),
        ("special-orthogonal", 3, "equivariant", "special-orthogonal does not permute"),
        ("icosahedral", 3, "equivariant", "icosahedral does not permute them this way"),
    ],
)
def test_classes_can_only_be_permuted(symmetry: str, m: int, labels: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        cq.Problem.from_text(
            f"linear:3-2-{m}", symmetry=symmetry, loss="cross-entropy", labels=labels
        )
    assert caught.value.argument == "labels"
    assert "invariant labels" in str(caught.value)


def test_a_class_needs_another_one() -> None:
    with pytest.raises(InputError, match="at least 2 outputs") as caught:
        cq.Problem.from_text("linear:3-2-1", loss="cross-entropy")
    assert caught.value.argument == "loss"


def test_labels_are_one_hot_and_pulls_sum_to_zero() -> None:
    loss = cq.losses.parse_loss("cross-entropy")
    for prime in (BLAS_PRIMES[0], INT64_PRIMES[0]):
        scalars = residues(prime)
        random = scalars.random(np.random.default_rng(0), (200, 2, 5))
        labels = loss.labels(random)
        assert (labels.sum(axis=-1) == 1).all()
        assert set(np.unique(labels)) == {0, 1}
        assert (labels.sum(axis=(0, 1)) > 40).all(), "every class occurs"
        pulls = loss.pulls(scalars, random)
        assert scalars.is_zero(scalars.reduce(pulls.sum(axis=-1))).all()
        assert pulls.any()


# ------------------------------------------------------------------ degree-q losses, more outputs


@pytest.mark.parametrize(
    "network, symmetry",
    [
        ("linear:4-1-2", "permutation"),
        ("linear:2-1-2", "rotation:5"),
        ("poly:2-1-2,power=2", "rotation:5"),
        ("linear:3-2", "signflip"),
    ],
)
def test_the_ladder_of_vector_outputs(network: str, symmetry: str) -> None:
    """Σ_j (ŷ_j − y_j)^q: laws fall from those of squared error to the architecture's."""
    counts = [upper(network, symmetry, f"poly:{q}") for q in (2, 3, 4, 5, 6)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == upper(network, symmetry, "mse") > counts[-1] == upper(network)


@pytest.mark.parametrize(
    "network, symmetry, labels",
    [
        ("linear:3-1-3", "hyperoctahedral", "equivariant"),
        ("linear:3-2-2", "negation", "sign"),
    ],
)
def test_odd_losses_of_odd_data_cancel(network: str, symmetry: str, labels: str) -> None:
    """−1 moves f and y to their negatives: for odd q the averaged loss is 0, nothing ever moves.

    So with labels that move, the ladder over q is two ladders, over even and over odd q.
    """
    problem = cq.Problem.from_text(network)
    for q in (3, 5):
        assert upper(network, symmetry, f"poly:{q}", labels) == problem.network.size
    even = [upper(network, symmetry, f"poly:{q}", labels) for q in (2, 4, 6)]
    assert even == sorted(even, reverse=True)
    assert even[-1] == upper(network)
