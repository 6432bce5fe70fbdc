"""The value of every function of every law along a run: as it is, and as its ledger has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conserved.watching.gradient.tested import Tester
from conserved.watching.ledgers.ledger import Ledger, Look
from conserved.watching.ledgers.rules import Rule, carried
from conserved.watching.look.looking import look, mean_squares
from conserved.watching.look.products import Floats
from conserved.watching.look.sums import Sums


@dataclass(eq=False)
class Step:
    """A step that was taken, until its ledger is settled.

    Attributes:
        number: counted from 1.
        rules: of each parameter group.
        found: sums of a look before it.
        leak: (F,) ⟨∇h, g⟩ of laws that are true but for the eps of a norm, else 0.
        noise: (F,) rounding of ⟨∇h, g⟩.
        still: (F,) functions of which a parameter was not moved.
        wrong: parameters that were not moved as their optimizer says, and how they were.
    """

    number: int
    rules: Sequence[Rule | None]
    found: Mapping[str, Floats]
    leak: Floats
    noise: Floats
    still: NDArray[np.bool_]
    wrong: Mapping[str, str]

    @property
    def nesterov(self) -> bool:
        """Whether the gradient is needed after the step."""
        return any(r is not None and r.steps.nesterov for r in self.rules)

    @property
    def wanted(self) -> list[str]:
        """Sums of a look after it."""
        pace = any(r is not None and r.steps.momentum for r in self.rules)
        return ["xx", "x", *(["bb"] if pace else []), *(["gb", "xb"] if self.nesterov else [])]


class Values:
    """h of each function; arrays are (F,), or (slots,) where it is said.

    Args:
        sums, tester, ledger: of the laws.
        named: parameters by name.
        precision: their relative rounding.

    Attributes:
        square, line: (slots,) Σ x² of quadratic terms and Σ x of linear ones.
        value, start, predicted: h now, at first, and as the ledger has it.
        size: of the terms of h.
    """

    def __init__(
        self,
        sums: Sums,
        tester: Tester,
        ledger: Ledger,
        named: Mapping[str, Any],
        precision: float,
    ) -> None:
        self._sums, self._ledger, self._precision = sums, ledger, precision
        squares = mean_squares(sums.names, named)
        self._spread = sums.spread(squares)
        linear = sums.straight
        # of parameters that are 0 the size is that of their neighbours
        least = sums.entries * np.sqrt(tester.shared(squares)[sums.tensors])
        self._floor = sums.size(np.where(linear, least, 0.0), ledger.weights)
        self._take(look(sums, ("xx", "x"), x=named))
        self.start, self.predicted = self.value.copy(), self.value.copy()
        self._sound = self.value.copy()  # when it was a number last

    def measure_lines(self, named: Mapping[str, Any]) -> None:
        """Take the size of linear terms anew, which changes slowly."""
        sums = self._sums
        chosen = np.unique(sums.tensors[sums.straight])
        lined = {name: named[name] for name in (sums.names[k] for k in chosen)}
        self._spread = sums.spread(mean_squares(sums.names, lined))

    def _take(self, found: Mapping[str, Floats]) -> None:
        self.square, self.line = found["xx"], found["x"]
        self.value = self._ledger.value(self.square, self.line)
        self.size = np.maximum(self._ledger.size(self.square + self._spread), self._floor)

    def remember(self, found: Mapping[str, Floats]) -> Floats:
        """What happened since the last look is taken as it is.

        Returns:
            (F,) how far that moved h, in units of rounding.
        """
        before = self.value
        self._take(found)
        self._follow(np.full_like(before, np.nan))
        return _units(self.value - before, self._precision * self.size)

    def weigh_anew(self) -> None:
        """Go on from here with functions whose terms count otherwise from now on."""
        before = self.value
        self._take({"xx": self.square, "x": self.line})
        apart = np.nan_to_num(self.value - before, posinf=0.0, neginf=0.0)
        for kept in (self.start, self.predicted, self._sound):
            kept += apart

    def _follow(self, change: Floats) -> None:
        """Predict a change; where it is nan, what was observed. What is no number tells nothing."""
        finite = np.isfinite(self.value)
        told = np.where(np.isnan(change), self.value - self._sound, change)
        self.predicted[finite] += told[finite]
        self._sound[finite] = self.value[finite]

    def accept(self, functions: NDArray[np.bool_], gap: Floats) -> None:
        """Of these functions take as it is what a step did beyond its ledger."""
        self.predicted[functions] += np.nan_to_num(gap[functions])

    def settle(self, step: Step, found: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """What a step did to each function beyond its ledger.

        Args:
            step: the last.
            found: sums of a look after it.

        Returns:
            In units of rounding, nan where nothing is forecast; and as it is.
        """
        none = np.zeros(len(self.square))
        around = Look(
            value=self.value,
            square=self.square,
            line=self.line,
            slope=step.found["xg"],
            steep=step.found.get("gg", none),
            slope_line=step.found["g"],
            pace=found.get("bb", none),
            ahead=found.get("gb", none),
            along=found.get("xb", none),
            still=step.still,
        )
        change = self._ledger.change(around, step.rules, step.leak)
        was, size = self.value, self.size
        self._take(found)
        larger = np.where(np.isfinite(self.size), np.maximum(size, self.size), size)
        unit = self._precision * larger + carried(step.rules) * step.noise
        observed = self.value - was
        self._follow(change)
        return _units(observed - change, unit), observed - change


def _units(gap: Floats, unit: Floats) -> Floats:
    """How many roundings a gap is; none where both are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        units = np.abs(gap) / unit
    units[(unit == 0) & (gap == 0)] = 0.0
    return units
