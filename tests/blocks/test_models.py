"""Models as they are published, in plain torch: covered; their laws hold in torch's gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra torch")

import conserved as cq  # noqa: E402
from conserved.blocks import BlockLaw  # noqa: E402
from conserved.blocks.patterns import Column, Pattern, Terms, weights_of  # noqa: E402
from conserved.blocks.sketch import Family  # noqa: E402
from conserved.kernel.real import Reals  # noqa: E402
from conserved.law import Layout  # noqa: E402
from examples import models  # noqa: E402


class Model(NamedTuple):
    """A model, the shape of one input (one axis: tokens), D, and how many inputs are a datum."""

    make: Callable[[], torch.nn.Module]
    shape: tuple[int, ...]
    numbers: int
    batch: int | None = None

    @property
    def tokens(self) -> bool:
        return len(self.shape) == 1

    def example(self) -> torch.Tensor:
        return torch.zeros(1, *self.shape, dtype=torch.long if self.tokens else torch.float32)

    def draw(self, count: int) -> torch.Tensor:
        if self.tokens:
            return torch.randint(5, (count, *self.shape))
        return torch.randn(count, *self.shape).double()


MODELS = {
    "llama": Model(models.llama, (3,), 1176),
    "gpt2": Model(models.gpt2, (3,), 202),
    "bert": Model(models.bert, (3,), 414),
    "vit": Model(models.vit, (1, 4, 4), 375),
    "mamba": Model(models.mamba, (3,), 268),
    "resnet": Model(models.resnet, (1, 16, 16), 1129, 3),
}
RESNET18 = Model(models.resnet18, (3, 64, 64), 11_689_512, 2)


def slowly(*quick: str) -> list[object]:
    return [
        pytest.param(model, id=name, marks=() if name in quick else pytest.mark.slow)
        for name, model in (MODELS | {"resnet18": RESNET18}).items()
    ]


@pytest.mark.parametrize("model", slowly("vit", "mamba"))
def test_every_parameter_is_covered(model: Model) -> None:
    found = cq.coverage(model.make(), model.example(), batch=model.batch)
    assert found.complete
    assert {row.status for row in found.rows} == {"covered"}
    assert sum(int(np.prod(row.shape)) for row in found.rows) == model.numbers


@pytest.mark.slow
def test_vision_transformers_of_full_size_are_covered() -> None:
    """ViT-Ti on 224 × 224 pixels, a class token and 196 patches."""
    model = models.ViT(224, 16, 3, 192, 3, 768, 12, 1000)
    found = cq.coverage(model, torch.zeros(1, 3, 224, 224))
    assert found.complete
    assert len(found.of("covered")) == len(found.rows) == 200


def violations(found: cq.BlockLaws, model: Model) -> tuple[float, float]:
    """The largest |⟨∇h, ∇L⟩| / (‖θ‖ ‖∇L‖), h with a random R: as it is, and for eps → 0."""
    torch.manual_seed(1)
    module = model.make().double()
    for p in module.parameters():
        torch.nn.init.normal_(p, std=p[0].numel() ** -0.5 if p.ndim > 1 else 1.0)
    out = module(model.draw(model.batch or 4))
    logits = out.reshape(-1, out.shape[-1])
    labels = torch.randint(logits.shape[-1], (len(logits),))
    torch.nn.functional.cross_entropy(logits, labels).backward()
    named = {n: p.detach().numpy() for n, p in module.named_parameters()}
    slopes = {n: p.grad.numpy() for n, p in module.named_parameters()}
    whole = float(np.sqrt(sum((slope**2).sum() for slope in slopes.values())))
    rng = np.random.default_rng(0)
    worst = {False: 0.0, True: 0.0}
    for one in found.laws:
        weights = {one.family.key: weights_of(one.family.key, lambda s: rng.normal(size=s))}
        terms = Terms([c for _, c in one.family.terms], weights)
        (row,) = terms.rows(Reals(), named, slopes)
        total = abs(row @ np.array([float(c) for c, _ in one.family.terms]))
        size = whole * sum(float(np.linalg.norm(named[n])) for n in one.family.tensors)
        worst[one.without_eps] = max(worst[one.without_eps], float(total / size))
    return worst[False], worst[True]


LOWER = {  # with eps, and for eps → 0
    "llama": (118, 119),
    "gpt2": (49, 50),
    "bert": (75, 80),
    "vit": (88, 89),
    "mamba": (32, 33),
    "resnet": (33, 63),
}


@pytest.mark.parametrize("model", slowly("mamba"))
def test_laws_hold_in_torch(model: Model, request: pytest.FixtureRequest) -> None:
    torch.manual_seed(0)
    made = model.make()
    found = cq.block_laws(made, model.example(), loss="cross-entropy", batch=model.batch)
    exact, near = violations(found, model)
    assert exact < 1e-10
    assert near < 1e-2
    if model is RESNET18:
        assert (found.lower, found.lower_without_eps) == (4289, 9089)
    else:
        assert (found.lower, found.lower_without_eps) == LOWER[request.node.callspec.id]


EACH4, EACH6 = (Pattern((n,), ("each",)) for n in (4, 6))
WRONG = {
    "a bias left out": (
        "vit",
        Column("layers.0.norm2.weight", 0, EACH4),
        Column("layers.0.up.weight", 1, EACH4),
    ),
    "convolutions with batch norm between": (
        "resnet",
        Column("layers.1.conv1.weight", 0, EACH6),
        Column("layers.1.conv2.weight", 1, EACH6),
    ),
    "all of Q and K under rotations": (
        "llama",
        Column("layers.0.attention.q.weight", 0, Pattern((2, 4), ("sum", "matrix"))),
        Column("layers.0.attention.k.weight", 0, Pattern((4,), ("matrix",))),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name, plus, minus", WRONG.values(), ids=WRONG)
def test_wrong_laws_are_violated(name: str, plus: Column, minus: Column) -> None:
    model = MODELS[name]
    torch.manual_seed(0)
    found = cq.block_laws(model.make(), model.example(), loss="cross-entropy", batch=model.batch)
    family = Family(((Fraction(1), plus), (Fraction(-1), minus)))
    planted = replace(found, laws=(BlockLaw(family, Layout(())),))
    assert violations(planted, model)[0] > 1e-5
