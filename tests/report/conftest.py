"""One report that the browser tests open."""

from __future__ import annotations

import pytest

from conserved.report import render
from tests.report import samples


@pytest.fixture(scope="module")
def page() -> str:
    analysis = samples.analysis("linear:4-2-1", "permutation")
    return render(analysis, samples.evidence(), samples.CERTIFICATE)
