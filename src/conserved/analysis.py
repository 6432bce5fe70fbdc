"""The answer to the question: how many laws, between which bounds, and owed to what."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from time import perf_counter
from typing import Any

from conserved._version import __version__
from conserved.closure import Closure, Progress, lie_closure
from conserved.explain import Explanation, RangeLaw, explain
from conserved.problem import Problem

SCHEMA = "conserved.analysis/1"


@dataclass(frozen=True)
class Count:
    """A number of independent laws between two bounds.

    Attributes:
        lower: laws that are known explicitly.
        upper: D minus the dimension of the Lie closure.
        certified: the bounds meet, and the upper one is rigorous.

    Example:
        >>> print(Count(0, 5, False))
        at most 5
    """

    lower: int
    upper: int
    certified: bool

    def __str__(self) -> str:
        if self.lower == self.upper and self.certified:
            return str(self.upper)
        if self.lower == 0:
            return f"at most {self.upper}"
        return f"{self.lower} to {self.upper}"

    def to_json(self) -> dict[str, int | bool]:
        return {"lower": self.lower, "upper": self.upper, "certified": self.certified}


@dataclass(frozen=True)
class Analysis:
    """What ``analyze`` found.

    Attributes:
        problem: what was asked.
        closure: the upper bound for the data class asked for.
        architecture_closure: the upper bound for all data (the same object without a symmetry).
        explanation: why the symmetry adds laws or not.
        seed: with the problem, replays everything.
        seconds: wall time.
    """

    problem: Problem
    closure: Closure
    architecture_closure: Closure
    explanation: Explanation
    seed: int
    seconds: float

    @property
    def count(self) -> Count:
        """Laws for the data class asked for."""
        return _count(self.closure, sum(law.independent for law in self.laws))

    @property
    def architecture(self) -> Count:
        """Laws for all data: those the network and loss owe to themselves."""
        return _count(self.architecture_closure, 0)

    @property
    def laws(self) -> tuple[RangeLaw, ...]:
        """The laws known explicitly."""
        return self.explanation.laws

    @property
    def from_data_symmetry(self) -> int | None:
        """How many laws the symmetry of the data adds; None while either count is open."""
        if not (self.count.certified and self.architecture.certified):
            return None
        return self.count.upper - self.architecture.upper

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
            "laws": [
                {
                    "name": law.text,
                    "kind": "range" if law.kind == "range" else "rational",
                    "origin": "data symmetry",
                    "independent": law.independent,
                    "text": f"the {law.text} is conserved",
                    "latex": law.latex,
                }
                for law in self.laws
            ],
            "explanation": list(self.explanation.reasons),
            "seconds": round(self.seconds, 6),
        }

    def _repr_html_(self) -> str:
        rows = [
            ("network", self.problem.network.spec),
            ("loss", self.problem.loss.spec),
            ("data", self.problem.group.describe()),
            ("laws", str(self.count)),
            ("laws for all data", str(self.architecture)),
        ]
        cells = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td>{escape(value)}</td></tr>"
            for name, value in rows
        )
        return f"<table>{cells}</table>"


def analyze(
    problem: Problem,
    *,
    seed: int = 0,
    budget: float | None = None,
    laws: bool = True,
    progress: Progress | None = None,
) -> Analysis:
    """Count the independent conservation laws of a problem.

    Args:
        problem: network, loss, data class and flow.
        seed: an integer ≥ 0; the same seed gives the same run.
        budget: seconds for each closure; the best bound so far is reported when they are used up.
        laws: also look for the laws that the symmetry adds, and say why.
        progress: called with (stage, rank, D) as the rank grows.

    Returns:
        Bounds for the data class asked for and for all data. Range and direction laws owed to the
        symmetry are found; architecture laws are not searched for yet, so their lower bound is 0.

    Raises:
        InputError: unusable arguments.
        LimitError: a problem too large for memory, or an orbit too large to enumerate.

    Example:
        >>> from conserved.networks import MLP
        >>> print(analyze(Problem(network=MLP(3, 4, 1, act="tanh"))).count)
        0
    """
    start = perf_counter()
    closure = lie_closure(problem, seed=seed, budget=budget, progress=progress)
    architecture = closure
    if problem.symmetric:
        architecture = lie_closure(
            problem.architecture(), seed=seed, budget=budget, progress=progress
        )
    why = explain(problem, closure, architecture, seed=seed) if laws else Explanation(())
    return Analysis(problem, closure, architecture, why, seed, perf_counter() - start)


def _count(closure: Closure, lower: int) -> Count:
    certified = closure.upper == lower and closure.rigorous
    return Count(lower=lower, upper=closure.upper, certified=certified)
