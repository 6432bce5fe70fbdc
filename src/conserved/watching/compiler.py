"""C sources of this package, compiled where there is a compiler, and kept for the next time."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import tempfile
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from conserved.watching.saved import folder as kept_in

_FLAGS = ("-O3", "-fopenmp-simd", "-shared", "-fPIC")
_SECONDS = 60.0
OFF = "CONSERVED_COMPILE"  # 0 in the environment: nothing is compiled


def compiled(name: str) -> ctypes.CDLL | None:
    """A library made of a source of this package; None where that cannot be.

    It is kept where laws are, in a folder that nobody else may write to, under a name that tells
    source, compiler and machine.

    Args:
        name: of the source.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None or os.environ.get(OFF) == "0" or os.name != "posix":
        return None
    source = files("conserved.watching").joinpath(name).read_bytes()
    told = "\0".join([compiler, *_FLAGS, platform.machine(), platform.platform()])
    key = sha256(source + told.encode()).hexdigest()[:24]
    try:
        folder = kept_in()
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / f"{Path(name).stem}-{key}.so"
        if not kept.exists():
            _compile(compiler, source, kept)
        return ctypes.CDLL(str(kept)) if _ours(folder) and _ours(kept) else None
    except (OSError, subprocess.SubprocessError):
        return None


def _ours(path: Path) -> bool:
    """Whether nobody else may write to it."""
    found = path.stat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


def _compile(compiler: str, source: bytes, kept: Path) -> None:
    """Put a library where it is kept, in one piece."""
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".conserved-") as folder:
        text, made = Path(folder, "source.c"), Path(folder, "made.so")
        text.write_bytes(source)
        subprocess.run(
            [compiler, *_FLAGS, str(text), "-o", str(made)],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
        )
        made.chmod(0o700)
        os.replace(made, kept)
