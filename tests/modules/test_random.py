"""Random numbers of a forward as data: a program at given ones is the formula with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import conserved as cq
from conserved.errors import InputError

torch = pytest.importorskip("torch", reason="torch is what is read here")

from conserved.kernel.evaluate import Run  # noqa: E402
from conserved.kernel.functions import FormalRing  # noqa: E402
from conserved.kernel.real import Reals  # noqa: E402
from conserved.networks.torch.network import Reading  # noqa: E402

nn, functional = torch.nn, torch.nn.functional
Formula = Callable[..., Any]


def attend(q: Any, k: Any, v: Any, mask: Any) -> Any:
    return (torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) * mask) @ v


# formula as it draws; the same with what is drawn as its last argument; shape of that
DRAWN: dict[str, tuple[Formula, Formula, tuple[int, ...]]] = {
    "dropout": (lambda x, w: functional.dropout(x @ w, 0.3), lambda x, w, m: (x @ w) * m, (1, 4)),
    "dropout1d": (
        lambda x, w: functional.dropout1d(x[..., None] * w, 0.3),
        lambda x, w, m: x[..., None] * w * m / 0.7,
        (1, 3, 1),
    ),
    "attention": (
        lambda x, w: functional.scaled_dot_product_attention(
            x.mT @ x, w @ w.mT, (w @ w.mT)[:, :2], dropout_p=0.2
        ),
        lambda x, w, m: attend(x.mT @ x, w @ w.mT, (w @ w.mT)[:, :2], m),
        (3, 3),
    ),
    "bernoulli": (
        lambda x, w: x @ w * torch.bernoulli(torch.full((4,), 0.5, dtype=x.dtype)),
        lambda x, w, m: x @ w * m,
        (4,),
    ),
    "noise": (
        lambda x, w: x @ w + torch.randn_like(x @ w).exp(),
        lambda x, w, m: x @ w + m.exp(),
        (1, 4),
    ),
    "uniform": (  # as NEFTune draws
        lambda x, w: x @ w + torch.zeros_like(x @ w).uniform_(-0.5, 0.5).exp(),
        lambda x, w, m: x @ w + m.exp(),
        (1, 4),
    ),
    "rand": (
        lambda x, w: x @ w * torch.rand(4, dtype=x.dtype),
        lambda x, w, m: x @ w * m,
        (4,),
    ),
}


class Drawing(nn.Module):  # type: ignore[name-defined, misc]
    def __init__(self, formula: Formula) -> None:
        super().__init__()
        self.formula = formula
        self.w = nn.Parameter(torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4))

    def forward(self, x: Any) -> Any:
        return self.formula(x, self.w)


@pytest.mark.parametrize("name", DRAWN)
def test_a_program_at_given_numbers_is_the_formula_with_them(name: str) -> None:
    formula, explicit, shape = DRAWN[name]
    module = Drawing(formula)
    x = torch.linspace(0.5, 2, 3, dtype=torch.float64)[None]
    reading = Reading(module, [x], None, None, None, random=True)
    assert [int(np.prod(s)) for s in reading.draws.values()] == [int(np.prod(shape))]
    program = reading.run(eps=True).program
    mask = torch.linspace(-0.7, 1.3, int(np.prod(shape)), dtype=torch.float64).reshape(shape)
    inputs = torch.cat([x.ravel(), mask.ravel()]).numpy()[None, None]
    theta = module.w.detach().numpy().ravel()[None, None]
    run = Run(program, FormalRing(Reals()), theta, [inputs])
    wanted = explicit(x, module.w, mask)
    pull = torch.linspace(-1, 2, wanted.numel(), dtype=torch.float64).reshape(wanted.shape)
    (slope,) = torch.autograd.grad((wanted * pull).sum(), [module.w])
    np.testing.assert_allclose(run.output.ravel(), wanted.detach().ravel(), rtol=1e-10)
    found = run.gradient(pull.numpy().reshape(run.output.shape))
    np.testing.assert_allclose(found.ravel(), slope.ravel(), rtol=1e-10, atol=1e-12)


def test_layers_of_a_recurrent_network_are_masked_between_them() -> None:
    """The two layers by themselves, with a mask between them."""

    class Recurrent(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.GRU(2, 3, num_layers=2, dropout=0.4, batch_first=True)

        def forward(self, x: Any) -> Any:
            return self.layers(x)[0]

    torch.manual_seed(0)
    module = Recurrent().double()
    x = torch.randn(1, 4, 2, dtype=torch.float64)
    reading = Reading(module, [x], None, None, None, random=True)
    program = reading.run(eps=True).program
    mask = torch.randn(4, 1, 3, dtype=torch.float64)
    first, second = nn.GRU(2, 3).double(), nn.GRU(3, 3).double()
    with torch.no_grad():
        for k, one in enumerate((first, second)):
            for name, p in one.named_parameters():
                p.copy_(getattr(module.layers, name.replace("_l0", f"_l{k}")))
        wanted = second(first(x.transpose(0, 1))[0] * mask)[0].transpose(0, 1)
    theta = np.concatenate([p.detach().numpy().ravel() for p in module.parameters()])[None, None]
    inputs = torch.cat([x.ravel(), mask.ravel()]).numpy()[None, None]
    run = Run(program, FormalRing(Reals()), theta, [inputs])
    np.testing.assert_allclose(run.output.ravel(), wanted.ravel(), rtol=1e-10)


def test_laws_are_those_that_hold_at_every_draw() -> None:
    """Between linear layers dropout leaves of W Wᵀ the diagonal; noise of scale leaves nothing."""

    def laws(*between: Any) -> list[str]:
        model = nn.Sequential(nn.Linear(3, 4, bias=False), *between, nn.Linear(4, 2, bias=False))
        found = cq.block_laws(model, torch.zeros(2, 3))
        assert bool(between) == any("random numbers" in note for note in found.notes)
        return [text for text, _, _ in found.lines]

    last = 2
    assert laws() == ["0.weight 0.weightᵀ − 1.weightᵀ 1.weight"]
    told = f"‖0.weight[j,:]‖² − ‖{last}.weight[:,j]‖², j = 1 … 4"
    assert laws(nn.Dropout(0.5)) == [told]
    assert laws(nn.AlphaDropout(0.5)) == []


def test_a_wrong_backward_is_seen_beside_dropout() -> None:
    class Doubled(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * g

    class Layer(nn.Module):  # type: ignore[name-defined, misc]
        def forward(self, x: Any) -> Any:
            return Doubled.apply(x)

    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), Layer(), nn.Linear(4, 2))
    with pytest.raises(InputError, match="its backward is not the derivative"):
        cq.block_laws(model, torch.zeros(1, 3))
    assert all(one.training for one in model.modules())


def test_dropout_is_refused_where_data_have_a_symmetry() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    with pytest.raises(InputError, match="is random"):
        cq.from_torch(model, torch.zeros(1, 3))


def test_examples_with_dropout_do_not_act_on_one_another() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    assert cq.block_laws(model, torch.zeros(5, 3)).batch is None
    model.insert(1, nn.BatchNorm1d(4))
    assert cq.block_laws(model, torch.randn(5, 3)).batch == 5


def test_the_row_of_padding_stays() -> None:
    model = nn.Sequential(nn.Embedding(5, 3, padding_idx=2), nn.Linear(3, 2, bias=False))
    assert [text for text, _, _ in cq.block_laws(model, torch.zeros(1, 4).long()).lines] == [
        "0.weightᵀ 0.weight − 1.weightᵀ 1.weight"
    ]


def test_halves_of_a_gate_are_parts() -> None:
    model = nn.Sequential(nn.Linear(3, 8, bias=False), nn.GLU(), nn.Linear(4, 2, bias=False))
    found = cq.block_laws(model, torch.zeros(1, 3))
    assert found.lower == 4
    assert "j = 1 … 4" in found.lines[0][0]


def test_running_statistics_of_instances_are_no_output() -> None:
    norm = nn.InstanceNorm2d(3, track_running_stats=True)
    model = nn.Sequential(nn.Conv2d(1, 3, 2), norm, nn.Flatten(), nn.Linear(27, 2))
    assert cq.block_laws(model, torch.randn(2, 1, 4, 4)).laws
