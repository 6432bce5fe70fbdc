"""Which family of fields serves a problem best."""

from __future__ import annotations

from typing import Literal

import numpy as np

from conserved.errors import InputError, LimitError
from conserved.fields.moments import MomentFields
from conserved.fields.orbits import OrbitFields
from conserved.kernel.fields import Fields
from conserved.kernel.flow import OUTPUTS
from conserved.kernel.points import OutputFields
from conserved.kernel.residues import Residues
from conserved.kernel.statement import moved
from conserved.networks.lift import LIFT_LIMIT
from conserved.problem import Problem
from conserved.symmetry import require_enumerable
from conserved.symmetry.sizes import readable

Route = Literal["auto", "orbits", "moments"]


def choose_route(problem: Problem, route: Route = "auto") -> Literal["orbits", "moments"]:
    """The route for a problem: moments where they exist and cost less than the orbit.

    Raises:
        InputError: a route that this problem does not have, or no such route.
        LimitError: its lift is too large, and its group too large for orbits.
    """
    if route not in ("auto", "orbits", "moments"):
        raise InputError("route", route, "known: auto, moments, orbits")
    if route == "moments" and problem.inputs is not None:
        raise InputError("route", route, f"the data are {problem.inputs.summary}: no average")
    listed = not problem.symmetric or problem.inputs is not None
    if route == "orbits" or (route == "auto" and listed):
        return "orbits"
    tau = problem.network.lift_dimension if problem.loss.spec in ("mse", "poly:2") else 0
    if tau > LIFT_LIMIT:
        return _without_a_large_lift(problem, route, tau)
    if route == "moments":
        if not tau:
            raise InputError("route", route, "needs squared error and a tensorizable network")
        return "moments"
    if not tau or problem.group.order < tau:
        return "orbits"
    return "moments"


def _without_a_large_lift(problem: Problem, route: Route, tau: int) -> Literal["orbits"]:
    large = (
        f"network '{problem.network.spec}': its lift has τ = {readable(tau)} entries; "
        f"the limit is {LIFT_LIMIT:,}"
    )
    if route == "moments":
        raise LimitError(large)
    try:
        require_enumerable(problem.group)
    except LimitError as err:
        raise LimitError(f"{large}, and without it: {err}") from err
    return "orbits"


def make_fields(
    problem: Problem,
    scalars: Residues,
    rng: np.random.Generator,
    route: Route = "auto",
    *,
    widest: bool = False,
) -> Fields:
    """The fields of a problem along the chosen route; ``widest`` as for ``OrbitFields``."""
    if problem.moves == OUTPUTS:
        return OutputFields(problem.network.program, scalars, rng)
    pulls: Fields
    if choose_route(problem, route) == "moments":
        pulls = MomentFields(problem, scalars, rng)
    else:
        pulls = OrbitFields(problem, scalars, rng, widest=widest)
    return moved(pulls, problem.moves)
