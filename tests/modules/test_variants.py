"""Variants of the blocks: the count of the engine is that of float64 brackets, and laws hold."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the blocks are PyTorch modules")

import conserved as cq  # noqa: E402
from examples.blocks import VARIANTS, Block  # noqa: E402
from tests.modules.whole import violation, whole  # noqa: E402
from tests.road.count import Floats, laws  # noqa: E402
from tests.road.forward import Model, loss_of  # noqa: E402

# D and laws, found by the test below
KNOWN = {
    "geglu": (32, 4),
    "reglu": (32, 8),
    "grouped_query": (36, 4),
    "latent_attention": (26, 9),
    "alibi": (24, 6),
    "qk_norm_gains": (28, 7),
    "linear_attention": (24, 7),
    "cross_attention": (24, 6),
    "group_norm": (30, 12),
    "depthwise_convolution": (12, 2),
    "squeeze_excite": (20, 4),
    "max_pool": (16, 2),
    "layer_scale": (27, 7),
    "deep_sets": (27, 12),
    "kan": (24, 0),
    "selective_state_space": (20, 2),
    "mixer": (20, 0),
    "bottleneck_adapter": (12, 0),
    "experts_top_1": (57, 15),
    "experts_top_2": (57, 9),
    "untied_language_model": (39, 12),
    "positional_language_model": (45, 14),
    "gru": (38, 4),
    "rnn": (24, 3),
    "bilinear": (22, 9),
    "cosine_head": (18, 4),
    "hypernetwork": (14, 3),
    "film": (27, 6),
    "highway": (30, 0),
    "weight_norm": (24, 8),
    "repeated_block": (24, 4),
    "post_norm_block": (38, 7),
    "prelu": (30, 4),
    "dora_swiglu": (25, 6),
    "deep_pre_norm": (48, 16),
}

NOT_IN_FLOATS = {
    "gru": "torch's recurrent layers cannot be mapped over data",
    "rnn": "torch's recurrent layers cannot be mapped over data",
    "weight_norm": "torch has no forward mode for weight norm",
    "post_norm_block": "rounding grows in its brackets until proved laws are lost",
}
SEEDS = {"deep_sets": 1, "squeeze_excite": 1}  # at another θ a unit is dead, which keeps more

each = pytest.mark.parametrize("block", VARIANTS, ids=lambda block: block.name)


@pytest.mark.slow
@each
def test_the_count_is_certified_and_laws_hold_in_training(block: Block) -> None:
    problem = block.problem()
    analysis = cq.analyze(problem)
    count = analysis.count
    assert (problem.network.size, count.upper) == KNOWN[block.name]
    assert count.certified
    module = whole(block)
    for law in analysis.laws:
        assert violation(law, block, module, 1) < 1e-10, law


def in_floats(block: Block) -> Floats:
    """The block as the road of float64 takes it: its own parameters, inputs without a batch."""
    module = whole(block)
    shapes = {n: tuple(p.shape) for n, p in module.named_parameters() if p.requires_grad}
    tokens = block.tokens is not None

    def forward(p, x):
        given = x.argmax(-1) if tokens else x
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            return torch.func.functional_call(module, p, (given[None],))[0]

    shape = (*block.shape, block.tokens) if tokens else block.shape
    sample = forward(dict(module.named_parameters()), torch.rand(shape, dtype=torch.float64))
    model = Model(shapes, shape, tuple(sample.shape), forward)
    everything = torch.eye(shape[-1], dtype=torch.float64)[None]
    classes = block.loss == "cross-entropy"
    return Floats(model, loss_of(block.loss), everything, one_hot=classes, tokens=tokens)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
@pytest.mark.filterwarnings("ignore:There is a performance drop")
@each
def test_the_float_road_finds_the_same(block: Block) -> None:
    if block.name in NOT_IN_FLOATS:
        pytest.skip(NOT_IN_FLOATS[block.name])
    assert laws(in_floats(block), seed=SEEDS.get(block.name, 0)) == KNOWN[block.name][1]
