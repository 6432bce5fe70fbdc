"""Which laws a loss lets data symmetry add (theory §4, §5)."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from flint import fmpz_mat

import conserved as cq
from conserved.errors import InputError


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
