"""Models as people have them: watched without a false violation, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import conserved as cq
from conserved.errors import InputError
from tests.watching.runs import mlp_laws

torch = pytest.importorskip("torch", reason="needs the extra torch")
nn, functional = torch.nn, torch.nn.functional

Loss = Callable[[Any, Any], Any]


def watched(model: Any, x: Any, loss: Loss, steps: int = 12, **options: Any) -> Any:
    """Trained on a batch, with new labels at each step."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.02)
    options.setdefault("example", None if "laws" in options else x)
    with cq.watch(model, optimizer, cache=False, **options) as w:
        for _ in range(steps):
            optimizer.zero_grad()
            made = model(x)
            loss(made, torch.randn(made.shape)).backward()
            optimizer.step()
    return w


def sound(w: Any) -> None:
    assert w.tracks
    assert not w.violated, w.verdict()


class Extra(nn.Module):  # type: ignore[name-defined, misc]
    """An MLP with a parameter that no law speaks of."""

    def __init__(self, extra: Any) -> None:
        super().__init__()
        self.extra = extra
        layers = (nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
        for k, layer in enumerate(layers):
            self.add_module(str(k), layer)

    def forward(self, x: Any) -> Any:
        kind = torch.cfloat if self.extra.is_complex() else torch.float32
        x = (x.to(kind) @ self.extra.to(kind)).abs()
        for k in range(5):
            x = self.get_submodule(str(k))(x)
        return x


def test_parameters_of_integers_and_complex_ones_are_nobodys() -> None:
    torch.manual_seed(0)
    whole = nn.Parameter(torch.randint(-3, 3, (4, 4), dtype=torch.int8), requires_grad=False)
    phases = nn.Parameter(torch.randn(4, 4, dtype=torch.cfloat))
    for extra in (whole, phases):
        model = Extra(extra)
        laws = mlp_laws() if extra is phases else cq.block_laws(model, torch.randn(8, 4))
        sound(watched(model, torch.randn(8, 4), functional.mse_loss, laws=laws))
        before = extra.detach().clone()
        assert cq.rebalance(model, laws=laws).moved
        assert cq.check_gradients(model, model(torch.ones(8, 4)).sum(), laws=laws).holds
        assert torch.equal(before, extra)


@pytest.mark.parametrize("ask", [cq.watch, cq.check_gradients, cq.imbalance, cq.rebalance])
def test_models_without_values_are_refused_in_one_line(ask: Any) -> None:
    with torch.device("meta"):
        meta = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    lazy = nn.Sequential(nn.LazyLinear(6), nn.ReLU(), nn.LazyLinear(2))
    with pytest.raises(InputError, match=r"'0\.weight': is on the meta device"):
        asked(ask, meta)
    with pytest.raises(InputError, match=r"'0\.weight': has no shape yet: run the model once"):
        asked(ask, lazy)


def asked(ask: Any, model: Any) -> None:
    more = [torch.optim.SGD(model.parameters(), lr=0.1)] if ask is cq.watch else []
    ask(model, *more, laws=mlp_laws())


def test_no_law_is_said() -> None:
    class Tied(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.up, self.bias = nn.Linear(6, 3), nn.Parameter(torch.zeros(6))

        def forward(self, x: Any) -> Any:
            return functional.linear(torch.relu(self.up(x)), self.up.weight.t(), self.bias)

    w = watched(Tied(), torch.randn(8, 6), functional.mse_loss, steps=2)
    assert w.verdict() == (
        "Tied: no quadratic or linear law along the axes of its tensors holds for all data"
    )


def test_gradients_that_are_sparse() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(7, 4, sparse=True), nn.Linear(4, 6), nn.ReLU())
    model.append(nn.Linear(6, 3))
    sound(watched(model, torch.randint(0, 7, (8, 5)), functional.mse_loss))


def test_of_laws_that_wait_the_log_has_no_gradient() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    laws = cq.block_laws(model, torch.zeros(1, 4))
    model[0].requires_grad_(False)
    w = watched(model, torch.randn(8, 4), functional.mse_loss, laws=laws)
    frame = w.to_frame()
    assert frame["gradient"].isna().all()
    assert {track.outcome for track in w.tracks} == {"not tested"}
