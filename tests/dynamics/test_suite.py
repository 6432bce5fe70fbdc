"""The suites of 2405.12888, drawn again: every count certified, and the one that is known."""

from __future__ import annotations

import numpy as np
import pytest

import conserved as cq

SEED = 240512888
NETS = 20  # of each kind


def momentum_laws(n: int, h: int, m: int) -> int:
    """Of a linear network n-h-m, not 1-h-1 (theory §14)."""
    ends = n + m
    return h * (h - 1) // 2 if h <= 2 * ends else ends * (2 * h - 2 * ends - 1)


def cases() -> list[tuple[str, str, int]]:
    rng = np.random.default_rng(SEED)
    found = []
    for _ in range(NETS):
        n, h, m = (int(width) for width in rng.integers(2, 6, size=3))
        found.append((f"linear:{n}-{h}-{m}", "momentum", momentum_laws(n, h, m)))
    for _ in range(NETS):
        widths = rng.integers(2, 7, size=int(rng.integers(3, 5)))
        bias = ",bias" if rng.integers(2) else ""
        found.append((f"relu:{'-'.join(map(str, widths))}{bias}", "momentum", 0))
    for _ in range(NETS):  # non-negative matrix factorisation
        n, h, m = (int(width) for width in rng.integers(2, 6, size=3))
        found.append((f"linear:{n}-{h}-{m}", "mirror", h))
    for _ in range(NETS):  # input-convex networks
        n, h, m = (int(width) for width in rng.integers(2, 8, size=3))
        found.append((f"relu:{n}-{h}-{m},bias", "mirror:W2", h))
    return found


@pytest.mark.parametrize("kind", range(4), ids=["linear", "relu", "factors", "convex"])
def test_every_count_is_certified(kind: int) -> None:
    for network, flow, laws in cases()[NETS * kind : NETS * (kind + 1)]:
        count = cq.analyze(cq.Problem.from_text(network, flow=flow)).count
        assert (count.certified, count.upper, count.written) == (True, laws, laws), network
