"""Proving a certificate again, from what it says alone.

The closure and the search that made it are not trusted and not needed: ranks are found again from
their recipes, laws are tested on fresh points mod primes nobody could foresee, minors are evaluated
again, and the status has to follow.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import nullcontext
from math import lcm
from pathlib import Path
from time import perf_counter

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.check.chance import Modulus, chance
from conserved.check.document import Certificate, Claim, Data, patterns_of, seen_everywhere
from conserved.check.independence import is_nonzero
from conserved.check.reading import read_file
from conserved.check.report import Report, Statement, Verdict
from conserved.cost import estimate
from conserved.degree import Degree, field_degree, law_degree
from conserved.errors import InputError, LimitError, Redraw
from conserved.existence import existence
from conserved.fields import choose_route, unlucky
from conserved.genericity import genericity
from conserved.kernel.deadline import time_limit
from conserved.kernel.primes import Prime, is_prime, modulus
from conserved.kernel.residues import residues
from conserved.law import Law
from conserved.problem import Problem
from conserved.recipe import SEED_LIMIT, replay
from conserved.verification import largest_prime, points_for, verify

Outcome = tuple[str, Verdict]  # what was done, and what came of it
_SECOND = 2  # points mod the second prime
_SURE = 1e-9  # a false law may pass with this probability at most
_MODULI = 8  # small primes at most, before large ones are taken
_TRIES = 8  # draws of a second prime that is not the first
_DRAWS = 20_000  # numbers looked at for a prime
_SHOWN = 60  # characters of a law


def check_file(path: str | Path, *, seed: int | None = None, budget: float | None = None) -> Report:
    """Prove the certificate in a file again.

    Args:
        path: of the file.
        seed: of the fresh points; by default from the system's entropy.
        budget: seconds after which the check is given up.

    Raises:
        InputError: an unreadable file, or one that is no certificate, with the place.
        ConservedError: the budget is used up, or the problem is too large.
    """
    return check_certificate(read_file(path), seed=seed, budget=budget)


def check_certificate(
    certificate: Certificate, *, seed: int | None = None, budget: float | None = None
) -> Report:
    """Prove a certificate again; the report says which statement failed.

    Args:
        certificate: as read from a file.
        seed: of the fresh points; by default from the system's entropy.
        budget: seconds after which the check is given up.

    Raises:
        ConservedError: the budget is used up, or the problem is too large.
    """
    if seed is None:
        seed = secrets.randbelow(SEED_LIMIT)
    if not 0 <= seed <= SEED_LIMIT:
        raise InputError("seed", seed, f"a whole number from 0 to {SEED_LIMIT} is needed")
    if budget is not None and not budget > 0:
        raise InputError("budget", budget, "a budget is a positive number of seconds")
    start = perf_counter()
    with nullcontext() if budget is None else time_limit(budget):
        statements = _Check(certificate, seed).statements()
    return Report(certificate, tuple(statements), seed, perf_counter() - start)


class _Check:
    """One run over a certificate."""

    def __init__(self, certificate: Certificate, seed: int) -> None:
        self.certificate = certificate
        self.seed = seed
        self.rng = np.random.default_rng([seed, 779])  # for the primes
        self.size = certificate.problem.network.size
        self.met: dict[Data, Prime] = {}  # random primes on BLAS, whose averages are known by now

    def statements(self) -> list[Statement]:
        claims = self.certificate.claims
        for claim in claims:  # what is too large is refused before anything is computed
            estimate(self._problem(claim.data), claim.upper.recipe.route)
        found: list[Statement] = []
        with threads_for(self.size):
            for claim in reversed(claims):  # all data first: a smaller class builds on them
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

    def _problem(self, data: Data) -> Problem:
        problem = self.certificate.problem
        return problem.architecture() if data == "all" else problem

    def _laws(self, data: Data) -> list[Statement]:
        """The laws of a class of data that a larger one does not have."""
        origin = "architecture" if data == "all" else "data symmetry"
        numbered = [(n, law) for n, law in enumerate(self.certificate.laws) if law.origin == origin]
        if not numbered:
            return []
        problem = self._problem(data)
        try:
            fields = field_degree(problem, seed=self.seed)
        except (InputError, Redraw) as error:
            return [
                Statement(f"law {n + 1}: {_short(law)}", data, str(error), "refuted")
                for n, law in numbered
            ]
        found: dict[int, Statement] = {}
        for roots in dict.fromkeys(law.roots for _, law in numbered):  # of the others: no matter
            some = [(n, law) for n, law in numbered if law.roots == roots]
            found |= self._of_roots(problem, data, some, fields)
        return [found[n] for n, _ in numbered]

    def _of_roots(
        self, problem: Problem, data: Data, numbered: list[tuple[int, Law]], fields: Degree | None
    ) -> dict[int, Statement]:
        """Laws whose coefficients lie in one field, tested together."""
        laws = [law for _, law in numbered]
        says = {n: f"law {n + 1}: {_short(law)}" for n, law in numbered}
        try:
            degrees = [_identity_degree(fields, law_degree(law, seed=self.seed)) for law in laws]
            moduli = self._moduli(problem, laws, degrees)
            tests = [
                verify(problem, laws, seed=self.seed + k, points=m.points, prime=modulus(m.prime))
                for k, m in enumerate(moduli)
            ]
        except (InputError, Redraw) as error:
            return {n: Statement(text, data, str(error), "refuted") for n, text in says.items()}
        if moduli[-1].prime < 2**23:
            self.met[data] = modulus(moduli[-1].prime)
        where = ", ".join(f"{m.points} points mod {m.prime}" for m in moduli)
        statements = {}
        for k, (n, law) in enumerate(numbered):
            missed = chance(law, degrees[k], moduli)
            if not all(test.holds[k] for test in tests):
                statements[n] = Statement(says[n], data, f"fails at {where}", "refuted")
            elif missed > _SURE:
                done = "its numbers are too large to be tested mod the primes there are"
                statements[n] = Statement(says[n], data, done, "refuted")
            else:
                of = "degree unknown" if degrees[k] is None else f"degree {degrees[k]}"
                told = None if degrees[k] is None else missed
                statements[n] = Statement(says[n], data, f"{of}, {where}", "holds", told)
        return statements

    def _moduli(
        self, problem: Problem, laws: Sequence[Law], degrees: Sequence[int | None]
    ) -> list[Modulus]:
        """Random primes: more of them, or large ones, where these could miss a false law."""
        roots = lcm(problem.group.roots, *(law.roots for law in laws))
        first = (largest_prime(problem), 2**31)
        schemes = [first, (2**31,) * _MODULI, (2**61, 2**61)]
        if first[0] <= 2**31 and choose_route(problem) == "moments":
            # averages of a large lift: a few primes on BLAS cost less than one beyond
            schemes.insert(0, (2**23,) * _MODULI)
        moduli: list[Modulus] = []
        for tops in schemes:
            for count in range(2, len(tops) + 1):
                moduli = self._drawn(roots, tops[:count])
                missed = (chance(law, d, moduli) for law, d in zip(laws, degrees, strict=True))
                if max(missed) <= _SURE:
                    return moduli
        return moduli

    def _drawn(self, roots: int, tops: Sequence[int]) -> list[Modulus]:
        """Distinct primes, one below each of these bounds."""
        moduli: list[Modulus] = []
        for k, top in enumerate(tops):
            prime = self._prime(roots, top)
            for _ in range(_TRIES):
                if all(prime != m.prime for m in moduli):
                    break
                prime = self._prime(roots, top)
            points = points_for(prime) if k == 0 else _SECOND
            moduli.append(Modulus(int(prime), top, roots, points))
        return moduli

    def _prime(self, roots: int, top: int) -> Prime:
        """A prime from top/2 to top that is 1 mod 4·roots, each as likely as any other.

        Raises:
            LimitError: there are next to none.
        """
        step = 4 * roots
        for _ in range(_DRAWS):
            number = 1 + step * int(self.rng.integers(top // 2 // step, top // step))
            if is_prime(number):
                return modulus(number)
        raise LimitError(f"next to no primes below {top} are 1 mod {step}")

    def _upper(self, claim: Claim) -> Outcome:
        upper, recipe = claim.upper, claim.upper.recipe
        try:
            found = replay(self._problem(claim.data), recipe)
        except (InputError, Redraw) as error:
            return str(error), "refuted"
        fields, ranks = found.fields, found.ranks
        brackets = " + ".join(map(str, recipe.counts))
        done = f"rank {ranks[-1]} of {self.size} mod {recipe.prime}, {brackets} brackets"
        if any(have < claimed for have, claimed in zip(ranks, upper.ranks, strict=True)):
            return f"{done}: ranks {list(ranks)}", "refuted"
        if upper.patterns == "one cell":
            done += ", one cell of patterns"
        if patterns_of(fields) != upper.patterns:
            return f"activation patterns that count: {patterns_of(fields)}", "refuted"
        # mod an unlucky prime a group may seem to have more invariants than it has
        small = self.met.get(claim.data) or self._prime(fields.problem.group.roots, 2**23)
        fresh = residues(small)
        if fault := unlucky(fields.problem, fields.scalars, fresh, recipe.route):
            return fault, "refuted"
        if not upper.rigorous:
            return f"{done}, formal values not shown generic", "open"
        generic = genericity(fields)
        if not generic.holds:
            return generic.note, "refuted"
        if generic.arguments:
            done += f", {generic.arguments} independent arguments"
        return done, "proved"

    def _lower(self, claim: Claim) -> Outcome:
        lower, minor, laws = claim.lower, claim.lower.minor, self.certificate.laws
        size = f"{lower.written} × {lower.written}"
        try:
            if not is_nonzero(laws, self.size, minor):
                return f"the {size} minor of gradients is 0 mod {minor.prime}", "refuted"
        except (InputError, Redraw) as error:
            return str(error), "refuted"
        if lower.rigorous and not seen_everywhere(laws, minor, claim.upper.patterns):
            return "its laws are tested on one cell of activation patterns only", "refuted"
        done = f"a {size} minor of gradients is not 0 mod {minor.prime}"
        return done, "proved" if lower.rigorous else "open"

    def _exist(self, claim: Claim) -> Statement:
        """As many laws exist as the rank leaves room for, written down or not."""
        says = f"{claim.lower.laws} exist: the brackets span something closed"
        rank = self.size - claim.upper.laws
        try:
            found = existence(
                self._problem(claim.data), claim.upper.recipe.counts, rank, seed=self.seed
            )
        except (InputError, Redraw) as error:
            return Statement(says, claim.data, str(error), "refuted")
        if not found.holds:
            where = f"not closed of rank {rank} mod {found.primes[-1]}"
            return Statement(says, claim.data, where, "refuted")
        of = "degree unknown" if found.degree is None else f"minors of degree {found.degree:,}"
        where = f"{of}, mod {len(found.primes)} random primes"
        return Statement(says, claim.data, where, "holds", found.error)


def _status(claim: Claim, *, sound: bool) -> Outcome:
    if not sound:
        return "rests on what is refuted", "open"
    if claim.certified:
        return "the bounds meet and are rigorous", "certified"
    return "the bounds " + ("meet" if claim.lower.laws == claim.upper.laws else "differ"), "open"


def _identity_degree(fields: Degree | None, law: Degree | None) -> int | None:
    """Of the numerator of ⟨∇h, w⟩: D ∇N − N ∇D for h = N/D, times that of w."""
    if fields is None or law is None:
        return None
    return fields.above + max(law.above + law.below - 1, 0)


def _short(law: Law) -> str:
    """What is proved of a law, without words that its author chose."""
    text = law.statement
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
