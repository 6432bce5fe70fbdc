"""Networks f(θ, x) = a(θ) x of one input and output: every field is a multiple of ∇a."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conserved.networks import Network, Parameter
from conserved.networks.tracing import Var

Amplitude = Callable[[list[Var]], Var]


class Amplified(Network):
    """f(θ, x) = a(w1, …, wn) x."""

    family = "amplified"

    def __init__(self, name: str, count: int, amplitude: Amplitude) -> None:
        self.amplitude = amplitude
        parameters = [Parameter(f"w{i + 1}", (1,)) for i in range(count)]
        self._declare(f"amplified:{name}", parameters, (1,), (1,))

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        return self.amplitude(list(parameters.values())) * x


class Scaled(Network):
    """f = s t x with two parameters that have no axes: s² − t² is conserved."""

    family = "scaled"

    def __init__(self) -> None:
        self._declare("scaled", [Parameter("s", ()), Parameter("t", ())], (1,), (1,))

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        return parameters["s"] * parameters["t"] * x


def times(factor: int, value: Var) -> Var:
    return value.scale(factor)


def cubic(w: list[Var]) -> Var:
    """Re (w1 + i w2)³: the harmonic conjugate 3 w1² w2 − w2³ is conserved."""
    return w[0] ** 3 - times(3, w[0] * w[1] ** 2)


def quartic(w: list[Var]) -> Var:
    """Re (w1 + i w2)⁴: 4 w1³ w2 − 4 w1 w2³ is conserved."""
    return w[0] ** 4 - times(6, w[0] ** 2 * w[1] ** 2) + w[1] ** 4


def radial(w: list[Var]) -> Var:
    """‖w‖²: every ratio is conserved."""
    total = w[0] ** 2
    for other in w[1:]:
        total = total + other**2
    return total


def stretched(w: list[Var]) -> Var:
    """w1² + 2 w2²: w1′ = 2 w1, w2′ = 4 w2, so w1²/w2 is conserved."""
    return w[0] ** 2 + times(2, w[1] ** 2)


def shifted(w: list[Var]) -> Var:
    """(1 + w1) w2: (1 + w1)² − w2², with a linear term, is conserved."""
    return (w[0] + 1) * w[1]


def logarithmic(w: list[Var]) -> Var:
    """w1 + w2²: w1 − ½ log w2 is conserved, and nothing rational."""
    return w[0] + w[1] ** 2
