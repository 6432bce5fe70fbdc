"""Formulas of theory §6 that tests share, and the exact count that they are held against."""

from __future__ import annotations

from functools import cache

import conserved as cq


@cache
def laws(network, symmetry="none", labels="invariant", route="auto"):
    problem = cq.Problem.from_text(network, symmetry=symmetry, labels=labels)
    closure = cq.lie_closure(problem, route=route)
    assert closure.closed, closure.stopped
    assert closure.rigorous, closure.note
    return closure.upper


def two_layers(n, h, m):
    """Architecture laws of linear:n-h-m (theory §7)."""
    if n == m == 1:
        return 2 * h - 1
    k = min(h, n + m)
    return k * (2 * h + 1 - k) // 2


def range_count(k, kappa):
    """κ(k − κ), none when κ vectors fill the block."""
    return max(0, kappa * (k - kappa))
