"""Frequencies of long cycles, in the basis of waves."""

from __future__ import annotations

import numpy as np
import pytest

import conserved as cq
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.residues import residues
from conserved.law import SpanLaw
from conserved.search.waves import values, wave, waves


@pytest.mark.parametrize("n", [7, 31, 37])
def test_every_frequency_of_a_long_cycle(n: int) -> None:
    """One direction for each pair of frequencies, however long the cycle (theory §6)."""
    analysis = cq.analyze(cq.Problem.from_text(f"linear:{n}-1-1", symmetry="shift"))
    assert analysis.count == cq.Count(1 + n // 2, 1 + n // 2, True)
    theta = np.random.default_rng(n).standard_normal(n + 1)
    spectrum = np.fft.rfft(theta[:n])  # a second road: the phase of each Fourier coefficient
    found = []
    for law in analysis.laws[1:]:
        assert isinstance(law, SpanLaw)
        (value,) = law.value(theta)
        phases = np.abs(-spectrum.imag[1:] / spectrum.real[1:] - value)
        found.append(int(phases.argmin()) + 1)
        assert phases.min() < 1e-9 * (1 + abs(value))
    assert sorted(found) == list(range(1, n // 2 + 1))


def test_what_is_no_wave_is_left_alone() -> None:
    scalars = residues(prime_with_roots(7))
    plane = values(scalars, wave(7, 2))
    assert waves(scalars, 7, [plane]) is not None
    other = values(scalars, wave(7, 3))
    turned = scalars.matmul(scalars.from_integers([[1, 2], [3, 4]]), plane)
    assert waves(scalars, 7, [turned, turned]) == waves(scalars, 7, [plane, plane])
    assert waves(scalars, 7, [plane, turned]) is None  # two bases, and one law has but one
    mixed = np.stack([plane[0], other[1]])
    assert waves(scalars, 7, [mixed]) is None
    assert waves(scalars, 5, [plane]) is None  # no roots of that order
