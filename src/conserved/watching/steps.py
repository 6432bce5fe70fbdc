"""A few entries of each parameter, followed exactly: does the optimizer do what its groups say?

Laws move in second order of a step; single entries tell a wrong momentum, rate or decay in first
order, and a parameter that was changed between two steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conserved.watching.products import Floats
from conserved.watching.rules import Rule

if TYPE_CHECKING:
    from torch import nn

_ENTRIES = 16  # of each parameter
_AT_ONCE = 16  # parameters
# that one entry may be off by: unlike laws, which average, and at the size of that entry, where
# fused steps round in another order; a setting that is wrong is off by far more
_ROUNDINGS = 1000.0
_HALF_ROUNDINGS = 4.0  # the same in half precision: each operation of a step rounds once


@dataclass(eq=False)
class _Entries:
    """Of one parameter before a step."""

    theta: Floats
    gradient: Floats | None
    velocity: Floats | None


class StepCheck:
    """Follows sampled entries from step to step; of many parameters some at a time, by turns.

    Args:
        parameters: by name.
        seed: draws the entries.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._places: dict[str, Any] = {}
        for name, parameter in parameters.items():
            count = parameter.numel() if not hasattr(parameter, "to_local") else 0
            if count:
                self._places[name] = _indices(rng, count, parameter)
        names, turns = list(self._places), max(1, len(self._places) // _AT_ONCE)
        self._turns = [names[k::turns] for k in range(turns)]
        self._turn = 0
        self._after: dict[str, Floats] = {}
        self._versions: dict[str, int] = {}
        self._before: dict[str, _Entries] = {}

    def before(
        self,
        parameters: Mapping[str, nn.Parameter],
        gradients: Mapping[str, Any],
        velocity: Mapping[str, Any],
    ) -> list[str]:
        """Note the entries before a step; parameters that changed since the last one."""
        names = self._turns[self._turn]
        theta = self._entries(names, parameters)
        slopes = self._entries(names, gradients)
        speeds = self._entries(names, velocity)
        self._before = {n: _Entries(theta[n], slopes.get(n), speeds.get(n)) for n in names}
        return self._moved(parameters, theta)

    def changed(self, parameters: Mapping[str, nn.Parameter]) -> list[str]:
        """Parameters that changed since the last step."""
        return self._moved(parameters, self._entries(list(self._after), parameters))

    def _moved(
        self, parameters: Mapping[str, nn.Parameter], theta: Mapping[str, Floats]
    ) -> list[str]:
        moved = {n for n, v in self._versions.items() if parameters[n]._version != v}
        for name, old in self._after.items():
            if not np.array_equal(theta[name], old, equal_nan=True):
                moved.add(name)
        return [name for name in self._places if name in moved]

    def forget(self) -> None:
        """Parameters may have moved since."""
        self._after, self._versions = {}, {}

    def after(
        self,
        parameters: Mapping[str, nn.Parameter],
        velocity: Mapping[str, Any],
        rules: Mapping[str, Rule | None],
    ) -> dict[str, str]:
        """What a step did otherwise than its optimizer says, by parameter."""
        wrong = {}
        names = self._turns[self._turn]
        theta, speeds = self._entries(names, parameters), self._entries(names, velocity)
        for name in names:
            old, rule = self._before[name], rules.get(name)
            if rule is None or old.gradient is None:
                continue
            told = _fault(rule, old, theta[name], speeds.get(name), _slack(parameters[name]))
            if told:
                wrong[name] = told
        self._turn = (self._turn + 1) % len(self._turns)
        self._after = self._entries(self._turns[self._turn], parameters)
        self._versions = {name: parameters[name]._version for name in self._places}
        return wrong

    def _entries(self, names: Sequence[str], tensors: Mapping[str, Any]) -> dict[str, Floats]:
        """In float64, of those that are there."""
        import torch

        there = [n for n in names if tensors.get(n) is not None and not tensors[n].is_sparse]
        if not there:
            return {}
        with torch.no_grad():
            taken = [torch.take(tensors[n], self._places[n]) for n in there]
            found = torch.cat(taken).double().cpu().numpy()
        ends = np.cumsum([len(self._places[n]) for n in there])
        return dict(zip(there, np.split(found, ends[:-1]), strict=True))


def _indices(rng: np.random.Generator, count: int, parameter: nn.Parameter) -> Any:
    import torch

    chosen = np.sort(rng.choice(count, size=min(_ENTRIES, count), replace=False))
    return torch.as_tensor(chosen, device=parameter.device)


def _slack(parameter: nn.Parameter) -> float:
    """A share of what is added up that an entry may be off by."""
    import torch

    eps = float(torch.finfo(parameter.dtype).eps)
    return eps * (_ROUNDINGS if parameter.element_size() >= 4 else _HALF_ROUNDINGS)


def _fault(rule: Rule, old: _Entries, theta: Floats, velocity: Floats | None, slack: float) -> str:
    """In words, or ""."""
    steps = rule.steps
    assert old.gradient is not None
    pull = rule.sign * old.gradient + steps.decay * old.theta
    moved, size = pull, np.abs(old.gradient) + steps.decay * np.abs(old.theta)
    if steps.momentum:
        if velocity is None:
            return "it has no velocity, though its group has momentum"
        fresh = pull
        if old.velocity is not None:
            fresh = steps.momentum * old.velocity + (1 - steps.dampening) * pull
            size = np.maximum(size, np.abs(old.velocity))
        if _off(velocity, fresh, size, slack):
            return _momentum(rule, old, pull, velocity, size, slack)
        moved = pull + steps.momentum * velocity if steps.nesterov else velocity
    kept = (1 - steps.rate * steps.decoupled) * old.theta
    size = np.abs(old.theta) + steps.rate * size
    if _off(theta, kept - steps.rate * moved, size, slack):
        return _rate(rule, kept, moved, theta, size, slack)
    return ""


def _off(found: Floats, wanted: Floats, size: Floats, slack: float) -> bool:
    """Whether they differ by more than rounding; what is not finite is told elsewhere."""
    gap = np.abs(found - wanted)
    most = slack * np.maximum(size, size.max(initial=0) * 1e-3)
    return bool(np.isfinite(gap).all() and (gap > most).any())


def _momentum(
    rule: Rule, old: _Entries, pull: Floats, velocity: Floats, size: Floats, slack: float
) -> str:
    said = rule.steps.momentum
    if old.velocity is not None and (held := old.velocity @ old.velocity):
        rest = velocity - (1 - rule.steps.dampening) * pull
        fitted = float(rest @ old.velocity / held)
        if not _off(velocity, velocity - rest + fitted * old.velocity, size, slack):
            return f"its momentum is {fitted:.3g} where its group says {said:g}"
    return f"its velocity is not that of momentum {said:g}"


def _rate(
    rule: Rule, kept: Floats, moved: Floats, theta: Floats, size: Floats, slack: float
) -> str:
    if held := moved @ moved:
        fitted = float((kept - theta) @ moved / held)
        if not _off(theta, kept - fitted * moved, size, slack):
            return f"its rate is {fitted:.3g} where its group says {rule.steps.rate:g}"
    return "it moved otherwise than its gradient and its group say"
