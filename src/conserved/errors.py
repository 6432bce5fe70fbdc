"""One family of errors; each says in one line what was wrong and what would do."""

from conserved.kernel.errors import (
    ConservedError,
    InputError,
    LimitError,
    RankLimitError,
    Redraw,
    nearest,
)

__all__ = ["ConservedError", "InputError", "LimitError", "RankLimitError", "Redraw", "nearest"]
