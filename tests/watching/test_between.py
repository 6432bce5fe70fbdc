"""What is done to parameters and velocities between two steps: told by name, or no fault."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import conserved as cq
from conserved.watching.between import Between
from conserved.watching.log import records
from conserved.watching.steps import StepCheck
from tests.watching.runs import mlp, mlp_laws, train

torch = pytest.importorskip("torch", reason="needs the extra torch")

AT = 5  # the step after which it is done
Hand = Callable[[Any, Any], None]  # on a model and its optimizer


def watched(hand: Hand, kind: str = "sgd", laws: Any = None, **options: Any) -> Any:
    model = mlp()
    optimizers = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=0.01),
        "plain": lambda p: torch.optim.SGD(p, lr=0.02),
        "nesterov": lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True),
        "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    }
    optimizer = optimizers[kind](model.parameters())
    asked = options.pop("asked", False)

    def between(step: int) -> None:
        if step == AT:
            if asked:
                model.state_dict()
            hand(model, optimizer)

    with cq.watch(model, optimizer, laws=laws or mlp_laws(), **options) as found:
        train(model, optimizer, AT + 7, between=between)
    return found


def told(found: Any) -> set[tuple[int, str]]:
    return {(track.since, track.reason) for track in found.violated}


# ------------------------------------------------------------------ velocities


def cleared(model: Any, optimizer: Any) -> None:
    optimizer.state.clear()


def scaled(model: Any, optimizer: Any) -> None:
    optimizer.state[model[2].weight]["momentum_buffer"].mul_(1.5)


def scaled_unseen(model: Any, optimizer: Any) -> None:
    optimizer.state[model[2].weight]["momentum_buffer"].data.mul_(1.5)


def loaded(model: Any, optimizer: Any) -> None:
    state = copy.deepcopy(optimizer.state_dict())
    for held in state["state"].values():
        held["momentum_buffer"] *= -1
    optimizer.load_state_dict(state)


def checkpoint(model: Any, optimizer: Any) -> None:
    model.load_state_dict(mlp(5).state_dict())
    loaded(model, optimizer)


VELOCITIES = [
    (cleared, "the velocities of 0.weight, 0.bias, 2.weight, … changed between steps 5 and 6"),
    (loaded, "the velocities of 0.weight, 0.bias, 2.weight, … changed between steps 5 and 6"),
    (scaled, "the velocity of 2.weight changed between steps 5 and 6"),
    (scaled_unseen, "the velocity of 2.weight changed between steps 5 and 6"),
    (
        checkpoint,
        "0.weight, 0.bias, 2.weight, … and their velocities changed between steps 5 and 6",
    ),
]


@pytest.mark.parametrize("kind, asked", [("sgd", False), ("sgd", True), ("nesterov", False)])
@pytest.mark.parametrize("hand, text", VELOCITIES)
def test_a_velocity_that_is_changed_is_told_as_that(
    hand: Hand, text: str, kind: str, asked: bool
) -> None:
    found = watched(hand, kind, asked=asked)
    assert told(found) == {(AT + 1, text)}
    assert all(track.residual < 50 for track in found.tracks), found.verdict()  # nor after it


@pytest.mark.parametrize("hand, text", VELOCITIES)
def test_the_same_of_laws_that_are_followed_one_by_one(hand: Hand, text: str) -> None:
    found = watched(hand, laws=list(mlp_laws().laws[0].laws))
    assert len(told(found)) == 1
    assert "velocit" in found.violated[0].reason
    assert found.violated[0].since == AT + 1
    assert all(track.residual < 50 for track in found.tracks), found.verdict()


@pytest.mark.parametrize("kind", ["sgd", "plain", "adam"])
def test_a_state_that_is_loaded_as_it_was_is_no_fault(kind: str) -> None:
    def hand(model: Any, optimizer: Any) -> None:
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        model.load_state_dict(copy.deepcopy(model.state_dict()))

    assert not watched(hand, kind).violated


def test_a_state_without_momentum_is_nobodys() -> None:
    assert not watched(cleared, "plain").violated
    assert not watched(cleared, "adam").violated


# ------------------------------------------------------------------ averages, and back


def swapped(model: Any, optimizer: Any) -> None:
    """Averages take the place of the weights, are evaluated, and the weights come back."""
    with torch.no_grad():
        held = [p.clone() for p in model.parameters()]
        for p in model.parameters():
            p.copy_(0.9 * p)
        model(torch.ones(1, 4, dtype=torch.float64))
        for p, value in zip(model.parameters(), held, strict=True):
            p.copy_(value)


def spoilt(model: Any, optimizer: Any) -> None:
    """The same, and one entry that is not followed comes back as another."""
    swapped(model, optimizer)
    with torch.no_grad():
        model[2].weight[UNSEEN] += 0.5


UNSEEN = (0, 4)  # of 2.weight, with the seed of ``watch``


def test_the_entry_is_not_followed() -> None:
    check = StepCheck(dict(mlp().named_parameters()), 0)
    assert UNSEEN[0] * 6 + UNSEEN[1] not in check._places["2.weight"]


@pytest.mark.parametrize("kind", ["sgd", "plain", "nesterov", "adam"])
@pytest.mark.parametrize("asked", [False, True])
def test_averages_that_were_swapped_in_and_out_are_no_fault(kind: str, asked: bool) -> None:
    found = watched(swapped, kind, asked=asked)
    assert not found.violated, found.verdict()
    assert all(track.looks == AT + 7 for track in found.tracks)


@pytest.mark.parametrize("kind", ["sgd", "plain", "nesterov"])
@pytest.mark.parametrize("asked", [False, True])
def test_what_does_not_come_back_is_named(kind: str, asked: bool) -> None:
    found = watched(spoilt, kind, asked=asked)
    words = found.verdict()
    assert {since for since, _ in told(found)} == {AT + 1}, words
    assert all(
        "2.weight" in reason and "changed between steps 5 and 6" in reason
        for _, reason in told(found)
    )
    assert all(track.residual < 50 for track in found.tracks), words
    assert {track.text for track in found.violated} == {t.text for t in found.tracks}


def test_without_a_rule_a_look_before_the_change_tells() -> None:
    found = watched(spoilt, "adam", asked=True)
    assert {since for since, _ in told(found)} == {AT + 1}, found.verdict()


def test_what_nothing_tells_is_said_once_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    found = watched(spoilt, "adam", log=log)
    assert not found.violated, found.verdict()
    events = [line for line in records(log) if line["kind"] == "event"]
    assert [(line["step"], line["what"], line["law"]) for line in events] == [
        (AT + 1, "changed", None)
    ]
    assert "were written to between steps 5 and 6" in events[0]["text"]


def test_a_change_of_all_entries_is_named_without_a_rule() -> None:
    def hand(model: Any, optimizer: Any) -> None:
        with torch.no_grad():
            model[2].weight.mul_(1.001)

    found = watched(hand, "adam")
    assert told(found) == {(AT + 1, "2.weight changed between steps 5 and 6")}


def test_tensors_whose_turn_it_is_not_are_followed_too() -> None:
    """Of many tensors only some are held against their optimizer at each step."""
    named = {f"w{k}": torch.nn.Parameter(torch.ones(3, 3) + k) for k in range(40)}
    check = StepCheck(named, 0)
    check.before(named, {}, {}, {})
    check.after(named, {}, {})
    last = named["w39"]
    with torch.no_grad():
        last.mul_(2)
        assert check.since(named, {}, {}) == Between(moved=("w39",))
        last.div_(2)
    assert check.since(named, {}, {}) == Between(written=("w39",))
    named["w39"] = torch.nn.Parameter(last.detach().clone())
    assert check.since(named, {}, {}) == Between(written=("w39",))


# ------------------------------------------------------------------ no numbers for a while


@pytest.mark.parametrize("laws", [mlp_laws, lambda: list(mlp_laws().laws[0].laws)])
def test_a_prediction_goes_on_where_there_are_numbers_again(laws: Callable[[], Any]) -> None:
    """A step overflows, and two steps later the parameters of before are loaded."""
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    kept: dict[str, Any] = {}

    def before(step: int) -> None:
        if step == 4:
            kept.update(copy.deepcopy(model.state_dict()))
            model[2].weight.grad[0, 0] = float("inf")

    def between(step: int) -> None:
        if step == 6:
            model.load_state_dict(kept)

    with cq.watch(model, optimizer, laws=laws()) as found:
        train(model, optimizer, 12, before=before, between=between)
    for track in found.tracks:
        assert track.since == 4
        assert "inf" in track.reason or "not finite" in track.reason
        assert track.predicted == pytest.approx(track.value, rel=1e-10)


def test_a_law_without_value_at_the_start_starts_at_its_first() -> None:
    from conserved.law import Layout, Polynomial, RationalLaw

    one, two = (Polynomial.of({(k,): 1}) for k in (0, 1))
    quotient = RationalLaw(layout=Layout((("weight", (1, 2)),)), components=((one, two),))
    model = torch.nn.Linear(2, 1, bias=False).double()
    with torch.no_grad():
        model.weight.zero_()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with cq.watch(model, optimizer, laws=[quotient]) as found:
        for _ in range(5):
            optimizer.zero_grad()
            (model(torch.tensor([[3.0, 1.0]], dtype=torch.float64)) - 1).square().sum().backward()
            optimizer.step()
    (track,) = found.tracks
    assert track.start == pytest.approx(3)
    assert track.predicted == pytest.approx(track.value) == pytest.approx(track.start)
    assert track.outcome == "conserved", track.verdict()
