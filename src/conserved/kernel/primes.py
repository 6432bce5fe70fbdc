"""The primes every exact computation runs over, and roots of unity and square roots mod p.

A composite modulus can abort the process inside python-flint, so a modulus is not an ``int`` but a
``Prime``, and only this module makes those: from its tables, from ``prime_with_roots``, or, to
replay a certificate, from ``modulus``, which proves primality first. Three tables: ``BLAS_PRIMES``
for centred residues in float64 (500 products of size (p/2)² add up to less than 2^53, so matrix
products on BLAS are exact), ``INT64_PRIMES`` for residues whose products fit int64, ``WIDE_PRIMES``
for checks with python-flint or Python integers, where a degenerate point is all but impossible.
"""

from __future__ import annotations

from itertools import count
from typing import NoReturn, Self, final

import numpy as np

from conserved.kernel.errors import InputError, LimitError

_SMALLEST_REPLAYED = 2**20  # below it, a certificate's random point would prove too little
_LARGEST = 2**61  # centred or not, residues then fit int64
_MILLER_RABIN_LIMIT = 2**64
_DRAWS = 20_000  # numbers looked at for a random prime
_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


@final
class Prime(int):
    """A number known to be prime; plain ``int`` in all arithmetic.

    Not to be constructed: take one from the tables, ``prime_with_roots`` or ``modulus``.

    Example:
        >>> isinstance(BLAS_PRIMES[0], Prime), type(BLAS_PRIMES[0] + 0) is int
        (True, True)
        >>> Prime(15)
        Traceback (most recent call last):
        TypeError: a Prime comes from the tables of this module, prime_with_roots or modulus
    """

    __slots__ = ()

    def __new__(cls, *_: object, **__: object) -> Self:
        raise TypeError("a Prime comes from the tables of this module, prime_with_roots or modulus")

    def __init_subclass__(cls) -> NoReturn:
        # a subclass could bring its own __new__ and pass composites off as Primes
        raise TypeError("Prime cannot be subclassed")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> tuple[object, tuple[int]]:
        return _proved, (int(self),)  # a pickle is a file like any other: prove again on loading


def _table(*numbers: int) -> tuple[Prime, ...]:
    """Literals as primes, unchecked: importing should compute nothing, the tests prove them."""
    return tuple(int.__new__(Prime, n) for n in numbers)


# fmt: off
BLAS_PRIMES = _table(  # the 16 largest below 2^23
    8388593, 8388587, 8388581, 8388571, 8388547, 8388539, 8388473, 8388461,
    8388451, 8388449, 8388439, 8388427, 8388421, 8388409, 8388377, 8388371,
)
INT64_PRIMES = _table(  # the 16 largest below 2^31
    2147483647, 2147483629, 2147483587, 2147483579, 2147483563, 2147483549, 2147483543, 2147483497,
    2147483489, 2147483477, 2147483423, 2147483399, 2147483353, 2147483323, 2147483269, 2147483249,
)
WIDE_PRIMES = _table(  # the 4 largest below 2^61
    2305843009213693951, 2305843009213693921, 2305843009213693907, 2305843009213693723,
)
# fmt: on


def is_prime(n: int) -> bool:
    """Whether n is prime, proved: Miller–Rabin with the bases 2, 3, …, 37.

    No composite below 3.3·10^24 passes all of these bases (Sorenson and Webster, 2015).

    Raises:
        LimitError: n ≥ 2^64.

    Example:
        >>> is_prime(2**61 - 1), is_prime(3215031751)  # the latter fools the bases 2, 3, 5, 7
        (True, False)
    """
    if n >= _MILLER_RABIN_LIMIT:
        raise LimitError("primality is decided below 2^64 only")
    if n < 2:
        return False
    if any(n % q == 0 for q in _WITNESSES):
        return n in _WITNESSES
    odd, twos = _split_twos(n - 1)
    for base in _WITNESSES:
        power = pow(base, odd, n)
        if power in (1, n - 1):
            continue
        if not any((power := power * power % n) == n - 1 for _ in range(twos - 1)):
            return False
    return True


def prime_with_roots(k: int, below: int = 2**23, index: int = 0) -> Prime:
    """The largest prime p < below with p ≡ 1 mod 4k, or the next ones down by index.

    Then GF(p) has the k-th roots of unity and √−1, hence cos 2π/k and sin 2π/k.

    Args:
        k: order of the roots, at least 1.
        below: strict upper bound on p, at most 2^61.
        index: 0 for the largest such prime, 1 for the second largest, …

    Raises:
        LimitError: no such prime exists.

    Example:
        >>> prime_with_roots(5, below=100), prime_with_roots(5, below=100, index=1)
        (61, 41)
    """
    if k >= 1 and index >= 0 and below <= _LARGEST:
        largest = (below - 2) // (4 * k) * (4 * k) + 1
        left = index
        for n in range(largest, 1, -4 * k):
            if is_prime(n):
                if left == 0:
                    return _proved(n)
                left -= 1
    raise LimitError(
        f"no prime number {index} that is 1 mod 4·{k} below {below}: "
        f"k ≥ 1, index ≥ 0 and a bound of at most 2^61 are needed, with 4k well below it"
    )


def random_prime(rng: np.random.Generator, top: int, roots: int) -> Prime:
    """A prime from top/2 to top that is 1 mod 4·roots, each as likely as any other.

    Raises:
        LimitError: there are next to none.

    Example:
        >>> random_prime(np.random.default_rng(0), 2**31, 5) % 20
        1
    """
    step = 4 * roots
    low, high = top // 2 // step, top // step
    for _ in range(_DRAWS if low < high else 0):
        number = 1 + step * int(rng.integers(low, high))
        if is_prime(number):
            return modulus(number)
    raise LimitError(f"next to no primes below {top} are 1 mod {step}")


def modulus(p: object) -> Prime:
    """The modulus that a certificate file names, proved prime: the one door for numbers from files.

    Raises:
        InputError: p is not an integer, not prime, or not between 2^20 and 2^61.

    Example:
        >>> modulus(8388593) == BLAS_PRIMES[0]
        True
        >>> modulus(8388595)
        Traceback (most recent call last):
        conserved.errors.InputError: prime '8388595': a prime between 2^20 and 2^61 is needed
    """
    # bool is an int to Python and true is a number to nobody who writes certificates
    if isinstance(p, int) and not isinstance(p, bool) and _SMALLEST_REPLAYED < p < _LARGEST:
        if isinstance(p, Prime):
            return p
        if is_prime(p):
            return _proved(p)
    raise InputError("prime", p, "a prime between 2^20 and 2^61 is needed")


def require_prime(p: Prime) -> int:
    """p as a plain int; every function that trusts its modulus starts here.

    Raises:
        TypeError: p is an integer nobody has proved prime.

    Example:
        >>> require_prime(BLAS_PRIMES[0])
        8388593
    """
    if not isinstance(p, Prime):
        raise TypeError(f"the modulus must be a Prime of conserved.kernel.primes, not {p!r}")
    return int(p)


def root_of_unity(k: int, p: Prime) -> int:
    """A primitive k-th root of unity ω_k mod p, the same one every time; p ≡ 1 mod k.

    ω_k = g^((p−1)/k) for one generator g of GF(p)*, so that ω_{kd}^d = ω_k for all k and d: the
    roots of different orders together are the image of exp(2πi/k) under one ring homomorphism.
    The factor of g of order a power of the prime q is made from the smallest number that is no
    q-th power, and only the q that divide k matter, so p − 1 is never factored.

    Raises:
        InputError: k does not divide p − 1.
        TypeError: p is not a Prime.

    Example:
        >>> p = prime_with_roots(12)
        >>> pow(root_of_unity(12, p), 3, p) == root_of_unity(4, p)
        True
    """
    n = require_prime(p)
    if k < 1 or (n - 1) % k:
        raise InputError("k", k, f"no divisor of {n} - 1; take the prime from prime_with_roots(k)")
    root = 1
    for q in _prime_factors(k):
        cofactor = n - 1
        while cofactor % q == 0:
            cofactor //= q
        root = root * pow(_smallest_non_power(q, n), cofactor * ((n - 1) // k), n) % n
    return root


def cos_sin_mod(k: int, p: Prime) -> tuple[int, int]:
    """(c, s) = ((ω + 1/ω)/2, (ω − 1/ω)/(2i)) mod p with ω = ω_k, i = ω_4: cos and sin of 2π/k.

    Angles of different k fit together: doubling the angle of 2k gives that of k.

    Raises:
        InputError: k or 4 does not divide p − 1; ``prime_with_roots(k)`` gives primes that do.
        TypeError: p is not a Prime.

    Example:
        >>> p = prime_with_roots(6)
        >>> cos_sin_mod(4, p), cos_sin_mod(6, p)[0] * 2 % p  # cos 60° = 1/2
        ((0, 1), 1)
    """
    n = require_prime(p)
    root, i = root_of_unity(k, p), root_of_unity(4, p)
    inverse = pow(root, -1, n)
    return (root + inverse) * pow(2, -1, n) % n, (root - inverse) * pow(2 * i, -1, n) % n


def _proved(n: int) -> Prime:
    """n as a Prime, after proof; also what unpickling calls."""
    if not (2 < n < _LARGEST and is_prime(n)):
        raise InputError("prime", n, "an odd prime below 2^61 is needed")
    return int.__new__(Prime, n)


def _split_twos(n: int) -> tuple[int, int]:
    """(odd, t) with n = odd·2^t, n ≥ 1."""
    twos = (n & -n).bit_length() - 1
    return n >> twos, twos


def _prime_factors(k: int) -> list[int]:
    """The distinct primes that divide k, by trial: k is the order of a rotation, hence small."""
    factors, q = [], 2
    while q * q <= k:
        if k % q == 0:
            factors.append(q)
            while k % q == 0:
                k //= q
        q += 1
    return factors if k == 1 else [*factors, k]


def _smallest_non_power(q: int, p: int) -> int:
    """The smallest h > 1 that is no q-th power mod the prime p; q | p − 1."""
    return next(h for h in count(2) if pow(h, (p - 1) // q, p) != 1)
