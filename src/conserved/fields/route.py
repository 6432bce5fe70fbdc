"""Which family of fields serves a problem best."""

from __future__ import annotations

from typing import Literal

import numpy as np

from conserved.arithmetic.residues import Residues
from conserved.errors import InputError
from conserved.fields.base import Fields
from conserved.fields.moments import MomentFields
from conserved.fields.orbits import OrbitFields
from conserved.problem import Problem

Route = Literal["auto", "orbits", "moments"]


def choose_route(problem: Problem, route: Route = "auto") -> Literal["orbits", "moments"]:
    """The route for a problem: moments where they exist and cost less than the orbit.

    Raises:
        InputError: a route that this problem does not have, or no such route.
    """
    if route not in ("auto", "orbits", "moments"):
        raise InputError("route", route, "known: auto, moments, orbits")
    if route == "orbits" or (route == "auto" and not problem.symmetric):
        return "orbits"
    lift = problem.network.lift() if problem.loss.spec in ("mse", "poly:2") else None
    if route == "moments":
        if lift is None:
            raise InputError("route", route, "needs squared error and a tensorizable network")
        return "moments"
    if lift is None or problem.group.order < lift.dimension:
        return "orbits"
    return "moments"


def make_fields(
    problem: Problem, scalars: Residues, rng: np.random.Generator, route: Route = "auto"
) -> Fields:
    """The fields of a problem along the chosen route."""
    family = MomentFields if choose_route(problem, route) == "moments" else OrbitFields
    return family(problem, scalars, rng)
