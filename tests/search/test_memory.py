"""Large networks: points and directions are drawn in pieces that fit in memory."""

from __future__ import annotations

import pytest

from conserved.fields import Fields
from conserved.kernel.scalars import Array, Scalars
from conserved.law import GramLaw
from conserved.problem import Problem
from conserved.search import ansatz, find_laws, independence


def test_points_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem.from_text("linear:5-4-3")
    whole = find_laws(problem)
    asked: list[int] = []
    samples = ansatz.samples

    def spy(fields: Fields, count: int) -> tuple[Array, Array]:
        asked.append(count)
        return samples(fields, count)

    monkeypatch.setattr(ansatz, "samples", spy)
    monkeypatch.setattr(ansatz, "_SAMPLE_BYTES", 3 * 8 * problem.network.size)
    assert find_laws(problem).laws == whole.laws
    assert set(asked[1:]) <= {1, 2, 3}  # the first call is for linear laws, of few parameters only


def test_directions_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem.from_text("linear:5-4-3")
    size = problem.network.size
    asked: list[int] = []
    derivative = GramLaw.derivative

    def spy(law: GramLaw, scalars: Scalars, theta: Array, directions: Array) -> Array:
        asked.append(len(directions))
        return derivative(law, scalars, theta, directions)

    monkeypatch.setattr(GramLaw, "derivative", spy)
    monkeypatch.setattr(independence, "WHOLE", 0)
    monkeypatch.setattr(independence, "_BLOCK_BYTES", 2 * 8 * size)
    assert find_laws(problem).lower == 10
    assert set(asked) <= {2, 4}  # pieces, and the few fields that a candidate has to survive
