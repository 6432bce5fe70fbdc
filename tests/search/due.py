"""Laws that isometries of the features give, with what is told of them."""

from __future__ import annotations

import json

import conserved as cq
from conserved.closure import lie_closure
from conserved.explain import Explanation, explain
from conserved.fields import Fields
from conserved.law import Law, Layout, law_from_json
from conserved.search import FIRST, WAYS, State, run
from conserved.verification import verify

DUE = WAYS[: WAYS.index(FIRST[0])]


def due(problem: cq.Problem, seed: int = 0) -> tuple[State, Explanation, int]:
    """The search, the explanation, and how many laws the symmetry adds by exact counts."""
    closures = lie_closure(problem), lie_closure(problem.architecture())
    known = cq.find_laws(problem.architecture()).laws
    state = State(problem, seed=seed, known=known, upper=closures[0].upper)
    run(state, DUE)
    why = explain(problem, *closures, state.laws, state.lifted)
    return state, why, closures[0].upper - closures[1].upper


def owed_along(fields: Fields) -> list[Law]:
    """What the isometries of a problem keep constant along fields that may be those of another."""
    state = State(fields.problem)
    state.__dict__["fields"] = fields
    run(state, DUE)
    return state.laws


def problem_of(network, symmetry, labels="invariant"):
    return cq.Problem.from_text(network, symmetry=symmetry, labels=labels)


def found_for(problem, seed=0):
    """The laws, what is told, and how many laws the symmetry adds by exact counts."""
    state, why, extra = due(problem, seed)
    return state.laws, (*why.reasons, *state.notes), extra


def assert_laws(problem, count=None):
    """All extra laws are found, hold over a fresh field, survive JSON, and number what they say."""
    laws, reasons, extra = found_for(problem)
    assert sum(law.independent for law in laws) == extra, (laws, reasons)
    assert count is None or extra == count
    assert all(verify(problem, laws, seed=99).holds)
    layout = Layout.of(problem.network.parameters)
    for law in laws:
        assert law.origin == "data symmetry"
        assert law_from_json(json.loads(json.dumps(law.to_json())), layout) == law
    return laws
