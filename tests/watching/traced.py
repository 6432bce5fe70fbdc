"""Something happens at a line of ``conserved.watching`` that is counted, as Ctrl-C and kills do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conserved.watching.log import place

_ROOM = str(Path(place.__file__).parent)


class Traced:
    """Counts lines, and calls a function at one of them.

    Attributes:
        lines: how many there were.
    """

    def __init__(self, at: int, do: Callable[[], None]) -> None:
        self._at, self._do = at, do
        self.lines = 0

    def __call__(self, frame: Any, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_ROOM):
            return None
        self.lines += event == "line"
        if event == "line" and self.lines == self._at:
            sys.settrace(None)
            self._do()
        return self


def interrupt() -> None:
    """Ctrl-C."""
    raise KeyboardInterrupt


@contextmanager
def traced(at: int = -1, do: Callable[[], None] = interrupt) -> Iterator[Traced]:
    """Do that at a line that is run meanwhile; by default none."""
    before, found = sys.gettrace(), Traced(at, do)
    sys.settrace(found)
    try:
        yield found
    finally:
        sys.settrace(before)
