"""Random problems as texts of the command line, and the same in plain torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is the other road")

import conserved as cq
from conserved.losses import parse_loss
from tests.road.count import Floats
from tests.road.forward import (
    ACTIVATIONS,
    Model,
    attention,
    group_of,
    layers,
    lightning,
    loss_of,
    swiglu,
)
from tests.road.modules import normalised_between
from tests.road.written import Written, gain_between

LARGEST = 24  # parameters
_FAMILIES = ("linear", "linear", "poly", "mlp", "mlp", "swiglu", "attention", "lightning", "norm")


@dataclass(frozen=True)
class Drawn:
    """One problem, twice.

    Attributes:
        network: its text; "norm:…" is what no text builds.
    """

    network: str
    loss: str
    symmetry: str
    labels: str
    model: Model

    @property
    def id(self) -> str:
        return " ".join((self.network, self.loss, self.symmetry, self.labels))

    def problem(self) -> cq.Problem:
        if self.network.startswith("norm:"):
            network = Written(self.network, self.model, gain_between)
            return cq.Problem(network=network, loss=parse_loss(self.loss))
        return cq.Problem.from_text(
            self.network, loss=self.loss, symmetry=self.symmetry, labels=self.labels
        )

    def floats(self) -> Floats:
        return Floats(
            self.model,
            loss_of(self.loss),
            group_of(self.symmetry, self.model.inputs[-1]),
            self.labels == "equivariant",
            self.loss == "cross-entropy",
        )


def drawn(seed: int) -> Drawn:
    """The problem of a seed: widths from 1, up to ``LARGEST`` parameters."""
    rng = np.random.default_rng([seed, 2307])
    while True:
        network, model = _network(rng)
        if model.size <= LARGEST:
            break
    # an orbit under a norm needs many square roots at once, and few points of GF(p) have them
    symmetry = "none" if network.startswith("norm:") else _symmetry(rng, model.inputs[-1])
    square = model.outputs[-1] == model.inputs[-1]
    labels = "equivariant" if symmetry != "none" and square and rng.random() < 0.5 else "invariant"
    return Drawn(network, _loss(rng, model, labels), symmetry, labels, model)


def _network(rng: np.random.Generator) -> tuple[str, Model]:
    family = str(rng.choice(_FAMILIES))
    deep = 3 if family == "poly" else int(rng.integers(3, 5))
    widths = [int(width) for width in rng.integers(1, 4, size=deep)]
    name = "-".join(map(str, widths))
    if family == "linear":
        return f"linear:{name}", layers(widths, lambda z: z)
    if family == "poly":
        power = int(rng.integers(2, 4))
        return f"poly:{name},power={power}", layers(widths, partial(_power, power))
    if family == "mlp":
        act, bias = str(rng.choice(list(ACTIVATIONS))), bool(rng.random() < 0.5)
        text = f"mlp:{name},act={act}" + ",bias" * bias
        return text, layers(widths, ACTIVATIONS[act], bias)
    a, b, c = (int(size) for size in rng.integers(1, 4, size=3))
    if family == "swiglu":
        return f"swiglu:{a}-{b}-{c}", swiglu(a, b, c)
    if family == "norm":
        return f"norm:{a}-{b}-{c}", normalised_between(0.0, a, b, c)
    tokens, half = int(rng.integers(1, 4)), bool(rng.random() < 0.5)
    if family == "lightning":
        text = f"lightning:dim={a},tokens={tokens},head={b},out={c}"
        return text, lightning(a, tokens, b, c)
    heads = 1 + half
    causal = bool(rng.random() < 0.3)
    text = f"attention:dim={a},tokens={tokens},head={b},heads={heads}" + ",causal" * causal
    return text, attention(a, tokens, b, heads, causal)


def _power(power: int, z: object) -> object:
    return z**power  # type: ignore[operator]


def _symmetry(rng: np.random.Generator, n: int) -> str:
    if rng.random() < 0.75:
        return "none"
    known = ["negation", "signflip", "permutation", "shift"]
    known += ["rotation:3", "rotation:5", "dihedral:3", "dihedral:4"] if n == 2 else []
    return str(rng.choice(known))


def _loss(rng: np.random.Generator, model: Model, labels: str) -> str:
    known = ["mse", "mse", "mse", "poly:3", "poly:4"]
    if np.prod(model.outputs) == 1 and labels == "invariant":
        known += ["logistic", "exponential"]
    if model.outputs[-1] > 1 and labels == "invariant":
        known += ["cross-entropy"]
    return str(rng.choice(known))
