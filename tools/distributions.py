"""Wheel and source distribution, built and tried where nothing but them is installed.

``python -m tools.distributions`` writes them to ``dist/``; the trial needs a package index.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

PROJECT = Path(__file__).parents[1]
ABSENT = ("torch", "matplotlib", "pandas", "distributed", "loky", "sklearn")

# Each command with its status, and words of its output: what works, and what an extra needs.
TRIALS: tuple[tuple[str, int, str], ...] = (
    (
        "conserved analyze linear:4-2-1 --symmetry permutation"
        " --certificate c.json --report r.html",
        0,
        "Certified",
    ),
    ("conserved check c.json", 0, "proved"),
    ("python -m conserved.kernel c.json", 0, "CERTIFIED"),
    ("conserved simulate linear:2-2-1 --dynamics gd --lr 0.02 --steps 20", 0, "as predicted"),
    ("conserved list networks", 0, "linear:4-2-1"),
    ("conserved analyze model.py:make --input-shape 3", 2, "pip install 'conserved[torch]'"),
    (
        "conserved atlas a.sqlite --network linear:2-1-1 --loss mse --symmetry rotation:3"
        " --figure f.png",
        2,
        "pip install 'conserved[plot]'",
    ),
)


def build(place: Path, into: Path) -> tuple[Path, Path]:
    """The wheel and the source distribution of the project at ``place``, and their files."""
    for kind in ("sdist", "wheel"):
        words = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
        ran = subprocess.run(words, cwd=place, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    return max(into.glob("*.whl"), key=_age), max(into.glob("*.tar.gz"), key=_age)


def _age(path: Path) -> float:
    return path.stat().st_mtime


def names_in(wheel: Path) -> set[str]:
    """The files that a wheel holds."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def unpacked(sdist: Path, into: Path) -> Path:
    """The folder that the source distribution unpacks to."""
    with tarfile.open(sdist) as archive:
        archive.extractall(into, filter="data")
    (place,) = into.iterdir()
    return place


def clean(wheel: Path, place: Path) -> dict[str, str]:
    """A new environment with the wheel and what it depends on; the variables that enter it."""
    venv.create(place, with_pip=True)
    bin_ = place / ("Scripts" if os.name == "nt" else "bin")
    words = [str(bin_ / "python"), "-m", "pip", "install", "--quiet", str(wheel)]
    subprocess.run(words, check=True, capture_output=True, timeout=600)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {**kept, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "PYTHONUTF8": "1"}


def faults(variables: dict[str, str], folder: Path) -> list[str]:
    """What goes wrong in the clean environment, working in ``folder``."""

    def run(command: str) -> tuple[int, str]:
        ran = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=variables,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        return ran.returncode, ran.stdout + ran.stderr

    (folder / "model.py").write_text("def make():\n    import torch\n", "utf-8")
    found = []
    for name in ABSENT:
        if run(f"python -c 'import {name}'")[0] == 0:
            found.append(f"{name} is installed, so its absence was not tried")
    for command, status, words in TRIALS:
        got, text = run(command)
        if got != status or words not in text or "Traceback" in text:
            found.append(f"$ {command}\n{text}status {got}; expected {status} and {words!r}")
    return found


def main() -> int:
    """Build and try; 1 where something is wrong."""
    into = PROJECT / "dist"
    wheel, sdist = build(PROJECT, into)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "sdist").mkdir()
        (place / "again").mkdir()
        (place / "work").mkdir()
        again, _ = build(unpacked(sdist, place / "sdist"), place / "again")
        wrong = sorted(names_in(wheel) ^ names_in(again))
        wrong += faults(clean(wheel, place / "venv"), place / "work")
    print("\n".join(wrong) if wrong else f"built and tried: {wheel.name}, {sdist.name} in dist/")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
