"""Matrix products mod 61-bit primes by limbs, against Python's integers."""

from __future__ import annotations

import numpy as np
import pytest

from conserved.kernel.primes import WIDE_PRIMES
from conserved.kernel.wide import WideResidues

RING = WideResidues(WIDE_PRIMES[0])
P = int(WIDE_PRIMES[0])


@pytest.mark.parametrize("inner", [1, 3, 511, 512, 513, 1500])
@pytest.mark.parametrize("outer", [(2, 3), (40, 30)])
def test_products_of_any_length(inner, outer):
    rng = np.random.default_rng(inner)
    a, b = RING.random(rng, (outer[0], inner)), RING.random(rng, (inner, outer[1]))
    a[0], b[:, 0] = P - 1, P - 1  # the largest there are
    assert (RING.matmul(a, b) == np.remainder(np.matmul(a, b), P)).all()


def test_stacks_of_matrices_and_what_is_not_reduced():
    rng = np.random.default_rng(0)
    a, b = RING.random(rng, (5, 1, 8, 30)), RING.random(rng, (4, 30, 9))
    assert (RING.matmul(a, b) == np.remainder(np.matmul(a, b), P)).all()
    moved = a - b[0, 0, 0]  # some entries are negative
    assert (RING.matmul(moved, b) == np.remainder(np.matmul(moved, b), P)).all()
