"""What a check must find: claims of less pass, claims of more and false laws do not."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

import conserved as cq
from conserved.certificate import Certificate, check_certificate, read_json, read_text
from conserved.certificate.laws import program_of
from conserved.certificate.make import certify
from conserved.closure import lie_closure
from conserved.errors import ConservedError, InputError
from conserved.kernel import reading as kernel_reading
from conserved.kernel.certificate import NEXT, Claim
from conserved.kernel.check import check
from conserved.kernel.deadline import OutOfTimeError
from conserved.kernel.minor import is_nonzero
from conserved.kernel.report import Report, Statement
from conserved.law import GramLaw, GramTerm, Law, Layout
from tests.certificate.samples import NAMES, accepted, document, minor_of, sample
from tests.verification.laws import FALSE, TRUE, per_unit


def verdicts(certificate: Certificate) -> dict[str, str]:
    report = check_certificate(certificate, seed=3)
    return {f"{s.says} ({s.data})": s.verdict for s in report.statements}


def with_claim(certificate: Certificate, index: int = 0, **changes: Any) -> Certificate:
    claims = list(certificate.claims)
    claims[index] = replace(claims[index], **changes)
    return replace(certificate, claims=tuple(claims))


def opened(claim: Claim) -> dict[str, Any]:
    """What makes a claim consistent that proves less."""
    return {"status": "OPEN", "next": (NEXT["laws"],)}


# ------------------------------------------------------------------ valid ones


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_valid(name: str) -> None:
    certificate = read_text(sample(name).text())
    assert certificate == sample(name)
    report = check_certificate(certificate)  # fresh points
    assert report.valid
    assert report.status == ("CERTIFIED" if certificate.certified else "OPEN")
    again = check_certificate(certificate, seed=report.seed)
    assert again == report


@pytest.mark.parametrize("spec", TRUE)
def test_laws_made_by_hand(spec: str) -> None:
    """Closed forms on one side, the closure on the other: they meet."""
    problem = cq.Problem.from_text(spec)
    certificate = certify(problem, lie_closure(problem, seed=1), TRUE[spec])
    assert certificate.certified
    assert check_certificate(read_text(certificate.text())).status == "CERTIFIED"


def test_the_error_is_that_of_all_laws_together() -> None:
    report = check_certificate(sample("two heads"), seed=0)
    errors = [s.error for s in report.statements if s.verdict == "holds"]
    assert len(errors) == 4
    assert all(error is not None and 0 < error < 1e-9 for error in errors)
    assert report.error == sum(error or 0 for error in errors)


def test_what_is_proved_has_no_probability() -> None:
    for name in NAMES:
        for statement in check_certificate(sample(name), seed=0).statements:
            assert (statement.error is None) == (statement.verdict != "holds")


def test_primes_are_drawn_anew() -> None:
    """A law may be made to hold mod one prime, not mod primes that nobody knows."""
    moduli = {check_certificate(sample("linear")).statements[0].primes for _ in range(3)}
    assert len(moduli) == 3


# ------------------------------------------------------------------ claims of less


def test_fewer_laws_are_an_interval() -> None:
    full = sample("linear")
    claim = full.claims[0]
    minor = replace(claim.lower.minor, rows=((0, 0), (0, 2)))
    columns = independence_columns(full.laws, minor.rows)
    lower = replace(claim.lower, laws=2, minor=replace(minor, columns=columns))
    less = with_claim(full, lower=lower, **opened(claim))
    less = replace(less, laws=(replace(full.laws[0], independent=2),))
    less = read_text(less.text())
    assert verdicts(less)["2 to 3 (all)"] == "open"
    assert check_certificate(less).status == "OPEN"


def independence_columns(laws: tuple[Law, ...], rows: Any) -> tuple[int, ...]:
    """Columns in which these rows have a minor that is not 0, by trying."""
    from itertools import combinations

    size = laws[0].layout.size
    point = minor_of(laws, size, size)
    programs = [program_of(law) for law in laws]
    for columns in combinations(range(size), len(rows)):
        if is_nonzero(programs, size, replace(point, rows=tuple(rows), columns=columns)):
            return columns
    raise AssertionError("dependent")


def test_a_lower_rank_is_an_interval() -> None:
    full = sample("linear")
    claim = full.claims[0]
    upper = replace(claim.upper, laws=4, ranks=(6, 6))
    less = read_text(with_claim(full, upper=upper, **opened(claim)).text())
    assert verdicts(less)["3 to 4 (all)"] == "open"


@pytest.mark.parametrize("side", ["upper", "lower"])
def test_a_proof_may_be_called_none(side: str) -> None:
    full = sample("linear")
    claim = full.claims[0]
    bound = replace(getattr(claim, side), rigorous=False)
    less = read_text(with_claim(full, **{side: bound}, **opened(claim)).text())
    assert check_certificate(less).status == "OPEN"


# ------------------------------------------------------------------ claims of more


def test_a_higher_rank_is_refuted() -> None:
    full = sample("open")
    claim = full.claims[0]
    upper = replace(claim.upper, laws=6, ranks=(2,))
    lower = replace(claim.lower, laws=6, exist=False)
    claimed = with_claim(full, upper=upper, lower=lower, status="CERTIFIED", next=())
    found = verdicts(read_text(claimed.text()))
    assert found["at most 6 laws (all)"] == "refuted"
    assert found["exactly 6 (all)"] == "open"
    assert list(found.values()).count("refuted") == 1


def test_a_dependent_law_is_refuted() -> None:
    """W3 W3ᵀ against W1 W1ᵀ is the sum of the two laws before it."""
    full = sample("open")
    layout = full.laws[0].layout
    both = GramLaw(
        layout=layout,
        terms=(GramTerm("W1", 0), GramTerm("W2", 0), GramTerm("W2", 1, -1), GramTerm("W3", 1, -1)),
        independent=1,
    )
    claim = full.claims[0]
    minor = replace(
        claim.lower.minor, rows=(*claim.lower.minor.rows, (2, 0)), columns=tuple(range(7))
    )
    more = replace(
        with_claim(
            full,
            lower=replace(claim.lower, laws=7, minor=minor, exist=False),
            status="CERTIFIED",
            next=(),
        ),
        laws=(*full.laws, both),
    )
    found = verdicts(read_text(more.text()))
    assert found["at least 7 independent (all)"] == "refuted"
    assert list(found.values()).count("refuted") == 1


def test_too_few_brackets_are_refuted() -> None:
    full = sample("linear")
    upper = full.claims[0].upper
    recipe = replace(upper.recipe, counts=(upper.recipe.counts[0] - 3, *upper.recipe.counts[1:]))
    found = verdicts(with_claim(full, upper=replace(upper, recipe=recipe)))
    assert found["at most 3 laws (all)"] == "refuted"


def test_formal_values_that_are_not_generic_are_refuted() -> None:
    """The three arguments of tanh along an orbit of C_3 add up to 0."""
    problem = cq.Problem.from_text("mlp:2-2-1,act=tanh", symmetry="rotation:3")
    closures = lie_closure(problem), lie_closure(problem.architecture())
    certificate = certify(problem, closures[0], [], architecture=closures[1])
    claim = certificate.claims[0]
    assert claim.lower.laws == claim.upper.laws == 0
    assert (claim.status, claim.next) == ("OPEN", (NEXT["formal"],))
    assert verdicts(certificate)["0 to 0 (symmetric)"] == "open"
    upper = replace(claim.upper, rigorous=True)
    more = with_claim(certificate, upper=upper, status="CERTIFIED", next=())
    assert verdicts(read_text(more.text()))["at most 0 laws (symmetric)"] == "refuted"


def test_other_patterns_are_refuted() -> None:
    full = sample("one cell of patterns")
    upper = replace(full.claims[0].upper, patterns="every")
    assert verdicts(with_claim(full, upper=upper))["at most 4 laws (symmetric)"] == "refuted"


def test_laws_of_one_cell_prove_nothing_for_the_others() -> None:
    full = sample("one cell of patterns")
    due = replace(full, laws=tuple(replace(law, origin="data symmetry") for law in full.laws))
    found = verdicts(due)
    assert found["at least 4 independent (symmetric)"] == "refuted"


def test_averages_mod_a_bad_prime_are_refuted() -> None:
    """Two planes that turn by ω = (20 + 21i)/29 and by ω^10 have nothing to do with each other.

    Mod p = 50338331, ω^11 = 1: there ω^10 = ω⁻¹, the planes look alike, more averages seem
    invariant, the rank comes out too high and the bound too low.
    """
    prime = 50338331
    cosine, sine = powers_of_turn(10)
    one, ten = turn(Fraction(20, 29), Fraction(21, 29)), turn(cosine, sine)
    zero = ["0", "0"]
    generator = [[*row, *zero] for row in one] + [[*zero, *row] for row in ten]
    files = {"turns.json": {"schema": "conserved.group/1", "generators": [generator]}}
    problem = cq.Problem.from_text("linear:4-1-1", symmetry="turns.json", files=files)
    right, wrong = lie_closure(problem), lie_closure(problem, prime=prime)
    assert (wrong.upper, right.upper) == (1, 3)
    architecture = lie_closure(problem.architecture())
    honest = certify(problem, right, [], architecture=architecture)
    assert check_certificate(honest).valid
    with pytest.raises(InputError, match="there are 4 and 0 mod 50338331"):
        certify(problem, wrong, [], architecture=architecture)
    upper = honest.claims[0].upper
    recipe = replace(upper.recipe, prime=prime, counts=(8,))
    lower = replace(honest.claims[0].lower, laws=1)
    claimed = with_claim(
        honest, upper=replace(upper, laws=1, ranks=(4,), recipe=recipe), lower=lower
    )
    assert verdicts(claimed)["at most 1 law (symmetric)"] == "refuted"


def powers_of_turn(exponent: int) -> tuple[Fraction, Fraction]:
    """Real and imaginary part of ((20 + 21i)/29)^exponent."""
    real, imaginary = 1, 0
    for _ in range(exponent):
        real, imaginary = 20 * real - 21 * imaginary, 21 * real + 20 * imaginary
    return Fraction(real, 29**exponent), Fraction(imaginary, 29**exponent)


def turn(cosine: Fraction, sine: Fraction) -> list[list[str]]:
    return [[str(cosine), str(-sine)], [str(sine), str(cosine)]]


# ------------------------------------------------------------------ false laws


def planted(spec: str, law: Law) -> Certificate:
    """A certificate in which a false law stands beside the true ones, else as it should be."""
    problem = cq.Problem.from_text(spec)
    valid = certify(problem, lie_closure(problem), TRUE.get(spec, []))
    laws = (*valid.laws, law)
    claim = valid.claims[0]
    minor = minor_of(laws, problem.network.size, problem.network.size)
    counts = [sum(row[0] == k for row in minor.rows) for k in range(len(laws))]
    laws = tuple(replace(law, independent=n) for law, n in zip(laws, counts, strict=True))
    lower = replace(claim.lower, laws=len(minor.rows), minor=minor)
    # the bounds must not cross, so a lower rank is claimed
    room = max(claim.upper.laws, lower.laws)
    rank = problem.network.size - room
    ranks = tuple(min(rank, found) for found in claim.upper.ranks[:-1])
    upper = replace(claim.upper, laws=room, ranks=(*ranks, rank))
    claim = replace(claim, upper=upper, lower=lower)
    ending = {"status": "CERTIFIED", "next": ()} if claim.proved else opened(claim)
    return replace(valid, laws=laws, claims=(replace(claim, **ending),))


@pytest.mark.parametrize("spec, fault, law", FALSE, ids=lambda v: str(v)[:40])
def test_false_laws_are_named(spec: str, fault: str, law: Law) -> None:
    certificate = read_text(planted(spec, law).text())
    report = check_certificate(certificate)
    assert [s.says for s in report.refuted] == [f"law {len(certificate.laws)}: {law.name}"[:67]]
    assert report.status == "REFUTED"


@pytest.mark.parametrize("spec, fault, law", FALSE[::5], ids=lambda v: str(v)[:40])
def test_false_laws_are_not_certified(spec: str, fault: str, law: Law) -> None:
    problem = cq.Problem.from_text(spec)
    with pytest.raises(ConservedError, match="is not conserved"):
        certify(problem, lie_closure(problem), [law])


def test_laws_of_the_symmetry_are_no_laws_for_all_data() -> None:
    """Called architecture, the range law is tested on all data and fails."""
    data = document("range under a symmetry")
    data["laws"][1]["origin"] = data["laws"][1]["words"]["origin"] = "architecture"
    report = check_certificate(read_json(data))
    assert [s.says[:12] for s in report.refuted] == ["law 2: range"]


# ------------------------------------------------------------------ claims that more exist


class TestExistence:
    """linear:1-2-2-1 has 7 laws, of which 6 are written down."""

    full = sample("open")

    def test_holds(self) -> None:
        claim = self.full.claims[0]
        assert (claim.lower.laws, claim.lower.written, claim.lower.exist) == (7, 6, True)
        report = check_certificate(self.full)
        assert report.status == "CERTIFIED"
        assert report.error is not None
        assert report.error < 1e-9

    def test_a_level_too_few_is_refuted(self) -> None:
        problem = cq.Problem.from_text("linear:3-2-2")
        certificate = certify(problem, lie_closure(problem), [])
        (claim,) = certificate.claims
        assert (claim.lower.laws, claim.lower.written) == (3, 0)
        counts = claim.upper.recipe.counts[:1]
        short = replace(
            claim.upper,
            laws=4,
            ranks=claim.upper.ranks[:1],
            recipe=replace(claim.upper.recipe, counts=counts),
        )
        spoilt = with_claim(certificate, upper=short, lower=replace(claim.lower, laws=4))
        found = verdicts(read_text(spoilt.text()))
        assert found["4 exist: the brackets span something closed (all)"] == "refuted"

    @pytest.mark.parametrize("rank", [6, 8])
    def test_a_fabricated_rank_is_refuted(self, rank: int) -> None:
        problem = cq.Problem.from_text("linear:3-2-2")
        certificate = certify(problem, lie_closure(problem), [])
        (claim,) = certificate.claims
        upper = replace(claim.upper, laws=10 - rank, ranks=(6, rank))
        spoilt = with_claim(certificate, upper=upper, lower=replace(claim.lower, laws=10 - rank))
        assert check_certificate(read_text(spoilt.text())).status == "REFUTED"

    def test_a_generator_left_out_is_refuted(self) -> None:
        """Two laws under all turns of a cube; under half turns about one axis there is one."""
        problem = cq.Problem.from_text("poly:3-1-1,power=3", symmetry="icosahedral")
        data = json.loads(cq.analyze(problem).certificate.text())
        assert data["claims"][0]["lower"]["exist"]
        del data["symmetry"]["generators"][0]
        assert not accepted(data)  # the name is another group's
        data["symmetry"]["order"] = 3
        with pytest.raises(InputError, match="its matrices are not those stated"):
            read_text(json.dumps(data))
        assert check(kernel_reading.read_json(data)).status == "REFUTED"  # nor is the count


def test_a_budget_ends_a_check() -> None:
    with pytest.raises(OutOfTimeError):
        check_certificate(sample("linear"), budget=1e-9)


@pytest.mark.parametrize("arguments", [{"seed": -1}, {"seed": 2**53}, {"budget": 0.0}])
def test_unusable_arguments(arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        check_certificate(sample("linear"), **arguments)


def test_a_degree_too_high_to_measure_is_bounded() -> None:
    problem = cq.Problem.from_text("poly:1-1-1-1,power=40")
    law = per_unit(Layout.of(problem.network.parameters), 40)
    report = check_certificate(certify(problem, lie_closure(problem), law))
    assert report.status == "CERTIFIED"
    assert report.error is not None
    assert report.error < 1e-9


def test_laws_that_read_alike_share_a_row() -> None:
    laws = [
        Statement(f"law {n}: {title}", "all", "degree 2", verdict, law=n)
        for n, title, verdict in [
            (1, "range of W", "holds"),
            (2, "range of W", "holds"),
            (3, "‖W‖²", "holds"),
            (4, "range of W", "holds"),
            (5, "range of W", "refuted"),
        ]
    ]
    certificate = check_certificate(sample("linear"), seed=0).certificate
    text = Report(certificate, tuple(laws), 0, 0.0).text()
    assert [line.split("  ")[0] for line in text.splitlines()[1:5]] == [
        "laws 1–2, 4: range of W",
        "law 3: ‖W‖²",
        "law 5: range of W",
        "",
    ]
