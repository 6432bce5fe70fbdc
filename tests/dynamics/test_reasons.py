"""What a flow makes of the laws of gradient flow is said."""

from __future__ import annotations

import pytest

import conserved as cq

REASONS = [
    (
        "linear:2-2-1",
        "decay:W1=3,W2=5",
        "Different decay on W1 and W2, 3 and 5, destroys W1 W1ᵀ − W2ᵀ W2",
    ),
    ("relu:2-3-2", "decay:W1=3", "Different decay on W1 and W2, 3 and 0, destroys ‖W1[j,:]‖²"),
    ("linear:2-3-2", "decay:2", "h of degree d becomes e^{dλt} h"),
    ("relu:2-3-2", "momentum", "Gradient flow has 3 laws, this flow 0"),
    ("relu:2-3-2", "momentum", "as ‖W1[j,:]‖² − ‖W2[:,j]‖² does, is lost"),
    ("linear:2-3-2", "natural", "the laws are those of gradient flow"),
    ("linear:2-3-2", "rates:entries", "what mixes units, as W1 W1ᵀ − W2ᵀ W2 does, is lost"),
    ("linear:2-3-2", "rates:W1=3,W2=7", "squares of a tensor come divided by η"),
    ("linear:2-3-2", "mirror", "gradient flow in u"),
]


@pytest.mark.parametrize("network, flow, words", REASONS)
def test_reasons(network: str, flow: str, words: str) -> None:
    found = cq.analyze(cq.Problem.from_text(network, flow=flow))
    assert words in " ".join(found.explanation.reasons)


def test_gradient_flow_needs_none() -> None:
    assert not cq.analyze(cq.Problem.from_text("linear:2-3-2")).explanation.reasons
