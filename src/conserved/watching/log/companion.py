"""The index of a long log, kept by the process that writes it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from conserved.errors import ConservedError
from conserved.watching.log.index import Index
from conserved.watching.log.place import LONG
from conserved.watching.log.reading import size_of

_PIECE = 1 << 20  # bytes of a log after which what is new is read
_LAST = 64  # pieces that are read when a run is closed


class Companion:
    """Keeps the index of a log while it is written, once that is long; never in the way of a run.

    Args:
        path: of the log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._index: Index | None = None
        self._seen = 0

    def look(self) -> None:
        """Called now and then: reads what is new, and of what is old as much again."""
        size = size_of(self._path)
        if size < LONG or size - self._seen < _PIECE:
            return
        self._seen = size
        with suppress(OSError, ConservedError):  # whoever reads the log makes it then
            if self._index is None:
                self._index = _ours(self._path)
            if self._index is not None:
                self._index.update(most=2)

    def close(self) -> None:
        """The log is whole."""
        if self._index is not None:
            with suppress(OSError, ConservedError):
                self._index.update(most=_LAST)
            self._index.close()


def _ours(path: Path) -> Index | None:
    """An index that we may write; None while another process does."""
    index = Index(path)
    if index.kept:
        return index
    index.close()
    return None
