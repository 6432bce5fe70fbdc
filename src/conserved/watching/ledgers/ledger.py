"""What each step must do to each law, for all laws of a model at once (theory §14, "Steps").

``dynamics.steps`` has the formula for one law under one rule; here it is fed with the sums that a
look at the tensors gives, parameter group by parameter group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from conserved.dynamics.steps import Forecast
from conserved.watching.ledgers.rules import Joint, Rule, joint, same_weights
from conserved.watching.look.products import Floats
from conserved.watching.look.sums import Sums


@dataclass(eq=False)
class Look:
    """Sums over the tensors around one step, each with an entry for each slot.

    Attributes:
        value: (F,) h before the step.
        square: θθ before the step.
        line: θ, of linear terms.
        slope: θg.
        steep: gg.
        slope_line: g, of linear terms.
        pace: b⁺b⁺ after the step, b being the velocity.
        ahead: gb⁺.
        along: θ⁺b⁺.
        still: (F,) functions of which a parameter was not moved.
    """

    value: Floats
    square: Floats
    line: Floats
    slope: Floats
    steep: Floats
    slope_line: Floats
    pace: Floats
    ahead: Floats
    along: Floats
    still: NDArray[np.bool_]


@dataclass(eq=False)
class _Class:
    """Laws whose tensors lie in the same parameter groups."""

    number: int
    groups: tuple[int, ...]
    functions: NDArray[np.bool_]
    weights: tuple[float, ...] | None = None


class Ledger:
    """The change of every function in every step.

    Args:
        sums: the laws.
        group_of: the parameter group of each parameter by name; a parameter without one stands.

    Attributes:
        weights: (slots,) what each slot counts in h, where rates differ.
        tilt: (F,) ⟨∇h, b⟩; nan where it has to be measured.
        first: (F,) whether no velocity has been made.
        degree: (F,).
    """

    def __init__(self, sums: Sums, group_of: Mapping[str, int]) -> None:
        self.sums = sums
        self.tilt = np.full(sums.functions, np.nan)
        self.first = np.zeros(sums.functions, dtype=bool)
        self.degree = np.where(sums.linear, 1, 2)
        self.weights = np.ones(len(sums.owner))
        self.lost = np.zeros(sums.functions, dtype=bool)
        self.regroup(group_of)

    def regroup(self, group_of: Mapping[str, int]) -> None:
        """Tell which parameter is in which group."""
        sums = self.sums
        by_name = np.array([group_of.get(name, -1) for name in sums.names], dtype=np.intp)
        self.group = by_name[sums.tensors] if len(by_name) else np.zeros(0, dtype=np.intp)
        found: dict[tuple[int, ...], list[int]] = {}
        for number, law in enumerate(sums.laws):
            groups = {group_of.get(name, -1) for name in law.family.tensors}
            found.setdefault(tuple(sorted(groups)), []).append(number)
        self.classes = [
            _Class(k, groups, np.isin(sums.family, numbers))
            for k, (groups, numbers) in enumerate(found.items())
        ]
        # slots of one class and one parameter group move alike
        class_of = np.zeros(sums.functions, dtype=np.intp)
        for one in self.classes:
            class_of[one.functions] = one.number
        pairs = np.stack([class_of[sums.owner], self.group], axis=1)
        parts, part = np.unique(pairs, axis=0, return_inverse=True)
        self._parts = {(int(a), int(b)): k for k, (a, b) in enumerate(parts)}
        self._part = part.reshape(-1)

    def begin(self, rules: Sequence[Rule | None]) -> bool:
        """Fix what each term counts where there is a common rule for the first time.

        Returns:
            Whether any counts otherwise from now on.
        """
        before = self.weights.copy()
        for one in self.classes:
            common = self._joint(one, rules) if one.weights is None else None
            if common is not None:
                self._weigh(one, common)
        return bool((self.weights != before).any())

    def _joint(self, one: _Class, rules: Sequence[Rule | None]) -> Joint | None:
        if -1 in one.groups:
            return None
        return joint([rules[group] for group in one.groups])

    def _weigh(self, one: _Class, common: Joint) -> None:
        if one.weights is None:
            one.weights = common.weights
            for group, weight in zip(one.groups, common.weights, strict=True):
                mine = one.functions[self.sums.owner] & (self.group == group)
                self.weights[mine] = weight

    def value(self, square: Floats, line: Floats) -> Floats:
        """h (F,)."""
        return self.sums.total(self._own(square, line), self.weights)

    def size(self, square: Floats) -> Floats:
        """Of the terms of h (F,): Σ|c|‖X‖², or Σ|c|Σ|x| at most."""
        slots, linear = square.copy(), self.sums.linear_slots
        slots[linear] = np.sqrt(self.sums.entries[linear] * square[linear])
        return self.sums.size(slots, self.weights)

    def _own(self, square: Floats, line: Floats) -> Floats:
        return square + line  # one of them is 0

    def pairing(self, slope: Floats, slope_line: Floats) -> Floats:
        """⟨∇h, g⟩ (F,), or ⟨∇h, b⟩, by coefficients as the law has them."""
        return self.degree * self.sums.total(self._own(slope, slope_line))

    def change(self, look: Look, rules: Sequence[Rule | None], leak: Floats) -> Floats:
        """h(θ⁺) − h(θ) of a true law (F,), nan where no rule says it.

        Args:
            look: at the tensors before and after.
            rules: of each parameter group.
            leak: (F,) ⟨∇h, g⟩ of laws that are true but for the eps of a norm, else 0.
        """
        sums = self.sums
        decay, rate, sign, momentum, ahead = (np.zeros(len(self._parts)) for _ in range(5))
        shares = np.ones(len(self._parts))
        known: list[tuple[_Class, Joint]] = []
        for one in self.classes:
            common = self._joint(one, rules)
            if common is None or not self._kept(one, common):
                self.tilt[one.functions] = np.nan
                continue
            known.append((one, common))
            for group, weight, pull in zip(one.groups, common.weights, common.decays, strict=True):
                k = self._parts.get((one.number, group))
                if k is not None:
                    decay[k], shares[k], rate[k] = pull, 1 / weight, common.steps.rate / weight
                    sign[k], momentum[k] = common.sign, common.steps.momentum
                    ahead[k] = common.steps.nesterov
        if len(self._parts) != 1:
            told = np.stack([decay, rate, sign, momentum, ahead, shares])
            decay, rate, sign, momentum, ahead, shares = told[:, self._part]
        square = fresh = look.pace
        if ahead.any() or not np.all(momentum > 0):
            fresh = look.steep + 2 * sign * decay * look.slope + decay**2 * look.square
            square = np.where(momentum > 0, look.pace, fresh)
        crossed = square
        if ahead.any():
            # d = g̃ + μb⁺ and θ⁺ = θ − ηd, solved for θb⁺
            before = look.along + rate * (sign * look.ahead + momentum * look.pace)
            met = sign * look.ahead + decay * before / (1 - rate * decay)
            square = np.where(
                ahead > 0, fresh + 2 * momentum * met + momentum**2 * look.pace, square
            )
            crossed = np.where(ahead > 0, met + momentum * look.pace, crossed)
        quadratic = np.where(sums.straight, 0.0, shares)
        radial: Floats = np.zeros(sums.functions)
        if decay.any():
            radial = self.degree * sums.total(decay * self._own(look.square, look.line))
        even = sums.total(square * quadratic)
        mixed = even if crossed is square else sums.total(crossed * quadratic)
        out = np.full(sums.functions, np.nan)
        for one, common in known:
            for begun in (True, False):
                mask = one.functions & (self.first != begun)
                if mask.any():
                    mine = slice(None) if mask.all() else mask
                    along: Floats = radial[mine] + common.sign * leak[mine]
                    out[mine] = self._forecast(
                        common, mine, begun, along, even[mine], mixed[mine], look.value[mine]
                    )
        self.first[:] = False
        out[look.still] = np.nan
        self.tilt[look.still] = np.nan
        out[self.lost] = np.nan
        return out

    def _kept(self, one: _Class, common: Joint) -> bool:
        """Whether rates have the ratios that h was made for; a law that lost them is given up."""
        self._weigh(one, common)
        assert one.weights is not None
        if not common.steps.rate or same_weights(one.weights, common.weights):
            return True
        self.lost |= one.functions
        return False

    def _forecast(
        self,
        common: Joint,
        mine: slice | NDArray[np.bool_],
        begun: bool,
        radial: Floats,
        square: Floats,
        crossed: Floats,
        value: Floats,
    ) -> Floats:
        steps = common.steps
        tilt = None
        if begun and steps.momentum:
            tilt = self.tilt[mine]
        forecast = Forecast(steps, self.degree[mine], tilt)
        change = forecast.change(radial, square, crossed, value)
        assert forecast.tilt is not None
        self.tilt[mine] = forecast.tilt
        return change

    def wants_velocity(self, rules: Sequence[Rule | None]) -> NDArray[np.bool_]:
        """(F,) functions whose ⟨∇h, b⟩ has to be measured before the next step."""
        out, unknown = np.zeros(self.sums.functions, dtype=bool), np.isnan(self.tilt)
        for one in self.classes if unknown.any() else ():
            common = self._joint(one, rules)
            if common is not None and common.steps.momentum:
                out |= one.functions & unknown
        return out & ~self.lost
