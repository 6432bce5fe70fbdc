"""How many BLAS threads small exact work gets: one.

Two threads gain a third on a large rank on idle cores and cost a factor of ten on small matrices
or busy cores, where they spin for each other.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

from threadpoolctl import ThreadpoolController

LARGE = 2500  # columns from which a rank keeps all threads


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # finding the libraries takes a millisecond: once


def threads_for(columns: int) -> AbstractContextManager[object]:
    """A context in which BLAS runs as fits matrices of that many columns."""
    if columns >= LARGE:
        return nullcontext()
    limited: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limited
