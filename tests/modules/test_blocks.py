"""The blocks of current models: each count is certified, and is the one that is known."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the blocks are PyTorch modules")

import conserved as cq  # noqa: E402
from conserved.law import GramLaw, GramTerm, Layout  # noqa: E402
from examples.blocks import BLOCKS, Block  # noqa: E402
from tests.modules.whole import violation, whole  # noqa: E402

# D and laws: by float64 brackets with gaps above 10⁹, and exact where laws have a closed form
KNOWN = {
    "linear_biases": (14, 3),
    "relu": (26, 4),
    "swiglu": (32, 4),
    "swiglu_biases": (42, 4),
    "bilinear_glu": (32, 8),
    "attention": (32, 6),
    "attention_causal": (32, 6),
    "attention_biases": (33, 8),
    "multi_query": (36, 6),
    "rotary": (48, 12),
    "qk_norm": (24, 5),
    "rms_norm_linear": (9, 3),
    "linear_rms_norm_linear": (18, 4),
    "linear_rms_norm_eps_linear": (18, 3),
    "linear_layer_norm_linear": (20, 6),
    "convolutions": (24, 2),
    "convolutions_batch_norm": (28, 4),
    "residual": (24, 4),
    "lora": (14, 3),
    "dora": (18, 3),
    "experts_softmax": (57, 9),
    "experts_sigmoid": (57, 6),
    "state_space": (14, 3),
    "tied_language_model": (24, 6),
    "classifier": (27, 9),
    "pre_norm_block": (76, 15),
    "lstm": (50, 8),
}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_the_count_is_certified_and_laws_hold_in_training(block: Block) -> None:
    """Every law found is constant along the gradient that torch itself gives the whole module."""
    size, laws = KNOWN[block.name]
    problem = block.problem()
    analysis = cq.analyze(problem)
    count = analysis.count
    assert problem.network.size == size
    assert (count.lower, count.upper, count.certified) == (laws, laws, True)
    module = whole(block)
    for law in analysis.laws:
        assert max(violation(law, block, module, seed) for seed in (1, 2)) < 1e-10, law


@pytest.mark.parametrize(
    "name, terms",
    [
        ("relu", [("0.weight", 0, 1), ("2.weight", 1, -1)]),  # the bias left out
        pytest.param(
            "convolutions_batch_norm",
            [("0.weight", 0, 1), ("3.weight", 1, -1)],
            marks=pytest.mark.slow,
        ),
        pytest.param(  # the whole matrix
            "rotary", [("q.weight", 0, 1), ("k.weight", 0, -1)], marks=pytest.mark.slow
        ),
    ],
)
def test_wrong_laws_are_violated(name: str, terms: list[tuple[str, int, int]]) -> None:
    (block,) = (block for block in BLOCKS if block.name == name)
    layout = Layout.of(block.problem().network.parameters)
    law = GramLaw(layout=layout, terms=tuple(GramTerm(*term) for term in terms))
    assert violation(law, block, whole(block), 1) > 1e-3
    assert not cq.verify(block.problem(), [law]).holds[0]


@pytest.mark.parametrize(
    "name, spec",
    [
        ("relu", "relu:3-4-2,bias"),
        ("swiglu", "swiglu:3-4-2"),
        ("attention", "attention:dim=4,tokens=3,head=2"),
    ],
)
def test_a_module_and_the_family_it_is_have_the_same_laws(name: str, spec: str) -> None:
    (block,) = (block for block in BLOCKS if block.name == name)
    module, family = cq.analyze(block.problem()), cq.analyze(cq.Problem.from_text(spec))
    assert module.count == family.count
    assert [law.kind for law in module.laws] == [law.kind for law in family.laws]
    assert [law.independent for law in module.laws] == [law.independent for law in family.laws]
