"""What a certificate says: bounds, laws and the evidence for them, as one JSON object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from conserved._version import __version__
from conserved.errors import InputError
from conserved.fields import Fields, choose_route
from conserved.files import write_whole
from conserved.kernel.program import Program
from conserved.law import Law, Layout
from conserved.networks import FAMILIES, Given, parse_network
from conserved.problem import Problem
from conserved.recipe import Recipe
from conserved.symmetry import Files, files_of

SCHEMA = "conserved.certificate/2"
OLD = ("conserved.certificate/1",)

Data = Literal["all", "symmetric"]
Patterns = Literal["none", "every", "one cell"]
Status = Literal["CERTIFIED", "OPEN"]

NEXT = {
    "laws": "look for more laws, the bounds differ (--degree)",
    "closure": "give the closure more time, it did not end (--budget)",
    "formal": "find out whether the formal values are generic, or the upper bound is no proof",
    "patterns": "prove the laws of the symmetry for every activation pattern, not one cell alone",
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
        data: "symmetric" (the class of the problem) or "all".
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
class Certificate:
    """A two-sided proof of a count of laws, or of an interval, that anyone can check.

    Attributes:
        problem: what was counted.
        laws: those of the lower bounds.
        claims: one for each class of data, that of the problem first.
        version: of the program that made it.
    """

    problem: Problem
    laws: tuple[Law, ...]
    claims: tuple[Claim, ...]
    version: str = __version__

    @property
    def certified(self) -> bool:
        """Whether every claim is."""
        return all(claim.certified for claim in self.claims)

    def to_json(self) -> dict[str, Any]:
        """The object of ``docs/certificate.md``."""
        return {
            "schema": SCHEMA,
            "version": self.version,
            "problem": self.problem.to_json(),
            "program": self.problem.network.program.to_json(),
            "groups": files_of(self.problem.group),
            "parameters": Layout.of(self.problem.network.parameters).to_json(),
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

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all; folders on the way are made.

        Raises:
            InputError: it cannot be written.
        """
        content = self.text().encode()
        try:
            Path(path).resolve().parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
        except (OSError, TypeError, ValueError) as error:  # the latter two: no name of a file
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError("path", path, f"cannot be written: {reason}") from error


def portable(problem: Problem) -> None:
    """Refuse problems that their texts and the network's program do not build again.

    Raises:
        InputError: naming the part that is not from the grammar.
    """
    advice = "a certificate can hold what the grammar builds (conserved list {}), and this is not"
    network = problem.network
    try:
        rebuilt = rebuild(problem.to_json(), network.program, files_of(problem.group))
    except InputError as error:
        if error.argument == "network":
            raise
        raise InputError("symmetry", problem.group.name, advice.format("symmetries")) from error
    if isinstance(rebuilt.network, Given) and choose_route(problem) == "moments":
        why = "its lift is not part of its program; a certificate of its own lift cannot be checked"
        raise InputError("network", network.spec, why)
    if type(rebuilt.loss) is not type(problem.loss) or rebuilt.loss != problem.loss:
        raise InputError("loss", problem.loss.spec, advice.format("losses"))
    if rebuilt.group != problem.group or rebuilt.labels != problem.labels:
        raise InputError("data", problem.group.name, advice.format("symmetries"))


def rebuild(texts: Mapping[str, str], program: Program, files: Files) -> Problem:
    """The problem of a certificate: its network from the grammar, or else from its program.

    Raises:
        InputError: texts that build nothing, or another network than the program is.
    """
    name = texts["network"]
    if name.partition(":")[0] in FAMILIES:
        if parse_network(name).program != program:
            advice = "its program is another network's, and this name is for what it builds"
            raise InputError("network", name, advice)
        return Problem.from_text(**texts, files=files)
    stated = {key: text for key, text in texts.items() if key != "network"}
    return Problem.around(Given(name, program), **stated, files=files)


def patterns_of(fields: Fields) -> Patterns:
    """Which activation patterns some fields count."""
    if not fields.problem.network.piecewise:
        return "none"
    return "one cell" if fields.one_cell else "every"


def seen_everywhere(laws: Sequence[Law], minor: Minor, patterns: Patterns) -> bool:
    """Whether the laws of a minor were tested on all activation patterns that count.

    Those of the architecture are, on gates that stand for all patterns; those owed to the symmetry
    are tested on sampled patterns, where patterns are sampled.
    """
    owed = any(laws[law].origin == "data symmetry" for law, _ in minor.rows)
    return not (owed and patterns == "one cell")


def dumped(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False)
