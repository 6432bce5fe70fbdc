"""Releases, distributions, oldest dependencies, hooks: what looks after the project."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from conserved import __version__
from tests.documents import PROJECT, read
from tools import distributions, lowest, release

SETTINGS = tomllib.loads(read("pyproject.toml"))["project"]


def test_every_dependency_has_a_lower_bound_that_is_tried() -> None:
    pins = lowest.lowest()
    assert "numpy==2.0.2" in pins
    assert not any(pin.startswith("torch") for pin in pins)
    assert len(pins) >= len(SETTINGS["dependencies"])


@pytest.mark.parametrize("requirement", ["scipy", "numpy>=2,<3", "numpy==2"])
def test_a_dependency_without_one_is_refused(requirement: str) -> None:
    with pytest.raises(ValueError, match="give one lower bound"):
        lowest.pinned(requirement)


CHANGES = (
    "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- News.\n\n## [0.1.0] - 2020-01-01\n\n- Old.\n"
)
CITATION = "title: x\nversion: 0.0.1\ndate-released: 2020-01-01\n"


def git(place: Path, *words: str) -> str:
    names = ["-c", "user.name=n", "-c", "user.email=e@localhost"]
    ran = subprocess.run(["git", *names, *words], cwd=place, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "n")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "e@localhost")
    home = tmp_path / "src/conserved"
    home.mkdir(parents=True)
    (home / "_version.py").write_text('__version__ = "0.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    (tmp_path / "CITATION.cff").write_text(CITATION)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "start")
    return tmp_path


def test_a_rehearsal_changes_nothing(checkout: Path) -> None:
    told = release.release(checkout, "2030-01-02", do=False)
    assert "would release 0.2.0" in told
    assert git(checkout, "tag") == ""
    assert (checkout / "CHANGELOG.md").read_text() == CHANGES
    assert git(checkout, "status", "--porcelain") == ""


def test_a_release_dates_commits_and_tags(checkout: Path) -> None:
    told = release.release(checkout, "2030-01-02", do=True)
    assert "tag v0.2.0" in told
    assert git(checkout, "tag") == "v0.2.0\n"
    assert git(checkout, "status", "--porcelain") == ""
    changes = (checkout / "CHANGELOG.md").read_text()
    assert "## [Unreleased]\n\n## [0.2.0] - 2030-01-02\n\n### Added\n\n- News." in changes
    cited = (checkout / "CITATION.cff").read_text()
    assert cited == "title: x\nversion: 0.2.0\ndate-released: 2030-01-02\n"
    with pytest.raises(release.Refusal, match="exists already"):
        release.release(checkout, "2030-01-02", do=True)


@pytest.mark.parametrize(
    "file, text, words",
    [
        ("CHANGELOG.md", CHANGES.replace("- News.\n", ""), "nothing stands under"),
        ("CHANGELOG.md", CHANGES.replace("Unreleased", "0.2.0"), "no heading"),
        ("CHANGELOG.md", CHANGES.replace("0.1.0", "0.2.0"), "has 0.2.0 already"),
        ("CITATION.cff", "title: x\n", "one line 'version: …'"),
        ("src/conserved/_version.py", '__version__ = "0.2.0.dev0"\n', "has the form"),
    ],
)
def test_a_release_is_refused(checkout: Path, file: str, text: str, words: str) -> None:
    (checkout / file).write_text(text)
    with pytest.raises(release.Refusal, match=r"not committed|has the form"):
        release.release(checkout, "2030-01-02", do=True)
    git(checkout, "commit", "--all", "--quiet", "--message", "edit")
    with pytest.raises(release.Refusal, match=words):
        release.release(checkout, "2030-01-02", do=True)
    assert git(checkout, "tag") == ""


def test_this_version_can_be_released() -> None:
    """Or it has been: then its heading is there."""
    changes = read("CHANGELOG.md")
    if f"## [{__version__}]" not in changes:
        assert release.dated(changes, __version__, "2030-01-02")
    assert release.cited(read("CITATION.cff"), __version__, "2030-01-02")


@pytest.mark.slow
def test_distributions_work_without_the_extras(tmp_path: Path) -> None:
    """The wheel, and the one that the source distribution builds: alike; tried in a clean place."""
    for name in ("dist", "again", "sdist", "work"):
        (tmp_path / name).mkdir()
    wheel, sdist = distributions.build(PROJECT, tmp_path / "dist")
    place = distributions.unpacked(sdist, tmp_path / "sdist")
    again, _ = distributions.build(place, tmp_path / "again")
    names = distributions.names_in(wheel)
    assert names == distributions.names_in(again)
    assert not any(re.match(r"(tests|tools|docs|benchmarks)/", name) for name in names)
    try:
        variables = distributions.clean(wheel, tmp_path / "venv")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no package index: {error.stderr.decode().splitlines()[-1]}")
    assert distributions.faults(variables, tmp_path / "work") == []
    missing = distributions.faults({**variables, "PATH": "/usr/bin:/bin"}, tmp_path / "work")
    assert len(missing) >= len(distributions.TRIALS), "an environment without conserved is told"


def test_hooks_are_what_lint_runs() -> None:
    config = yaml.safe_load(read(".pre-commit-config.yaml"))
    hooks = {hook["id"] for repo in config["repos"] for hook in repo["hooks"]}
    assert hooks == {"ruff-check", "ruff-format", "mypy", "typos"}
    lint = read("Makefile").partition("\nlint:")[2].partition("\n\n")[0]
    for words in ("ruff check", "ruff format", "mypy", "typos"):
        assert f"$(BIN)/{words}" in lint
    assert "make lint\nmake test" in read(".ci/run")


@pytest.mark.parametrize(
    "path", sorted((PROJECT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda p: p.stem
)
def test_issue_templates_are_forms(path: Path) -> None:
    form = yaml.safe_load(path.read_text("utf-8"))
    if path.stem == "config":
        assert form == {"blank_issues_enabled": True}
        return
    assert form["name"]
    assert form["description"]
    identities = [field["id"] for field in form["body"]]
    assert len(identities) == len(set(identities))
    for field in form["body"]:
        assert field["type"] in ("textarea", "input", "markdown", "dropdown", "checkboxes")
        assert field["attributes"]["label"]


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_the_versions_of_python_are_declared(minor: int) -> None:
    assert f"Programming Language :: Python :: 3.{minor}" in SETTINGS["classifiers"]
