"""Fields from explicit data: single points, orbits under a finite group, listed inputs."""

from __future__ import annotations

import numpy as np

from conserved.kernel.orbit import Orbit
from conserved.kernel.points import PointFields
from conserved.kernel.real import Reals
from conserved.kernel.residues import Residues
from conserved.kernel.statement import given
from conserved.problem import Problem
from conserved.symmetry import act_on_inputs, enumerate_group


class OrbitFields(PointFields):
    """The fields of a problem from points: its group listed element by element, or its inputs.

    Args:
        problem: network, loss and data class.
        scalars, rng, widest: as for ``kernel.points.PointFields``.
    """

    def __init__(
        self,
        problem: Problem,
        scalars: Residues,
        rng: np.random.Generator,
        *,
        widest: bool = False,
    ) -> None:
        self.problem = problem
        network, loss = problem.network, problem.loss
        orbit = _orbit(problem, scalars) if problem.symmetric else None
        program, source = given(network.program, loss, problem.stated, scalars, orbit)
        super().__init__(program, source, scalars, rng, widest=widest)
        if network.all_patterns_count and not (self.sampled_patterns or self.one_cell):
            self.note = ""


def _orbit(problem: Problem, scalars: Residues) -> Orbit:
    group, labels = problem.group, problem.labels
    elements = enumerate_group(group, scalars)
    real = enumerate_group(group, Reals()) if problem.network.piecewise else elements
    return Orbit(
        len(elements.signs),
        lambda x: act_on_inputs(elements, x, scalars),
        lambda y: labels.act(elements, y, scalars),
        lambda x: act_on_inputs(real, x, Reals()),
    )
