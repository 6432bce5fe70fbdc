"""What a user may do to a watched run by mistake, or give: each is told in one line."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from pathlib import Path
from types import MethodType
from typing import Any

import pytest

import conserved as cq
from conserved.errors import ConservedError, InputError
from conserved.watching.log.files import records
from tests.watching.runs import batches, mlp, mlp_laws, train

torch = pytest.importorskip("torch", reason="needs the extra torch")
nn = torch.nn


def sgd(model: Any, **options: Any) -> Any:
    return torch.optim.SGD(model.parameters(), **{"lr": 0.01, "momentum": 0.9, **options})


WRONG: dict[str, list[Any]] = {
    "step": [-1, 1.5, "3"],
    "seed": [-1, "a", None],
    "rotate": [0, 1.5, "x"],
    "scaler": [3, torch.amp.GradScaler],
    "log": [3, "", "."],
    "sinks": [3, None, print],
}


@pytest.mark.parametrize("name, value", [(k, v) for k, values in WRONG.items() for v in values])
def test_options(name: str, value: Any) -> None:
    model = mlp()
    with pytest.raises(InputError, match=f"^{name} "):
        cq.watch(model, sgd(model), laws=mlp_laws(), **{name: value})


@pytest.mark.parametrize(
    "example, told",
    [
        ("x", "example 'str': give an input"),
        (3, "example 'int': give an input"),
        ({"x": torch.zeros(1, 4)}, "example 'dict': give its tensors in the order of forward's"),
        ([1], "input 1': is a int"),
        ([None], "input 1': is a NoneType"),
        ((torch.zeros(1, 4).double(), "y"), "input 2': is a str"),
        (torch.zeros(0, 4).double(), "give one example at least"),
        (torch.utils.data.DataLoader([1.0]), "example 'DataLoader': give an input"),
    ],
)
@pytest.mark.parametrize("cache", [True, False])
def test_examples(example: Any, told: str, cache: bool) -> None:
    model = mlp()
    with pytest.raises(InputError, match=told):
        cq.watch(model, sgd(model), example, cache=cache)


@pytest.mark.parametrize("given", [{"batch": -1}, {"batch": 1.5}, {"loss": None}, {"loss": 5}])
def test_how_a_model_is_read(given: dict[str, Any]) -> None:
    model = mlp()
    with pytest.raises(InputError, match=f"^{next(iter(given))} "):
        cq.watch(model, sgd(model), torch.zeros(2, 4).double(), **given)


@pytest.mark.parametrize("value", ["much", None, torch.ones(2)])
def test_what_is_noted_is_a_number(value: Any) -> None:
    model = mlp()
    with (
        cq.watch(model, sgd(model), laws=mlp_laws()) as w,
        pytest.raises(InputError, match=r"^loss"),
    ):
        w.note(loss=value)


def test_a_file_that_is_no_log_is_left_alone(tmp_path: Path) -> None:
    log, model = tmp_path / "notes.json", mlp()
    log.write_text('{"a": 1}\n')
    with pytest.raises(InputError, match="is no log"):
        cq.watch(model, sgd(model), laws=mlp_laws(), log=log)
    assert log.read_text() == '{"a": 1}\n'


def test_an_optimizer_that_takes_the_place_of_another_is_told() -> None:
    model = mlp()
    first = sgd(model)
    with cq.watch(model, first, laws=mlp_laws()) as w:
        train(model, first, 2)
        with pytest.warns(UserWarning, match="SGD steps parameters of this model") as told:
            train(model, sgd(model), 3)
    assert len(told) == 1
    train(model, sgd(model), 1)  # after it is closed nothing is told
    assert not w.violated


def test_optimizers_of_other_models_and_those_around_ours_are_none_of_it() -> None:
    class Around(torch.optim.Optimizer):
        """As optimizers that average what another has done: it is watched, or what it is around."""

        def __init__(self, inner: Any) -> None:
            super().__init__(inner.param_groups, {})
            self.inner = inner

        def step(self, closure: Any = None) -> None:
            self.inner.step()

    for outer in False, True:
        model, other = mlp(), mlp()
        inner = sgd(model)
        around = Around(inner)
        with cq.watch(model, around if outer else inner, laws=mlp_laws()) as w:
            train(other, sgd(other), 2)
            train(model, around, 3)
        assert w.steps == 3
        assert not w.violated


def test_what_is_around_an_optimizer_and_cannot_be_hooked() -> None:
    """As ``accelerate`` prepares one: an Optimizer that was never made one."""

    class Accelerated(torch.optim.Optimizer):
        def __init__(self, optimizer: Any) -> None:
            self.optimizer = optimizer

        def step(self, closure: Any = None) -> None:
            self.optimizer.step(closure)

        def zero_grad(self, set_to_none: bool = True) -> None:
            self.optimizer.zero_grad()

    model = mlp()
    prepared = Accelerated(sgd(model))
    for given in prepared, [prepared]:
        with cq.watch(model, given, laws=mlp_laws()) as w:
            train(model, prepared, 3)
        assert w.steps == 3
        assert {track.outcome for track in w.tracks} == {"drifting as predicted"}


def test_a_watch_that_is_not_closed_keeps_nothing_alive() -> None:
    model = mlp()
    optimizer = sgd(model)
    gone = weakref.ref(cq.watch(model, optimizer, laws=mlp_laws()))
    train(model, optimizer, 2)
    del model, optimizer
    gc.collect()
    assert gone() is None


def test_a_log_has_one_writer(tmp_path: Path) -> None:
    """A cell of a notebook that is run again."""
    log, model = tmp_path / "run.jsonl", mlp()
    optimizer = sgd(model)
    first = cq.watch(model, optimizer, laws=mlp_laws(), log=log)
    train(model, optimizer, 3)
    with pytest.warns(UserWarning, match="the watch that wrote to it is closed now"):
        second = cq.watch(model, optimizer, laws=mlp_laws(), log=log)
    train(model, optimizer, 2)
    second.close()
    assert first.closed
    steps = [line["step"] for line in records(log) if line["kind"] == "step"]
    assert steps == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
@pytest.mark.parametrize("steps", [0, 2])
def test_a_model_of_another_precision_ends_its_watch(kind: str, steps: int) -> None:
    model = mlp()
    optimizer = sgd(model, momentum=0.0)
    w = cq.watch(model, optimizer, laws=mlp_laws())
    train(model, optimizer, steps)
    model.to(getattr(torch, kind))
    with pytest.warns(UserWarning, match=f"0.weight is {kind} now, and was float64: watch it"):
        train(model, optimizer, 2)
    assert (w.closed, w.steps, w.violated) == (True, steps, [])


def test_a_run_in_another_mode_than_its_laws_is_told() -> None:
    """Batch norm in evaluation is linear, and has laws of its own."""
    torch.manual_seed(0)
    layers = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)
    model = nn.Sequential(*layers).double().eval()
    optimizer = sgd(model)
    w = cq.watch(model, optimizer, torch.zeros(1, 4).double())
    model.train()
    with pytest.warns(UserWarning, match=r"model.train\(\) before conserved.watch") as told:
        train(model, optimizer, 3)
    w.close()
    assert len(told) == 1
    assert w.verdict().endswith("model.train() before conserved.watch.")


def test_a_mode_that_no_part_asks_for_is_none() -> None:
    model = mlp().eval()
    optimizer = sgd(model)
    with cq.watch(model, optimizer, laws=mlp_laws()) as w:
        model.train()
        train(model, optimizer, 2)
    assert "mode" not in w.verdict()


def test_copies_and_files_of_a_model_that_holds_its_watch() -> None:
    model = mlp()
    optimizer = sgd(model)
    model.watched = cq.watch(model, optimizer, laws=mlp_laws())
    other = copy.deepcopy(model)
    train(other, sgd(other), 2)
    assert other.watched is model.watched
    assert model.watched.steps == 0
    with pytest.raises(ConservedError, match="cannot be pickled; its log can be read"):
        pickle.dumps(model)


@pytest.mark.parametrize("cache", [True, False])
def test_a_forward_that_accelerate_put_in_mixed_precision(cache: bool) -> None:
    """As ``accelerate`` prepares a model: laws are found of what is inside."""

    def around(forward: Callable[..., Any]) -> Callable[..., Any]:
        def mixed(self: Any, *inputs: Any) -> Any:
            with torch.autocast("cpu", torch.bfloat16):
                return forward(self, *inputs).float()

        return mixed

    model = mlp().float()
    model._original_forward = model.forward
    model.forward = outer = MethodType(around(type(model).forward), model)
    optimizer = sgd(model)
    with cq.watch(model, optimizer, torch.zeros(1, 4), cache=cache) as w:
        assert model.forward is outer
        for x, y in batches(6):
            optimizer.zero_grad()
            ((model(x.float()) - y.float()) ** 2).mean().backward()
            optimizer.step()
    assert {track.outcome for track in w.tracks} == {"drifting as predicted"}
