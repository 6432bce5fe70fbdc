"""What a check did and found, statement by statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from conserved.kernel.certificate import Certificate, Data

SCHEMA = "conserved.check/1"

Verdict = Literal["proved", "holds", "certified", "open", "refuted"]


@dataclass(frozen=True)
class Statement:
    """One statement of a certificate and what became of it.

    Attributes:
        says: the statement.
        data: the class of data it speaks of.
        done: what was computed.
        verdict: "proved" (no probability left), "holds" (an identity at random points), "certified"
            (a count whose bounds coincide), "open" (no more is claimed) or "refuted".
        error: for identities, a bound on the probability that a false one passes.
        law: its number from 1, for a statement about one law.
        primes: the random ones of an identity.
    """

    says: str
    data: Data
    done: str
    verdict: Verdict
    error: float | None = None
    law: int | None = None
    primes: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "statement": self.says,
            "data": self.data,
            "done": self.done,
            "verdict": self.verdict,
            "error": self.error,
            "primes": list(self.primes),
        }


@dataclass(frozen=True)
class Report:
    """The outcome of a check.

    Attributes:
        certificate: what was checked.
        statements: in the order of the certificate, each class of data after its laws.
        seed: of the fresh points; with the file, it replays the check.
        seconds: wall time.
    """

    certificate: Certificate
    statements: tuple[Statement, ...]
    seed: int
    seconds: float = field(compare=False)

    @property
    def refuted(self) -> tuple[Statement, ...]:
        """The statements that failed."""
        return tuple(s for s in self.statements if s.verdict == "refuted")

    @property
    def valid(self) -> bool:
        """Whether none failed."""
        return not self.refuted

    @property
    def status(self) -> Literal["CERTIFIED", "OPEN", "REFUTED"]:
        if not self.valid:
            return "REFUTED"
        return "CERTIFIED" if self.certificate.certified else "OPEN"

    @property
    def error(self) -> float | None:
        """A bound on the probability that some law that passed is false; None when unknown."""
        errors = [s.error for s in self.statements if s.verdict == "holds"]
        known = [error for error in errors if error is not None]
        return sum(known) if len(known) == len(errors) else None

    def to_json(self) -> dict[str, Any]:
        """The object of ``conserved check --json``."""
        return {
            "schema": SCHEMA,
            "problem": self.certificate.words.get("problem"),
            "parameters": self.certificate.statement.program.size,
            "state": self.certificate.statement.size,
            "status": self.status,
            "statements": [statement.to_json() for statement in self.statements],
            "error": self.error,
            "seed": self.seed,
            "seconds": round(self.seconds, 6),
        }

    def text(self) -> str:
        """An aligned table, and the outcome."""
        rows = [("statement", "data", "what was done", "verdict"), *self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, "", self._outcome()])

    def _rows(self) -> list[tuple[str, ...]]:
        """Cells of the table; laws that read alike and fared alike share a row."""
        rows: dict[tuple[str, ...], list[int]] = {}
        for s in self.statements:
            says = s.says if s.law is None else s.says.partition(": ")[2]
            alike = rows.setdefault((says, s.data, s.done, s.verdict), [])
            alike += [] if s.law is None else [s.law]
        return [(_numbered(laws, says), *rest) for (says, *rest), laws in rows.items()]

    def _outcome(self) -> str:
        seed = f"Seed {self.seed}, {self.seconds:.2g} s."
        if self.refuted:
            return (
                f"REFUTED: {'; '.join(f'{s.says} ({s.data} data)' for s in self.refuted)}. {seed}"
            )
        error = " How likely a false law passes is not known." if self.error is None else ""
        if self.error:
            error = f" A false law passes with probability at most {self.error:.0e}."
        if self.status == "CERTIFIED":
            return f"CERTIFIED.{error} {seed}"
        steps = dict.fromkeys(step for claim in self.certificate.claims for step in claim.next)
        return f"Valid, but OPEN. Next: {'; '.join(steps)}.{error} {seed}"


def _numbered(laws: Sequence[int], title: str) -> str:
    """A title behind the numbers of its laws, runs of them as 2–5."""
    if not laws:
        return title
    runs: list[list[int]] = []
    for number in laws:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    told = ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
    return f"law{'s' if len(laws) > 1 else ''} {told}" + (f": {title}" if title else "")
