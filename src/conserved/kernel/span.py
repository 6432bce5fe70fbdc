"""What drawn fields and brackets span: a rank to find again, and whether the span is closed.

Whatever is drawn, the rank is at most dim Lie(W): a recipe that reaches rank r proves that at most
D − r laws exist. If moreover every field w of the class and every bracket [w, u] with u of the
span U lies in U, then U is all of Lie(W) and, by Frobenius, exactly D − r independent laws exist
near a generic θ (theory §11). That they lie in U says that minors of size r + 1 vanish identically;
they are tested at fresh random points mod fresh random primes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from conserved.kernel.brackets import Nested, directional, evaluate
from conserved.kernel.deadline import check_time
from conserved.kernel.degree import credible, field_degree
from conserved.kernel.errors import DegenerateSampleError
from conserved.kernel.extent import Degree
from conserved.kernel.fields import Fields
from conserved.kernel.primes import Prime, modulus
from conserved.kernel.residues import Residues, residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.kernel.soundness import Modulus, soundness_error
from conserved.kernel.statement import Statement

COUNT_LIMIT = 100_000  # brackets of one length
LEVEL_LIMIT = 8  # lengths up to 128
SURE = 1e-9  # a false statement may pass with this probability at most
_PRIMES = 12  # at most
_TRIES = 4  # points mod one prime
_ROWS = 256  # brackets evaluated at once
_BYTES = 2**27


@dataclass(frozen=True)
class Recipe:
    """What to draw for an upper bound.

    Args:
        prime: the modulus.
        seed: fixes the point, the data and all formal values.
        counts: brackets of length 1, 2, 4, … to draw.
        points: which of the listed inputs to draw from; all where none are named. Fewer inputs
            pull in fewer directions, so that the bound they give holds for all.
    """

    prime: int
    seed: int
    counts: tuple[int, ...]
    points: tuple[int, ...] = ()

    def to_json(self) -> dict[str, object]:
        made: dict[str, object] = {"prime": self.prime, "seed": self.seed}
        made["counts"] = list(self.counts)
        return made | {"points": list(self.points)} if self.points else made


def replay(
    statement: Statement, recipe: Recipe, scalars: Residues | None = None
) -> tuple[Fields, tuple[int, ...]]:
    """The fields of a recipe, and what brackets of length 1, then also 2, 4, … span.

    Args:
        statement: the fields.
        recipe: what to draw.
        scalars: residues mod the prime of the recipe, where others than our own are to be used.

    Raises:
        InputError: a modulus that is no prime, or a class of data that is not as stated.
        DegenerateSampleError: the point of this seed has no value.
    """
    prime = modulus(recipe.prime)
    if (prime - 1) % (4 * statement.roots) and statement.roots > 1:
        raise DegenerateSampleError(f"a prime that is 1 mod {4 * statement.roots} is needed")
    drawn_from = statement.thinned(recipe.points)
    rng = np.random.default_rng([recipe.seed, 0])
    fields = drawn_from.fields(scalars or residues(prime), rng)
    theta = fields.point()
    space, ranks = RowSpace(fields.scalars, fields.dimension), []
    for level, count in enumerate(recipe.counts):
        for _, values in drawn(fields, level, count, theta):
            space.take(values)
        space.settle()
        ranks.append(space.rank)
    return fields, tuple(ranks)


def drawn(fields: Fields, level: int, count: int, theta: Array) -> Iterator[tuple[Nested, Array]]:
    """Random brackets of length 2^level with their values at θ, in blocks."""
    step = max(1, min(_ROWS, _BYTES // (8 * fields.dimension * 4**level)))
    for start in range(0, count, step):
        check_time()
        size = min(step, count - start)
        leaves, values = fields.draw(size << level, theta)
        weights = tuple(
            fields.scalars.random(fields.rng, (size << (level - i),)) for i in range(1, level + 1)
        )
        nested = Nested(level, leaves, weights)
        yield nested, values if level == 0 else evaluate(fields, nested, theta)[0]


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

    def to_json(self) -> dict[str, object]:
        return {
            "holds": self.holds,
            "rank": self.rank,
            "degree": self.degree,
            "primes": list(self.primes),
            "error": self.error,
        }


def existence(
    statement: Statement, counts: Sequence[int], rank: int, *, seed: int = 0
) -> Existence:
    """Test whether drawn fields and brackets span something closed, of a given rank.

    Args:
        statement: the fields.
        counts: how many brackets of length 1, 2, 4, … to draw.
        rank: what they span.
        seed: draws the primes and all points.

    Raises:
        DegenerateSampleError: the fields have no value anywhere.
        InputError: a class of data that is not as stated.
    """
    rng = np.random.default_rng([seed, 911])
    degree = _degree_of_minors(degree_of(statement, rng), counts, rank)
    size = (rank + 1) * statement.bits * 4 ** (len(counts) - 1)
    moduli: list[Modulus] = []
    error = 1.0
    while error > SURE and len(moduli) < _PRIMES:
        prime = statement.prime(rng)
        moduli.append(Modulus(int(prime), statement.top, statement.roots, 1))
        tested = tuple(m.prime for m in moduli)
        if not _closed_at_a_point(statement, prime, counts, rank, rng):
            return Existence(False, rank, degree, tested, None)
        error = soundness_error(degree, size, moduli, rank + 1)
    return Existence(error <= SURE, rank, degree, tested, None if degree is None else error)


def degree_of(statement: Statement, rng: np.random.Generator) -> Degree | None:
    """Of the fields, mod a fresh prime."""
    found = field_degree(statement.fields(residues(statement.prime(rng)), rng))
    return credible(found, statement.degree, rational=not statement.program.has_roots)


def _closed_at_a_point(
    statement: Statement,
    prime: Prime,
    counts: Sequence[int],
    rank: int,
    rng: np.random.Generator,
) -> bool:
    """Whether the span has this rank and holds a fresh field and its bracket with the span."""
    fields = statement.fields(residues(prime), rng)
    if fields.sampled_patterns or fields.one_cell:  # rare ones, or other cells, may be missed
        return False
    for _ in range(_TRIES):
        try:
            theta = fields.point()
            space = RowSpace(fields.scalars, fields.dimension)
            w, along = fields.draw(1, theta)
            total = np.zeros_like(along)  # u, a random combination of all that is drawn
            moved = np.zeros_like(along)  # its derivative along w
            for level, count in enumerate(counts):
                for nested, values in drawn(fields, level, count, theta):
                    space.take(values)
                    weights = fields.scalars.random(fields.rng, (1, len(values)))
                    wide = np.broadcast_to(along[None], (1, len(values), along.shape[-1]))
                    slopes = directional(fields, nested, theta, wide)[0]
                    total = fields.scalars.reduce(total + fields.scalars.matmul(weights, values))
                    moved = fields.scalars.reduce(moved + fields.scalars.matmul(weights, slopes))
            space.settle()
            back = directional(fields, Nested(0, w), theta, total[None])[0]
        except DegenerateSampleError:
            continue
        if space.rank < rank:  # a degenerate point, or a false claim
            continue
        bracket = fields.scalars.reduce(moved - back)
        outside = space.remainder(np.concatenate([along, bracket]))
        return space.rank == rank and not outside.any()
    return False


def _degree_of_minors(fields: Degree | None, counts: Sequence[int], rank: int) -> int | None:
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
