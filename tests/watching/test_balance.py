"""Models are moved along their symmetries: balanced, and the same function to 1e-12."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import conserved as cq
from conserved.errors import InputError
from tests.watching.runs import mlp, mlp_laws

torch = pytest.importorskip("torch", reason="needs the extra torch")
X = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)
FIRST, SECOND = (law.text for law in mlp_laws().laws)


def block() -> Any:
    """RMSNorm, attention of two heads, LayerNorm, SwiGLU and a low-rank adapter, on a stream."""
    from torch import nn

    from examples.layers import Adapter, Attention, Gated

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.after = nn.RMSNorm(4, eps=1e-6), nn.LayerNorm(4)
            self.attention = Attention(4, 2, heads=2)
            self.mlp = Gated(4, 5, 4)
            self.adapter = Adapter(4, 2, 3)

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.before(x))
            return self.adapter(x + self.mlp(self.after(x)))

    torch.manual_seed(3)
    made = Block()
    for parameter in made.parameters():
        parameter.data += 0.5 * torch.randn_like(parameter)
    return made


@cache
def block_laws() -> cq.BlockLaws:
    return cq.block_laws(block(), torch.zeros(1, 3, 4))


def test_where_a_model_stands() -> None:
    told = cq.imbalance(mlp(), laws=mlp_laws())
    assert [one.text for one in told.families] == [FIRST, SECOND]
    w1, b1, w2 = (p.detach().numpy() for p in list(mlp().parameters())[:3])
    up, down = (w1**2).sum(1) + b1**2, (w2**2).sum(0)
    np.testing.assert_allclose(
        told.families[0].before, (abs(up - down) / (up + down)).max(), rtol=1e-12
    )
    assert "of its terms" in str(told)


def test_units_that_share_tensors() -> None:
    model = mlp()
    before = model(X).detach()
    told = cq.rebalance(model, X, laws=mlp_laws())
    assert all(one.after < 1e-9 < one.before for one in told.families)
    assert float((model(X).detach() - before).abs().max() / before.abs().max()) < 1e-12
    assert told.change < 1e-12
    assert told.size[1] < told.size[0]  # balanced parameters are the smallest of the orbit
    w1, b1, w2 = (p.detach() for p in list(model.parameters())[:3])
    norms = (w1**2).sum(1) + b1**2, (w2**2).sum(0)
    np.testing.assert_allclose(*(n.numpy() for n in norms), rtol=1e-8)
    assert "outputs changed by" in str(told)


def test_given_values() -> None:
    model, wanted = mlp(), np.linspace(-1, 2, 6)
    told = cq.rebalance(model, X, laws=mlp_laws(), to={FIRST: wanted, SECOND: 0.5})
    assert all(one.after < 1e-9 for one in told.families)
    assert told.change < 1e-12
    w1, b1, w2, b2, w3, _ = (p.detach() for p in model.parameters())
    np.testing.assert_allclose((w1**2).sum(1) + b1**2 - (w2**2).sum(0), wanted, atol=1e-8)
    np.testing.assert_allclose((w2**2).sum(1) + b2**2 - (w3**2).sum(0), 0.5, atol=1e-8)


def test_one_family_alone() -> None:
    model = mlp()
    held = [p.detach().clone() for p in model.parameters()]
    told = cq.rebalance(model, X, laws=mlp_laws(), only=[SECOND])
    assert [one.text for one in told.families] == [SECOND]
    assert all(torch.equal(a, b) for a, b in zip(held[:2], model.parameters(), strict=False))


def test_heads_gains_gates_and_adapters() -> None:
    model = block().double()
    x = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before = model(x).detach()
    told = cq.rebalance(model, x, laws=block_laws())
    moved = {name for one in told.families if not one.note for name in _tensors(one.text)}
    assert {"attention", "mlp", "adapter", "before", "after"} <= moved, str(told)
    assert max(one.after for one in told.families if not one.note) < 1e-9, str(told)
    assert float((model(x).detach() - before).abs().max() / before.abs().max()) < 1e-12
    attention = model.attention
    for head in (slice(0, 2), slice(2, 4)):
        q, k = attention.q.weight[head], attention.k.weight[head]
        torch.testing.assert_close(q @ q.T, k @ k.T, rtol=1e-7, atol=1e-9)
        v, o = attention.v.weight[head], attention.o.weight[:, head]
        torch.testing.assert_close(v @ v.T, o.T @ o, rtol=1e-7, atol=1e-9)


def _tensors(text: str) -> set[str]:
    return {part for part in ("attention", "mlp", "adapter", "before", "after") if part in text}


def test_convolutions_with_batch_norm() -> None:
    from examples.training import ResNet

    torch.manual_seed(0)
    model = ResNet(3)
    laws = cq.block_laws(model, torch.zeros(2, 1, 3, 3), batch=2, loss="cross-entropy")
    model = model.double()
    x = torch.randn(4, 1, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    told = cq.rebalance(model, x, laws=laws)
    assert told.change < 1e-12
    assert any("norm_up" in one.text and one.after < 1e-9 < one.before for one in told.families)
    assert not any(one.text.startswith("‖stem") for one in told.families)  # that needs eps → 0
    assert {one.text for one in told.families} | {text for text, _ in told.others} == {
        law.text for law in laws.laws
    }
    for line in str(told).splitlines()[len(told.families) : -2]:
        assert "left alone: " in line
        assert ("eps → 0" if line.startswith("‖") else "linear") in line
    assert not cq.rebalance(model, x, laws=laws, only=[told.families[0].text]).others
    assert cq.imbalance(model, laws=laws).others == told.others


def test_what_cannot_be_balanced_is_left_alone() -> None:
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 2, bias=False), nn.Linear(2, 4, bias=False))
    laws = cq.block_laws(model, torch.zeros(1, 4))
    nn.init.zeros_(model[1].weight)  # as an adapter begins
    held = model[0].weight.detach().clone()
    told = cq.rebalance(model, laws=laws)
    assert [one.note for one in told.families] == ["left alone: one side is singular"]
    assert torch.equal(model[0].weight, held)
    units = mlp()
    with torch.no_grad():
        units[2].weight[:, 1] = 0  # a unit that nothing reads
    told = cq.rebalance(units, X, laws=mlp_laws())
    assert told.change < 1e-12
    assert told.families[0].after == 1.0  # that unit; the others are balanced


def test_single_precision_is_kept() -> None:
    model = mlp().float()
    told = cq.rebalance(model, X.float(), laws=mlp_laws())
    assert model[0].weight.dtype == torch.float32
    assert told.change < 1e-5
    assert cq.imbalance(model, laws=mlp_laws()).families[0].before < 1e-6


def test_unusable_arguments() -> None:
    with pytest.raises(InputError, match="no family that can be moved"):
        cq.rebalance(mlp(), X, laws=mlp_laws(), to={"W1": 0})
    with pytest.raises(InputError, match="only 'W1': no family that can be moved"):
        cq.rebalance(mlp(), X, laws=mlp_laws(), only=["W1"])
    with pytest.raises(InputError, match="give a list of texts"):
        cq.rebalance(mlp(), X, laws=mlp_laws(), only=FIRST)
    with pytest.raises(InputError, match="give values by the texts"):
        cq.rebalance(mlp(), X, laws=mlp_laws(), to=[1])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="values are finite numbers"):
        cq.rebalance(mlp(), X, laws=mlp_laws(), to={FIRST: float("nan")})
    with pytest.raises(InputError, match="give one value, or 6"):
        cq.rebalance(mlp(), X, laws=mlp_laws(), to={FIRST: [1, 2]})
    with pytest.raises(InputError, match="give an input of the model"):
        cq.rebalance(mlp())


def test_units_of_which_one_side_is_zero_are_counted() -> None:
    model = mlp()
    with torch.no_grad():
        model[2].weight[:, 1] = 0
    moved = cq.rebalance(model, X, laws=mlp_laws())
    assert [one.note for one in moved.families] == ["1 of 6 left alone: one side is 0", ""]
    assert moved.families[1].after < 1e-9
    assert moved.change is not None
    assert moved.change < 1e-12


def test_sides_far_apart_are_no_zeros() -> None:
    """Squares 24 orders of magnitude apart."""
    model = mlp()
    with torch.no_grad():
        for p, factor in zip(model.parameters(), (1e6, 1e6, 1e-6, 1, 1, 1), strict=True):
            p.mul_(factor)
    moved = cq.rebalance(model, X, laws=mlp_laws())
    assert all(one.after < 1e-9 and not one.note for one in moved.families), str(moved)
    assert moved.change is not None
    assert moved.change < 1e-12


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_what_half_precision_keeps_of_a_balance_is_said(kind: Any) -> None:
    moved = cq.rebalance(mlp().to(kind), laws=mlp_laws())
    eps = torch.finfo(kind).eps
    assert all(eps / 100 < one.after < eps and not one.note for one in moved.families), str(moved)


def test_a_value_out_of_reach_is_said() -> None:
    moved = cq.rebalance(mlp(), X, laws=mlp_laws(), to={FIRST: 1e300})
    assert moved.families[0].note == "6 of 6 not reached"
    assert moved.size[1] <= moved.size[0]
    assert moved.change is not None
    assert moved.change < 1e-12


@pytest.mark.parametrize("ask", [cq.imbalance, cq.rebalance])
def test_values_that_are_not_finite_are_refused(ask: Any) -> None:
    model = mlp()
    with torch.no_grad():
        model[2].weight[0, 0] = float("nan")
    with pytest.raises(InputError, match=r"'2\.weight': has values that are not finite"):
        ask(model, laws=mlp_laws())


@pytest.mark.parametrize("ask", [cq.imbalance, cq.rebalance, cq.check_gradients])
def test_laws_of_another_model_are_refused(ask: Any) -> None:
    narrow = torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.ReLU(), torch.nn.Linear(6, 5))
    with pytest.raises(InputError, match=r"'0\.weight': of shape 6×4: this model has 6×3"):
        ask(narrow, laws=mlp_laws())
    with pytest.raises(InputError, match="this model has none of that name"):
        ask(torch.nn.Linear(3, 6), laws=mlp_laws())
