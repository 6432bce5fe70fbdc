"""A parameter that takes another shape, or is gone: one warning, and the run goes on unwatched."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import conserved as cq
from conserved.watching.log.files import records
from conserved.watching.tensors import Parameters, ShapeError
from tests.watching.runs import mlp, mlp_laws, train

torch = pytest.importorskip("torch", reason="needs the extra torch")

AT = 4  # the step after which it is done
SMALLER = "2.weight is 5×3 now, and the laws speak of 5×6"
LARGER = "0.bias is 12 now, and the laws speak of 6"
GONE = "the model has no parameter 2.bias any more"


def smaller(model: Any) -> None:
    model[2].weight.data = torch.zeros(5, 3, dtype=torch.float64)


def larger(model: Any) -> None:
    model[0].bias.data = torch.zeros(12, dtype=torch.float64)


def replaced(model: Any) -> None:
    model[2] = torch.nn.Linear(3, 5).double()


def gone(model: Any) -> None:
    model[2].bias = None


CHANGES = [(smaller, SMALLER), (larger, LARGER), (replaced, SMALLER), (gone, GONE)]
Change = Callable[[Any], None]


class OwnStep(torch.optim.SGD):  # type: ignore[name-defined, misc]
    """An optimizer that torch does not know."""


def stepped(model: Any, optimizer: Any, closure: bool) -> None:
    """One step on gradients that are there: a forward pass would need the old shape."""
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step(*([lambda: 0.0] if closure else []))


@pytest.mark.parametrize("change, text", CHANGES)
@pytest.mark.parametrize("kind, closure", [("SGD", False), ("SGD", True), ("Own", True)])
@pytest.mark.parametrize("exact", [False, True])
def test_a_watch_ends_and_training_goes_on(
    change: Change, text: str, kind: str, closure: bool, exact: bool, tmp_path: Path
) -> None:
    model, log = mlp(), tmp_path / "run.jsonl"
    kinds = {"SGD": torch.optim.SGD, "Own": OwnStep}
    optimizer = kinds[kind](model.parameters(), lr=0.02)
    laws = list(mlp_laws().laws[0].laws) if exact else mlp_laws()
    told: list[Any] = []
    with cq.watch(model, optimizer, laws=laws, log=log, sinks=[told.append]) as found:
        train(model, optimizer, AT)
        change(model)
        with pytest.warns(UserWarning, match=f"ended after step {AT}: {text}") as met:
            stepped(model, optimizer, closure)
        assert len(met) == 1
        moved = model[4].weight.detach().clone()
        for _ in range(2):
            stepped(model, optimizer, closure)
            found.note(loss=1.0)
        assert not torch.equal(model[4].weight, moved)
        model.load_state_dict(model.state_dict())
        optimizer.load_state_dict(optimizer.state_dict())
    assert not found.violated
    assert found.verdict().endswith(f"The watch ended after step {AT}: {text}.")
    lines = list(records(log))
    assert [line["kind"] for line in lines[-2:]] == ["event", "verdict"]
    assert (lines[-2]["what"], lines[-2]["step"]) == ("changed", AT + 1)
    assert text in lines[-2]["text"]
    steps = [line["step"] for line in lines if line["kind"] == "step"]
    known = AT if change in (replaced, gone) else AT - 1  # what the last step left is there still
    assert steps == list(range(1, known + 1))
    assert [line["kind"] for line in told] == [line["kind"] for line in lines]


@pytest.mark.parametrize("change, text", [(smaller, SMALLER), (larger, LARGER)])
@pytest.mark.parametrize("ask", ["close", "verdict", "state_dict", "load_state_dict"])
def test_so_it_does_after_the_last_step(
    change: Change, text: str, ask: str, tmp_path: Path
) -> None:
    model, log = mlp(), tmp_path / "run.jsonl"
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    watch = cq.watch(model, optimizer, laws=mlp_laws(), log=log)
    train(model, optimizer, AT)
    change(model)
    asked = {
        "close": watch.close,
        "verdict": watch.verdict,
        "state_dict": model.state_dict,
        "load_state_dict": lambda: model.load_state_dict({}, strict=False),
    }
    with pytest.warns(UserWarning, match=f"ended after step {AT}: {text}"):
        asked[ask]()
    assert watch.verdict().endswith(f"{text}.")
    watch.close()
    assert [line["kind"] for line in records(log)][-2:] == ["event", "verdict"]
    assert not optimizer._optimizer_step_pre_hooks


def test_what_is_replaced_after_the_last_step_does_no_harm() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    with cq.watch(model, optimizer, laws=mlp_laws()) as found:
        train(model, optimizer, AT)
        replaced(model)
    assert not found.violated
    assert all(track.looks == AT for track in found.tracks)


def test_what_is_added_is_not_watched() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    with cq.watch(model, optimizer, laws=mlp_laws()) as found, warnings.catch_warnings():
        warnings.simplefilter("error")
        train(model, optimizer, AT)
        model.append(torch.nn.Linear(3, 3).double())
        optimizer.add_param_group({"params": list(model[5].parameters())})
        train(model, optimizer, AT)
    assert all(track.looks == 2 * AT for track in found.tracks)


def test_shapes_are_those_of_the_first_time() -> None:
    model = torch.nn.Linear(2, 3)
    named = Parameters(model)
    model.register_parameter("more", torch.nn.Parameter(torch.zeros(4)))
    named.check(named())
    model.bias = torch.nn.Parameter(torch.tensor(0.0))
    with pytest.raises(ShapeError, match="bias is 1 now, and the laws speak of 3"):
        named.check(named())
