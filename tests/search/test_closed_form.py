"""Exact numbers from residues, and names of blocks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conserved.kernel.entries import entry
from conserved.kernel.primes import BLAS_PRIMES, prime_with_roots
from conserved.kernel.residues import residues
from conserved.kernel.wide import WideResidues
from conserved.search.closed_form import Recogniser, agrees
from conserved.search.places import place

ORDERS = [1, 3, 5, 7, 8, 12, 15, 16]
WIDE = {k: WideResidues(prime_with_roots(k, below=2**61)) for k in ORDERS}
KNOWN = {k: Recogniser(ring, k) for k, ring in WIDE.items()}


def value(text, ring):
    return int(entry(text).value(ring)) % int(ring.prime)


@given(st.sampled_from(ORDERS), st.fractions(-30, 30, max_denominator=4), st.data())
def test_sums_of_cosines_are_found(k, constant, data):
    """a + b·cos(2πi/k) + c·sin(2πj/k) with small coefficients, as the same number."""
    # the larger the field, the less room for large coefficients
    small = st.sampled_from([Fraction(n, d) for n in range(-2, 3) for d in (1, 2)[: 1 + (k < 6)]])
    parts = [str(constant if k < 6 else data.draw(small))]
    for name in ("cos", "sin"):
        angle = data.draw(st.integers(0, k - 1))
        parts.append(f"({data.draw(small)})*{name}(2*pi*{angle}/{k})")
    text, ring = " + ".join(parts), WIDE[k]
    found = KNOWN[k].text(value(text, ring))
    assert found is not None
    assert value(found, ring) == value(text, ring)
    other = WideResidues(prime_with_roots(4 * k, below=2**61, index=3))
    assert value(found, other) == value(text, other)


@pytest.mark.parametrize(
    "order, text, shown",
    [
        (5, "0", "0"),
        (5, "-7/3", "-7/3"),
        (12, "cos(2*pi/3)", "-1/2"),
        (5, "sqrt(5)", "1 + 4*cos(2*pi/5)"),
        (5, "sin(2*pi/5)", "cos(pi/10)"),
        (8, "sqrt(2)/2", "cos(pi/4)"),
        (15, "1/(1 + sqrt(5))", "cos(2*pi/5)"),
        (12, "sqrt(3)/2", "cos(pi/6)"),
    ],
)
def test_the_smallest_field_is_taken(order, text, shown):
    ring = WideResidues(prime_with_roots(order, below=2**61))
    assert Recogniser(ring, order).text(value(text, ring)) == shown


def test_random_residues_are_no_exact_numbers():
    """What has no short form is not given one."""
    rng = np.random.default_rng(0)
    for k, ring in WIDE.items():
        drawn = ring.random(rng, (40,))
        assert sum(KNOWN[k].text(int(x)) is not None for x in drawn) <= 1


def test_small_primes_know_short_fractions_alone():
    ring = residues(BLAS_PRIMES[0])
    known = Recogniser(ring, 5)
    assert known.text(value("-3/2", ring)) == "-3/2"
    assert known.text(value("1001/1003", ring)) is None


def test_agreement_is_entry_by_entry():
    ring = residues(prime_with_roots(5))
    texts = (("1", "cos(2*pi/5)"), ("0", "-1/2"))
    values = np.array([[value(text, ring) for text in row] for row in texts], dtype=ring.dtype)
    assert agrees(ring, texts, ring.reduce(values))
    assert not agrees(ring, (texts[0], ("0", "1/2")), ring.reduce(values))
    assert not agrees(ring, texts[:1], ring.reduce(values))


def cosines(n, f):
    """Rows (t ↦ x_t) of the frequency-f part of R^n, mod p."""
    ring = residues(prime_with_roots(n))
    c = int(entry(f"2*cos(2*pi*{f}/{n})").value(ring))
    rows = [[1, 0], [0, 1]]
    for row in rows:
        while len(row) < n:
            row.append(int(ring.reduce(np.asarray(c * row[-1] - row[-2]))))
    return ring, ring.reduce(np.array(rows, dtype=ring.dtype))


RING = residues(BLAS_PRIMES[0])
PLACES = [
    (np.eye(4), 4, ""),
    (np.eye(4), 2, ""),
    (np.eye(5)[:3], 5, "on features 1–3"),
    (np.eye(5)[[1]], 5, "on feature 2"),
    (np.eye(5)[[0, 2, 4]], 5, "on features 1, 3, 5"),
    (np.eye(5)[3:], 3, ""),
    (np.eye(6)[3:5], 3, "on outputs 1–2"),
    ([[1, 1, 1, 0]], 4, "on the mean of features 1–3"),
    ([[1, 1, 1]], 3, "on the mean of the features"),
    ([[1, 0, -1, 0], [0, 1, -1, 0]], 3, "on the zero-sum part of the features"),
    ([[1, -1, 0, 0], [0, 0, 1, -1]], 4, "on the zero-sum parts of features 1–2 and 3–4"),
    ([[1, -1, 0, 0], [0, 0, 1, -1]], 2, "on the zero-sum part of the features"),
    ([[1, 0, 0, -1, 0], [0, 0, 1, 0, 0]], 2, "on feature 1 and outputs 1–2"),
    ([[1, -1, 1, -1]], 4, "on the alternating part of the features"),
    ([[1, 2, 0, 0], [0, 0, 1, 3]], 4, "on a 2-dimensional part of the features"),
]


@pytest.mark.parametrize("rows, inputs, words", PLACES, ids=[words for _, _, words in PLACES])
def test_places(rows, inputs, words):
    assert place(RING, RING.from_integers(np.array(rows, dtype=np.int64)), inputs) == words


@pytest.mark.parametrize("n, f", [(5, 1), (5, 2), (12, 4), (13, 6)])
def test_frequencies(n, f):
    ring, rows = cosines(n, f)
    assert place(ring, rows, n) == f"on the frequency-{f} part of the features"
