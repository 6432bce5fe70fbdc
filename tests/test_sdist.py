"""The source distribution: whoever unpacks it can run its tests."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.shell import environment

PROJECT = Path(__file__).parents[1]
LEFT_OUT = {".gitignore", "pyproject.toml"}  # the last goes into every distribution


def included() -> list[str]:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    listed: list[str] = settings["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]
    return listed


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module).partition(".")[0])
    return names


def test_what_the_tests_import_is_in_it() -> None:
    for path in (PROJECT / "tests").rglob("*.py"):
        local = {name for name in imported(path) if (PROJECT / name).is_dir()}
        assert local <= {*included(), "conserved"}, path


def test_it_has_the_whole_project() -> None:
    """Each entry exists, and what is tracked is in it or left out on purpose."""
    assert [entry for entry in included() if not (PROJECT / entry).exists()] == []
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if listed.returncode or not listed.stdout:
        pytest.skip("not a git checkout, so what belongs to the project is not known")
    tops = {line.partition("/")[0] for line in listed.stdout.splitlines()}
    assert tops - LEFT_OUT == {entry.partition("/")[0] for entry in included()}


@pytest.mark.slow
def test_its_tests_are_collected_and_run(tmp_path: Path) -> None:
    """In a folder that has nothing else; benchmarks and documents are what they need most."""
    for entry in [*included(), "pyproject.toml"]:
        (tmp_path / entry).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (PROJECT / entry).is_dir() else shutil.copy
        copy(PROJECT / entry, tmp_path / entry)
    for words in (
        ["--collect-only"],
        ["tests/benchmarks", "tests/test_sdist.py", "tests/test_docs.py", "-k", "not is_real"],
    ):
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words],
            cwd=tmp_path,
            env=environment(PYTHONPATH=str(tmp_path / "src")),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout[-2000:]
