"""Perceptrons with a smooth activation, with or without bias (2606.17816)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from conserved.errors import InputError, nearest, quoted
from conserved.networks.feedforward import Feedforward
from conserved.networks.tracing import Var

_HALF = Fraction(1, 2)


def silu(z: Var) -> Var:
    """z σ(z)."""
    return z * z.function("sigmoid")


def gelu(z: Var) -> Var:
    """z Φ(z), Φ the normal distribution function."""
    return z * z.function("normal") + z.scale(_HALF)


def gelu_tanh(z: Var) -> Var:
    """z/2 · (1 + tanh(√(2/π) (z + 0.044715 z³)))."""
    inner = z + (z**3).scale(Fraction(44715, 1_000_000))
    bent = inner.scale("√(2/π)").function("tanh")
    return (z * bent + z).scale(_HALF)


ACTIVATIONS: dict[str, Callable[[Var], Var]] = {
    "tanh": lambda z: z.function("tanh"),
    "sigmoid": lambda z: z.function("sigmoid"),
    "softplus": lambda z: z.function("softplus"),
    "exp": lambda z: z.function("exp"),
    "erf": lambda z: z.function("erf"),
    "sin": lambda z: z.function("sin"),
    "silu": silu,
    "gelu": gelu,
    "gelu-tanh": gelu_tanh,
}


class MLP(Feedforward):
    """f(x) = W_L φ(… φ(W1 x + b1) …) + b_L with a smooth φ.

    Example:
        >>> MLP(3, 4, 1, act="tanh").size
        16
    """

    family = "mlp"

    def __init__(self, *widths: int, act: str = "tanh", bias: bool = False) -> None:
        options = f",act={act}" + (",bias" if bias else "")
        super().__init__(widths, bias=bias, options=options, least=3)
        if not isinstance(act, str) or act not in ACTIVATIONS:
            advice = f"unknown activation {quoted(act)}; {nearest(str(act)[:80], ACTIVATIONS)}"
            raise InputError("network", self.spec, advice)
        self.act = act

    def activation(self, z: Var) -> Var:
        return ACTIVATIONS[self.act](z)
