"""The answer to the question: how many laws, which they are, and due to what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conserved._version import __version__
from conserved.analysis import saved
from conserved.closure import Closure
from conserved.errors import InputError
from conserved.explain import Explanation
from conserved.kernel.span import Existence
from conserved.law import Law
from conserved.law.lines import lines
from conserved.notation import latex, mathml
from conserved.notebook import card, frame
from conserved.problem import Problem

if TYPE_CHECKING:
    from pandas import DataFrame

    from conserved.certificate import Certificate

SCHEMA = "conserved.analysis/1"


@dataclass(frozen=True)
class Count:
    """A number of independent laws between two bounds.

    Attributes:
        lower: laws that are written down, or proved to exist.
        upper: D minus the dimension of the Lie closure.
        certified: the bounds coincide, and the upper one is rigorous.
        written: laws that are written down, verified and independent; by default all of ``lower``.

    Example:
        >>> print(Count(0, 5, False), "|", Count(7, 7, True, 6))
        at most 5 | 7, 6 of them written down
    """

    lower: int
    upper: int
    certified: bool
    written: int = -1

    def __post_init__(self) -> None:
        if self.written < 0:
            object.__setattr__(self, "written", self.lower)

    def __str__(self) -> str:
        if self.certified and self.written < self.upper:
            written = f"{self.written:,}" if self.written else "none"
            return f"{self.upper:,}, {written} of them written down"
        if self.lower == self.upper:
            return f"{self.upper:,}" if self.certified else f"{self.upper:,}, not proved"
        if self.lower == 0:
            return f"at most {self.upper:,}"
        return f"{self.lower:,} to {self.upper:,}"

    def to_json(self) -> dict[str, int | bool]:
        return {
            "lower": self.lower,
            "upper": self.upper,
            "certified": self.certified,
            "written": self.written,
        }


@dataclass(frozen=True)
class Analysis:
    """What ``analyze`` found.

    Attributes:
        problem: what was asked.
        closure: the upper bound for the data class asked for.
        architecture_closure: the upper bound for all data (the same object without a symmetry).
        laws: families of first integrals in closed form, those of the architecture first; each
            adds ``independent`` to those before it, so that ``len(laws)`` is no count.
        explanation: why the symmetry adds laws or not.
        notes: what the search left out, in words.
        searched: whether laws were looked for.
        degree: up to which degree all polynomials were tried for the class asked for, or 0.
        quotients: whether quotients of polynomials were tried for it.
        unknowns: the largest linear system that was solved for laws.
        seed: with the problem, replays everything.
        seconds: wall time.
    """

    problem: Problem
    closure: Closure
    architecture_closure: Closure
    laws: tuple[Law, ...]
    explanation: Explanation
    notes: tuple[str, ...]
    searched: bool
    degree: int
    quotients: bool
    unknowns: int
    seed: int
    seconds: float = field(compare=False)
    existence: Existence | None = None
    architecture_existence: Existence | None = None

    @property
    def count(self) -> Count:
        """Laws for the data class asked for."""
        return _count(self.closure, self.laws, self.existence)

    @property
    def architecture(self) -> Count:
        """Laws for all data: those the network and loss owe to themselves."""
        owned = self._of("architecture")
        return _count(self.architecture_closure, owned, self.architecture_existence)

    @property
    def verdict(self) -> tuple[str, ...]:
        """Whether the count is proved, why, and if not what would help, in sentences."""
        count, closure = self.count, self.closure
        if not closure.rigorous:
            return ("Not certified: the upper bound itself is not a proof.",)
        if count.certified and count.written < count.upper:
            assert self.existence is not None
            return (
                f"Certified: the span of all brackets is closed, so {count.upper:,} "
                f"law{'s exist' if count.upper > 1 else ' exists'} near a generic θ (Frobenius).",
                f"Tested {self.existence.certainty}.",
                *self._tried(),
            )
        if count.certified and count.upper:
            among = ", of those that survive every activation pattern" if closure.note else ""
            among = ", in one cell of activation patterns" if closure.one_cell else among
            return (f"Certified: as many verified laws as the rank leaves room for{among}.",)
        if count.certified:
            return ("Certified: the closure fills the parameter space, so nothing is conserved.",)
        if not self.searched:
            return ("Not certified: no laws were looked for, so only the rank is known.",)
        written = {0: "no law is", 1: "1 law is"}.get(count.lower, f"{count.lower:,} laws are")
        if not closure.ranks:
            return (
                f"Not certified: {written} written down; how many there are at most is not known.",
                f"{closure.stopped[:1].upper()}{closure.stopped[1:]}.",
            )
        if not closure.closed:
            return (
                f"Not certified: the closure was not finished ({closure.stopped}).",
                *(("A larger budget would help.",) if "budget" in closure.stopped else ()),
            )
        room = f"{count.upper - count.lower}" + (" more" if count.lower else "")
        exists = "The rank has stabilised, so what is missing exists near a generic θ (Frobenius)"
        if closure.rank == 1:
            exists = "All data pull along one field, so D − 1 laws exist near a generic θ"
        return (
            f"Not certified: {written} written down, and the rank leaves room for {room}.",
            f"{exists}, perhaps without a closed form.",
            *self._tried(),
        )

    def _tried(self) -> tuple[str, ...]:
        """What was looked for in vain, and what would look further."""
        if self.problem.moves.timed:
            return ("Linear and quadratic functions were tried, with all powers of time.",)
        every = "Linear and axis-quadratic" if self.notes else "All linear and axis-quadratic"
        tried = f"{every} functions were tried"
        tried += f", and all polynomials up to degree {self.degree}" if self.degree > 1 else ""
        tried += ", and quotients of linear and quadratic ones" if self.quotients else ""
        further = "--degree N tries polynomials up to degree N."
        return (f"{tried}.",) if self.degree > 4 else (f"{tried}.", further)

    @property
    def from_data_symmetry(self) -> int | None:
        """How many laws the symmetry of the data adds.

        None while either count is open, or where they are of two notions that do not compare: one
        cell of activation patterns, and all of them.
        """
        compared = self.closure.one_cell == self.architecture_closure.one_cell
        if not (self.count.certified and self.architecture.certified and compared):
            return None
        return self.count.upper - self.architecture.upper

    @cached_property
    def certificate(self) -> Certificate:
        """Both bounds with their evidence, found again: what ``conserved check`` proves.

        Raises:
            InputError: a network, loss or group that no text builds again.
        """
        from conserved.certificate.make import certify  # costs another run; made when asked for

        if not self.closure.ranks:
            advice = "has too many parameters for an exact rank, and a certificate needs one"
            raise InputError("network", self.problem.network.spec, advice)
        return certify(
            self.problem,
            self.closure,
            self.laws,
            architecture=self.architecture_closure,
            seed=self.seed,
        )

    def to_json(self) -> dict[str, Any]:
        """The object of the JSON contract (``docs/json.md``)."""
        return {
            "schema": SCHEMA,
            "version": __version__,
            "problem": self.problem.to_json(),
            "parameters": self.problem.network.size,
            "count": self.count.to_json(),
            "architecture": self.architecture.to_json(),
            "from_data_symmetry": self.from_data_symmetry,
            "closure": self.closure.to_json(),
            "architecture_closure": self.architecture_closure.to_json(),
            "laws": [law.to_json() for law in self.laws],
            "explanation": list(self.explanation.reasons),
            "notes": list(self.notes),
            "unknowns": self.unknowns,
            "seconds": round(self.seconds, 6),
        }

    def to_latex(self) -> str:
        r"""The laws as the rows of a LaTeX ``align*``, those due to the symmetry marked.

        Example:
            >>> from conserved.analysis import analyze
            >>> from conserved.networks import Linear
            >>> print(analyze(Problem(network=Linear(3, 2, 2))).to_latex())
            \begin{align*}
            & W_{1} W_{1}^\top - W_{2}^\top W_{2} && 3 \\
            \end{align*}
        """
        rows = [
            f"& {latex(line.formula)} && {line.independent}"
            + (rf"\quad\text{{({line.origin})}}" if line.origin != "architecture" else "")
            + r" \\"
            for line in lines(self.laws)
        ]
        return "\n".join([r"\begin{align*}", *rows, r"\end{align*}"])

    def _of(self, origin: str) -> list[Law]:
        return [law for law in self.laws if law.origin == origin]

    def to_frame(self) -> DataFrame:
        """The laws as a table of pandas, one a row: ``law``, ``kind``, ``origin``, ``independent``,
        ``functions``, ``latex``.

        Raises:
            ConservedError: pandas is not installed.
        """
        rows = (
            {
                "law": law.text,
                "kind": law.kind,
                "origin": law.origin,
                "independent": law.independent,
                "functions": law.size,
                "latex": latex(law.formula),
            }
            for law in self.laws
        )
        return frame(rows, ("law", "kind", "origin", "independent", "functions", "latex"))

    def save(self, path: str | Path) -> None:
        """Write everything to a JSON file, for ``Analysis.load``; folders on the way are made.

        Raises:
            InputError: the file cannot be written, or a loss or group of one's own.
        """
        saved.write(path, saved.text_of(self))

    @classmethod
    def load(cls, path: str | Path) -> Analysis:
        """What ``save`` wrote. Nothing is proved again: that is what certificates are for.

        A PyTorch module comes back as the program that was read from it, and reasons as sentences.

        Raises:
            InputError: an unreadable file, or one that is no saved analysis.
        """
        parts, told = saved.read(path)
        analysis = cls(**parts)
        if not saved.same(analysis.to_json(), told):
            raise InputError("path", path, "is no saved analysis: its parts contradict each other")
        return analysis

    def _repr_html_(self) -> str:
        problem, count = self.problem, self.count
        facts = {
            "network": problem.network.spec,
            "loss": problem.loss.spec,
            "data": problem.class_words,
            "flow": problem.flow.name,
        }
        if problem.restricted:
            facts["laws for all data"] = str(self.architecture)
        number, comma, rest = str(count).partition(", ")  # "7, 6 of them written down"
        rows = [
            (f"+{line.independent}", mathml(line.formula), f"{line.origin}, {line.kind}")
            for line in lines(self.laws)
        ]
        return card(
            f"{number} independent law{'s' if count.upper != 1 else ''}{comma}{rest}",
            sure=count.certified,
            facts=facts,
            rows=rows,
            words=(*self.explanation.reasons, *self.verdict),
        )


def _count(closure: Closure, laws: Sequence[Law], proved: Existence | None) -> Count:
    written = sum(law.independent for law in laws)
    lower = written if proved is None else closure.upper
    return Count(lower, closure.upper, closure.upper == lower and closure.rigorous, written)
