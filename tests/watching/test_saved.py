"""Laws are kept by what a module is made of: found once, and again whenever that changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import conserved as cq
from conserved.blocks.document import from_document, to_document
from conserved.errors import InputError
from conserved.watching import saved
from conserved.watching.saved import fingerprint, laws_for
from tests.watching.runs import homeless, mlp, mlp_laws

torch = pytest.importorskip("torch", reason="needs the extra torch")
X = torch.zeros(1, 4)


def test_a_document_says_the_same() -> None:
    laws = mlp_laws()
    again = from_document(to_document(laws))
    assert again == laws
    assert again.text().partition(" random primes")[0] == laws.text().partition(" random primes")[0]
    assert [law.laws for law in again.laws] == [law.laws for law in laws.laws]
    with pytest.raises(InputError, match="is no conserved"):
        from_document({"schema": "other"})
    with pytest.raises(InputError, match="is no conserved"):
        from_document({"schema": "conserved.families/1"})


def test_laws_are_found_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONSERVED_CACHE", str(tmp_path))
    found = laws_for(mlp().float(), None, X, "mse")
    (kept,) = tmp_path.iterdir()
    monkeypatch.setattr(saved, "block_laws", None)  # not asked again
    assert laws_for(mlp(seed=5).float(), None, X, "mse") == found  # other weights, the same laws
    kept.write_text("{")
    monkeypatch.setattr(saved, "block_laws", cq.block_laws)
    assert laws_for(mlp().float(), None, X, "mse") == found  # what cannot be read is found again


def test_a_folder_that_cannot_be_written_costs_time_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CONSERVED_CACHE", str(tmp_path / "file"))
    assert laws_for(mlp().float(), None, X, "mse").laws


def test_without_a_home_laws_are_found_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    homeless(monkeypatch)
    assert laws_for(mlp().float(), None, X, "mse") == mlp_laws()


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_a_model_of_half_precision_has_the_same_laws(kind: str) -> None:
    """It is read in float32, and is as it was after."""
    model, dtype = mlp(), getattr(torch, kind)
    model.to(dtype)
    model(X.to(dtype)).sum().backward()
    before = [(p.data_ptr(), p.dtype, p.grad) for p in model.parameters()]
    assert laws_for(model, None, X.to(dtype), "mse", cache=False).lines == mlp_laws().lines
    for p, (place, own, grad) in zip(model.parameters(), before, strict=True):
        assert (p.data_ptr(), p.dtype) == (place, own)
        assert p.grad is grad


@pytest.mark.parametrize(
    "example, told",
    [(3, "'int': give an input"), ([3], "'input 1': is a int"), ({"x": X}, "'dict': give its")],
)
def test_what_is_no_input_is_refused(example: Any, told: str) -> None:
    with pytest.raises(InputError, match=f"example .*{told}"):
        laws_for(mlp().float(), None, example, "mse")
    with pytest.raises(InputError, match=f"example .*{told}"):
        cq.rebalance(mlp(), example, laws=mlp_laws())


def test_what_laws_follow_from_makes_the_name() -> None:
    def name(change: Any = None, x: Any = X, kind: str = "mse") -> str:
        model = mlp().float()
        if change is not None:
            change(model)
        return fingerprint(model, x, kind)

    own = name()
    assert own == name() == name(lambda m: m[0].weight.data.mul_(2))
    others = {
        name(kind="cross-entropy"),
        name(x=torch.zeros(1, 2, 4)),
        name(x=torch.cat([X, X])),  # which may act on one another
        name(lambda m: m[0].requires_grad_(False)),
        name(lambda m: m.eval()),
        name(lambda m: m.__setitem__(1, torch.nn.Tanh())),
        name(lambda m: setattr(m[1], "inplace", True)),
        name(lambda m: setattr(m[1], "forward", lambda x: x)),
        name(lambda m: m[1].register_buffer("scale", torch.ones(1))),
        name(lambda m: m[1].register_buffer("scale", torch.zeros(1))),
        name(lambda m: setattr(m[4], "bias", m[4].bias.__class__(m[4].bias[:2]))),
    }
    assert len(others) == 11
    assert own not in others


def test_values_of_frozen_parameters_count() -> None:
    def name(scale: float) -> str:
        model = mlp().float()
        model[0].requires_grad_(False).weight.mul_(scale)
        return fingerprint(model, X, "mse")

    assert name(1.0) != name(2.0)


def test_watch_finds_its_laws_by_itself() -> None:
    model = mlp().float()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with cq.watch(model, optimizer, example=X) as watched:
        assert watched.laws == mlp_laws()


def test_much_that_is_frozen_may_have_any_values() -> None:
    """A low-rank adapter of a large frozen layer keeps its own law."""
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.frozen = nn.Linear(80, 60).requires_grad_(False)
            self.a, self.b = nn.Linear(80, 2, bias=False), nn.Linear(2, 60, bias=False)

        def forward(self, x: Any) -> Any:
            return self.frozen(x) + self.b(self.a(x))

    model = Net()
    found = laws_for(model, None, torch.zeros(1, 80), "mse", cache=False)
    assert [line for line, _, _ in found.lines] == ["a.weight a.weightᵀ − b.weightᵀ b.weight"]
    assert found.lower == 3
    assert "frozen parameters may have any values" in found.text()
    assert [p.requires_grad for p in model.parameters()] == [False, False, True, True]
