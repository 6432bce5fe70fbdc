"""One run by two roads, in float64 by ``simulate`` and in torch by ``watch``: one verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import conserved as cq
from conserved.dynamics.outcomes import (
    ROUNDINGS,
    URGENT,
    Evidence,
    Finding,
    judged,
    mark,
    said_once,
)
from conserved.kernel.scalars import Array
from conserved.simulate import (
    Adam,
    AdamW,
    Dataset,
    Descent,
    GradientDescent,
    Momentum,
    Muon,
    SharpnessAware,
    SignDescent,
    simulate,
)
from tests.simulate.planted import gram

STEPS, FROM = 20, 7  # the step from which a fault is planted
NAMES = ("W1", "b1", "W2", "b2")


# ------------------------------------------------------------------ numbers to words


def test_every_outcome_is_reached_and_has_its_order() -> None:
    drift = Evidence(moved=0.3, steps="SGD, rate 0.1", why_not="because")
    cases = {
        "violated": replace(drift, violation="a fault", since=3, untested="also"),
        "not tested": replace(drift, untested="no step was taken", still=True),
        "conserved": replace(drift, still=True, residual=1.0),
        "drifting as predicted": replace(drift, residual=1.0),
        "drifting": drift,
    }
    assert {name: judged(found).outcome for name, found in cases.items()} == dict(
        zip(cases, cases, strict=True)
    )
    assert set(cases) == set(URGENT)
    assert judged(replace(drift, vanishes=True)).outcome == "drifting as predicted"
    assert [mark(outcome) for outcome in URGENT] == ["✗", "✓", "✓", "✓", "?"]


def test_numbers_are_in_the_sentence() -> None:
    drift = Evidence(moved=0.3, residual=2.5, eps=True, steps="SGD, momentum 0.9, rate 0.1")
    told = judged(drift).reason
    for words in ("by 0.3", "to 3 roundings", "the eps of a norm", "SGD, momentum 0.9, rate 0.1"):
        assert words in told
    assert judged(replace(drift, violation="a fault", since=1200)).words.endswith("step 1,200")


def test_what_is_common_is_said_once_and_nothing_is_lost() -> None:
    several = [
        Finding("drifting", f"moves by 0.{k}", "no rule" if k < 4 else "another") for k in range(5)
    ]
    reasons, notes = said_once(several)
    assert notes == ["drifting: no rule"]
    assert reasons == ["moves by 0.0", "moves by 0.1", "moves by 0.2", "moves by 0.3", reasons[4]]
    assert reasons[4] == "moves by 0.4; another"
    fault = Finding("violated", common="a fault", since=3)
    assert said_once([*several, fault, fault])[1] == [
        "violated since step 3: a fault",
        "drifting: no rule",
    ]
    for one in several:
        assert Finding.of(one.outcome, one.reason, one.common, one.since) == one


# ------------------------------------------------------------------ one run, two roads


def faulty(kind: type[Descent], first: int = FROM) -> type[Descent]:
    """The same steps, but for W2: from a step on its gradient is taken 1.5 times."""

    class Faulty(kind):  # type: ignore[misc, valid-type]
        def run(self, objective: Any, theta: Array, recorder: Any, course: Any) -> None:
            super().run(Spoiled(objective, first), theta, recorder, course)

    return Faulty


class Spoiled:
    """An objective with a wrong backward pass of W2, from a step on."""

    def __init__(self, inner: Any, first: int) -> None:
        self.inner, self.first, self.step = inner, first, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def evaluate(self, theta: Array, chosen: Any = None) -> tuple[Array, Array]:
        self.step += 1
        values, gradient = self.inner.evaluate(theta, chosen)
        if self.step >= self.first:
            gradient[:, self.inner.problem.state.indices("W2").ravel()] *= 1.5
        return values, gradient


@dataclass(frozen=True)
class Road:
    """An optimizer, here and in torch."""

    ours: Descent
    torchs: Any


def roads() -> dict[str, Road]:
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    optim = torch.optim
    return {
        "sgd": Road(GradientDescent(rate=0.05, steps=STEPS), lambda p: optim.SGD(p, lr=0.05)),
        "decay": Road(
            GradientDescent(rate=0.05, steps=STEPS, decay=0.1),
            lambda p: optim.SGD(p, lr=0.05, weight_decay=0.1),
        ),
        "momentum": Road(
            Momentum(rate=0.02, steps=STEPS, momentum=0.9),
            lambda p: optim.SGD(p, lr=0.02, momentum=0.9),
        ),
        "nesterov": Road(
            Momentum(rate=0.02, steps=STEPS, momentum=0.8, nesterov=True),
            lambda p: optim.SGD(p, lr=0.02, momentum=0.8, nesterov=True),
        ),
        "adam": Road(Adam(rate=0.01, steps=STEPS), lambda p: optim.Adam(p, lr=0.01)),
        "adamw": Road(
            AdamW(rate=0.01, steps=STEPS, decay=0.1),
            lambda p: optim.AdamW(p, lr=0.01, weight_decay=0.1),
        ),
    }


@cache
def question() -> tuple[cq.Problem, Any, Array, Dataset]:
    problem = cq.Problem.from_text("relu:3-4-2,bias")
    law = gram(problem.state, "diagonal: W1.0 b1.0 -1*W2.1")
    rng = np.random.default_rng(3)
    data = Dataset("drawn", "drawn", rng.standard_normal((8, 3)), rng.standard_normal((8, 2)))
    return problem, law, rng.standard_normal(problem.network.size), data


@cache
def torch_laws() -> cq.BlockLaws:
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    return cq.block_laws(model, torch.zeros(1, 3))


def in_torch(road: Road, *, fault: bool) -> list[Finding]:
    """The verdicts of ``watch`` on the same run."""
    import torch
    from torch import nn

    problem, _, start, data = question()
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    for name, p in zip(NAMES, model.parameters(), strict=True):
        p.data = torch.tensor(start[problem.state.indices(name)]).reshape(p.shape)
    x, y = torch.tensor(data.inputs), torch.tensor(data.labels)
    optimizer = road.torchs(model.parameters())
    with cq.watch(model, optimizer, laws=torch_laws()) as watched:
        for step in range(1, STEPS + 1):
            optimizer.zero_grad()
            (0.5 * ((model(x) - y) ** 2).sum(1).mean()).backward()
            if fault and step >= FROM:
                model[2].weight.grad *= 1.5
            optimizer.step()
    return [track.finding for track in watched.tracks]


def simulated(road: Road, *, fault: bool) -> Finding:
    problem, law, start, data = question()
    moves = road.ours
    if fault:
        moves = faulty(type(moves))(**asdict(moves))
    found = simulate(problem, [law], dynamics=moves, data=data, start=start, ladder=False)
    return found.verdicts[0].finding


@pytest.mark.parametrize("fault", [False, True], ids=["right", "wrong"])
@pytest.mark.parametrize("name", ["sgd", "decay", "momentum", "nesterov", "adam", "adamw"])
def test_both_roads_say_the_same(name: str, fault: bool) -> None:
    road = roads()[name]
    ours = simulated(road, fault=fault)
    (theirs,) = in_torch(road, fault=fault)
    assert ours.words == theirs.words, (ours.reason, theirs.reason)
    predicted = "drifting" if name.startswith("adam") else "drifting as predicted"
    assert ours.words == (f"violated since step {FROM}" if fault else predicted)
    if not fault:
        assert ours.common == theirs.common
    if not fault and predicted != "drifting":
        assert "SGD, " in ours.common


@pytest.mark.parametrize("first", [1, 64, 65, 150, 200])
def test_the_step_of_a_fault_is_found_in_a_long_run(first: int) -> None:
    """At the ends of the blocks that a ledger is kept in, too."""
    problem, law, start, data = question()
    moves = faulty(Momentum, first)(rate=0.01, steps=200)
    found = simulate(problem, [law], dynamics=moves, data=data, start=start, ladder=False)
    assert found.verdicts[0].words == f"violated since step {first}"


@pytest.mark.parametrize("kind", [Adam, AdamW, SignDescent, Muon, SharpnessAware])
def test_a_false_law_is_violated_under_every_optimizer(kind: type[Descent]) -> None:
    """Wrong by the bias, by a sign or by a factor: no optimizer is an excuse."""
    problem, law, start, data = question()
    terms = law.terms
    false = [
        replace(law, terms=tuple(t for t in terms if t.tensor != "b1")),
        replace(law, terms=tuple(replace(t, coefficient=1) for t in terms)),
        replace(law, terms=tuple(replace(t, coefficient=k + 1) for k, t in enumerate(terms))),
    ]
    moves = kind(rate=0.01, steps=STEPS)
    found = simulate(problem, [law, *false], dynamics=moves, data=data, start=start)
    assert [v.words for v in found.verdicts] == ["drifting", *["violated since step 1"] * 3]
    assert not found.holds
    for verdict in found.verdicts[1:]:
        assert verdict.ledger is not None
        assert verdict.ledger.units > ROUNDINGS


def test_the_old_word_is_understood_with_a_warning() -> None:
    problem, law, start, data = question()
    false = replace(law, terms=tuple(t for t in law.terms if t.tensor != "b1"))
    moves = GradientDescent(rate=0.05, steps=STEPS)
    found = simulate(problem, [false], dynamics=moves, data=data, start=start, ladder=False)
    (verdict,) = found.verdicts
    assert verdict.outcome == "violated"
    assert verdict.to_json()["outcome"] == "violated"
    with pytest.warns(DeprecationWarning, match="'broken' is now 'violated'"):
        assert verdict.outcome == "broken"
