"""The dynamics whose constants are sought."""

from __future__ import annotations

from dataclasses import dataclass

from conserved.errors import InputError, nearest, require_text


@dataclass(frozen=True)
class Flow:
    """A flow: its text form and its equation."""

    name: str
    formula: str


GRADIENT = Flow("gradient", "θ' = −∇L(θ)")
FLOWS: dict[str, Flow] = {flow.name: flow for flow in (GRADIENT,)}


def parse_flow(text: str) -> Flow:
    """The flow of that name.

    Raises:
        InputError: when there is none.

    Example:
        >>> parse_flow("gradient").formula
        "θ' = −∇L(θ)"
    """
    flow = FLOWS.get(require_text("flow", text, "gradient").strip())
    if flow is None:
        raise InputError("flow", text, f"unknown; {nearest(text, FLOWS)}")
    return flow
