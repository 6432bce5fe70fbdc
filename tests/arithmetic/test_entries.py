"""Exact entries: values in all scalars, relations between them, and what is refused."""

from contextlib import suppress
from fractions import Fraction
from math import cos, pi, sin, sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conserved.kernel.entries import EntryError, entry
from conserved.kernel.primes import BLAS_PRIMES, prime_with_roots
from conserved.kernel.real import Reals
from conserved.kernel.residues import IntResidues, residues
from tests.fuzz import fuzzed


def rings(roots):
    return [
        residues(prime_with_roots(roots)),
        residues(prime_with_roots(roots, index=1)),
        IntResidues(prime_with_roots(roots, below=2**31)),
    ]


@pytest.mark.parametrize(
    "text, value, roots",
    [
        ("0", 0, 1),
        ("-3", -3, 1),
        ("0.309", 0.309, 1),
        (".5", 0.5, 1),
        (" 1/2 - (2/3)*+6 ", -3.5, 1),
        ("cos(2*pi/5)", cos(2 * pi / 5), 5),
        ("-sin(2*pi/5)", -sin(2 * pi / 5), 5),
        ("sin(pi/3)", sin(pi / 3), 6),
        ("cos(-3*pi/7)", cos(3 * pi / 7), 14),
        ("cos(pi*3/7/2)", cos(3 * pi / 14), 28),
        ("cos(pi)", -1, 2),
        ("cos(0*pi)", 1, 1),
        ("sqrt(2)/2", sqrt(0.5), 8),
        ("sqrt(3)", sqrt(3), 3),
        ("sqrt(5)", sqrt(5), 5),
        ("sqrt(720)", sqrt(720), 5),
        ("sqrt(0) + sqrt(1)", 1, 1),
        ("1/(1 + sqrt(2))", sqrt(2) - 1, 8),
        ("cos(2*pi/3)*sqrt(7)", -sqrt(7) / 2, 21),
    ],
)
def test_values(text, value, roots):
    number = entry(text)
    assert number.roots == roots
    assert number.value(Reals()) == pytest.approx(value, abs=1e-13)
    for ring in rings(roots):
        assert number.value(ring).dtype == ring.dtype


@pytest.mark.parametrize(
    "text",
    [
        "cos(2*pi/5) - (sqrt(5) - 1)/4",
        "sin(pi/3) - sqrt(3)/2",
        "cos(pi/4) - sqrt(2)/2",
        "sqrt(6) - sqrt(2)*sqrt(3)",
        "sqrt(7)*sqrt(7) - 7",
        "sin(3*pi/7) - cos(pi/14)",
        "cos(2*pi/7) + cos(4*pi/7) + cos(6*pi/7) + 1/2",
        "sqrt(5)/sqrt(20) - 0.5",
        "sin(pi/2) - 1",
        "3/7*7 - 3",
    ],
)
def test_relations_hold_in_all_scalars(text):
    number = entry(text)
    assert abs(number.value(Reals())) < 1e-13
    for ring in rings(number.roots):
        assert ring.is_zero(number.value(ring))


@settings(max_examples=30, deadline=None)
@given(n=st.integers(0, 300))
def test_square_roots_are_positive_and_square_to_n(n):
    number = entry(f"sqrt({n})")
    assert number.value(Reals()) == pytest.approx(sqrt(n), abs=1e-11)
    for ring in rings(number.roots):
        root = number.value(ring)
        assert ring.is_zero(ring.reduce(ring.mul(root, root) - ring.from_integers(n)))


def test_decimals_are_exact():
    assert entry("0.1") == entry("1/10")
    assert entry("0.30901699437494742410").number == Fraction("0.30901699437494742410")


@pytest.mark.parametrize(
    "text, advice",
    [
        ("", "an entry is made from"),
        ("x", "an entry is made from"),
        ("1e5", "an entry is made from"),
        ("__import__('os')", "an entry is made from"),
        ("2**9**9", "an entry is made from"),
        ("7//2", "an entry is made from"),
        ("1)", "an entry is made from"),
        ("cos", "an entry is made from"),
        ("pi", "an entry is made from"),
        ("cos()", "an entry is made from"),
        ("sqrt(2) (3)", "an entry is made from"),
        ("٣", "an entry is made from"),
        ("1\n+2", "an entry is made from"),
        ("cos(1)", "an angle is a rational multiple of pi"),
        ("cos(pi*pi)", "an entry is made from"),
        ("cos(2/pi)", "an angle is a rational multiple of pi"),
        ("cos(pi/0)", "an angle is a rational multiple of pi"),
        ("cos(sqrt(2)*pi)", "an angle is a rational multiple of pi"),
        ("sqrt(1/2)", "sqrt takes a whole number; write"),
        ("sqrt(sqrt(2))", "sqrt takes a whole number; write"),
        ("sqrt(-1)", "from 0 to 10,000"),
        ("sqrt(99999999999999)", "from 0 to 10,000"),
        ("1/0", "divides by zero"),
        ("1/(1/2-0.5)", "divides by zero"),
        ("cos(pi/99999)", "roots of unity of order 199,998"),
        ("sqrt(9973)*sqrt(9967)", "roots of unity of order 99,400,891"),
        ("9" * 201, "longer than 200 characters"),
        ("(" * 199, "an entry is made from"),
        ("-" * 199 + "1", None),
    ],
)
def test_refusals(text, advice):
    if advice is None:
        assert entry(text).number == -1
        return
    with pytest.raises(EntryError) as caught:
        entry(text)
    assert advice in str(caught.value)


def test_hidden_zero_denominators_are_found_on_evaluation():
    number = entry("1/(2*cos(pi/3) - 1)")
    with pytest.raises(EntryError, match="divides by zero"):
        number.value(residues(prime_with_roots(6)))
    with pytest.raises(EntryError, match="0 mod p"):
        entry(f"1/{int(BLAS_PRIMES[0])}").value(residues(BLAS_PRIMES[0]))


pieces = st.sampled_from([*"0123456789.+-*/() ", "cos(", "sin(", "sqrt(", "pi", "2*pi/5", "12"])


@fuzzed(60, 400, text=st.one_of(st.lists(pieces, max_size=12).map("".join), st.text(max_size=8)))
def test_only_entry_errors_escape(text):
    with suppress(EntryError):
        number = entry(text)
        number.value(Reals())
        number.value(residues(prime_with_roots(number.roots)))
