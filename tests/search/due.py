"""Laws that isometries of the features give, with what is told of them."""

from __future__ import annotations

import conserved as cq
from conserved.closure import lie_closure
from conserved.explain import Explanation, explain
from conserved.fields import Fields
from conserved.law import Law
from conserved.search import FIRST, WAYS, State, run

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
