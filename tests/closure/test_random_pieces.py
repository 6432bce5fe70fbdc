"""Random piecewise networks: counts over all patterns against patterns of real networks alone.

Two roads to one number: gates as free residues where ``kernel.choices`` says that every pattern is
met, and patterns that real random networks show. A pattern that no network has lowers the first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import conserved as cq
import conserved.kernel.points as orbits
from conserved.networks import Network, Parameter, concatenate

STEPS = (
    "relu",
    "abs",
    "max",
    "sorted",
    "leaky",
    "kink",
    "mixed",
    "square",
    "gated",
    "deep",
    "bias",
)


class Random(Network):
    """A few random steps between two layers."""

    family = "random"

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        n, self.hidden, m = (int(rng.integers(low, 4)) for low in (1, 2, 1))
        self.steps = [str(rng.choice(STEPS)) for _ in range(int(rng.integers(1, 4)))]
        shapes: dict[str, tuple[int, ...]] = {"W": (self.hidden, n), "V": (m, self.hidden)}
        if {"mixed", "deep"} & set(self.steps):
            shapes["L"] = (self.hidden, self.hidden)
        if "bias" in self.steps:
            shapes["b"] = (self.hidden,)
        named = [Parameter(name, shape) for name, shape in shapes.items()]
        self._declare(f"random:{seed} {self.steps}", named, (n,), (m,))

    def forward(self, p: Any, x: Any) -> Any:
        z = x @ p["W"].T
        for step in self.steps:
            z = self._step(step, p, z)
        return z @ p["V"].T

    def _step(self, step: str, p: Any, z: Any) -> Any:
        a, b = z[0:1], z[1:2]
        rest = [z[2:]] if self.hidden > 2 else []
        steps = {
            "relu": lambda: z.relu(),
            "abs": lambda: z.abs(),
            "max": lambda: concatenate([a.maximum(b), z[1:]]),
            "sorted": lambda: concatenate([(a - b).relu() + b, a - (a - b).relu(), *rest]),
            "leaky": lambda: z.relu() - (-z).relu().scale(2),
            "kink": lambda: (z - 1).relu() + z.relu(),
            "mixed": lambda: z @ p["L"].T,
            "square": lambda: z * z,
            "gated": lambda: z * z.relu(),
            "deep": lambda: (z.relu() @ p["L"].T).relu(),
            "bias": lambda: (z + p["b"]).relu(),
        }
        return steps[step]()


def disagreements(seeds: range, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
    """(networks with pieces, those whose two counts differ)."""
    found = orbits.pieces
    tried, wrong = 0, []
    for seed in seeds:
        network = Random(seed)
        if not network.piecewise:
            continue
        tried += 1
        problem = cq.Problem(network=network)
        monkeypatch.setattr(orbits, "pieces", found)
        free = cq.lie_closure(problem).upper
        monkeypatch.setattr(orbits, "pieces", lambda p: replace(found(p), free=False))
        real = cq.lie_closure(problem).upper
        if free != real:
            wrong.append(f"{network.spec}: {free} and {real}")
    return tried, wrong


def test_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    tried, wrong = disagreements(range(300, 320), monkeypatch)
    assert tried > 12
    assert wrong == []


@pytest.mark.slow
def test_many(monkeypatch: pytest.MonkeyPatch) -> None:
    tried, wrong = disagreements(range(600), monkeypatch)
    assert tried > 400
    assert wrong == []
