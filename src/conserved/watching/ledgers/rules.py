"""How an optimizer steps: what of it is forecast, parameter group by parameter group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from conserved.dynamics.outcomes import not_along, optimizer_in_words
from conserved.dynamics.steps import Steps

if TYPE_CHECKING:
    from torch.optim import Optimizer

SAME = 1e-9  # relative, of ratios of rates
MIXED = "its terms mix parameters of different rates"


@dataclass(frozen=True)
class Rule:
    """Steps of one parameter group.

    Attributes:
        steps: with its own rate and decay.
        sign: −1 where the loss is maximized.
    """

    steps: Steps
    sign: float = 1.0

    @property
    def kind(self) -> tuple[Any, ...]:
        """What tensors of one law must have in common for its drift to be forecast."""
        s = self.steps
        shrunk = s.rate * s.decoupled
        return s.momentum, s.dampening, s.nesterov, shrunk, self.sign


def rule_of(optimizer: Optimizer, group: Mapping[str, Any]) -> Rule | None:
    """The rule of a parameter group; None where the optimizer is not a kind of SGD."""
    import torch

    decoupled = any(kind.__name__ == "SGDW" for kind in type(optimizer).__mro__)
    if not decoupled and not isinstance(optimizer, torch.optim.SGD):
        return None
    decay = float(group.get("weight_decay", 0.0))
    steps = Steps(
        rate=float(group["lr"]),
        momentum=float(group.get("momentum", 0.0)),
        dampening=float(group.get("dampening", 0.0)) if group.get("momentum") else 0.0,
        nesterov=bool(group.get("nesterov", False)),
        decay=0.0 if decoupled else decay,
        decoupled=decay if decoupled else 0.0,
    )
    return Rule(steps, -1.0 if group.get("maximize") else 1.0)


def rules_of(optimizers: Sequence[Optimizer]) -> list[Rule | None]:
    """Of each parameter group, through all optimizers."""
    return [rule_of(o, group) for o in optimizers for group in o.param_groups]


def groups_of(optimizers: Sequence[Optimizer], named: Mapping[str, Any]) -> dict[str, int]:
    """The number of that group for each parameter by name; one that none moves is left out."""
    names = {id(p): name for name, p in named.items()}
    groups = (group for optimizer in optimizers for group in optimizer.param_groups)
    return {
        names[id(p)]: number
        for number, group in enumerate(groups)
        for p in group["params"]
        if id(p) in names
    }


def standing(named: Mapping[str, Any], groups: Mapping[str, int]) -> set[str]:
    """Names of parameters that no step moves: frozen, or in no parameter group."""
    return {name for name, p in named.items() if not p.requires_grad or name not in groups}


def velocities(optimizers: Sequence[Optimizer], named: Mapping[str, Any]) -> dict[str, Any]:
    """Momentum buffers by name, of those that have one."""
    state: dict[Any, Any] = {}
    for optimizer in optimizers:
        state.update(optimizer.state)
    held = {name: state.get(p, {}).get("momentum_buffer") for name, p in named.items()}
    return {name: buffer for name, buffer in held.items() if buffer is not None}


@dataclass(frozen=True)
class Joint:
    """One rule for the parameter groups that a law has to do with.

    Attributes:
        steps: at the rate of the first group; its decay is 1, for decay is told group by group.
        weights: for each group what its terms count, the first rate over its own.
        decays: λ of each group.
        sign: −1 where the loss is maximized.
    """

    steps: Steps
    weights: tuple[float, ...]
    decays: tuple[float, ...]
    sign: float


def joint(rules: Sequence[Rule | None]) -> Joint | None:
    """The common rule; None where there is none.

    Tensors with rates of their own keep ``Σ h_c/η_c``, as under a metric (theory §14); the
    momentum, dampening and decoupled decay of all must be the same.
    """
    known = [rule for rule in rules if rule is not None]
    if not known or len(known) < len(rules) or len({rule.kind for rule in known}) > 1:
        return None
    rates = [rule.steps.rate for rule in known]
    if any(rates) and not all(rates):
        return None  # a tensor stands still
    first = known[0]
    weights = tuple(rates[0] / rate if rate else 1.0 for rate in rates)
    return Joint(
        replace(first.steps, decay=1.0),
        weights,
        tuple(rule.steps.decay for rule in known),
        first.sign,
    )


def same_weights(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether rates kept their ratios."""
    return all(abs(a - b) <= SAME * abs(a) for a, b in zip(one, other, strict=True))


def why_not(owners: Sequence[Optimizer], rules: Sequence[Rule | None]) -> str:
    """Why steps of these parameter groups are not forecast together; "" where they are.

    Args:
        owners: the optimizer of each group.
        rules: of each group.
    """
    for owner, rule in zip(owners, rules, strict=True):
        if rule is None:
            return not_along([kind.__name__ for kind in type(owner).__mro__])
    return "" if joint(rules) else "its tensors are moved by different rules"


def in_words(optimizers: Sequence[Optimizer]) -> str:
    """An optimizer and what makes its laws drift: "SGD, momentum 0.9, decay 0.01".

    Example:
        >>> import torch
        >>> in_words([torch.optim.SGD([torch.zeros(1)], momentum=0.9)])
        'SGD, momentum 0.9'
    """
    told = []
    for optimizer in optimizers:
        keys = ("momentum", "momentum"), ("dampening", "dampening"), ("decay", "weight_decay")
        groups = optimizer.param_groups
        settings = {name: {float(g.get(key) or 0.0) for g in groups} for name, key in keys}
        nesterov = any(g.get("nesterov") for g in groups)
        told.append(optimizer_in_words(type(optimizer).__name__, settings, nesterov=nesterov))
    return "; ".join(told)


def needs_gradient_squares(rules: Sequence[Rule | None]) -> bool:
    """Whether a ledger is made from the gradient itself, not from the velocity alone."""
    steps = [rule.steps for rule in rules if rule is not None]
    return any(s.nesterov or not s.momentum for s in steps)


def carried(rules: Sequence[Rule | None]) -> float:
    """How far one step carries the rounding of a gradient."""
    known = [rule.steps for rule in rules if rule is not None]
    return max((s.rate / max(1e-3, 1 - s.momentum) for s in known), default=0.0)
