"""How many laws exist, written down or not: the span of the closure is closed under brackets.

Let U be the span of r drawn fields and brackets at a generic θ. If every field w of the data class
and every bracket [w, u], u in U, lies in U, then U is all of Lie(W) and, by Frobenius, exactly
D − r independent laws exist near a generic θ (theory §11). That they lie in U says that minors of
size r + 1 vanish identically; they are tested at fresh random points mod fresh random primes, and
the probability that a false statement passes is bounded as for an identity of laws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.brackets import Nested, directional, evaluate
from conserved.degree import Degree, field_degree
from conserved.errors import Redraw
from conserved.fields import Fields, choose_route, make_fields
from conserved.kernel.deadline import check_time
from conserved.kernel.primes import Prime, is_prime, modulus
from conserved.kernel.residues import residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.problem import Problem

SURE = 1e-9  # a false statement may pass with this probability at most
_STEP = 64  # bits that one factor of an identity can add
_MARGIN = 2  # between the number of primes and its estimate by the prime number theorem
_UNKNOWN = 100  # stands in for the degree of fields with formal functions or roots
_PRIMES = 12  # at most
_TRIES = 4  # points mod one prime
_DRAWS = 20_000
_ROWS = 256  # brackets evaluated at once


@dataclass(frozen=True)
class Existence:
    """What a test of closedness found.

    Attributes:
        holds: whether the span was closed, of the rank claimed, at every point.
        rank: what it has.
        degree: of the minors tested, or None where it is not known.
        primes: mod which they were tested, one point each.
        error: a bound on the probability that a span that is not closed passes; None if unknown.
    """

    holds: bool
    rank: int
    degree: int | None
    primes: tuple[int, ...]
    error: float | None

    @property
    def certainty(self) -> str:
        """How it was tested, in words."""
        of = "of unknown degree" if self.degree is None else f"of degree {self.degree:,}"
        where = f"mod {len(self.primes)} random primes"
        told = "" if self.error is None else f"; a false one passes with probability below {SURE:g}"
        return f"as minors {of} at fresh points {where}{told}"

    def to_json(self) -> dict[str, Any]:
        return {
            "holds": self.holds,
            "rank": self.rank,
            "degree": self.degree,
            "primes": list(self.primes),
            "error": self.error,
        }


def existence(problem: Problem, counts: tuple[int, ...], rank: int, *, seed: int = 0) -> Existence:
    """Test whether drawn fields and brackets span something closed, of a given rank.

    Args:
        problem: the fields.
        counts: how many brackets of length 1, 2, 4, … to draw.
        rank: what they span.
        seed: draws the primes and all points.

    Raises:
        Redraw: the fields have no value anywhere.

    Example:
        >>> from conserved.networks import Linear
        >>> problem = Problem(network=Linear(1, 2, 2, 1))
        >>> existence(problem, (6, 6), 8).holds, existence(problem, (6,), 5).holds
        (False, False)
    """
    rng = np.random.default_rng([seed, 911])
    degree = _degree_of_minors(field_degree(problem, seed=seed), counts, rank)
    top = 2**23 if choose_route(problem) == "moments" else 2**31
    primes: list[int] = []
    missed = 1.0
    with threads_for(problem.network.size):
        while missed > SURE and len(primes) < _PRIMES:
            prime = _prime(problem, top, rng)
            if not _closed_at_a_point(problem, prime, counts, rank, rng):
                return Existence(False, rank, degree, (*primes, int(prime)), None)
            primes.append(int(prime))
            missed *= _missed(degree or _UNKNOWN * (rank + 1), int(prime), top, problem.group.roots)
    holds = missed <= SURE
    return Existence(holds, rank, degree, tuple(primes), None if degree is None else missed)


def _closed_at_a_point(
    problem: Problem, prime: Prime, counts: tuple[int, ...], rank: int, rng: np.random.Generator
) -> bool:
    """Whether the span has this rank and holds a fresh field and its bracket with the span."""
    for _ in range(_TRIES):
        fields = make_fields(
            problem, residues(prime), np.random.default_rng(int(rng.integers(2**62)))
        )
        try:
            theta = fields.point()
            space = RowSpace(fields.scalars, fields.dimension)
            w, along = fields.draw(1, theta)
            total = np.zeros_like(along)  # u, a random combination of all that is drawn
            moved = np.zeros_like(along)  # its derivative along w
            for nested, values in _drawn(fields, counts, theta):
                space.add(values)
                weights = fields.scalars.random(fields.rng, (1, len(values)))
                slopes = directional(fields, nested, theta, _repeated(along, len(values)))[0]
                total = fields.scalars.reduce(total + fields.scalars.matmul(weights, values))
                moved = fields.scalars.reduce(moved + fields.scalars.matmul(weights, slopes))
            back = directional(fields, Nested(0, w), theta, total[None])[0]
        except Redraw:
            continue
        if space.rank < rank:  # an unlucky point, or a false claim
            continue
        bracket = fields.scalars.reduce(moved - back)
        outside = space.remainder(np.concatenate([along, bracket]))
        return space.rank == rank and not outside.any()
    return False


def _drawn(fields: Fields, counts: tuple[int, ...], theta: Array) -> Iterator[tuple[Nested, Array]]:
    """Random brackets of length 2^level with their values at θ, in blocks."""
    for level, count in enumerate(counts):
        step = max(1, min(_ROWS, 2**27 // (8 * fields.dimension * 4**level)))
        for start in range(0, count, step):
            check_time()
            size = min(step, count - start)
            leaves, values = fields.draw(size << level, theta)
            weights = tuple(
                fields.scalars.random(fields.rng, (size << (level - i),))
                for i in range(1, level + 1)
            )
            nested = Nested(level, leaves, weights)
            yield nested, values if level == 0 else evaluate(fields, nested, theta)[0]


def _repeated(along: Array, count: int) -> Array:
    return np.broadcast_to(along[None], (1, count, along.shape[-1]))


def _degree_of_minors(fields: Degree | None, counts: tuple[int, ...], rank: int) -> int | None:
    """Of the numerators of all (r+1)-minors, in everything that is drawn."""
    if fields is None:
        return None
    above, below, rows = fields.above, fields.below, []
    for count in counts:
        rows += [(above, below)] * count
        above, below = 2 * (above + below) + 1, 4 * below
    highest = sorted(rows, reverse=True)[:rank]
    combined = max(a for a, _ in rows) + 2 * sum(b for _, b in rows) + 1
    last = fields.above + 2 * fields.below + combined
    return sum(a for a, _ in highest) + max(last, fields.above)


def _missed(degree: int, prime: int, top: int, roots: int) -> float:
    """The probability that minors that are not zero vanish: all of them mod p, or at the point."""
    field = _totient(4 * roots)
    norm = 1 if roots == 1 else field
    divisors = _STEP * (degree + 2) * norm / (top.bit_length() - 2)
    available = top / 2 / (log(top) * field)
    return min(1.0, _MARGIN * divisors / available + degree / prime)


def _totient(n: int) -> int:
    return int((np.gcd(np.arange(1, n + 1), n) == 1).sum())


def _prime(problem: Problem, top: int, rng: np.random.Generator) -> Prime:
    step = 4 * problem.group.roots
    for _ in range(_DRAWS):
        number = 1 + step * int(rng.integers(top // 2 // step, top // step))
        if is_prime(number):
            return modulus(number)
    raise Redraw(f"next to no primes below {top} are 1 mod {step}")
