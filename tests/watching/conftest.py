"""Laws that tests find are not kept among the user's."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSERVED_CACHE", str(tmp_path_factory.getbasetemp() / "laws"))
