"""Certificates as data, and their proof from the file alone.

Nothing here knows the closure or the search: a machine without them can check a certificate.
"""

from conserved.check.document import (
    SCHEMA,
    Certificate,
    Claim,
    LowerBound,
    Minor,
    UpperBound,
)
from conserved.check.proof import check_certificate, check_file
from conserved.check.reading import read_file, read_json, read_text
from conserved.check.report import Report, Statement

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
