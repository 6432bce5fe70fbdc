"""A false law with huge coefficients: it could vanish mod every prime there is to draw."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

import pytest

import conserved as cq
from conserved.certificate import check_file
from conserved.certificate.laws import program_of
from conserved.certificate.statement import symmetry_of
from conserved.kernel.height import bits
from conserved.kernel.primes import is_prime, prime_with_roots
from conserved.kernel.soundness import Modulus, soundness_error
from conserved.law import GramLaw, GramTerm, Law, Layout, SpanLaw, SpanPart
from tests.certificate.samples import minor_of

LAYOUT = Layout((("W1", (1, 24)), ("W2", (1, 1))))
ROOTS, MORE = 9901, 499
# every prime below 2^31 that both roots of unity allow: the author of a file can list them
PRIMES = [n for n in range(4 * ROOTS * MORE + 1, 2**31, 4 * ROOTS * MORE) if is_prime(n)]


def norm(factor: int) -> GramLaw:
    """factor·‖W2‖², which nothing conserves."""
    terms = (GramTerm("W2", 1, factor),)
    return GramLaw(layout=LAYOUT, terms=terms, origin="data symmetry", independent=1)


def test_coefficients_that_vanish_mod_a_prime_are_reckoned_with() -> None:
    small = [Modulus(PRIMES[0], 2**31, ROOTS * MORE, 4), Modulus(PRIMES[1], 2**31, ROOTS * MORE, 2)]
    large = [Modulus(2**61 - 1, 2**61, 1, 2), Modulus(2**31 - 1, 2**31, 1, 2)]
    hidden, plain = norm(prod(PRIMES)), norm(1)
    assert bits(program_of(hidden)) > 250
    assert bound(hidden, small) == 1.0
    assert bound(plain, large) < 1e-15
    assert bound(plain, large) < bound(hidden, large) < 1e-9
    assert bound(plain, large[:1]) > bound(plain, large)


def bound(law: GramLaw, moduli: list[Modulus]) -> float:
    return soundness_error(9, bits(program_of(law)), moduli)


@pytest.mark.slow
def test_a_law_made_to_vanish_mod_all_small_primes_is_refuted(tmp_path: Path) -> None:
    problem = cq.Problem.from_text("linear:24-1-1", loss="poly:3", symmetry="rotation:9901+none:22")
    factor = f"cos(2*pi/{MORE})"  # harmless, but it would narrow the primes down to ten
    rows = ((factor, *("0",) * 23), ("0", factor, *("0",) * 22))
    balance = GramLaw(
        layout=LAYOUT, terms=(GramTerm("W1", 0), GramTerm("W2", 1, -1)), independent=1
    )
    turned = SpanLaw(
        layout=LAYOUT,
        origin="data symmetry",
        independent=1,
        what="range",
        parts=(SpanPart("W1", 1, rows),),
        vectors=(0,),
        pivots=(0,),
    )
    laws: list[Law] = [balance, turned, norm(prod(PRIMES))]
    symmetry = symmetry_of(problem)
    assert symmetry is not None
    document = {
        "schema": "conserved.certificate/2",
        "version": cq.__version__,
        "words": {"problem": problem.to_json(), "groups": {}},
        "program": problem.network.program.to_json(),
        "loss": problem.loss.spec,
        "symmetry": symmetry.to_json(),
        "flow": None,
        "data": None,
        "laws": [
            {"origin": law.origin, "program": program_of(law).to_json(), "words": law.to_json()}
            for law in laws
        ],
        "claims": [
            claim("symmetric", laws, 22, int(prime_with_roots(ROOTS, 2**23)), 26),
            claim("all", laws[:1], 24, 8388593, 28),
        ],
    }
    path = tmp_path / "attack.json"
    path.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    report = check_file(path)
    assert report.status == "REFUTED"
    refuted = [statement.says for statement in report.refuted]
    assert any(statement.startswith("law 3") for statement in refuted)


def claim(data: str, laws: list[Law], rank: int, prime: int, count: int) -> dict[str, object]:
    """A claim as the author of a file would write it."""
    minor = minor_of(laws, LAYOUT.size, len(laws))
    recipe = {"prime": prime, "seed": 0, "counts": [count]}
    upper = {"laws": len(laws), "ranks": [rank], "rigorous": True, "patterns": "none"}
    lower = {"laws": len(laws), "written": len(laws), "exist": False, "rigorous": True}
    return {
        "data": data,
        "upper": {**upper, "recipe": recipe},
        "lower": {**lower, "minor": minor.to_json()},
        "status": "CERTIFIED",
        "next": [],
    }


def test_words_of_an_author_are_not_among_what_is_proved(tmp_path: Path) -> None:
    analysis = cq.analyze(cq.Problem.from_text("linear:4-2-1", symmetry="permutation"))
    path = tmp_path / "laws.json"
    path.write_text(
        analysis.certificate.text().replace("on the zero-sum part", "and all else, on any part"),
        "utf-8",
    )
    report = check_file(path)
    assert report.status == "CERTIFIED"  # the numbers are true; the words are not spoken of
    assert "all else" not in report.text()
    assert "range of W1 (of a part of it)" in report.text()
