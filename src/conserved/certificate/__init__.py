"""Certificates: made from an analysis, read from a file, proved again (``kernel.check``)."""

from conserved.certificate.checking import check_certificate, check_file
from conserved.certificate.document import Certificate, read_file, read_json, read_text
from conserved.certificate.make import certify
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
    "certify",
    "check_certificate",
    "check_file",
    "read_file",
    "read_json",
    "read_text",
]
