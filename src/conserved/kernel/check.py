"""Proving a certificate again, from what it says alone.

Whoever made it is not trusted and not needed: ranks are found again from their recipes, laws are
tested at fresh points mod primes nobody could foresee, closedness likewise, minors are evaluated
again, and the status has to follow.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import lcm
from time import perf_counter

import numpy as np

from conserved.kernel import law as laws_as_data
from conserved.kernel.certificate import (
    ORIGINS,
    Certificate,
    Claim,
    Data,
    Patterns,
    StatedLaw,
)
from conserved.kernel.deadline import within
from conserved.kernel.degree import credible, field_degree, law_degree
from conserved.kernel.errors import DegenerateSampleError, InputError, LimitError
from conserved.kernel.extent import Degree, extent
from conserved.kernel.fields import Fields
from conserved.kernel.genericity import genericity
from conserved.kernel.height import bits
from conserved.kernel.minor import is_nonzero
from conserved.kernel.program import Program
from conserved.kernel.reading import SEED_LIMIT
from conserved.kernel.report import Report, Statement, Verdict
from conserved.kernel.residues import residues
from conserved.kernel.scalars import Array
from conserved.kernel.soundness import Modulus, soundness_error
from conserved.kernel.span import SURE, existence, replay
from conserved.kernel.statement import Statement as Stated
from conserved.kernel.wide import scalars_for

Outcome = tuple[str, Verdict]  # what was done, and what came of it
_POINTS = 2  # mod each prime
_FIELDS = 2  # at each point
_MODULI = 8  # primes at most
_TRIES = 8  # draws of a prime that is not one of those before
MEMORY_LIMIT = 8 * 10**9  # bytes
_BASIS = 2  # bytes for each entry of D × D: a quarter of them in float64
_DRAWS = 16  # of a point at which everything has a value
FAULTS = (
    InputError,
    LimitError,
    DegenerateSampleError,
)  # a statement that these meet is not proved


def check(
    certificate: Certificate,
    *,
    seed: int | None = None,
    budget: float | None = None,
    titles: Sequence[str] = (),
) -> Report:
    """Prove a certificate again; the report says which statement failed.

    Args:
        certificate: as read from a file.
        seed: of the fresh points; by default from the system's entropy.
        budget: seconds after which the check is given up.
        titles: what to call the laws; by default by their number.

    Raises:
        ConservedError: the budget is used up, or the program is too large.
        InputError: an unusable seed or budget.
    """
    if seed is None:
        seed = secrets.randbelow(SEED_LIMIT)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= SEED_LIMIT:
        raise InputError("seed", seed, f"a whole number from 0 to {SEED_LIMIT} is needed")
    start = perf_counter()
    with within(budget):
        found = _Check(certificate, seed, titles).statements()
    return Report(certificate, tuple(found), seed, perf_counter() - start)


def require_fit(stated: Stated) -> None:
    """Refuse what would not fit in memory, before anything is computed.

    Raises:
        LimitError: with the size and the limit.
    """
    size, program = stated.size, stated.program
    if _BASIS * size**2 > MEMORY_LIMIT:
        raise LimitError(f"program: {size:,} entries of the state are too many for an exact rank")
    points = stated.points
    if 8 * 8 * (5 * size + 3 * program.volume(points)) > MEMORY_LIMIT:
        raise LimitError(f"program: one field over {points:,} points is too large")


@dataclass(frozen=True)
class _Fresh:
    """Fields mod a prime that nobody could foresee."""

    modulus: Modulus
    fields: Fields


class _Check:
    """One run over a certificate."""

    def __init__(self, certificate: Certificate, seed: int, titles: Sequence[str]) -> None:
        self.certificate = certificate
        self.seed = seed
        self.rng = np.random.default_rng([seed, 779])
        self.size = certificate.statement.size
        self.seen: set[Data] = set()  # classes whose group was found mod a random prime
        self.programs = [law.program for law in certificate.laws]
        numbered = range(1, len(certificate.laws) + 1)
        named = (f": {title}" for title in titles) if titles else ("" for _ in numbered)
        self.titles = [f"law {n}{name}" for n, name in zip(numbered, named, strict=True)]

    def statements(self) -> list[Statement]:
        require_fit(self.certificate.statement)
        found: list[Statement] = []
        for claim in reversed(self.certificate.claims):  # all data first
            found += self._laws(claim.data)
            upper, lower = claim.upper.laws, claim.lower.laws
            most = f"at most {upper} law{'' if upper == 1 else 's'}"
            found.append(Statement(most, claim.data, *self._upper(claim)))
            if claim.lower.written:
                least = f"at least {claim.lower.written} independent"
                found.append(Statement(least, claim.data, *self._lower(claim)))
            if claim.lower.exist:
                found.append(self._exist(claim))
            sound = all(statement.verdict != "refuted" for statement in found)
            count = f"exactly {upper}" if claim.certified else f"{lower} to {upper}"
            found.append(Statement(count, claim.data, *_status(claim, sound=sound)))
        return found

    def _stated(self, data: Data) -> Stated:
        stated = self.certificate.statement
        return stated.architecture() if data == "all" else stated

    def _laws(self, data: Data) -> list[Statement]:
        """The laws of a class of data that a larger one does not have."""
        origin = ORIGINS[data]
        mine = [n for n, law in enumerate(self.certificate.laws) if law.origin == origin]
        if not mine:
            return []
        stated = self._stated(data)
        left = sorted(mine, key=lambda n: -self.programs[n].roots)
        found: dict[int, Statement] = {}
        try:
            fresh = self._drawn(stated, stated.top, self.programs[left[0]].roots)
            if unproved := fresh.fields.unproved_roots():
                raise DegenerateSampleError(unproved)
            fields = credible(
                field_degree(fresh.fields), stated.degree, rational=not stated.program.has_roots
            )
        except FAULTS as error:
            return [self._law(n, data, str(error), "refuted") for n in mine]
        self.seen.add(data)
        while left:  # primes with the roots of one law have those of all that divide them
            roots = self.programs[left[0]].roots
            some = [n for n in left if roots % self.programs[n].roots == 0]
            found |= self._of_roots(stated, data, some, fields, fresh)
            left = [n for n in left if n not in some]
        return [found[n] for n in mine]

    def _drawn(self, stated: Stated, top: int, roots: int) -> _Fresh:
        """Fields mod a random prime."""
        prime = stated.prime(self.rng, top, roots)
        modulus = Modulus(int(prime), top, lcm(stated.roots, roots), _POINTS)
        return _Fresh(modulus, stated.fields(scalars_for(prime), self.rng, widest=True))

    def _of_roots(
        self, stated: Stated, data: Data, numbers: list[int], fields: Degree | None, first: _Fresh
    ) -> dict[int, Statement]:
        """Laws whose coefficients lie in the field of the first, tested together."""
        programs = [self.programs[n] for n in numbers]
        roots = programs[0].roots  # those of the others divide it
        try:
            ring = residues(stated.prime(self.rng, 2**31, roots))
            measured = [credible(law_degree(p, ring, self.rng), extent(p)[0]) for p in programs]
            degrees = [_identity_degree(fields, degree) for degree in measured]
            sizes = [stated.bits + bits(program) for program in programs]
            fresh = self._enough(stated, roots, list(zip(degrees, sizes, strict=True)), first)
            held = [True] * len(programs)
            for drawn in fresh:
                for _ in range(drawn.modulus.points):
                    here = self._at_a_point(drawn.fields, programs)
                    held = [a and b for a, b in zip(held, here, strict=True)]
        except FAULTS as error:
            return {n: self._law(n, data, str(error), "refuted") for n in numbers}
        moduli = [drawn.modulus for drawn in fresh]
        where = f"{_POINTS} points mod each of {len(moduli)} random primes"
        found = {}
        for n, degree, size, holds in zip(numbers, degrees, sizes, held, strict=True):
            error_bound = soundness_error(degree, size, moduli)
            if not holds:
                made = self._law(n, data, f"fails at {where}", "refuted")
            elif not error_bound <= SURE:
                done = "its numbers are too large to be tested mod the primes there are"
                made = self._law(n, data, done, "refuted")
            else:
                of = "degree unknown" if degree is None else f"degree {degree}"
                told = None if degree is None else error_bound
                made = replace(self._law(n, data, f"{of}, {where}", "holds"), error=told)
            found[n] = replace(made, primes=tuple(modulus.prime for modulus in moduli))
        return found

    def _law(self, n: int, data: Data, done: str, verdict: Verdict) -> Statement:
        return Statement(self.titles[n], data, done, verdict, law=n + 1)

    def _enough(
        self,
        stated: Stated,
        roots: int,
        wanted: Sequence[tuple[int | None, float]],
        first: _Fresh,
    ) -> list[_Fresh]:
        """Fields mod so many random primes that no false law is missed; or large ones."""
        held = [first] if first.modulus.roots % lcm(stated.roots, roots) == 0 else []
        for top, most in ((stated.top, _MODULI), (2**61, 2)):
            while len(held) < most:
                moduli = [fresh.modulus for fresh in held]
                if len(held) > 1 and max(soundness_error(d, b, moduli) for d, b in wanted) <= SURE:
                    return held
                for _ in range(_TRIES):
                    drawn = self._drawn(stated, top, roots)
                    if all(drawn.modulus.prime != m.prime for m in moduli):
                        break
                held.append(drawn)
            if (
                max(soundness_error(d, b, [fresh.modulus for fresh in held]) for d, b in wanted)
                <= SURE
            ):
                return held
            held = [] if top < 2**61 else held
        return held

    def _at_a_point(self, fields: Fields, programs: Sequence[Program]) -> list[bool]:
        """Each law at the first random point where it and the fields have values."""
        held: dict[int, bool] = {}
        drawn = False
        for _ in range(_DRAWS):
            theta = fields.point()
            try:
                _, values = fields.draw(_FIELDS, theta)
            except DegenerateSampleError:
                continue
            drawn = True
            for index, program in enumerate(programs):
                if index not in held:
                    _try(held, index, program, fields, theta[0, 0], values)
            if len(held) == len(programs):
                break
        if not drawn:
            raise DegenerateSampleError(
                f"no point at which the fields have values in {_DRAWS} draws"
            )
        return [held.get(index, False) for index in range(len(programs))]

    def _upper(self, claim: Claim) -> Outcome:
        upper, recipe = claim.upper, claim.upper.recipe
        stated = self._stated(claim.data)
        try:
            fields, ranks = replay(stated, recipe)
            if stated.symmetry is not None and claim.data not in self.seen:
                self._require_as_stated(stated)
            generic = genericity(fields) if upper.rigorous else None
        except FAULTS as error:
            return str(error), "refuted"
        brackets = " + ".join(map(str, recipe.counts))
        done = f"rank {ranks[-1]} of {self.size} mod {recipe.prime}, {brackets} brackets"
        if any(have < claimed for have, claimed in zip(ranks, upper.ranks, strict=True)):
            return f"{done}: ranks {list(ranks)}", "refuted"
        if patterns_of(stated, fields) != upper.patterns:
            return f"activation patterns that count: {patterns_of(stated, fields)}", "refuted"
        if upper.patterns == "one cell":
            done += ", one cell of patterns"
        if generic is None:
            return f"{done}, formal values not shown generic", "open"
        if not generic.holds:
            return generic.note, "refuted"
        if generic.arguments:
            done += f", {generic.arguments} independent arguments"
        return done, "proved"

    def _require_as_stated(self, stated: Stated) -> None:
        """Mod a bad prime a group may seem to be another than it is.

        Raises:
            InputError: it is not as stated.
            LimitError: that cannot be told mod the primes there are.
        """
        wanted = [(0 if stated.symmetry and stated.symmetry.order else None, stated.bits)]
        fresh = self._enough(stated, 1, wanted, self._drawn(stated, stated.top, 1))
        if not soundness_error(*wanted[0], [drawn.modulus for drawn in fresh]) <= SURE:
            raise LimitError("symmetry: its numbers are too large to be tested mod a prime")

    def _lower(self, claim: Claim) -> Outcome:
        lower, minor, laws = claim.lower, claim.lower.minor, self.certificate.laws
        size = f"{lower.written} × {lower.written}"
        try:
            if not is_nonzero(self.programs, self.size, minor):
                return f"the {size} minor of gradients is 0 mod {minor.prime}", "refuted"
        except FAULTS as error:
            return str(error), "refuted"
        if lower.rigorous and not seen_everywhere(laws, minor.rows, claim.upper.patterns):
            return "its laws are tested on one cell of activation patterns only", "refuted"
        done = f"a {size} minor of gradients is not 0 mod {minor.prime}"
        return done, "proved" if lower.rigorous else "open"

    def _exist(self, claim: Claim) -> Statement:
        """As many laws exist as the rank leaves room for, written down or not."""
        says = f"{claim.lower.laws} exist: the brackets span something closed"
        rank, stated = self.size - claim.upper.laws, self._stated(claim.data)
        seed = int(self.rng.integers(SEED_LIMIT))
        try:
            found = existence(stated, claim.upper.recipe.counts, rank, seed=seed)
        except FAULTS as error:
            return Statement(says, claim.data, str(error), "refuted")
        if not found.holds:
            where = f"not closed of rank {rank} mod {found.primes[-1]}"
            return Statement(says, claim.data, where, "refuted")
        of = "degree unknown" if found.degree is None else f"minors of degree {found.degree:,}"
        where = f"{of}, mod {len(found.primes)} random primes"
        return Statement(says, claim.data, where, "holds", found.error, primes=found.primes)


def patterns_of(stated: Stated, fields: Fields) -> Patterns:
    """Which activation patterns some fields count."""
    if not stated.program.choices:
        return "none"
    return "one cell" if fields.one_cell else "every"


def seen_everywhere(
    laws: Sequence[StatedLaw], rows: Sequence[tuple[int, int]], patterns: Patterns
) -> bool:
    """Whether the laws of a minor were tested on all activation patterns that count.

    Those of the architecture are, on gates that stand for all patterns; those due to the data are
    tested on sampled patterns, where patterns are sampled.
    """
    due = any(laws[law].origin != "architecture" for law, _ in rows)
    return not (due and patterns == "one cell")


def _try(
    held: dict[int, bool], index: int, program: Program, fields: Fields, at: Array, along: Array
) -> None:
    try:
        held[index] = not laws_as_data.derivative(program, fields.scalars, at, along).any()
    except DegenerateSampleError:
        return


def _status(claim: Claim, *, sound: bool) -> Outcome:
    if not sound:
        return "rests on what is refuted", "open"
    if claim.certified:
        return "the bounds coincide and are rigorous", "certified"
    return "the bounds " + (
        "coincide" if claim.lower.laws == claim.upper.laws else "differ"
    ), "open"


def _identity_degree(fields: Degree | None, law: Degree | None) -> int | None:
    """Of the numerator of ⟨∇h, w⟩: D ∇N − N ∇D for h = N/D, times that of w."""
    if fields is None or law is None:
        return None
    return fields.above + max(law.above + law.below - 1, 0)
