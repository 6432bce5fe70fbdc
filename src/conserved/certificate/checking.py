"""Checking a certificate: its names here, its proof in the kernel."""

from __future__ import annotations

from pathlib import Path

from conserved.arithmetic.threads import threads_for
from conserved.certificate.document import Certificate, read_file
from conserved.kernel import check as kernel
from conserved.kernel.report import Report
from conserved.law import Law

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
    titles = [_short(law) for law in certificate.laws]
    with threads_for(certificate.problem.state.size):
        return kernel.check(certificate.stated, seed=seed, budget=budget, titles=titles)


def _short(law: Law) -> str:
    """What is proved of a law, without words that its author chose."""
    text = law.statement
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
