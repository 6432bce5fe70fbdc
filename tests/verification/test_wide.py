"""Residues near 2^61 against Python's integers and fractions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conserved.kernel.primes import INT64_PRIMES, WIDE_PRIMES, Prime, prime_with_roots
from conserved.kernel.residues import IntResidues
from conserved.kernel.rowspace import RowSpace, inverse_matrix
from conserved.kernel.wide import WideResidues
from conserved.verification import scalars_for

PRIMES = (*WIDE_PRIMES, prime_with_roots(12, 2**61, 1), prime_with_roots(1, 2**60))
integers = st.integers(-(2**200), 2**200)
lists = st.lists(integers, min_size=1, max_size=5)
each_prime = pytest.mark.parametrize("prime", PRIMES, ids=str)


def plain(values: object) -> list[int]:
    return [int(v) for v in np.asarray(values, dtype=object).ravel()]


def is_reduced(values: object, prime: int) -> bool:
    array = np.asarray(values, dtype=object)
    return array.dtype == object and all(type(v) is int and 0 <= v < prime for v in array.ravel())


@each_prime
@given(lists)
def test_from_integers_and_back(prime: Prime, values: list[int]) -> None:
    ring = WideResidues(prime)
    array = ring.from_integers(values)
    assert is_reduced(array, prime)
    assert plain(array) == [v % prime for v in values]
    assert plain(ring.from_canonical(ring.canonical(array))) == plain(array)


@each_prime
@given(lists, st.data())
def test_ring_operations(prime: Prime, values: list[int], data: st.DataObject) -> None:
    ring = WideResidues(prime)
    others = data.draw(st.lists(integers, min_size=len(values), max_size=len(values)))
    a, b = ring.from_integers(values), ring.from_integers(others)
    pairs = list(zip(values, others, strict=True))
    assert plain(ring.reduce(a + b)) == [(x + y) % prime for x, y in pairs]
    assert plain(ring.reduce(a - b)) == [(x - y) % prime for x, y in pairs]
    assert plain(ring.mul(a, b)) == [x * y % prime for x, y in pairs]
    assert is_reduced(ring.mul(a, b), prime)
    total = ring.matmul(a[None], b[:, None])
    assert plain(total) == [sum(x * y for x, y in pairs) % prime]


@each_prime
@given(integers, st.integers(1, 2**59))
def test_fractions_and_inverses(prime: Prime, above: int, below: int) -> None:
    ring = WideResidues(prime)
    value = ring.fraction(above, below)
    assert value * below % prime == above % prime
    inverse = plain(ring.inverse(ring.from_integers([below, 0])))
    assert inverse[0] * below % prime == 1
    assert inverse[1] == 0


@given(st.integers(0, 2**70), st.integers(0, 40))
def test_powers_and_roots(value: int, exponent: int) -> None:
    prime = WIDE_PRIMES[0]
    ring = WideResidues(prime)
    x = ring.from_integers([value])
    assert plain(ring.power(x, exponent)) == [pow(value, exponent, prime)]
    root, ok = ring.square_root(ring.mul(x, x))
    assert bool(ok[0])
    assert plain(ring.mul(root, root)) == [value * value % prime]


def test_angles_are_those_of_the_smaller_prime_field() -> None:
    """cos and sin of 2π/12 satisfy what they satisfy over the reals."""
    ring = WideResidues(prime_with_roots(12, 2**61))
    p = int(ring.prime)
    c, s = ring.cos_sin(12)
    assert (c * c + s * s) % p == 1
    assert s * 2 % p == 1  # sin 30° = 1/2
    assert c * c * 4 % p == 3


@given(st.integers(0, 2**32), st.integers(1, 5))
def test_ranks_agree_with_another_layout(seed: int, rank: int) -> None:
    """A product of random factors has the rank of their inner size, mod either prime."""
    rng = np.random.default_rng(seed)
    for ring in (WideResidues(WIDE_PRIMES[1]), IntResidues(INT64_PRIMES[0])):
        left, right = ring.random(rng, (6, rank)), ring.random(rng, (rank, 7))
        space = RowSpace(ring, 7)
        space.add(ring.matmul(left, right))
        assert space.rank == rank
        square = ring.random(rng, (4, 4))
        product = ring.matmul(square, inverse_matrix(ring, square))
        assert plain(ring.from_integers(np.eye(4, dtype=int))) == plain(product)


def test_random_numbers_are_residues_of_all_sizes() -> None:
    ring = WideResidues(WIDE_PRIMES[0])
    drawn = ring.random(np.random.default_rng(0), (1000,))
    assert is_reduced(drawn, ring.prime)
    assert 2**60 < max(drawn) < ring.prime
    assert len(set(plain(drawn))) == 1000


def test_the_layout_follows_from_the_prime() -> None:
    assert isinstance(scalars_for(WIDE_PRIMES[0]), WideResidues)
    assert isinstance(scalars_for(INT64_PRIMES[0]), IntResidues)
