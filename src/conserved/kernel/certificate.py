"""What a certificate says: bounds, laws and the evidence for them, as one JSON object.

``statement`` is all that is proved of: a program, a loss and matrices. Names, and laws as people
read them, stand beside it as ``words``, which prove nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from conserved.kernel.flow import GRADIENT
from conserved.kernel.law import Origin
from conserved.kernel.program import Program
from conserved.kernel.span import Recipe
from conserved.kernel.statement import Kind, Statement

SCHEMA = "conserved.certificate/2"
OLD = ("conserved.certificate/1",)

Data = Kind
Patterns = Literal["none", "every", "one cell"]
Status = Literal["CERTIFIED", "OPEN"]
ORIGINS: dict[Data, Origin] = {
    "all": "architecture",
    "symmetric": "data symmetry",
    "given": "data",
}

NEXT = {
    "laws": "look for more laws, the bounds differ (--degree)",
    "closure": "give the closure more time, it did not end (--budget)",
    "formal": "find out whether the formal values are generic, or the upper bound is no proof",
    "patterns": "prove the laws of the data for every activation pattern, not one cell alone",
}


@dataclass(frozen=True)
class UpperBound:
    """At most D − rank laws.

    Attributes:
        laws: D minus the last rank.
        ranks: what random brackets of length 1, then also 2, 4, … span.
        rigorous: whether all formal values used are known to be generic.
        patterns: the activation patterns of a piecewise network that count.
        recipe: finds the rank again.
    """

    laws: int
    ranks: tuple[int, ...]
    rigorous: bool
    patterns: Patterns
    recipe: Recipe

    def to_json(self) -> dict[str, Any]:
        return {
            "laws": self.laws,
            "ranks": list(self.ranks),
            "rigorous": self.rigorous,
            "patterns": self.patterns,
            "recipe": self.recipe.to_json(),
        }


@dataclass(frozen=True)
class Minor:
    """A square part of the gradients of laws whose determinant is not 0 at some point.

    Attributes:
        prime, seed: draw the point.
        rows: (law, component), from 0.
        columns: entries of θ, from 0, as many.
    """

    prime: int
    seed: int
    rows: tuple[tuple[int, int], ...]
    columns: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "prime": self.prime,
            "seed": self.seed,
            "rows": [list(row) for row in self.rows],
            "columns": list(self.columns),
        }


@dataclass(frozen=True)
class LowerBound:
    """At least this many independent laws.

    Attributes:
        laws: the size of the minor; or all that the rank leaves room for, where they exist.
        rigorous: whether the laws were tested on all activation patterns that count.
        minor: shows that those written down are independent.
        exist: whether the brackets of the upper bound span something closed, so that as many laws
            exist as it leaves room for (theory §11).
    """

    laws: int
    rigorous: bool
    minor: Minor
    exist: bool = False

    @property
    def written(self) -> int:
        """How many of the laws are written down."""
        return len(self.minor.rows)

    def to_json(self) -> dict[str, Any]:
        return {
            "laws": self.laws,
            "written": self.written,
            "exist": self.exist,
            "rigorous": self.rigorous,
            "minor": self.minor.to_json(),
        }


@dataclass(frozen=True)
class Claim:
    """How many laws one class of data has.

    Attributes:
        data: "symmetric" or "given" (the class of the statement), or "all".
        lower, upper: the two sides.
        status: "CERTIFIED" exactly when they meet and both are rigorous.
        next: what could close the gap, from ``NEXT``; nothing when certified.
    """

    data: Data
    upper: UpperBound
    lower: LowerBound
    status: Status
    next: tuple[str, ...] = ()

    @property
    def certified(self) -> bool:
        return self.status == "CERTIFIED"

    @property
    def proved(self) -> bool:
        """Whether the two sides make a proof, whatever the status says."""
        upper, lower = self.upper, self.lower
        return upper.laws == lower.laws and upper.rigorous and lower.rigorous

    def to_json(self) -> dict[str, Any]:
        return {
            "data": self.data,
            "upper": self.upper.to_json(),
            "lower": self.lower.to_json(),
            "status": self.status,
            "next": list(self.next),
        }


@dataclass(frozen=True)
class StatedLaw:
    """A family of conserved functions.

    Attributes:
        program: state ↦ h.
        origin: whether all data have it, or those of the class alone.
        words: how people read it.
    """

    program: Program
    origin: Origin
    words: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "program": self.program.to_json(),
            "words": dict(self.words),
        }


@dataclass(frozen=True)
class Certificate:
    """A two-sided proof of a count of laws, or of an interval, that anyone can check.

    Attributes:
        statement: what was counted.
        laws: those of the lower bounds.
        claims: one for each class of data, that of the statement first.
        version: of the program that made it.
        words: what people call the statement.
    """

    statement: Statement
    laws: tuple[StatedLaw, ...]
    claims: tuple[Claim, ...]
    version: str
    words: Mapping[str, Any] = field(default_factory=dict)

    @property
    def certified(self) -> bool:
        """Whether every claim is."""
        return all(claim.certified for claim in self.claims)

    def to_json(self) -> dict[str, Any]:
        """The object of ``docs/certificate.md``."""
        symmetry, flow, data = self.statement.symmetry, self.statement.flow, self.statement.data
        return {
            "schema": SCHEMA,
            "version": self.version,
            "words": dict(self.words),
            "program": self.statement.program.to_json(),
            "loss": self.statement.loss.spec,
            "symmetry": None if symmetry is None else symmetry.to_json(),
            "flow": None if flow == GRADIENT else flow.to_json(),
            "data": None if data is None else data.to_json(),
            "laws": [law.to_json() for law in self.laws],
            "claims": [claim.to_json() for claim in self.claims],
        }

    def text(self) -> str:
        """The content of the file: JSON, one law and one claim a line."""
        parts = []
        for key, value in self.to_json().items():
            shown = dumped(value)
            if key in ("laws", "claims") and value:
                shown = "[\n  " + ",\n  ".join(dumped(item) for item in value) + "\n ]"
            parts.append(f" {dumped(key)}: {shown}")
        return "{\n" + ",\n".join(parts) + "\n}\n"


def dumped(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False)
