"""Where the index of a log lies, and who may write to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from weakref import finalize

LONG = 1 << 26  # bytes of a log whose index stays beside it


def beside(path: Path) -> Path:
    """The folder of an index: ``run.jsonl`` → ``run.jsonl.index``."""
    return path.with_name(f"{path.name}.index")


class Place:
    """A folder to write an index to.

    One process at a time writes to a folder that stays. Who comes later, or may not write there,
    reads what is there and writes what comes after it to a temporary folder.

    Args:
        kept: the folder that stays, made where it is not there; by default none does.

    Attributes:
        folder: to write to.
        below: another's, to read first; or None.
        kept: whether what is written stays.
    """

    def __init__(self, kept: Path | None) -> None:
        self.below: Path | None = None
        self._release: Callable[[], object]
        handle = None if kept is None else _locked(kept)
        self.kept, self._handle = handle is not None, handle
        if kept is not None and handle is not None:
            self.folder = kept
            self._release = finalize(self, os.close, handle)
            return
        if kept is not None and kept.is_dir():
            self.below = kept
        self.folder = Path(mkdtemp(prefix="conserved-"))
        self._release = finalize(self, partial(rmtree, self.folder, ignore_errors=True))

    def close(self) -> None:
        """Another may write there; what is temporary is taken away."""
        if self._handle is not None:
            _unlock(self._handle)
            self._handle = None
        self._release()


def _locked(folder: Path) -> int | None:
    """A handle of a folder that is ours until it is closed or the process ends; or None."""
    try:
        import fcntl  # not on every system

        folder.mkdir(exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _unlock(handle: int) -> None:
    """Also where processes that were forked hold it too, as those that load data do."""
    import fcntl

    fcntl.flock(handle, fcntl.LOCK_UN)
