"""The suites of 2405.12888, drawn again: momentum on linear and ReLU networks, mirror descent on
matrix factors and on input-convex networks, 20 each, with their counts.

The expected counts share nothing with the Lie closure. Momentum on two linear layers: closed
formula, none on ReLU; mirror descent: one law for each hidden unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DYNAMICS_SEED = 240512888
EACH = 20
KINDS = ("momentum, linear", "momentum, ReLU", "mirror, factorisation", "mirror, input-convex")


@dataclass(frozen=True)
class DynamicsCase:
    """A network, its flow, and the number of its laws."""

    kind: str
    network: str
    flow: str
    laws: int


def momentum_laws(n: int, h: int, m: int) -> int:
    """Of a linear network n-h-m under momentum, not 1-h-1.

    Example:
        >>> momentum_laws(2, 3, 2), momentum_laws(2, 4, 1)
        (3, 6)
    """
    ends = n + m
    return h * (h - 1) // 2 if h <= 2 * ends else ends * (2 * h - 2 * ends - 1)


def draw_dynamics_suite(seed: int = DYNAMICS_SEED) -> list[DynamicsCase]:
    """The 80 networks: widths 2–5, of ReLU 2–6 in two or three layers, of convex ones 2–7.

    Example:
        >>> suite = draw_dynamics_suite()
        >>> len(suite), suite[0].kind, suite[79].flow
        (80, 'momentum, linear', 'mirror:W2')
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(EACH):
        n, h, m = (int(width) for width in rng.integers(2, 6, size=3))
        laws = momentum_laws(n, h, m)
        found.append(DynamicsCase(KINDS[0], f"linear:{n}-{h}-{m}", "momentum", laws))
    for _ in range(EACH):
        widths = rng.integers(2, 7, size=int(rng.integers(3, 5)))
        bias = ",bias" if rng.integers(2) else ""
        network = f"relu:{'-'.join(map(str, widths))}{bias}"
        found.append(DynamicsCase(KINDS[1], network, "momentum", 0))
    for _ in range(EACH):
        n, h, m = (int(width) for width in rng.integers(2, 6, size=3))
        found.append(DynamicsCase(KINDS[2], f"linear:{n}-{h}-{m}", "mirror", h))
    for _ in range(EACH):
        n, h, m = (int(width) for width in rng.integers(2, 8, size=3))
        found.append(DynamicsCase(KINDS[3], f"relu:{n}-{h}-{m},bias", "mirror:W2", h))
    return found
