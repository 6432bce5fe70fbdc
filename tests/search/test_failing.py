"""A search that fails costs neither bounds nor laws that were found before."""

from __future__ import annotations

import pytest

import conserved as cq
import conserved.inquiry as inquiry
import conserved.search as search
from conserved.errors import Redraw


def test_one_way_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise Redraw("planted")

    monkeypatch.setattr(search, "polynomial_laws", broken)
    analysis = cq.analyze(cq.Problem.from_text("poly:1-3-1,power=3"))
    whole = cq.lie_closure(cq.Problem.from_text("poly:1-3-1,power=3")).upper
    assert analysis.count.upper == whole
    assert analysis.laws
    assert any("laws (polynomial) was given up: planted" in note for note in analysis.notes)


@pytest.mark.parametrize("fault", [Redraw("planted"), MemoryError()])
def test_a_whole_search_fails(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def broken(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(inquiry, "find_laws", broken)
    monkeypatch.setattr(inquiry, "find_more", broken)
    analysis = cq.analyze(cq.Problem.from_text("linear:3-2-2"))
    assert analysis.count == cq.Count(3, 3, True, 0)  # the three are known to exist
    assert analysis.laws == ()
    assert any("a search for laws was given up" in note for note in analysis.notes)
