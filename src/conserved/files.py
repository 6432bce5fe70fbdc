"""Files written in one piece."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, whenever it is interrupted.

    What is no regular file, such as ``/dev/stdout`` or a pipe, is written to and not replaced; a
    link goes on pointing where it did; a file that is there keeps its permissions.

    Args:
        path: of the file, in a folder that exists.
        content: all of it.

    Raises:
        OSError: the place cannot be written to; what was there is untouched.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_whole(f"{folder}/a", b"new")
        ...     (Path(folder) / "a").read_bytes(), len(os.listdir(folder))
        (b'new', 1)
    """
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    handle, half = tempfile.mkstemp(dir=target.parent, prefix=".conserved-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(half, _permissions(target))  # mkstemp makes files that nobody else may read
        os.replace(half, target)
    except BaseException:
        Path(half).unlink(missing_ok=True)
        raise


def _permissions(target: Path) -> int:
    if target.exists():
        return target.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
