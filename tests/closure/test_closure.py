"""The Lie closure: what it may never do, when it stops, and what it refuses."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from itertools import pairwise, product
from math import nan
from time import perf_counter

import numpy as np
import pytest
from flint import fmpz_mat
from hypothesis import strategies as st

import conserved as cq
from conserved.errors import ConservedError, DegenerateSampleError, InputError
from conserved.kernel.primes import BLAS_PRIMES, WIDE_PRIMES, prime_with_roots
from conserved.networks import Linear, Network, Parameter, parse_network
from conserved.networks.tracing import Var
from tests.fuzz import fuzzed

# ------------------------------------------------------------------ known laws, independently


def known_laws(network: Network) -> int:
    """Independent laws that theory §7 writes down, as an exact rank of their gradients.

    Written with Python integers and python-flint over Z: no tape, no jets, no primes.
    """
    rng = np.random.default_rng(11)
    theta = {
        p.name: np.array(rng.integers(-99, 100, p.shape).tolist(), dtype=object).reshape(p.shape)
        for p in network.parameters
    }
    layers = [theta[name] for name in theta if name[0] == "W"]
    rows = []
    for i, below in enumerate(layers[:-1], start=1):
        for a, b in product(range(len(below)), repeat=2):
            if network.family == "linear" and a <= b:  # W_i W_iᵀ − W_{i+1}ᵀ W_{i+1}
                rows.append(_gradient(theta, i, (a, b), 1, False))
            elif network.family != "linear" and a == b:  # incoming² − r · outgoing²
                power = getattr(network, "power", 1)
                rows.append(_gradient(theta, i, (a, a), power, network.family == "relu"))
    return fmpz_mat(rows).rank() if rows else 0


def _gradient(
    theta: dict[str, np.ndarray], i: int, entry: tuple[int, int], power: int, bias: bool
) -> list[int]:
    """Gradient of Σ_c W_i[a,c] W_i[b,c] (+ b_i[a] b_i[b]) − r Σ_c W_{i+1}[c,a] W_{i+1}[c,b]."""
    a, b = entry
    out = {name: np.zeros(value.shape, dtype=object) for name, value in theta.items()}
    below, above = f"W{i}", f"W{i + 1}"
    out[below][a] += theta[below][b]
    out[below][b] += theta[below][a]
    out[above][:, a] -= power * theta[above][:, b]
    out[above][:, b] -= power * theta[above][:, a]
    if bias and f"b{i}" in theta:
        out[f"b{i}"][a] += theta[f"b{i}"][b]
        out[f"b{i}"][b] += theta[f"b{i}"][a]
    return [int(v) for value in out.values() for v in value.ravel()]


def test_the_oracle_knows_balancedness() -> None:
    assert known_laws(Linear(4, 2, 1)) == 3
    assert known_laws(parse_network("relu:2-3-7-3-7,bias")) == 13
    assert known_laws(parse_network("linear:1-2-2-1")) == 6  # one fewer than there are


widths = st.lists(st.integers(1, 4), min_size=3, max_size=4).map(lambda w: "-".join(map(str, w)))
small_networks = st.one_of(
    widths.map(lambda w: f"linear:{w}"),
    widths.map(lambda w: f"relu:{w}"),
    widths.map(lambda w: f"relu:{w},bias"),
    st.builds(lambda w, r: f"poly:{w},power={r}", widths, st.integers(2, 3)),
)


@fuzzed(40, 120, derandomize=True, text=small_networks, seed=st.integers(0, 2**32))
def test_never_below_the_laws_that_exist(text: str, seed: int) -> None:
    network = parse_network(text)
    closure = cq.lie_closure(cq.Problem(network=network), seed=seed)
    assert closure.upper >= known_laws(network)
    assert closure.parameters == network.size
    assert closure.upper + closure.rank == network.size
    assert all(a < b for a, b in pairwise(closure.ranks)), "a level without a rise is no level"
    assert closure.ranks[-1] == closure.rank
    assert closure.closed
    assert closure.rigorous
    assert 0 <= closure.upper < network.size


@fuzzed(
    30,
    60,
    derandomize=True,
    text=small_networks.filter(lambda t: t.startswith(("linear", "relu"))),
)
def test_nothing_else_is_conserved(text: str) -> None:
    """Linear and ReLU networks have the laws of §7 and no other, except where W has one field."""
    network = parse_network(text)
    upper = cq.lie_closure(cq.Problem(network=network)).upper
    one_field = network.family == "linear" and network.input_shape == network.output_shape == (1,)
    assert upper == (network.size - 1 if one_field else known_laws(network))


@pytest.mark.parametrize("n, r, m", list(product(range(1, 5), repeat=3)))
def test_two_linear_layers(n: int, r: int, m: int) -> None:
    """k(2r+1−k)/2 laws, k = min(r, n+m) (2307.00144; theory §7)."""
    k = min(r, n + m)
    closure = cq.lie_closure(cq.Problem(network=Linear(n, r, m)))
    assert closure.upper == k * (2 * r + 1 - k) // 2 == known_laws(Linear(n, r, m))


@pytest.mark.parametrize("inner", [(2,), (3,), (2, 2), (3, 2), (2, 2, 2), (2, 3, 2, 2)])
def test_one_field_stays_one_field(inner: tuple[int, ...]) -> None:
    """[v, v] = 0: no rounding noise, no second direction, however deep (theory §8)."""
    network = Linear(1, *inner, 1)
    for seed in range(5):
        closure = cq.lie_closure(cq.Problem(network=network), seed=seed)
        assert closure.ranks == (1,)
        assert closure.upper == network.size - 1
        assert closure.closed


def test_one_field_from_symmetry() -> None:
    """C_G = 0 and S_G scalar leave ∇‖A‖² alone: D − 1 laws (theory §6)."""
    closure = cq.lie_closure(cq.Problem.from_text("linear:2-2-2", symmetry="rotation:4"))
    assert closure.ranks == (1,)
    assert closure.upper == 7


# ------------------------------------------------------------------ when it stops


def test_stops_when_the_known_laws_are_met() -> None:
    problem = cq.Problem(network=Linear(5, 5, 4, 4, 5))
    full = cq.lie_closure(problem)
    early = cq.lie_closure(problem, lower=35)
    assert full.upper == early.upper == 35
    assert early.evaluations < full.evaluations
    assert early.stopped == "the bound meets the laws already known"
    assert early.closed
    assert full.stopped == "brackets with the generators raise the rank no further"


def test_too_few_known_laws_change_nothing() -> None:
    problem = cq.Problem(network=Linear(3, 2, 2))
    assert cq.lie_closure(problem, lower=1).upper == cq.lie_closure(problem).upper == 3


def test_more_laws_than_there_are_is_a_contradiction() -> None:
    """lower > upper is impossible for true laws: it must not pass in silence."""
    with pytest.raises(ConservedError, match="9"):
        cq.lie_closure(cq.Problem(network=Linear(3, 2, 2)), lower=9)


def test_full_rank_needs_no_brackets() -> None:
    closure = cq.lie_closure(cq.Problem(network=parse_network("mlp:2-3-2,act=tanh")))
    assert closure.stopped == "full rank"
    assert closure.upper == 0
    assert closure.ranks == (12,)


@pytest.mark.parametrize("text", ["linear:12-12-12", "linear:5-5-4-4-5"])
def test_a_spent_budget_leaves_a_valid_bound(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock on which each look takes a second."""
    problem = cq.Problem.from_text(text)
    clock = itertools.count()
    monkeypatch.setattr("conserved.kernel.deadline.perf_counter", lambda: next(clock))
    closure = cq.lie_closure(problem, budget=60)
    assert not closure.closed
    assert closure.stopped == "the budget was used up"
    assert closure.upper >= cq.lie_closure(problem).upper
    assert closure.rank > 0


SPENT = {
    "single points": ("linear:4-3-1", "none", "mse"),
    "patterns": ("relu:4-3-1", "none", "mse"),
    "orbits": ("relu:4-3-1", "permutation", "mse"),
    "moments": ("linear:4-3-1", "permutation", "mse"),
    "continuous": ("lightning:dim=3,tokens=2", "orthogonal", "mse"),
    "formal": ("mlp:3-4-1,act=tanh", "none", "mse"),
    "softmax": ("attention:dim=2,tokens=2,head=1", "negation", "mse"),
}


@pytest.mark.parametrize("kind", SPENT)
def test_every_kind_of_work_looks_at_the_clock(kind: str) -> None:
    """No time at all: the bound that needs no work, whatever the fields are made from."""
    network, symmetry, loss = SPENT[kind]
    problem = cq.Problem.from_text(network, symmetry=symmetry, loss=loss)
    closure = cq.lie_closure(problem, budget=1e-9)
    assert "budget" in closure.stopped
    assert not closure.closed
    assert closure.upper == problem.state.size


@pytest.mark.slow
@pytest.mark.parametrize(
    "text, symmetry",
    [
        (
            "lightning:dim=8,tokens=4",
            "orthogonal",
        ),  # averages
        ("poly:12-8-4,power=3", "permutation"),
        ("relu:8-12-3", "permutation"),  # orbits of 40,320
        ("relu:150-80-10", "none"),  # a large rank
        ("linear:60-40-20", "none"),  # many brackets
        ("swiglu:60-80-20", "none"),
    ],
)
def test_a_budget_is_kept(text: str, symmetry: str) -> None:
    """Within 1.5 times; in the largest lifts one step alone takes a second or two."""
    problem = cq.Problem.from_text(text, symmetry=symmetry)
    start = perf_counter()
    cq.lie_closure(problem, budget=1)
    assert perf_counter() - start < 1.5


def test_a_generous_budget_changes_nothing() -> None:
    problem = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
    plain, budgeted = cq.lie_closure(problem), cq.lie_closure(problem, budget=1e6)
    assert (budgeted.upper, budgeted.ranks, budgeted.closed) == (plain.upper, plain.ranks, True)


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    closure = cq.lie_closure(
        cq.Problem(network=Linear(4, 3, 2)), progress=lambda *report: told.append(report)
    )
    assert [rank for _, rank, _ in told] == sorted(rank for _, rank, _ in told)
    assert told[0][0] == "fields"
    assert told[-1][1:] == (closure.rank, closure.parameters)


# ------------------------------------------------------------------ points without a value


class Normalised(Network):
    """f = V z/‖z‖, z = W x: a square root that exists for half of all data."""

    family = "normalised"

    def __init__(self) -> None:
        shapes = [Parameter("W", (2, 3)), Parameter("V", (1, 2))]
        self._declare("normalised", shapes, (3,), (1,))

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        z = x @ parameters["W"].T
        return (z * (z * z).sum(-1).rsqrt()) @ parameters["V"].T


class NormalisedWeights(Normalised):
    """f = V (W/‖W‖) x: a square root that exists at half of all points, whatever the data."""

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        weights = parameters["W"]
        norm = (weights * weights).sum(-1).sum(-2).reshape(1).rsqrt()
        return ((x @ weights.T) * norm) @ parameters["V"].T


class Nowhere(Normalised):
    """f = V W x / (x − x): never a value."""

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        return (x @ parameters["W"].T / (x - x).sum(-1)) @ parameters["V"].T


@pytest.mark.parametrize("network", [Normalised(), NormalisedWeights()], ids=lambda n: str(type(n)))
def test_degenerate_samples_and_points_are_drawn_again(network: Network) -> None:
    """Both are invariant under W ↦ cW, so ‖W‖² is conserved; nothing else is.
    Half of these seeds and primes meet a non-square first."""
    problem = cq.Problem(network=network)
    uppers = {cq.lie_closure(problem, seed=seed).upper for seed in range(8)}
    uppers |= {cq.lie_closure(problem, prime=p).upper for p in BLAS_PRIMES[:4]}
    assert uppers == {1}


@pytest.mark.slow
def test_no_point_with_values() -> None:
    with pytest.raises(DegenerateSampleError, match="no point with values") as caught:
        cq.lie_closure(cq.Problem(network=Nowhere()))
    assert isinstance(caught.value, ConservedError)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------ what it refuses

BAD = [
    ("seed", -1),
    ("seed", True),
    ("seed", 1.5),
    ("seed", "0"),
    ("seed", None),
    ("prime", 15),
    ("prime", 8388595),
    ("prime", 10007),
    ("prime", 2**31 - 2),
    ("prime", -8388593),
    ("prime", "8388593"),
    ("prime", True),
    ("prime", WIDE_PRIMES[0]),
    ("budget", 0),
    ("budget", -1.0),
    ("budget", nan),
    ("lower", 99),
    ("lower", -1),
]
# refused by nothing so far
LAX = [("lower", 1.5), ("lower", True), ("lower", "3"), ("budget", "1"), ("budget", True)]


def assert_refused(problem: cq.Problem, name: str, value: object) -> None:
    """One line that names the argument and says what was given."""
    with pytest.raises(InputError) as caught:
        cq.lie_closure(problem, **{name: value})
    assert caught.value.argument == name
    message = str(caught.value)
    assert message.startswith(f"{name} '{value}': ")
    assert "\n" not in message


@pytest.mark.parametrize("name, value", BAD)
def test_bad_arguments(name: str, value: object) -> None:
    assert_refused(cq.Problem(network=Linear(3, 2, 2)), name, value)


@pytest.mark.parametrize("name, value", LAX)
def test_bad_kinds(name: str, value: object) -> None:
    assert_refused(cq.Problem(network=Linear(3, 2, 2)), name, value)


def test_a_prime_without_the_roots() -> None:
    problem = cq.Problem.from_text("linear:2-1-1", symmetry="rotation:5")
    prime = next(p for p in BLAS_PRIMES if p % 20 != 1)
    assert_refused(problem, "prime", prime)
    assert cq.lie_closure(problem, prime=prime_with_roots(5, index=3)).closed


def test_not_a_problem() -> None:
    with pytest.raises(InputError, match="problem"):
        cq.lie_closure("linear:3-2-2")  # type: ignore[arg-type]
