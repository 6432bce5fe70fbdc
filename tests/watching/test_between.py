"""What is done to parameters and velocities between two steps: told by name, or no fault."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import conserved as cq
from conserved.dynamics.steps import Steps
from conserved.watching.between import Between
from conserved.watching.ledgers.rules import Rule
from conserved.watching.log.files import records
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


def turned(model: Any, optimizer: Any) -> None:
    for held in optimizer.state.values():
        held["momentum_buffer"] = -held["momentum_buffer"]


def copied(model: Any, optimizer: Any) -> None:
    with torch.no_grad():
        for own, other in zip(model.parameters(), mlp(5).parameters(), strict=True):
            own.copy_(other)
    turned(model, optimizer)


VELOCITIES = [
    (cleared, "the velocities of 0.weight, 0.bias, 2.weight, … changed between steps 5 and 6"),
    (turned, "the velocities of 0.weight, 0.bias, 2.weight, … changed between steps 5 and 6"),
    (scaled, "the velocity of 2.weight changed between steps 5 and 6"),
    (scaled_unseen, "the velocity of 2.weight changed between steps 5 and 6"),
    (
        copied,
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


# ------------------------------------------------------------------ states that are loaded


def model_loaded(model: Any, optimizer: Any) -> None:
    model.load_state_dict(mlp(5).state_dict())


def part_loaded(model: Any, optimizer: Any) -> None:
    model[2].load_state_dict(mlp(5)[2].state_dict())


def optimizer_loaded(model: Any, optimizer: Any) -> None:
    state = copy.deepcopy(optimizer.state_dict())
    for held in state["state"].values():
        held["momentum_buffer" if "momentum_buffer" in held else "exp_avg"] *= -1
    optimizer.load_state_dict(state)


def checkpoint(model: Any, optimizer: Any) -> None:
    model_loaded(model, optimizer)
    optimizer_loaded(model, optimizer)


LOADED = [
    (model_loaded, "a state of the model was loaded"),
    (part_loaded, "a state of the model was loaded"),
    (optimizer_loaded, "a state of the optimizer was loaded"),
    (checkpoint, "states of the model and the optimizer were loaded"),
]


@pytest.mark.parametrize("kind, asked", [("sgd", False), ("sgd", True), ("adam", False)])
@pytest.mark.parametrize("hand, text", LOADED)
@pytest.mark.parametrize("exact", [False, True])
def test_a_state_that_is_loaded_is_no_fault(
    hand: Hand, text: str, kind: str, asked: bool, exact: bool, tmp_path: Path
) -> None:
    """Every step is tested all the same: the one before it, and those after."""
    laws = list(mlp_laws().laws[0].laws) if exact else None
    log = tmp_path / "run.jsonl"
    found = watched(hand, kind, laws=laws, asked=asked, log=log)
    assert not found.violated, found.verdict()
    assert all(track.looks == AT + 7 for track in found.tracks)
    lines = [line for line in records(log) if line["kind"] in ("event", "step")]
    events = [line for line in lines if line["kind"] == "event" and line["what"] != "optimizer"]
    assert [(line["step"], line["what"], line["law"], line["text"]) for line in events] == [
        (AT + 1, "loaded", None, f"{text} between steps {AT} and {AT + 1}")
    ]
    assert [line["step"] for line in lines[: lines.index(events[0])]] == list(range(1, AT + 1))
    steps = [line for line in lines if line["kind"] == "step"]
    assert [line["step"] for line in steps] == list(range(1, AT + 8))
    if kind == "sgd":
        assert all(residual is not None for line in steps for residual in line["residual"])


def test_a_change_by_hand_after_a_load_is_told() -> None:
    def hand(model: Any, optimizer: Any) -> None:
        checkpoint(model, optimizer)
        optimizer.zero_grad()
        model(torch.ones(1, 4, dtype=torch.float64)).square().sum().backward()
        optimizer.step()
        with torch.no_grad():
            model[2].weight.mul_(1.01)

    text = "2.weight changed between steps 6 and 7"
    assert told(watched(hand)) == {(AT + 2, text)}


def test_a_state_may_be_loaded_before_the_first_step(tmp_path: Path) -> None:
    model, log = mlp(), tmp_path / "run.jsonl"
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    with cq.watch(model, optimizer, laws=mlp_laws(), log=log) as found:
        model.load_state_dict(mlp(5).state_dict())
        train(model, optimizer, 3)
    assert not found.violated, found.verdict()
    (event,) = [line for line in records(log) if line["kind"] == "event"]
    assert (event["step"], event["text"]) == (1, "a state of the model was loaded before step 1")


def test_a_state_that_no_step_follows_is_not_told(tmp_path: Path) -> None:
    model, log = mlp(), tmp_path / "run.jsonl"
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    with cq.watch(model, optimizer, laws=mlp_laws(), log=log) as found:
        train(model, optimizer, 3)
        model.load_state_dict(mlp(5).state_dict())
    model.load_state_dict(mlp().state_dict())  # nobody watches any more
    assert not found.violated
    lines = list(records(log))
    assert not [line for line in lines if line["kind"] == "event"]
    assert None not in lines[-2]["residual"]  # of the last step, by what it did


def test_a_step_that_failed_goes_back_to_a_checkpoint() -> None:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

    def fails() -> Any:
        raise ValueError("out of memory")

    with cq.watch(model, optimizer, laws=mlp_laws()) as found:
        train(model, optimizer, 3)
        kept = copy.deepcopy(model.state_dict())
        train(model, optimizer, 2)
        with pytest.raises(ValueError, match="out of memory"):
            optimizer.step(fails)
        model.load_state_dict(kept)
        train(model, optimizer, 3)
    assert not found.violated, found.verdict()


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
    check = StepCheck(dict(mlp().named_parameters()), 0, ())
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
    check = StepCheck(named, 0, named)
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


def test_laws_tell_of_tensors_whose_turn_it_is_not_where_a_rule_says_what_they_do() -> None:
    named = {f"w{k}": torch.nn.Parameter(torch.ones(3, 3) + k) for k in range(40)}
    check, rules = StepCheck(named, 0, {"w3", "w39"}), dict.fromkeys(named, Rule(Steps(0.0)))
    check.before(named, {}, {}, rules)
    assert check.after(named, {}, rules) == {}
    with torch.no_grad():
        for name in ("w0", "w3", "w38"):  # whose turn it is; told by laws; of which there is none
            named[name].mul_(2)
    assert check.since(named, {}, rules) == Between(moved=("w0", "w38"), written=("w3",))


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
