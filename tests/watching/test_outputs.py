"""Models that give several outputs: laws are those of the one that the loss is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import conserved as cq
from conserved.errors import InputError

torch = pytest.importorskip("torch", reason="needs the extra torch")
X = torch.zeros(2, 4)
OF = {
    name: f"‖body.weight[j,:]‖² + body.bias[j]² − ‖{name}.weight[:,j]‖², j = 1 … 5"
    for name in ("head", "aux")
}


class Two(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.nn.Linear(4, 5)
        self.head, self.aux = torch.nn.Linear(5, 3), torch.nn.Linear(5, 2)

    def forward(self, x: Any) -> Any:
        seen = torch.relu(self.body(x))
        return {"logits": self.head(seen), "extra": self.aux(seen)}


def loss(model: Any, name: str) -> Any:
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))
    return (model(x)[name] - x[:, :1]).square().mean()


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("CONSERVED_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("output, name, key", [("logits", "head", "logits"), (1, "aux", "extra")])
def test_a_run_is_held_against_the_laws_of_that_output(
    output: str | int, name: str, key: str
) -> None:
    model = Two()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    with cq.watch(model, optimizer, X, output=output) as found:
        for _ in range(4):
            optimizer.zero_grad()
            loss(model, key).backward()
            optimizer.step()
    assert [track.text for track in found.tracks] == [OF[name]]
    assert [track.outcome for track in found.tracks] == ["drifting as predicted"]
    assert cq.check_gradients(model, loss(model, key), example=X, output=output).holds
    assert [one.text for one in cq.imbalance(model, X, output=output).families] == [OF[name]]


def test_each_output_is_kept_by_itself(empty: Path) -> None:
    model = Two()
    for _ in range(2):
        for output, name in (("logits", "head"), ("extra", "aux")):
            (one,) = cq.imbalance(model, X, output=output).families
            assert one.text == OF[name]
    assert len(list(empty.iterdir())) == 2


def test_a_loss_of_another_output_is_a_violation() -> None:
    model = Two()
    both = loss(model, "logits") + loss(model, "extra")
    with pytest.raises(cq.watching.GradientError, match=r"body\.weight"):
        cq.check_gradients(model, both, example=X, output="logits")


def test_a_model_is_balanced_for_one_output() -> None:
    model = Two().double()
    x = torch.ones(1, 4, dtype=torch.float64)
    before = model(x)
    moved = cq.rebalance(model, x, output="extra")
    after = model(x)
    assert moved.families[0].after < 1e-9
    torch.testing.assert_close(after["extra"], before["extra"])
    assert moved.change is not None
    assert moved.change > 1e-3  # of the other


@pytest.mark.parametrize("output, shown", [(None, "''"), ("loss", "'loss'"), (2, "'2'")])
def test_which_one_is_asked(output: Any, shown: str) -> None:
    model = Two()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    told = f"output {shown}: the module returns several: name one of logits, extra"
    with pytest.raises(InputError, match=told):
        cq.watch(model, optimizer, X, output=output)
    with pytest.raises(InputError, match=told):
        cq.check_gradients(model, loss(model, "logits"), example=X, output=output)
