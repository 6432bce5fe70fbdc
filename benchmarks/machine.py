"""What the samples were taken on: a number without its machine is not a measurement."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
_GIB = 2**30
# numpy's wheels rename OpenBLAS's symbols; a system library has the plain name
_THREAD_COUNTS = (
    "scipy_openblas_get_num_threads64_",
    "scipy_openblas_get_num_threads",
    "openblas_get_num_threads64_",
    "openblas_get_num_threads",
)


def describe() -> dict[str, Any]:
    """The machine and the libraries that matter here, and the load before the first sample."""
    return {
        "cpu": _cpu(),
        "cores": _cores(),
        "memory_gib": _memory(),
        "os": _os(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": np.__version__,
        "blas": _blas(),
        "blas_threads": _blas_threads(),
        "python_flint": _version("python-flint"),
        "load_average_at_start": load_average(),
    }


def in_words(machine: dict[str, Any]) -> str:
    """The description in one sentence, for tables and documents."""
    load = machine["load_average_at_start"]
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB; "
        f"{machine['os']}; {machine['python']}, numpy {machine['numpy']} on {machine['blas']} "
        f"({machine['blas_threads'] or 'unknown'} threads), "
        f"python-flint {machine['python_flint']}; "
        f"load average at start {load[0] if load else 'unknown'}"
    )


def load_average() -> list[float] | None:
    """Over 1, 5 and 15 minutes; None where the system keeps none."""
    try:
        return [round(load, 2) for load in os.getloadavg()]
    except (AttributeError, OSError):
        return None


def commit() -> dict[str, Any]:
    """The git commit, and whether the source differs from it (results do not count)."""
    head = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--", "src", "benchmarks/*.py")
    return {"commit": head or None, "source_changed": None if head is None else bool(changed)}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # those this process may use, not those built in
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _os() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (AttributeError, KeyError, OSError):
        name = platform.system()
    return f"{name}, {platform.system()} {platform.release()}"


def _blas() -> str:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()


def _blas_threads() -> int | None:
    """As the loaded library says; None where it is not OpenBLAS or cannot be asked."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return None
    for path in sorted({line.split()[-1] for line in lines if "openblas" in line}):
        library = ctypes.CDLL(path)
        for name in _THREAD_COUNTS:
            if hasattr(library, name):
                return int(getattr(library, name)())
    return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
