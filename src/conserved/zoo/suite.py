"""The published suite of 2307.00144 (appendix): 50 linear and 50 ReLU networks with their counts.

The expected counts share nothing with the Lie closure. Linear: the rank of the gradients of the
balancedness laws W_i W_iᵀ − W_{i+1}ᵀ W_{i+1}, which are all the laws when the input and output
widths are not both 1. ReLU: one law for each hidden unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from conserved.arithmetic.exact import rank
from conserved.kernel.primes import INT64_PRIMES

SUITE_SEED = 230700144
NETS = 50  # of each kind


@dataclass(frozen=True)
class SuiteCase:
    """A network of the suite and the number of its laws."""

    network: str
    laws: int


def draw_suite(seed: int = SUITE_SEED) -> list[SuiteCase]:
    """The 100 networks: 2–4 weight layers; linear of widths 2–5, ReLU of widths 2–9.

    Example:
        >>> suite = draw_suite()
        >>> len(suite), suite[0].network.partition(":")[0], suite[99].network.partition(":")[0]
        (100, 'linear', 'relu')
    """
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(NETS):
        widths = _widths(rng, most=5)
        cases.append(SuiteCase(f"linear:{_text(widths)}", balancedness_rank(widths, rng)))
    for _ in range(NETS):
        widths = _widths(rng, most=9)
        bias = ",bias" if rng.integers(2) else ""
        cases.append(SuiteCase(f"relu:{_text(widths)}{bias}", sum(widths[1:-1])))
    return cases


def balancedness_rank(widths: Sequence[int], rng: np.random.Generator) -> int:
    """Rank of the gradients of W_i W_iᵀ − W_{i+1}ᵀ W_{i+1}, i < L, at a random integer point.

    Example:
        >>> balancedness_rank([3, 2, 2], np.random.default_rng(0))
        3
    """
    weights = [rng.integers(-999, 1000, size=(m, n)) for n, m in pairwise(widths)]
    rows = []
    for i, (below, above) in enumerate(pairwise(weights)):
        for a in range(len(below)):
            for b in range(a + 1):
                gradient = [np.zeros_like(weight) for weight in weights]
                # ⟨row a, row b⟩ of W_i, minus ⟨column a, column b⟩ of W_{i+1}
                gradient[i][a] += below[b]
                gradient[i][b] += below[a]
                gradient[i + 1][:, a] -= above[:, b]
                gradient[i + 1][:, b] -= above[:, a]
                rows.append(np.concatenate([block.ravel() for block in gradient]))
    matrix: NDArray[np.int64] = np.array(rows)
    return rank(matrix, INT64_PRIMES[0])


def _widths(rng: np.random.Generator, most: int) -> list[int]:
    layers = int(rng.integers(2, 5))
    return [int(width) for width in rng.integers(2, most + 1, size=layers + 1)]


def _text(widths: Sequence[int]) -> str:
    return "-".join(map(str, widths))
