"""``conserved analyze --json``: one object on one line, by contract."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest

import conserved as cq
from tests.cli.shell import BOUNDS_DIFFER, CERTIFIED, Capture, ask

CONTRACT: dict[str, type | tuple[type, ...]] = {
    "schema": str,
    "problem": dict,
    "parameters": int,
    "count": dict,
    "architecture": dict,
    "from_data_symmetry": (int, type(None)),
    "closure": dict,
    "laws": list,
    "seconds": float,
}
BOUNDS = {"lower": int, "upper": int, "certified": bool}
CLOSURE = {"ranks": list, "prime": int, "seed": int, "seconds": float}
LAW = dict.fromkeys(("name", "kind", "origin", "text", "latex"), str) | {"independent": int}
PROBLEM = dict.fromkeys(("network", "loss", "symmetry", "labels", "flow"), str)


def assert_typed(given: dict[str, Any], contract: dict[str, Any]) -> None:
    """All keys of the contract, each of its type; further keys are allowed."""
    assert contract.keys() <= given.keys()
    for key, kind in contract.items():
        assert isinstance(given[key], kind), (key, given[key])
        assert kind is not int or not isinstance(given[key], bool)


JSON_QUESTIONS = [
    ("linear:4-2-1", "--symmetry", "permutation"),
    ("linear:3-1-3", "--symmetry", "hyperoctahedral", "--labels", "equivariant"),
    ("mlp:3-4-1,act=tanh",),
    ("linear:3-1", "--symmetry", "negation"),
    ("poly:2-1-1,power=2", "--symmetry", "rotation:5", "--loss", "poly:3", "--seed", "4"),
    ("linear:6-6-6", "--budget", "1e-9"),
]


@pytest.mark.parametrize("question", JSON_QUESTIONS, ids=" ".join)
def test_json_contract(capsys: Capture, question: tuple[str, ...]) -> None:
    status, out, err = ask(capsys, "analyze", *question, "--json")
    answer = json.loads(out)
    assert out.count("\n") == 1, "one object on one line and nothing else"
    assert err == ""
    assert_typed(answer, CONTRACT)
    assert answer["schema"] == "conserved.analysis/1"
    assert_typed(answer["problem"], PROBLEM)
    for bounds in (answer["count"], answer["architecture"]):
        assert_typed(bounds, BOUNDS)
        assert 0 <= bounds["lower"] <= bounds["upper"]
        assert bounds["certified"] == (bounds["upper"] == bounds["lower"])
    assert_typed(answer["closure"], CLOSURE)
    assert all(type(rank) is int for rank in answer["closure"]["ranks"])
    assert answer["count"]["upper"] + answer["closure"]["ranks"][-1] == answer["parameters"]
    found = sum(law["independent"] for law in answer["laws"])
    assert answer["count"]["lower"] == found
    always = sum(law["independent"] for law in answer["laws"] if law["origin"] == "architecture")
    assert answer["architecture"]["lower"] == always
    for law in answer["laws"]:
        assert_typed({key: law[key] for key in LAW}, LAW)
        assert law["kind"] in ("linear", "quadratic", "polynomial", "rational", "range")
        assert law["origin"] in ("architecture", "data symmetry")

    both = answer["count"]["certified"] and answer["architecture"]["certified"]
    extra = answer["count"]["upper"] - answer["architecture"]["upper"]
    assert answer["from_data_symmetry"] == (extra if both else None)
    assert status == (CERTIFIED if answer["count"]["certified"] else BOUNDS_DIFFER)


def test_json_rebuilds_the_problem_and_the_run(capsys: Capture) -> None:
    _, out, _ = ask(capsys, "analyze", "linear:4-1-1", "--symmetry", "shift", "--json")
    answer = json.loads(out)
    problem = cq.Problem.from_text(**answer["problem"])
    record = answer["closure"]
    again = cq.lie_closure(problem, seed=record["seed"], prime=record["prime"])
    assert list(again.ranks) == record["ranks"]


def test_json_of_the_library_is_the_same(capsys: Capture) -> None:
    _, out, _ = ask(capsys, "analyze", "linear:4-2-1", "--symmetry", "permutation", "--json")
    problem = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
    mine = cq.analyze(problem).to_json()
    timeless = [json.dumps(a, default=str) for a in (json.loads(out), mine)]
    first, second = (re.sub(r'"seconds": [\d.e-]+', '"seconds": 0', text) for text in timeless)
    assert first == second


def test_json_keeps_stdout_clean_of_the_estimate(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the module, not the command of the same name that the package shows
    monkeypatch.setattr(sys.modules["conserved.cli.analyze"], "LONG_RUN", 0.0)
    _, out, err = ask(capsys, "analyze", "linear:4-2-1", "--json")
    json.loads(out)
    assert re.fullmatch(r"estimate: about .+ s and .+B .*10 columns\)\n", err)
