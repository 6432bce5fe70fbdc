"""Every solved problem as a certificate: made by an analysis, read again, proved again."""

from __future__ import annotations

from time import perf_counter

import pytest

import conserved as cq
from conserved.certificate import check_certificate, read_text
from tests.cases import CASES, Case

DISTINCT = list({case.id: case for case in CASES}.values())
SLOW = ("linear:30-30-30", "linear:5-2-5", "linear:6-2-6", "linear:7-3-7", "lightning:dim=4")
NAMED = (  # certificates anyone may want to keep: at most 100 parameters
    ("linear:5-5-4-4-5", "none", "invariant"),
    ("attention:dim=4,tokens=2,head=2", "none", "invariant"),
    ("relu:2-3-7-3-7,bias", "none", "invariant"),
    ("swiglu:2-3-2", "none", "invariant"),
    ("linear:7-3-7", "hyperoctahedral", "equivariant"),
)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(c, id=c.id, marks=[pytest.mark.slow] * (k % 3 > 0 or c.id.startswith(SLOW)))
        for k, c in enumerate(DISTINCT)
    ],
)
def test_round_trip(case: Case) -> None:
    analysis = cq.analyze(case.problem())
    certificate = analysis.certificate
    assert read_text(certificate.text()) == certificate
    report = check_certificate(certificate)
    assert report.valid
    claim, architecture = certificate.claims[0], certificate.claims[-1]
    assert claim.upper.laws == case.laws
    assert claim.lower.laws == analysis.count.lower
    assert claim.certified == analysis.count.certified
    assert architecture.upper.laws == case.architecture
    assert architecture.lower.laws == analysis.architecture.lower
    assert [law.independent for law in certificate.laws] == [
        law.independent for law in analysis.laws if law.independent
    ]


@pytest.mark.slow  # timings want a quiet machine
@pytest.mark.parametrize("network, symmetry, labels", NAMED)
def test_certificates_are_short_and_quick_to_check(
    network: str, symmetry: str, labels: str
) -> None:
    problem = cq.Problem.from_text(network, symmetry=symmetry, labels=labels)
    text = cq.analyze(problem).certificate.text()
    assert len(text.encode()) < 200_000
    start = perf_counter()
    assert check_certificate(read_text(text)).status == "CERTIFIED"
    assert perf_counter() - start < 2
