"""Every family's program against its formula, written again in plain NumPy.

Values on a batch of data, and gradients by complex steps: f(θ + ih e_k) has the derivative along
e_k in its imaginary part, without a difference that would lose digits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import erf

from conserved.kernel.functions import FormalRing
from conserved.kernel.program import Program
from conserved.kernel.real import Reals
from conserved.networks import FAMILIES, Given, Network, parse_network
from conserved.networks.mlp import ACTIVATIONS

Array = NDArray[Any]
Tensors = Mapping[str, Array]
Formula = Callable[[Tensors, Array], Array]
Drawn = tuple[str, Formula]

STEP = 1e-30
BATCH, DATA = 2, 3

SMOOTH: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "exp": np.exp,
    "erf": erf,
    "sin": np.sin,
    "silu": lambda z: z / (1 + np.exp(-z)),
    "gelu": lambda z: z * (1 + erf(z / np.sqrt(2))) / 2,
    "gelu-tanh": lambda z: z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z * z * z))),
}

# ------------------------------------------------------------------ formulas, one input at a time


def layered(depth: int, act: Callable[[Array], Array]) -> Formula:
    """W_L φ(… φ(W_1 x + b_1) …) + b_L, biases where there are any."""

    def formula(p: Tensors, x: Array) -> Array:
        z = x
        for i in range(1, depth + 1):
            z = np.array([sum(w * v for w, v in zip(row, z, strict=True)) for row in p[f"W{i}"]])
            if f"b{i}" in p:
                z = z + p[f"b{i}"]
            if i < depth:
                z = act(z)
        return z

    return formula


def rectified(z: Array) -> Array:
    return np.where(z.real > 0, z, 0)


def gated(p: Tensors, x: Array) -> Array:
    b, c = np.einsum("hn,n->h", p["B"], x), np.einsum("hn,n->h", p["C"], x)
    return np.einsum("mh,h->m", p["A"], b / (1 + np.exp(-b)) * c)


def lightning(p: Tensors, x: Array) -> Array:
    """Token i sees token j with the weight x_iᵀ Q Kᵀ x_j."""
    scores = np.einsum("ia,ah,bh,jb->ij", x, p["Q"], p["K"], x)
    return np.einsum("ij,ja,am->im", scores, x, p["V"])


def attention(head: int, heads: int, causal: bool) -> Formula:
    def formula(p: Tensors, x: Array) -> Array:
        out = np.zeros(x.shape, complex)
        for h in range(heads):
            rows = slice(h * head, (h + 1) * head)
            q, k, v = (x @ p[name][rows].T for name in "QKV")
            for i in range(len(x)):
                seen = range(i + 1) if causal else range(len(x))
                weights = np.array([np.exp(q[i] @ k[j]) for j in seen])
                mixed = sum(weights[j] * v[j] for j in seen) / weights.sum()
                out[i] += mixed @ p["O"][rows]
        return out

    return formula


# ------------------------------------------------------------------ every family, at random


def widths(least: int, most: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(1, 4), min_size=least, max_size=most)


def dashed(sizes: list[int]) -> str:
    return "-".join(map(str, sizes))


@st.composite
def linears(draw: Any) -> Drawn:
    sizes = draw(widths(2, 5))
    return f"linear:{dashed(sizes)}", layered(len(sizes) - 1, lambda z: z)


@st.composite
def relus(draw: Any) -> Drawn:
    sizes, bias = draw(widths(3, 5)), draw(st.booleans())
    return f"relu:{dashed(sizes)}" + ",bias" * bias, layered(len(sizes) - 1, rectified)


@st.composite
def polynomials(draw: Any) -> Drawn:
    sizes, power = draw(widths(3, 4)), draw(st.integers(1, 4))
    text = f"poly:{dashed(sizes)},power={power}"
    return text, layered(len(sizes) - 1, lambda z: np.prod([z] * power, axis=0))


@st.composite
def perceptrons(draw: Any) -> Drawn:
    sizes, bias, act = draw(widths(3, 4)), draw(st.booleans()), draw(st.sampled_from([*SMOOTH]))
    text = f"mlp:{dashed(sizes)},act={act}" + ",bias" * bias
    return text, layered(len(sizes) - 1, SMOOTH[act])


@st.composite
def gates(draw: Any) -> Drawn:
    return f"swiglu:{dashed(draw(widths(3, 3)))}", gated


@st.composite
def lightnings(draw: Any) -> Drawn:
    dim, tokens, head, out = (draw(st.integers(1, 3)) for _ in range(4))
    return f"lightning:dim={dim},tokens={tokens},head={head},out={out}", lightning


@st.composite
def attentions(draw: Any) -> Drawn:
    dim, tokens, head, heads = (draw(st.integers(1, 3)) for _ in range(4))
    causal = draw(st.booleans())
    text = f"attention:dim={dim},tokens={tokens},head={head},heads={heads}" + ",causal" * causal
    return text, attention(head, heads, causal)


DRAWN: dict[str, st.SearchStrategy[Drawn]] = {
    "linear": linears(),
    "relu": relus(),
    "poly": polynomials(),
    "mlp": perceptrons(),
    "swiglu": gates(),
    "lightning": lightnings(),
    "attention": attentions(),
}


def test_all_families_and_activations_are_drawn() -> None:
    assert DRAWN.keys() == FAMILIES.keys()
    assert SMOOTH.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("family", DRAWN)
@pytest.mark.parametrize("examples", [15, pytest.param(40, marks=pytest.mark.slow)])
def test_programs_are_their_formulas(family: str, examples: int) -> None:
    @given(drawn=DRAWN[family], seed=st.integers(0, 2**32))
    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    def every(drawn: Drawn, seed: int) -> None:
        text, formula = drawn
        network = parse_network(text)
        assert_computes(network, formula, seed)
        stored = Program.from_json(json.loads(json.dumps(network.program.to_json())))
        assert_same(Given("from a file", stored), network, seed)

    every()


@pytest.mark.parametrize("act", SMOOTH)
def test_every_activation(act: str) -> None:
    for bias in ("", ",bias"):
        assert_computes(parse_network(f"mlp:2-3-2,act={act}{bias}"), layered(2, SMOOTH[act]), 0)


@pytest.mark.parametrize(
    "text, formula",
    [
        ("linear:3-2-2", layered(2, np.tanh)),
        ("relu:3-4-2", layered(2, lambda z: z)),
        ("poly:3-2-2,power=3", layered(2, lambda z: z * z)),
        ("mlp:3-2-2,act=gelu", layered(2, SMOOTH["gelu-tanh"])),
        ("swiglu:3-2-2", lambda p, x: gated({**p, "B": p["C"], "C": p["B"]}, x)),
        ("lightning:dim=2,tokens=2", lambda p, x: lightning({**p, "Q": p["K"], "K": p["Q"]}, x)),
        ("attention:dim=2,tokens=2,head=1", attention(1, 1, causal=True)),
    ],
)
def test_another_formula_is_refused(text: str, formula: Formula) -> None:
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_computes(parse_network(text), formula, 1)


# ------------------------------------------------------------------ both roads


def drawn_run(network: Network, seed: int) -> tuple[Array, ...]:
    """A batch of θ, data, what is pulled back; outputs, and gradients summed over data."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(0, 0.8, (BATCH, network.size))
    x = rng.normal(0, 1.2, (BATCH, DATA, *network.input_shape))
    pull = rng.normal(size=(BATCH, DATA, *network.output_shape))
    run = network.run(FormalRing(Reals()), theta[None], x)
    return theta, x, pull, run.output[0], run.gradient(pull[None])[0]


def assert_same(network: Network, other: Network, seed: int) -> None:
    """To the last bit."""
    for found, expected in zip(drawn_run(network, seed), drawn_run(other, seed), strict=True):
        np.testing.assert_array_equal(found, expected)


def assert_computes(network: Network, formula: Formula, seed: int) -> None:
    """Outputs and gradients are those of the formula, for each θ of a batch."""
    theta, x, pull, output, fields = drawn_run(network, seed)
    for b in range(BATCH):
        for d in range(DATA):
            assert_close(output[b, d], formula(named(network, theta[b]), x[b, d]).real)
        slopes = np.zeros(network.size)
        for k in range(network.size):
            there = theta[b].astype(complex)
            there[k] += 1j * STEP
            for d in range(DATA):
                along = formula(named(network, there), x[b, d]).imag / STEP
                slopes[k] += (along * pull[b, d]).sum()
        assert_close(fields[b], slopes)


def named(network: Network, theta: Array) -> dict[str, Array]:
    """θ cut into its tensors, in the order in which they are declared."""
    ends = np.cumsum([parameter.size for parameter in network.parameters])
    parts = np.split(theta, ends[:-1])
    return {
        p.name: part.reshape(p.shape) for p, part in zip(network.parameters, parts, strict=True)
    }


def assert_close(found: Array, expected: Array) -> None:
    scale = max(float(np.abs(expected).max()), 1e-6)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * scale)
