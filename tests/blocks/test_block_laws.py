"""Laws of whole models: against exact counts where these are known, and in torch's own gradient."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

import conserved as cq
from conserved.blocks import block_laws
from conserved.blocks.identities import hold
from conserved.blocks.laws import functions, laws_of, least
from conserved.blocks.patterns import Column, Pattern, Terms, columns_of, weights_of, within
from conserved.blocks.probe import probe
from conserved.blocks.sketch import Family
from conserved.blocks.splits import splits_of
from conserved.kernel.losses import parse_loss
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.program import Program
from conserved.kernel.residues import residues
from conserved.law import Layout
from conserved.networks import trace

torch = pytest.importorskip("torch", reason="needs the extra torch")


@pytest.mark.parametrize(
    "spec",
    [
        "linear:3-2-2",
        "linear:3-2-4-2",
        "relu:5-7-4,bias",
        "relu:3-1-2",
        "swiglu:4-5-3",
        "poly:3-2-1,power=3",
        "mlp:2-2-1,act=tanh",
        "attention:dim=4,tokens=3,head=2,heads=2",
        "attention:dim=3,tokens=3,head=2,causal",
    ],
)
def test_as_many_as_are_certified(spec: str) -> None:
    """Two roads: one unknown a tensor and axis, and the exact count with all its unknowns."""
    problem = cq.Problem.from_text(spec)
    count = cq.analyze(problem).count
    assert count.certified
    assert block_laws(problem.network).lower == count.upper


def test_families_are_laws_of_the_search() -> None:
    """What a family says is conserved, by the verification of laws."""
    network = cq.networks.parse_network("attention:dim=4,tokens=3,head=2,heads=2")
    found = block_laws(network)
    laws = [law for one in found.laws for law in one.laws]
    assert cq.verify(cq.Problem(network=network), laws).holds == (True,) * 4
    assert sum(law.size for law in laws) == sum(one.functions for one in found.laws) == 12


@cache
def llama() -> cq.BlockLaws:
    from examples.models import Llama

    torch.manual_seed(0)
    return block_laws(Llama(), torch.zeros(1, 3, dtype=torch.long), loss="cross-entropy")


class TestLlama:
    def test_laws(self) -> None:
        found = llama()
        texts = {text: count for text, count, without in found.lines if not without}
        assert texts == {
            "layers.{l}.attention.v.weight layers.{l}.attention.v.weightᵀ − "
            "Σ_h layers.{l}.attention.o.weight_hᵀ layers.{l}.attention.o.weight_h, "
            "h = 1 … 2, l = 0 … 2": 30,
            "‖layers.{l}.mlp.up.weight[j,:]‖² − ‖layers.{l}.mlp.down.weight[:,j]‖², "
            "j = 1 … 6, l = 0 … 2": 18,
            "norm.weight[j]² − ‖head.weight[:,j]‖², j = 1 … 8": 8,
            "layers.{l}.after.weight[j]² − ‖layers.{l}.mlp.gate.weight[:,j]‖² − "
            "‖layers.{l}.mlp.up.weight[:,j]‖², j = 1 … 8, l = 0 … 2": 24,
            "layers.{l}.before.weight[j]² − ‖layers.{l}.attention.q.weight[:,j]‖² − "
            "‖layers.{l}.attention.k.weight[:,j]‖² − ‖layers.{l}.attention.v.weight[:,j]‖², "
            "j = 1 … 8, l = 0 … 2": 24,
            "Σ_i head.weight[i,j], i = 1 … 7, j = 1 … 8": 8,
            "‖layers.{l}.attention.q.weight[j:j+6:2]‖² − "
            "‖layers.{l}.attention.k.weight[j:j+2:2]‖², j = 1 … 2, l = 0 … 2": 6,
        }
        assert found.lower == sum(texts.values())

    def test_the_scale_of_the_residual_stream_needs_eps_0(self) -> None:
        found = llama()
        (scale,) = [(text, count) for text, count, without in found.lines if without]
        wrote = [f"‖layers.{k}.{w}.weight‖²" for k in range(3) for w in ("attention.o", "mlp.down")]
        assert scale == (" + ".join(["‖embedding.weight‖²", *wrote]), 1)
        assert found.lower_without_eps == found.lower + 1


def test_gpt2_gains_have_their_bias_and_key_biases_are_frozen() -> None:
    from examples.models import GPT2

    torch.manual_seed(0)
    found = block_laws(GPT2(), torch.zeros(1, 3, dtype=torch.long), loss="cross-entropy")
    texts = [text for text, _, without in found.lines if not without]
    assert any(t.startswith("k.bias") and "−" not in t for t in texts)
    gain = next(t for t in texts if t.startswith("before.weight"))
    assert gain == (
        "before.weight[j]² + before.bias[j]² − ‖q.weight[:,j]‖² − ‖k.weight[:,j]‖² − "
        "‖v.weight[:,j]‖², j = 1 … 4"
    )


def test_batch_norm_keeps_the_size_of_a_convolution_for_eps_0() -> None:
    from examples.models import resnet

    torch.manual_seed(0)
    found = block_laws(resnet(), torch.ones(1, 1, 16, 16), batch=3)
    scales = [text for text, _, without in found.lines if without]
    assert "‖conv.weight[j,:,:,:]‖², j = 1 … 4" in scales
    assert not any("‖conv.weight" in text for text, _, without in found.lines if not without)


def test_false_families_are_refused() -> None:
    """Planted: another sign, a bias left out, a freer R than the heads allow."""
    network = cq.networks.parse_network("relu:3-4-2,bias")
    rng = np.random.default_rng(0)
    at = probe(network.program, parse_loss("mse"), residues(BLAS_PRIMES[0]), rng)
    each = Pattern((4,), ("each",))
    w1, b1, w2 = Column("W1", 0, each), Column("b1", 0, each), Column("W2", 1, each)
    one = Fraction(1)

    def holds(*terms: tuple[Fraction, Column]) -> bool:
        key = terms[0][1].key
        weights = {key: weights_of(key, lambda shape: at.scalars.random(rng, shape))}
        (row,) = Terms([c for _, c in terms], weights).rows(at.scalars, at.parameters, at.gradient)
        factors = at.scalars.from_integers([int(c) for c, _ in terms])
        return not at.scalars.reduce(at.scalars.mul(row, factors).sum()).any()

    assert holds((one, w1), (one, b1), (-one, w2))
    assert not holds((one, w1), (one, b1), (one, w2))
    assert not holds((one, w1), (-one, w2))
    whole = Pattern((4,), ("matrix",))
    assert not holds(
        (one, Column("W1", 0, whole)), (one, Column("b1", 0, whole)), (-one, Column("W2", 1, whole))
    )


def test_a_function_that_is_zero_is_no_law() -> None:
    """Planted: the sum of all entries along one thin axis minus that along another."""
    network = cq.networks.Given("conv", _thin())
    rng = np.random.default_rng(0)
    at = probe(network.program, parse_loss("mse"), residues(BLAS_PRIMES[0]), rng)
    one = Pattern((1,), ("each",))
    sums = [Column("W", axis, one, degree=1) for axis in (2, 3)]
    family = Family(((Fraction(1), sums[0]), (Fraction(-1), sums[1])))
    assert hold([family], at, rng) == [False]
    totals = [c for c in columns_of((("W", (3, 2, 1, 1)),), {}) if c.key == ("linear", 1, 1)]
    assert len(totals) == 1


def _thin() -> Program:
    """x ↦ W x for W of shape (3, 2, 1, 1)."""
    return trace(
        (("W", (3, 2, 1, 1)),), (("x", (2,)),), lambda p, x: x["x"] @ p["W"].reshape(3, 2).T
    )


@pytest.mark.slow
def test_projections_in_one_matrix_come_apart() -> None:
    """torch's own layer keeps q, k and v in one tensor."""
    layer = torch.nn.TransformerEncoderLayer(
        4, 2, 6, dropout=0.0, norm_first=True, batch_first=True
    )
    example = torch.zeros(1, 3, 4)
    found = block_laws(layer, example)
    exact = cq.analyze(cq.from_torch(layer, example)).count
    assert exact.certified
    assert found.lower == exact.upper == 31


def test_a_matrix_on_all_heads_is_no_law() -> None:
    found = block_laws(cq.networks.parse_network("attention:dim=4,tokens=3,head=2,heads=2"))
    assert {one.family.key for one in found.laws} == {("quadratic", 2, 2)}


def test_splits() -> None:
    network = cq.networks.parse_network("attention:dim=6,tokens=3,head=2,heads=3")
    assert splits_of(network.program) == {6: [(3, 2)]}


def test_patterns_within_others() -> None:
    whole, heads = Pattern((6,), ("matrix",)), Pattern((3, 2), ("each", "matrix"))
    each, same = Pattern((6,), ("each",)), Pattern((3, 2), ("sum", "each"))
    trace = Pattern((6,), ("sum",))
    order = [trace, same, each, whole]
    for k, fine in enumerate(order):
        assert all(within(fine, free) for free in order[k:])
        assert not any(within(free, fine) for free in order[k + 1 :])
    assert within(each, heads)
    assert within(heads, whole)
    assert not within(heads, Pattern((3, 2), ("sum", "matrix")))
    assert same.indices().tolist() == [[[0], [2], [4]], [[1], [3], [5]]]


def test_independent_functions_of_thin_tensors() -> None:
    """X Xᵀ of a 4 × 1 tensor has rank 1: 4 of its 10 entries are independent."""
    family = Family(((Fraction(1), Column("X", 0, Pattern((4,), ("matrix",)))),))
    assert functions(family) == 10
    assert least([family], {"X": (4, 1)}) == 4
    assert least([family], {"X": (4, 4)}) == 10
    same = Family(((Fraction(1), Column("X", 1, Pattern((4,), ("matrix",)))),))
    assert least([family, same], {"X": (4, 4)}) == 0  # no tensor of their own


def test_laws_of_a_family_are_its_functions() -> None:
    layout = Layout((("Q", (4, 3)), ("K", (2, 3))))
    pairs = Pattern((2, 2), ("sum", "each"))
    terms = (
        (Fraction(1), Column("Q", 0, pairs)),
        (Fraction(-1), Column("K", 0, Pattern((2,), ("each",)))),
    )
    laws = laws_of(Family(terms), layout)
    assert [law.text for law in laws] == [
        "‖Q[1:3:2]‖² − ‖K[1:1]‖²",
        "‖Q[2:4:2]‖² − ‖K[2:2]‖²",
    ]
    theta = np.arange(18.0)
    q, k = theta[:12].reshape(4, 3), theta[12:].reshape(2, 3)
    values = [float(law.value(theta)[0]) for law in laws]
    assert values == [
        (q[0] @ q[0] + q[2] @ q[2] - k[0] @ k[0]),
        (q[1] @ q[1] + q[3] @ q[3] - k[1] @ k[1]),
    ]


def test_columns_name_every_pattern_once() -> None:
    columns = columns_of((("W", (4, 3)),), {4: [(2, 2)]})
    assert len({(c.tensor, c.axis, c.pattern, c.degree) for c in columns}) == len(columns)
    traces = [c for c in columns if c.key == ("quadratic", 1, 1)]
    assert len(traces) == 1
