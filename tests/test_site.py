"""The site: every public name is on a page, and it builds without a warning or a network."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from runpy import run_path

import pytest

from tests.cli.shell import environment
from tests.documents import PROJECT, read
from tests.test_house import public_names

PAGES = [f"docs/{path.name}" for path in sorted((PROJECT / "docs").glob("api*.md"))]
_DIRECTIVE = re.compile(r"^\.\. (?:auto\w+|py:data):: (\S+)$", re.MULTILINE)


def shown(texts: list[str]) -> set[str]:
    """Names that pages describe, wherever they are defined."""
    return {name for text in texts for name in _DIRECTIVE.findall(text)}


def missing(names: list[tuple[str, str]], pages: set[str]) -> list[str]:
    """Public names that no page describes; a module is described by a heading."""
    out = []
    for module, name in names:
        value = getattr(import_module(module), name)
        if not inspect.ismodule(value) and not {f"{module}.{name}", f"conserved.{name}"} & pages:
            out.append(f"{module}.{name}")
    return out


def test_every_public_name_is_on_a_page() -> None:
    pages = shown([read(name) for name in PAGES])
    assert missing(public_names(), pages) == [], "add it to a page, docs/api*.md"


def test_a_name_that_no_page_shows_is_told() -> None:
    text = read("docs/api.md").replace(".. autofunction:: conserved.analyze\n", "")
    pages = shown([text, read("docs/api-problem.md")])
    assert "conserved.analyze" in missing(public_names(), pages)
    assert "conserved.law.GramLaw" in missing(public_names(), pages)


def test_pages_show_no_name_that_is_gone() -> None:
    for name in shown([read(page) for page in PAGES]):
        module, _, last = name.rpartition(".")
        assert hasattr(import_module(module), last), name


def test_modules_are_headings() -> None:
    headings = "\n".join(read(page) for page in PAGES)
    public = {module for module, _ in public_names()} - {"conserved"}
    assert [name for name in public if f"\n## {name}\n" not in headings] == []


def test_each_page_has_one_place_in_the_index() -> None:
    """Tutorial, how-to, reference, explanation are kept apart."""
    sections = re.split(r"^## ", read("docs/index.md"), flags=re.MULTILINE)[1:]
    assert [s.partition("\n")[0] for s in sections] == [
        "Tutorial",
        "How-to",
        "Reference",
        "Explanation",
    ]
    listed = [page for s in sections for page in set(re.findall(r"\]\(([\w-]+\.md)\)", s))]
    assert sorted(listed) == sorted(
        p.name for p in (PROJECT / "docs").glob("*.md") if p.name != "index.md"
    )


@pytest.mark.slow
def test_it_builds_without_warnings_and_loads_nothing(tmp_path: Path) -> None:
    """The gallery is run on the way."""
    pytest.importorskip("sphinx", reason="make docs installs it")
    words = ["-m", "sphinx", "--fail-on-warning", "-q", "-b", "html", "docs", str(tmp_path)]
    ran = subprocess.run(
        [sys.executable, *words],
        cwd=PROJECT,
        env=environment(MPLBACKEND="agg"),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    for page in tmp_path.rglob("*.html"):
        text = page.read_text("utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=\"([^\"]+)\"", text)
        assert [link for link in loaded if re.match(r"(https?:)?//", link)] == [], page
    names = {f"{module}.{name}" for module, name in public_names() if module == "conserved"}
    api = (tmp_path / "api.html").read_text("utf-8")
    modules = {f"conserved.{name}" for name in dir(import_module("conserved"))}
    told = {name for name in names if f'id="{name}"' in api}
    assert names - told <= modules & {f"conserved.{m}" for m in import_module("conserved")._MODULES}
    assert len(list((tmp_path / "_images").glob("sphx_glr_plot_*.png"))) >= 5


def test_indices_are_set_below_the_line_and_code_is_left_alone() -> None:
    configured = run_path(str(PROJECT / "docs/conf.py"))
    text = "Let U_{j+1} ⊆ R^m, `a_b`.\n\n    Σ_i ℓ(x_i) < y^{k+1}\n\n```python\na_b ^ c_d\n```\n"
    source = [text]
    configured["scripts"](None, "theory", source)
    assert source == [
        "Let U<sub>j+1</sub> ⊆ R<sup>m</sup>, `a_b`.\n\n"
        '<p class="formula">Σ<sub>i</sub> ℓ(x<sub>i</sub>) &lt; y<sup>k+1</sup></p>\n\n'
        "```python\na_b ^ c_d\n```\n"
    ]
    configured["scripts"](None, "api", other := [text])
    assert other == [text]


def test_what_stands_before_a_colon_is_no_type() -> None:
    plain = run_path(str(PROJECT / "docs/conf.py"))["plain"]
    plain(None, "property", "state", None, None, lines := ["What laws are functions of: θ."])
    assert lines == [": What laws are functions of: θ."]
