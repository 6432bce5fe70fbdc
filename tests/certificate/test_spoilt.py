"""Spoilt certificates are refused, or say what is true all the same; nothing ever breaks."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conserved.certificate import Certificate, check_certificate, read_json, read_text
from conserved.cli import run
from conserved.closure import lie_closure
from conserved.closure.span import LieSpan
from conserved.errors import ConservedError
from conserved.fields import make_fields
from conserved.kernel.primes import prime_with_roots
from conserved.kernel.residues import residues
from conserved.law import Law
from conserved.problem import Problem
from tests.certificate.samples import NAMES, document, sample, text
from tests.certificate.spoil import all_spoilt, randomly_spoilt
from tests.fuzz import fuzzed

BUDGET = 20.0  # seconds of one check, none of which comes near


def key(law: Law) -> tuple[object, ...]:
    """A law by what it is: its gradients at one point, however it is written."""
    prime = prime_with_roots(law.roots, 2**31)
    scalars = residues(prime)
    theta = scalars.random(np.random.default_rng(0), (law.layout.size,))
    return law.origin, int(prime), law.gradients(scalars, theta).tobytes()


def is_true(problem: Problem, law: Law) -> bool:
    """Whether its gradients vanish on the whole Lie closure at a point: no verification takes part.

    Accepted where a law is written in other coordinates.
    """
    over = problem.architecture() if law.origin == "architecture" else problem
    scalars = residues(prime_with_roots(lcm(over.group.roots, law.roots)))
    span = LieSpan(make_fields(over, scalars, np.random.default_rng(5)))
    span.close()
    gradients = law.gradients(scalars, span.theta[0, 0])
    return not scalars.matmul(gradients, span.space.basis.T).any()


@cache
def truth(problem: Problem) -> int:
    """How many laws there are, found another way: the closure, mod another prime."""
    return lie_closure(problem, seed=77).upper


def assert_true(found: Certificate, original: Certificate) -> None:
    """What an accepted certificate says is so, and is no more than what is known."""
    found.require_portable()
    known_laws = {key(law) for law in original.laws}
    for law in found.laws:
        assert key(law) in known_laws or is_true(found.problem, law)
    for claim in found.claims:
        over = found.problem.architecture() if claim.data == "all" else found.problem
        known = truth(over)
        assert claim.lower.laws <= known <= claim.upper.laws
        assert claim.certified == claim.proved


def certificate_in(read: Callable[[], Certificate]) -> Certificate | None:
    """What is read, or None after one line that a terminal can show."""
    try:
        return read()
    except ConservedError as error:
        line = str(error)
    assert line.isprintable()
    assert len(line) < 1000
    return None


def is_accepted(spoilt: Any, original: Certificate) -> bool:
    """Read and check; what is accepted must be true. Only errors made on purpose may come."""
    found = certificate_in(lambda: read_json(spoilt))
    if found is None:
        return False
    report = check_certificate(found, seed=1, budget=BUDGET)
    if not report.valid:
        assert report.refuted[0].says in report.text()
        return False
    assert_true(found, original)
    return True


def spoil_everything(name: str, part: int, parts: int) -> tuple[int, list[str]]:
    """(how many were tried, the places where a change was accepted)."""
    original, accepted, count = sample(name), [], 0
    for path, spoilt in all_spoilt(document(name), part, parts):
        count += 1
        if is_accepted(spoilt, original):
            accepted.append(".".join(map(str, path)))
    return count, accepted


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n == "two heads")) for n in NAMES]
)
def test_a_part_of_all_changes(name: str) -> None:
    """Every twentieth way to change one value, a thousand in all."""
    count, accepted = spoil_everything(name, 5, 20)
    assert count > 20
    assert len(accepted) < count / 10


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_all_changes(name: str) -> None:
    count, accepted = spoil_everything(name, 0, 1)
    assert count > 500
    assert len(accepted) < count / 10


@settings(max_examples=80, derandomize=True)
@given(st.sampled_from(NAMES), st.integers(0, 2**32), st.integers(1, 3))
def test_several_changes_at_once(name: str, seed: int, times: int) -> None:
    is_accepted(randomly_spoilt(document(name), random.Random(seed), times), sample(name))


@pytest.mark.slow
@settings(max_examples=5_000, derandomize=True)
@given(st.sampled_from(NAMES), st.integers(0, 2**32), st.integers(1, 4))
def test_many_changes_at_once(name: str, seed: int, times: int) -> None:
    is_accepted(randomly_spoilt(document(name), random.Random(seed), times), sample(name))


PARTS = (
    ("words", "program", "loss", "symmetry"),
    ("words",),
    ("program",),
    ("program", "words"),
    ("symmetry",),
    ("symmetry", "words"),
    ("laws",),
    ("claims",),
)


@pytest.mark.parametrize("name", NAMES)
def test_parts_of_other_certificates(name: str) -> None:
    """Problems, laws and claims that are true where they come from, and not here."""
    for other in NAMES:
        for parts in PARTS:
            spoilt = {**document(name), **{part: document(other)[part] for part in parts}}
            if spoilt != document(name):
                assert not is_accepted(spoilt, sample(name))


def test_laws_and_claims_of_another_loss() -> None:
    """All data know no loss, and the certificate stays true; under a symmetry it does not."""
    data = document("linear")
    data["loss"] = data["words"]["problem"]["loss"] = "poly:3"
    assert is_accepted(data, sample("linear"))
    data = document("range under a symmetry")
    data["loss"] = data["words"]["problem"]["loss"] = "poly:3"
    assert not is_accepted(data, sample("range under a symmetry"))


# ------------------------------------------------------------------ as text


@fuzzed(50, 150, derandomize=True, name=st.sampled_from(NAMES), data=st.data())
def test_spoilt_text(name: str, data: st.DataObject) -> None:
    """Characters lost, doubled or replaced: no JSON, another certificate, or the same."""
    original, whole = sample(name), text(name)
    start = data.draw(st.integers(0, len(whole) - 1))
    stop = data.draw(st.integers(start, min(len(whole), start + 40)))
    put = data.draw(
        st.sampled_from(["", whole[start:stop] * 2, '"', ",", "0", "1e999", "NaN", "[{"])
    )
    spoilt = certificate_in(lambda: read_text(whole[:start] + put + whole[stop:]))
    if spoilt is not None:
        is_accepted(spoilt.to_json(), original)


@settings(max_examples=100, derandomize=True)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text(anything: str) -> None:
    with pytest.raises(ConservedError):
        read_text(anything)


# ------------------------------------------------------------------ from the shell


def test_the_shell_tells_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few dozen of the same, as files: exit status 2, and one line or a table that names it."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "spoilt.json"
    rng = random.Random(4)
    statuses = set()
    for k in range(60):
        name = NAMES[k % len(NAMES)]
        spoilt = randomly_spoilt(document(name), rng, 1)
        file.write_text(json.dumps(spoilt), "utf-8")
        status = run(["check", str(file), "--seed", "1"])
        out, err = capsys.readouterr()
        statuses.add(status)
        if status == 2 and not out:
            assert err.count("\n") == 1
            assert err.startswith("conserved: ")
        else:
            assert err == ""
            assert ("REFUTED: " in out) == (status == 2)
    assert {0, 2} <= statuses <= {0, 2, 3}
