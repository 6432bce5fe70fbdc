"""The axis-quadratic ansatz: its table of unknowns, its solutions, and the names they get."""

from __future__ import annotations

import numpy as np
import pytest

import conserved as cq
from conserved.arithmetic.exact import rank
from conserved.fields import make_fields
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.residues import residues
from conserved.law import Layout
from conserved.law.polynomial import Table
from conserved.search import ansatz, find_laws
from conserved.search.unknowns import Unknowns
from tests.search.networks import Scaled

SCALARS = residues(BLAS_PRIMES[0])
LAYOUTS = [
    (("W1", (2, 3)), ("b1", (2,)), ("W2", (1, 2))),
    (("W", (1, 1)), ("V", (3, 1)), ("b", (1,))),
    (("K", (2, 3, 2, 2)),),
    (("s", ()), ("W", (2, 2))),
]


def functions(unknowns: Unknowns) -> Table:
    """Every unknown's function, written out as a polynomial."""
    one = [
        unknowns.polynomial([(k, cq.law.Polynomial.of({(0,): 1}).terms[0][1])])
        for k in range(unknowns.size)
    ]
    return Table(one, unknowns.layout.size)


@pytest.mark.parametrize("tensors", LAYOUTS)
def test_no_function_is_counted_twice(tensors: tuple[tuple[str, tuple[int, ...]], ...]) -> None:
    """Values at many points are linearly independent, and the entry left out depends on them."""
    unknowns = Unknowns(Layout(tensors))
    points = SCALARS.random(np.random.default_rng(0), (2 * unknowns.size, unknowns.layout.size))
    values = functions(unknowns).values(SCALARS, points)
    assert rank(values, BLAS_PRIMES[0]) == unknowns.size
    for axis in unknowns.axes:
        if axis.pinned:
            last = points[:, axis.rows[-1]]
            more = SCALARS.reduce(SCALARS.mul(last, last).sum(axis=1))[:, None]
            assert rank(np.concatenate([values, more], axis=1), BLAS_PRIMES[0]) == unknowns.size
            index = np.array([axis.height - 1])
            row = unknowns.entry(SCALARS, axis.tensor, axis.axis, index, index)
            np.testing.assert_array_equal(SCALARS.matmul(values, row.T), more)


@pytest.mark.parametrize("tensors", LAYOUTS)
def test_conditions_are_gradients_along_fields(
    tensors: tuple[tuple[str, tuple[int, ...]], ...],
) -> None:
    unknowns = Unknowns(Layout(tensors))
    rng = np.random.default_rng(1)
    theta, fields = (SCALARS.random(rng, (3, unknowns.layout.size)) for _ in range(2))
    table = functions(unknowns)
    found = unknowns.conditions(SCALARS, theta, fields)
    for row, point, field in zip(found, theta, fields, strict=True):
        gradients = table.gradients(SCALARS, point)
        np.testing.assert_array_equal(row, SCALARS.matmul(gradients, field[:, None])[:, 0])


NAMED = [
    ("linear:3-2-2", ["W1 W1ᵀ − W2ᵀ W2"]),
    ("linear:2-5-1", ["W1 W1ᵀ − W2ᵀ W2"]),
    ("linear:3-1-2", ["‖W1‖² − ‖W2‖²"]),
    ("linear:1-1-1-1", ["‖W1‖² − ‖W2‖²", "‖W1‖² − ‖W3‖²"]),
    ("linear:5-3-4-2", ["W1 W1ᵀ − W2ᵀ W2", "W2 W2ᵀ − W3ᵀ W3"]),
    ("relu:3-4-2", ["‖W1[j,:]‖² − ‖W2[:,j]‖², j = 1 … 4"]),
    ("relu:3-4-2,bias", ["‖W1[j,:]‖² + b1[j]² − ‖W2[:,j]‖², j = 1 … 4"]),
    ("relu:3-1-2,bias", ["‖W1‖² + b1[1]² − ‖W2‖²"]),
    ("poly:2-3-1,power=3", ["‖W1[j,:]‖² − 3 ‖W2[:,j]‖², j = 1 … 3"]),
    ("swiglu:2-3-2", ["‖A[:,j]‖² − ‖C[j,:]‖², j = 1 … 3"]),
    ("attention:dim=4,tokens=2,head=2", ["Q Qᵀ − K Kᵀ", "V Vᵀ − O Oᵀ"]),
    (
        "attention:dim=4,tokens=2,head=2,heads=2,causal",
        [
            "Q[1:2] Q[1:2]ᵀ − K[1:2] K[1:2]ᵀ",
            "Q[3:4] Q[3:4]ᵀ − K[3:4] K[3:4]ᵀ",
            "V[1:2] V[1:2]ᵀ − O[1:2] O[1:2]ᵀ",
            "V[3:4] V[3:4]ᵀ − O[3:4] O[3:4]ᵀ",
        ],
    ),
    ("lightning:dim=3,tokens=2,head=2,out=1", ["Qᵀ Q − Kᵀ K", "‖Q‖² − ‖V‖²"]),
    ("mlp:3-4-1,act=tanh", []),
    ("mlp:1-1-1,act=exp", []),
]


@pytest.mark.parametrize("network, texts", NAMED, ids=[network for network, _ in NAMED])
def test_laws_have_the_names_people_use(network: str, texts: list[str]) -> None:
    problem = cq.Problem.from_text(network)
    found = find_laws(problem)
    assert [law.text for law in found.laws] == texts
    assert found.lower == cq.lie_closure(problem).upper
    assert found.notes == ()


@pytest.mark.parametrize(
    "network, texts",
    [
        ("linear:5-4-3", ["W1 W1ᵀ − W2ᵀ W2"]),
        ("linear:3-4-5-2", ["W1 W1ᵀ − W2ᵀ W2", "W2 W2ᵀ − W3ᵀ W3"]),
        ("relu:5-4-3", ["‖W1[j,:]‖² − ‖W2[:,j]‖², j = 1 … 4"]),
    ],
)
def test_axes_too_long_for_all_their_unknowns(
    monkeypatch: pytest.MonkeyPatch, network: str, texts: list[str]
) -> None:
    problem = cq.Problem.from_text(network)
    whole = find_laws(problem)
    monkeypatch.setattr(ansatz, "UNKNOWN_LIMIT", 30)
    monkeypatch.setattr(ansatz, "JOINT_LIMIT", 0)
    found = find_laws(problem)
    assert "only sums of squares" in found.notes[0]
    assert [law.text for law in found.laws] == texts
    assert found.lower == whole.lower


def test_parameters_without_axes() -> None:
    assert [law.text for law in find_laws(cq.Problem(network=Scaled())).laws] == ["s² − t²"]


def test_softmax_outputs_keep_their_column_sums() -> None:
    sums, balance = find_laws(cq.Problem.from_text("linear:3-2-3", loss="cross-entropy")).laws
    assert (sums.name, sums.kind, sums.independent) == ("column sums of W2", "linear", 2)
    assert balance.text == "W1 W1ᵀ − W2ᵀ W2"


def test_what_never_moves_is_said_entry_by_entry() -> None:
    """One token: its only attention weight is 1, so Q and K are never pulled."""
    laws = find_laws(cq.Problem.from_text("attention:dim=2,tokens=1,head=1")).laws
    assert {law.text for law in laws} == {*("Q[1,1]", "Q[1,2]", "K[1,1]", "K[1,2]", "‖V‖² − ‖O‖²")}


@pytest.mark.parametrize("network", ["linear:2-2-2", "poly:2-2-1,power=2", "relu:2-2-1,bias"])
def test_against_autograd(network: str) -> None:
    """A second road: autograd's vector field in float64 at real points."""
    torch = pytest.importorskip("torch")
    problem = cq.Problem.from_text(network)
    size = problem.network.size
    generator = torch.Generator().manual_seed(0)
    for law in find_laws(problem).laws:
        theta = torch.randn(size, generator=generator, dtype=torch.float64)
        fields = make_fields(problem, SCALARS, np.random.default_rng(0))
        assert fields.dimension == size
        draws = [_autograd_field(network, theta, generator) for _ in range(8)]
        along = np.stack(draws, axis=1)  # some x may miss every unit of a relu
        assert np.abs(law.gradient(theta.numpy()) @ along).max() < 1e-9
        assert np.abs(law.gradient(theta.numpy() + 1) @ along).max() > 1e-3


def _autograd_field(network: str, theta: object, generator: object) -> np.ndarray:
    """∇_θ ⟨v, f(θ, x)⟩ of these two-layer networks, written with torch."""
    import torch

    n, h, m = (int(w) for w in network.partition(":")[2].split(",")[0].split("-"))
    leaf = theta.clone().requires_grad_()  # type: ignore[attr-defined]
    x = torch.randn(n, generator=generator, dtype=torch.float64)  # type: ignore[arg-type]
    v = torch.randn(m, generator=generator, dtype=torch.float64)  # type: ignore[arg-type]
    first, rest = leaf[: n * h].reshape(h, n), leaf[n * h :]
    hidden = first @ x
    if "bias" in network:
        hidden, rest = hidden + rest[:h], rest[h:]
    act = {"linear": lambda z: z, "poly": lambda z: z**2, "relu": torch.relu}
    output = rest[: h * m].reshape(m, h) @ act[network.partition(":")[0]](hidden)
    if "bias" in network:
        output = output + rest[h * m :]
    (output @ v).backward()
    return leaf.grad.numpy()


@pytest.mark.parametrize("seed", range(4))
def test_laws_do_not_depend_on_the_seed(seed: int) -> None:
    problem = cq.Problem.from_text("attention:dim=3,tokens=2,head=2")
    first, again = find_laws(problem), find_laws(problem, seed=seed)
    assert first.laws == again.laws
