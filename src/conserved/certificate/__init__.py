"""Certificates: made from an analysis (``make``), read from a file, proved again by the kernel.

Reading and checking load nothing that made them: neither closure, search nor the prover's averages.
"""

from conserved.certificate.checking import check_certificate, check_file
from conserved.certificate.document import Certificate, read_file, read_json, read_text
from conserved.kernel.certificate import SCHEMA, Claim, LowerBound, Minor, UpperBound
from conserved.kernel.report import Report, Statement

__all__ = [
    "SCHEMA",
    "Certificate",
    "Claim",
    "LowerBound",
    "Minor",
    "Report",
    "Statement",
    "UpperBound",
    "check_certificate",
    "check_file",
    "read_file",
    "read_json",
    "read_text",
]
