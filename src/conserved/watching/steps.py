"""A few entries of each parameter, followed exactly: does the optimizer do what its groups say?

Laws move in second order of a step; single entries tell a wrong momentum, rate or decay in first
order, and a parameter or a velocity that was changed between two steps.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from conserved.watching.between import Between
from conserved.watching.ledgers.rules import Rule
from conserved.watching.look.products import Floats
from conserved.watching.tensors import plain

if TYPE_CHECKING:
    from torch import nn

_ENTRIES = 16  # of each parameter
_AT_ONCE, _TURNS = 8, 8  # parameters, at least; turns until each was followed, at most
# that one entry may be off by: unlike laws, which average, and at the size of that entry, where
# fused steps round in another order; a setting that is wrong is off by far more
_ROUNDINGS = 1000.0
_HALF_ROUNDINGS = 4.0  # the same in half precision: each operation of a step rounds once
_LEAST = 2.0**-126  # numbers of float32 below it may be taken for 0


@dataclass(eq=False)
class _Entries:
    """Of one parameter before a step."""

    theta: Floats
    gradient: Floats | None
    velocity: Floats | None


@dataclass(eq=False)
class _Left:
    """Tensors by name as a step left them: which, how often written to, entries of some."""

    marks: dict[str, tuple[Any, int] | None] = field(default_factory=dict)
    entries: dict[str, Floats] = field(default_factory=dict)

    def touched(self, tensors: Mapping[str, Any]) -> set[str]:
        """Those that are others now, or were written to."""
        return {name for name, mark in self.marks.items() if not _is(mark, tensors.get(name))}

    def tell(self, touched: Collection[str], followed: Collection[str]) -> set[str]:
        """Those of which entries tell whether they changed."""
        found = {n for n in {*touched, *followed} if n in self.entries}
        return found | {n for n in touched if self.marks[n] is None}  # there was none

    def differ(self, names: Collection[str], now: Mapping[str, Floats]) -> set[str]:
        """Those of these names whose entries are not what they were."""
        return {n for n in names if not _same(self.entries.get(n), now.get(n))}


class StepCheck:
    """Follows sampled entries from step to step; of many parameters some at a time, by turns.

    All tensors are asked whether they were written to. What became of one that was is told by its
    entries where it was followed, or where nothing else would tell: where no law speaks of it, or
    no rule says what a step does to that.

    Args:
        parameters: by name.
        seed: draws the entries.
        lawful: names of parameters that laws speak of.
    """

    def __init__(
        self, parameters: Mapping[str, nn.Parameter], seed: int, lawful: Collection[str]
    ) -> None:
        import torch

        rng = np.random.default_rng(seed)
        self._known = {torch.float32, torch.float64}  # that NumPy has
        self._places: dict[str, NDArray[np.intp]] = {}
        for name, parameter in parameters.items():
            count = parameter.numel() if not hasattr(parameter, "to_local") else 0
            if count:
                self._places[name] = _indices(rng, count)
        names = list(self._places)
        turns = min(_TURNS, max(1, len(names) // _AT_ONCE))
        self._turns = [names[k::turns] for k in range(turns)]
        self._turn = 0
        self._lawless = set(names) - set(lawful)
        self._left, self._pace = _Left(), _Left()
        self._before: dict[str, _Entries] = {}

    def before(
        self,
        parameters: Mapping[str, nn.Parameter],
        gradients: Mapping[str, Any],
        velocity: Mapping[str, Any],
        rules: Mapping[str, Rule | None],
    ) -> Between:
        """Note the entries before a step; what changed since the last one."""
        names = self._turns[self._turn]
        found, theta, speeds = self._since(names, parameters, velocity, rules)
        slopes = self._entries(names, gradients)
        self._before = {n: _Entries(theta[n], slopes.get(n), speeds.get(n)) for n in names}
        return found

    def since(
        self,
        parameters: Mapping[str, nn.Parameter],
        velocity: Mapping[str, Any],
        rules: Mapping[str, Rule | None],
    ) -> Between:
        """What changed since the last step."""
        return self._since((), parameters, velocity, rules)[0]

    def _since(
        self,
        turn: Sequence[str],
        parameters: Mapping[str, nn.Parameter],
        velocity: Mapping[str, Any],
        rules: Mapping[str, Rule | None],
    ) -> tuple[Between, dict[str, Floats], dict[str, Floats]]:
        """The same, with the entries of parameters and velocities whose turn it is."""
        touched, renewed = self._left.touched(parameters), self._pace.touched(velocity)
        asked, quick = (
            self._left.tell(touched, self._before),
            self._pace.tell(renewed, self._before),
        )
        theta = self._entries(self._among(asked, turn), parameters)
        speeds = self._entries(self._among(quick, turn), velocity)
        moved = self._left.differ(asked, theta)
        kept = {n for n, r in rules.items() if r is not None and r.steps.momentum}
        paced = self._pace.differ(quick, speeds) & kept
        told = [tuple(self._among(names)) for names in (moved, paced, touched - moved)]
        return Between(*told), theta, speeds

    def _among(self, *chosen: Collection[str]) -> list[str]:
        """Parameters in any of these, in their order."""
        names = set().union(*chosen)
        return [name for name in self._places if name in names]

    def forget(self) -> None:
        """Parameters may have moved since."""
        self._left, self._pace = _Left(), _Left()

    def after(
        self,
        parameters: Mapping[str, nn.Parameter],
        velocity: Mapping[str, Any],
        rules: Mapping[str, Rule | None],
    ) -> dict[str, str]:
        """What a step did otherwise than its optimizer says, by parameter."""
        wrong = {}
        names = self._turns[self._turn]
        unruled = {name for name in self._places if rules.get(name) is None}
        asked = self._among(names, self._lawless, unruled)
        theta, speeds = self._entries(asked, parameters), self._entries(asked, velocity)
        for name in names:
            old, rule = self._before[name], rules.get(name)
            if rule is None or old.gradient is None:
                continue
            slack = _slack(parameters[name], velocity.get(name))
            told = _fault(rule, old, theta[name], speeds.get(name), slack)
            if told:
                wrong[name] = told
        self._turn = (self._turn + 1) % len(self._turns)
        self._left = _Left({n: _mark(parameters.get(n)) for n in self._places}, theta)
        self._pace = _Left({n: _mark(velocity.get(n)) for n in self._places}, speeds)
        return wrong

    def _entries(self, names: Sequence[str], tensors: Mapping[str, Any]) -> dict[str, Floats]:
        """In float64, of those that are there."""
        found, elsewhere = {}, {}
        for name in names:
            tensor = tensors.get(name)
            if tensor is None or tensor.is_sparse:
                continue
            places = self._places[name]
            if plain(tensor) and tensor.dtype in self._known:
                flat = tensor.detach().numpy().reshape(-1)
                found[name] = flat[places].astype(np.float64)
            else:
                elsewhere[name] = tensor, places
        return found | _fetched(elsewhere) if elsewhere else found


def _fetched(places: Mapping[str, tuple[Any, NDArray[np.intp]]]) -> dict[str, Floats]:
    """Entries by torch, fetched together."""
    import torch

    with torch.no_grad():
        taken = [torch.take(t, torch.as_tensor(p, device=t.device)) for t, p in places.values()]
        found = torch.cat(taken).double().cpu().numpy()
    ends = accumulate((len(p) for _, p in places.values()), initial=0)
    return {name: found[a:b] for name, (a, b) in zip(places, pairwise(ends), strict=True)}


def _mark(tensor: Any) -> tuple[Any, int] | None:
    return None if tensor is None else (ref(tensor), tensor._version)


def _is(mark: tuple[Any, int] | None, tensor: Any) -> bool:
    """Whether a tensor is the one that was marked, and was not written to."""
    if mark is None or tensor is None:
        return mark is tensor
    return mark[0]() is tensor and mark[1] == tensor._version


def _same(one: Floats | None, other: Floats | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other, equal_nan=True)


def _indices(rng: np.random.Generator, count: int) -> NDArray[np.intp]:
    return np.sort(rng.choice(count, size=min(_ENTRIES, count), replace=False))


class _Slack(NamedTuple):
    """What an entry may be off by: a share of what is added up, and as it is."""

    share: float
    least: float


def _slack(*held: Any) -> _Slack:
    """In the precision of a parameter and its velocity, the coarser of the two."""
    import torch

    kind = max((torch.finfo(t.dtype) for t in held if t is not None), key=lambda k: float(k.eps))
    share = float(kind.eps) * (_ROUNDINGS if kind.bits >= 32 else _HALF_ROUNDINGS)
    return _Slack(share, max(_LEAST, share * float(kind.tiny)))


def _fault(rule: Rule, old: _Entries, theta: Floats, velocity: Floats | None, slack: _Slack) -> str:
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


def _off(found: Floats, wanted: Floats, size: Floats, slack: _Slack) -> bool:
    """Whether they differ by more than rounding; what is not finite is told elsewhere."""
    gap = np.abs(found - wanted)
    most = slack.share * np.maximum(size, size.max(initial=0) * 1e-3) + slack.least
    return bool(np.isfinite(gap).all() and (gap > most).any())


def _momentum(
    rule: Rule, old: _Entries, pull: Floats, velocity: Floats, size: Floats, slack: _Slack
) -> str:
    said = rule.steps.momentum
    if old.velocity is not None and (held := old.velocity @ old.velocity):
        rest = velocity - (1 - rule.steps.dampening) * pull
        fitted = float(rest @ old.velocity / held)
        if not _off(velocity, velocity - rest + fitted * old.velocity, size, slack):
            return f"its momentum is {fitted:.3g} where its group says {said:g}"
    return f"its velocity is not that of momentum {said:g}"


def _rate(
    rule: Rule, kept: Floats, moved: Floats, theta: Floats, size: Floats, slack: _Slack
) -> str:
    if held := moved @ moved:
        fitted = float((kept - theta) @ moved / held)
        if not _off(theta, kept - fitted * moved, size, slack):
            return f"its rate is {fitted:.3g} where its group says {rule.steps.rate:g}"
    return "it moved otherwise than its gradient and its group say"
