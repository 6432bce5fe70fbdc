"""A release: the version of ``_version.py`` becomes a tag and a heading of the changelog.

``python -m tools.release`` tells what would happen and changes nothing; with ``--do`` it writes,
commits and tags. Nothing is ever pushed or uploaded.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
HEADING = "## [Unreleased]\n"


class Refusal(Exception):
    """Why there is no release now, in one line."""


def version(text: str) -> str:
    """The version that ``_version.py`` states.

    Example:
        >>> version('__version__ = "1.2.0"')
        '1.2.0'
    """
    found = re.search(r'^__version__ = "(\d+\.\d+\.\d+)"$', text, re.MULTILINE)
    if found is None:
        raise Refusal("src/conserved/_version.py: a version to release has the form 1.2.0")
    return found[1]


def dated(changelog: str, number: str, day: str) -> str:
    """The changelog, with what was unreleased under the version, and an empty heading above it."""
    if HEADING not in changelog:
        raise Refusal("CHANGELOG.md: has no heading '## [Unreleased]'")
    if f"## [{number}]" in changelog:
        raise Refusal(f"CHANGELOG.md: has {number} already; raise src/conserved/_version.py")
    news = changelog.partition(HEADING)[2].partition("\n## ")[0]
    if not re.search(r"^- ", news, re.MULTILINE):
        raise Refusal("CHANGELOG.md: nothing stands under '## [Unreleased]'")
    return changelog.replace(HEADING, f"{HEADING}\n## [{number}] - {day}\n", 1)


def cited(citation: str, number: str, day: str) -> str:
    """The citation file with the version and the day."""
    text, hits = re.subn(r"^version: .*$", f"version: {number}", citation, flags=re.MULTILINE)
    if hits != 1:
        raise Refusal("CITATION.cff: needs one line 'version: …'")
    text = re.sub(r"^date-released: .*\n", "", text, flags=re.MULTILINE)
    return text.replace(f"version: {number}\n", f"version: {number}\ndate-released: {day}\n", 1)


def _git(*words: str, place: Path) -> str:
    ran = subprocess.run(["git", *words], cwd=place, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise Refusal(f"git {words[0]}: {ran.stderr.strip().splitlines()[-1]}")
    return ran.stdout.strip()


def release(place: Path, day: str, *, do: bool) -> str:
    """Prepare, and with ``do`` make, the release of the checkout at ``place``; what to tell."""
    number = version((place / "src/conserved/_version.py").read_text("utf-8"))
    tag = f"v{number}"
    if _git("tag", "--list", tag, place=place):
        raise Refusal(f"tag {tag}: exists already; raise src/conserved/_version.py")
    if left := _git("status", "--porcelain", place=place):
        raise Refusal(f"the tree has changes that are not committed: {left.splitlines()[0]}")
    files = {
        "CHANGELOG.md": dated((place / "CHANGELOG.md").read_text("utf-8"), number, day),
        "CITATION.cff": cited((place / "CITATION.cff").read_text("utf-8"), number, day),
    }
    if not do:
        return (
            f"would release {number}: date it {day} in {' and '.join(files)}, commit, tag {tag}\n"
            "nothing was changed; make release DO=--do does it"
        )
    for name, text in files.items():
        (place / name).write_text(text, "utf-8")
    _git("commit", "--quiet", "--message", f"Release {number}", "--", *files, place=place)
    _git("tag", "--annotate", tag, "--message", f"conserved {number}", place=place)
    return (
        f"released {number} here: one commit, tag {tag}\n"
        f"to publish: git push origin HEAD {tag}; twine upload dist/conserved-{number}*"
    )


def main() -> int:
    """Tell or make a release; 1 where there is none."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    parser.add_argument("--do", action="store_true", help="write, commit and tag")
    try:
        day = datetime.date.today().isoformat()
        print(release(PROJECT, day, do=parser.parse_args().do))
    except Refusal as refusal:
        print(f"no release: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
