"""Ranges and directions of whole tensors, where labels drop out and no lift tells why."""

from __future__ import annotations

import pytest

import conserved as cq
from conserved.law import SpanLaw
from conserved.verification import verify


@pytest.mark.parametrize(
    "network, symmetry, laws, text",
    [
        ("mlp:2-2-3,act=tanh", "negation", 2, "range of W2"),
        ("mlp:2-2-3,act=erf", "rotation:6", 2, "range of W2"),
        ("mlp:2-1-3,act=tanh", "negation", 2, "direction of W2"),
    ],
)
def test_odd_networks_with_invariant_labels(
    network: str, symmetry: str, laws: int, text: str
) -> None:
    """f is odd and labels are not: W2′ = −W2 K with symmetric K, so the span of W2 stays."""
    analysis = cq.analyze(cq.Problem.from_text(network, symmetry=symmetry))
    assert analysis.count == cq.Count(laws, laws, True)
    assert analysis.from_data_symmetry == laws
    (law,) = analysis.laws
    assert isinstance(law, SpanLaw)
    assert (law.text, law.origin, law.independent) == (text, "data symmetry", laws)
    assert any(law.text in reason for reason in analysis.explanation.reasons)


def test_labels_that_move_along_leave_no_range() -> None:
    """With labels of the network's own sign nothing drops out, and the same law is refused."""
    invariant = cq.Problem.from_text("mlp:2-2-3,act=tanh", symmetry="negation")
    moving = cq.Problem.from_text("mlp:2-2-3,act=tanh", symmetry="negation", labels="sign")
    (law,) = cq.analyze(invariant).laws
    assert verify(invariant, [law]).holds == (True,)
    assert verify(moving, [law]).holds == (False,)
    assert cq.analyze(moving).laws == ()
