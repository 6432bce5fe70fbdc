"""A dynamics of another package: the heavy ball with friction 2, under a name of its own."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from conserved.dynamics import Dynamics, FlowFamily
from conserved.kernel.flow import Flow
from conserved.kernel.program import Tensors


@dataclass(frozen=True)
class Cooling(Dynamics):
    """θ'' = −2θ' − ∇L(θ)."""

    name = "cooling"
    formula = "θ'' = −2θ' − ∇L(θ)"

    def flow(self, tensors: Tensors) -> Flow:
        return Flow(friction=Fraction(2))


DYNAMICS = FlowFamily("cooling", Cooling, "nothing", "cooling", "cooling")
