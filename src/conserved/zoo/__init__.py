"""Published figures and tables, measured again with better controls, each with its claims.

Example:
    >>> found = reproduce("linear")
    >>> found.holds, found.claims[0].text
    (True, 'laws due to shift, counted exactly')
"""

from __future__ import annotations

from conserved.zoo.claim import Claim
from conserved.zoo.figure import PUBLISHED, Measurement, Published, Reproduction, find, reproduce
from conserved.zoo.present import as_text, listed, make_folder, save

__all__ = [
    "PUBLISHED",
    "Claim",
    "Measurement",
    "Published",
    "Reproduction",
    "as_text",
    "find",
    "listed",
    "make_folder",
    "reproduce",
    "save",
]
