"""The oldest release of every dependency that ``pyproject.toml`` allows, as pip's constraints.

``python -m tools.lowest`` prints them; ``make test-lowest`` installs them and runs the suite.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1]
OURS = ("torch", "plot", "atlas", "data", "frames")  # the extras of users, not those of tests
OF_THEIR_TIME = ("pyparsing<3.3",)  # newer ones warn about the oldest matplotlib


def pinned(requirement: str) -> str:
    """The requirement at its lower bound.

    Raises:
        ValueError: no lower bound, so nobody knows what was ever tried.

    Example:
        >>> pinned("rich>=13")
        'rich==13'
    """
    name, bound, version = requirement.partition(">=")
    if not bound or "," in version:
        raise ValueError(f"requirement {requirement!r}: give one lower bound, as in 'numpy>=2.0'")
    return f"{name}=={version}"


def lowest() -> list[str]:
    """Constraints for the package and its extras; torch has its own, in ``constraints.txt``."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for name in OURS for line in extras[name])]
    pins = [pinned(line) for line in wanted if not line.startswith(("torch", "conserved["))]
    return [*pins, *OF_THEIR_TIME]


if __name__ == "__main__":
    print("\n".join(lowest()))
