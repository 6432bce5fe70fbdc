"""Several dynamics at once, such as momentum with weight decay and rates by tensor."""

from __future__ import annotations

from dataclasses import dataclass, fields

from conserved.dynamics.base import Dynamics, checked
from conserved.errors import InputError
from conserved.kernel.flow import GRADIENT, Flow
from conserved.kernel.program import Tensors


@dataclass(frozen=True)
class Combined(Dynamics):
    """What each of the parts adds to gradient flow, together.

    Args:
        parts: two or more, that do not speak of the same.

    Example:
        >>> from conserved.dynamics import parse_flow
        >>> parse_flow("momentum:1/2 + decay:3").formula
        "θ' = v, v' = −τv − λθ − ∇L(θ)"
    """

    parts: tuple[Dynamics, ...]

    @property
    def name(self) -> str:
        return "+".join(part.name for part in self.parts)

    @property
    def formula(self) -> str:
        tensors = (("W", (1,)),)
        flow = Flow()
        for part in self.parts:
            flow = _merged(self, flow, _general(part, tensors))
        pull = ("η " * bool(flow.rates or flow.free)) + ("P " * bool(flow.metric)) + "∇L(θ)"
        slowed = "λθ − " * bool(flow.decay)
        scale = "θ" if flow.power == 1 else f"θ^{flow.power}"
        mirrored = f"{scale} ⊙ " * bool(flow.mirror)
        if not flow.moving:
            return f"θ' = −{slowed}{mirrored}{pull}"
        friction = "(3/t)" if flow.fading else "τ"
        return f"θ' = {mirrored}v, v' = −{friction}v − {slowed}{pull}"

    def flow(self, tensors: Tensors) -> Flow:
        whole = Flow()
        for part in self.parts:
            whole = _merged(self, whole, part.flow(tensors))
        return checked(self, whole, tensors)


def _general(part: Dynamics, tensors: Tensors) -> Flow:
    """What a part adds, whatever the names of the tensors."""
    named = [name for name, _ in getattr(part, "rates", ())] + list(getattr(part, "tensors", ()))
    own = tuple((name, (1,)) for name in named if name)
    rows = getattr(part, "rows", ())
    return part.flow((("θ", (len(rows),)),) if rows else own or tensors)


def _merged(whole: Combined, one: Flow, other: Flow) -> Flow:
    changed = {}
    for field in fields(Flow):
        values = [getattr(flow, field.name) for flow in (one, other)]
        new = [value for value in values if value != getattr(GRADIENT, field.name)]
        if len(new) > 1:
            raise InputError("flow", whole.name, "two parts speak of the same")
        changed[field.name] = new[0] if new else values[0]
    if other == GRADIENT:
        raise InputError("flow", whole.name, "a part adds nothing to gradient flow; leave it out")
    return Flow(**changed)
