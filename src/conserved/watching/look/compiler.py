"""C sources of this package, compiled where there is a compiler, and kept for the next time."""

from __future__ import annotations

import ctypes
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from conserved.watching.saved import folder as kept_in

_FLAGS = ("-O3", "-fopenmp-simd", "-shared", "-fPIC")
_SECONDS = 60.0
OFF = "CONSERVED_COMPILE"  # 0 in the environment: nothing is compiled


def compiled(name: str) -> ctypes.CDLL | None:
    """A library made of a source of this package; None where that cannot be.

    It is kept below the laws, in a folder that nobody else may write to, under a name that tells
    source, compiler, machine and what is in it; one that was damaged is made anew.

    Args:
        name: of the source.
    """
    compiler = _compiler()
    if compiler is None or os.environ.get(OFF) == "0" or os.name != "posix":
        return None
    source = files("conserved.watching.look").joinpath(name).read_bytes()
    told = "\0".join([*compiler, *_FLAGS, platform.machine(), platform.platform()])
    stem = f"{Path(name).stem}-{sha256(source + told.encode()).hexdigest()[:24]}"
    try:
        folder = kept_in() / "compiled"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _ours(folder):
            return None
        kept = _kept(folder, stem) or _compile(compiler, source, folder, stem)
        return ctypes.CDLL(str(kept))
    except (OSError, subprocess.SubprocessError):
        return None


def _compiler() -> list[str] | None:
    """The command of a compiler and its arguments, such as ``ccache gcc``."""
    try:
        command = shlex.split(os.environ.get("CC", "")) or ["cc"]
    except ValueError:
        return None
    found = shutil.which(command[0])
    return None if found is None else [found, *command[1:]]


def _ours(path: Path) -> bool:
    """Whether nobody else may write to it."""
    found = path.stat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


def _named(stem: str, made: Path) -> str:
    return f"{stem}-{sha256(made.read_bytes()).hexdigest()[:24]}.so"


def _kept(folder: Path, stem: str) -> Path | None:
    """A library that is as it was made: the loader does not survive one that was cut."""
    there = (path for path in folder.glob(f"{stem}-*.so") if _ours(path))
    return next((path for path in there if path.name == _named(stem, path)), None)


def _compile(compiler: Sequence[str], source: bytes, folder: Path, stem: str) -> Path:
    """Put a library where it is kept, in one piece."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".conserved-") as work:
        text, made = Path(work, "source.c"), Path(work, "made.so")
        text.write_bytes(source)
        subprocess.run(
            [*compiler, *_FLAGS, str(text), "-o", str(made)],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
        )
        made.chmod(0o700)
        kept = folder / _named(stem, made)
        os.replace(made, kept)
    return kept
