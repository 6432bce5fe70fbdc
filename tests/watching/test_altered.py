"""What was done to a gradient as a whole, or to the loss, is told as that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import conserved as cq
from tests.watching.runs import batches, mlp, mlp_laws

torch = pytest.importorskip("torch", reason="needs the extra torch")
Step = Callable[[Any, Any, Callable[[], Any]], None]  # model, optimizer, loss


def reasons(step: Step, kind: Any = torch.float32) -> set[str]:
    model = mlp().to(kind)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    with cq.watch(model, optimizer, laws=mlp_laws()) as w:
        for x, y in batches(4):
            optimizer.zero_grad()

            def loss(x: Any = x, y: Any = y) -> Any:
                return ((model(x.to(kind)) - y.to(kind)) ** 2).mean()

            step(model, optimizer, loss)
    return {track.reason for track in w.tracks}


def plain(model: Any, optimizer: Any, loss: Any) -> None:
    loss().backward()
    optimizer.step()


def clipped(model: Any, optimizer: Any, loss: Any) -> None:
    loss().backward()
    torch.nn.utils.clip_grad_value_(model.parameters(), 0.02)
    optimizer.step()


def penalized(model: Any, optimizer: Any, loss: Any) -> None:
    (loss() + 0.01 * sum((p**2).sum() for p in model.parameters())).backward()
    optimizer.step()


def sharpness_aware(model: Any, optimizer: Any, loss: Any) -> None:
    loss().backward()
    with torch.no_grad():
        held = [p.clone() for p in model.parameters()]
        for p in model.parameters():
            p.add_(p.grad, alpha=0.05 / p.grad.norm())
    optimizer.zero_grad()
    loss().backward()
    with torch.no_grad():
        for p, value in zip(model.parameters(), held, strict=True):
            p.data = value
    optimizer.step()


def twice(model: Any, optimizer: Any, loss: Any) -> None:
    loss().backward()
    optimizer.step()
    optimizer.step()


def scaled(model: Any, optimizer: Any, loss: Any) -> None:
    loss().backward()
    model[2].weight.grad *= 2
    optimizer.step()


MOVED = "the gradient is that of other values: 0.weight, 0.bias, 2.weight, … changed after the"
TOLD: list[tuple[Step, str]] = [
    (plain, ""),
    (clipped, "the gradient was clipped by value, to ±0.02, which keeps no law: clip its norm"),
    (penalized, "the loss has a penalty of 0.01 Σθ², which is no loss of data: weight_decay=0.02"),
    (sharpness_aware, MOVED),
    (twice, MOVED),
    (scaled, "the gradient of 2.weight is 2 times what it should be"),
]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("step, text", TOLD)
def test_it_is_told(step: Step, text: str, kind: Any) -> None:
    for reason in reasons(step, kind):
        assert reason.startswith(text), reason
        assert bool(reason) == bool(text)


class SharpnessAware(torch.optim.Optimizer):  # type: ignore[name-defined, misc]
    """Moves to where the loss is larger before it asks for the gradient, and back."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {"lr": 0.05})

    def step(self, closure: Any) -> None:
        held = [p.detach().clone() for p in self.param_groups[0]["params"]]
        with torch.no_grad():
            for p in self.param_groups[0]["params"]:
                p.add_(p.grad, alpha=0.05 / p.grad.norm())
        closure()
        with torch.no_grad():
            for p, value in zip(self.param_groups[0]["params"], held, strict=True):
                p.copy_(value - 0.05 * p.grad)


def test_what_an_optimizer_moves_before_it_asks_for_a_gradient_is_no_change_by_hand() -> None:
    model = mlp()
    optimizer = SharpnessAware(model.parameters())
    exact = [law for one in mlp_laws().laws for law in one.laws]
    with cq.watch(model, optimizer, laws=[mlp_laws(), *exact]) as w:
        for x, y in batches(6):

            def closure(x: Any = x, y: Any = y) -> Any:
                optimizer.zero_grad()
                loss = ((model(x) - y) ** 2).mean()
                loss.backward()
                return loss

            closure()
            optimizer.step(closure)
    assert {(track.outcome, track.looks) for track in w.tracks} == {("drifting", 6)}, w.verdict()
    assert max(track.worst for track in w.tracks) < 50


def test_one_backward_pass_tells_it_too() -> None:
    model = mlp()
    x = torch.ones(3, 4, dtype=torch.float64)

    def loss() -> Any:
        return (model(x) ** 2).mean() + 0.005 * sum((p**2).sum() for p in model.parameters())

    with pytest.raises(cq.watching.GradientError, match=r"a penalty of 0\.005 Σθ²"):
        cq.check_gradients(model, loss, laws=mlp_laws())


@pytest.mark.parametrize(
    "clear", ["never", "to none", "in place", "late", "once in two", "of the model"]
)
@pytest.mark.parametrize("fault", [False, True])
def test_a_gradient_that_was_not_cleared(clear: str, fault: bool) -> None:
    """Whether it was is told by torch's own counts, wherever in the loop it is cleared."""
    model = mlp().float()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    if fault:
        model[2].weight.register_hook(lambda g: 1.5 * g)
    with cq.watch(model, optimizer, laws=mlp_laws()) as w:
        for step, (x, y) in enumerate(batches(6)):
            if clear in ("to none", "in place"):
                optimizer.zero_grad(set_to_none=clear == "to none")
            if clear == "of the model" or (clear == "once in two" and step % 2):
                model.zero_grad()
            loss = ((model(x.float()) - y.float()) ** 2).mean()
            if clear == "late":
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    told = {track.reason for track in w.violated}
    if clear in ("never", "once in two"):
        assert any("was not cleared" in reason for reason in told) or fault
    else:
        assert not any("cleared" in reason for reason in told)
        assert bool(told) == fault
