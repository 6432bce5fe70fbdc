"""What the documents show is what the program prints.

``python -m tests.test_docs [FILE …]`` writes today's output into them, and
``python docs/pictures/report.py`` draws the pictures of the report again.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
import tempfile
from pathlib import Path

import pytest

from tests.documents import (
    PROJECT,
    Session,
    blocks,
    folder,
    printed,
    read,
    refreshed,
    session,
    timeless,
)

DOCUMENTS = ["README.md", *sorted(f"docs/{p.name}" for p in (PROJECT / "docs").glob("*.md"))]
ELSEWHERE = (
    "docs/atlas.md",
    "docs/benchmarks.md",
)  # their tests lie with the atlas, the benchmarks
RUN = [name for name in DOCUMENTS if name not in ELSEWHERE]
SLOW = [name for name in RUN if any(block.slow for block in blocks(read(name)))]
LONG = (
    "modules",
    "simulate",
    "howto-engineer",
    "howto-theorist",
    "howto-data-scientist",
    "reproduce",
)


def check(name: str, path: Path, *, slow: bool) -> None:
    if ">>> import torch" in read(name):
        pytest.importorskip("torch", reason="needs the extra torch")
    with folder(path):
        faults = session(read(name), slow=slow).faults
    assert not faults, f"python -m tests.test_docs {name} renews it:\n" + "\n".join(faults)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (Path(name).stem in LONG)) for name in RUN],
)
def test_what_it_shows_is_real(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_what_it_shows_is_real_to_the_last_block(name: str, tmp_path: Path) -> None:
    check(name, tmp_path, slow=True)


def test_timings_are_all_that_is_forgiven() -> None:
    assert timeless("seed 0, 0.0156 s.") == timeless("seed 0, 1.2e-05 s.")
    assert timeless("at most 5, 2 s") != timeless("at most 4, 2 s")
    assert timeless('{"upper": 5, "seconds": 1.5}') == '{"upper": 5, "seconds": T}'


PAGE = """
```console
$ conserved --version
conserved 0.0.0
```
```python
>>> n = 2
>>> n + n
5
>>> n / 0
Traceback (most recent call last):
ZeroDivisionError: division by zero
>>> m
```
"""


def test_a_false_page_is_refused_and_renewed() -> None:
    """Commands, values and errors; what is true stays as it is."""
    assert len(session(PAGE, slow=False).faults) == 3
    renewed = refreshed(PAGE)
    assert ">>> n + n\n4\n" in renewed
    assert "Traceback (most recent call last):\nNameError: name 'm' is not defined" in renewed
    assert "conserved 0.0.0" not in renewed
    assert "ZeroDivisionError: division by zero\n>>> m" in renewed


def test_a_file_lies_where_the_commands_run(tmp_path: Path) -> None:
    page = "```json a.json\n[1]\n```\n```python\n>>> next(open('a.json'))\n'[1]\\n'\n```\n"
    page = page.replace("next(open('a.json'))", "__import__('pathlib').Path('a.json').read_text()")
    with folder(tmp_path):
        assert session(page, slow=False).faults == []
    assert (tmp_path / "a.json").is_file()


def test_slow_blocks_wait() -> None:
    page = "```console slow\n$ conserved --version\nno\n```\n"
    assert session(page, slow=False) == Session()
    assert len(session(page, slow=True).faults) == 1


def test_the_picture_is_of_the_demo() -> None:
    """docs/pictures/report.py draws the report that ``make demo`` writes."""
    demo = re.search(r"^DEMO := (.*)$", read("Makefile"), re.MULTILINE)
    place = re.search(r"^REPORT := (.*)$", read("Makefile"), re.MULTILINE)
    assert demo is not None
    assert place is not None
    assert f'"conserved analyze {demo[1]} --report {place[1]}"' in read("docs/pictures/report.py")
    assert "docs/pictures/report.png" in read("README.md")


@pytest.mark.parametrize(
    "name", [n for n in DOCUMENTS if any(block.language == "sh" for block in blocks(read(n)))]
)
def test_make_targets_exist(name: str) -> None:
    """Shell blocks only speak of make."""
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    shell = [block.body for block in blocks(read(name)) if block.language == "sh"]
    lines = [line for body in shell for line in body.splitlines()]
    assert lines
    for line in lines:
        program, target = shlex.split(line, comments=True)
        assert program == "make"
        assert target in targets


def headings(text: str) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    plain = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    found = re.findall(r"^#+ (.*)$", plain, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    for link, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", read(name)):
        if link.startswith("https://"):
            continue
        target = (PROJECT / name).parent.joinpath(link) if link else PROJECT / name
        assert target.is_file(), link
        assert not anchor or anchor in headings(target.read_text("utf-8")), f"{link}#{anchor}"


def test_the_index_leads_everywhere() -> None:
    for name in DOCUMENTS:
        page = name.removeprefix("docs/")
        assert page in ("README.md", "index.md") or f"]({page})" in read("docs/index.md"), page


def test_the_readme_is_short_and_honest() -> None:
    text = read("README.md")
    assert len(text.splitlines()) < 160
    for words in ("Not good at", "at most", "arXiv:2606.10913", "2307.00144", "make demo"):
        assert words in text
    assert any(block.language == "python" for block in blocks(text))


def test_the_readme_counts_what_the_modules_page_counts() -> None:
    """That page is printed by examples.blocks, and tested."""
    rows = re.findall(
        r"^\| (.*) \| ([\w-]+) \| (\d+) \| (\d+) \|$", read("README.md"), re.MULTILINE
    )
    assert len(rows) > 10
    for name, *numbers in rows:
        shown = rf"^{re.escape(name)} +{' +'.join(numbers)} +certified"
        assert re.search(shown, read("docs/modules.md"), re.MULTILINE), name


def test_the_json_page_describes_every_key() -> None:
    text = read("docs/json.md")
    answer = json.loads(printed("conserved analyze linear:2-2-1 --json"))
    for key in (*answer, *answer["closure"], *answer["count"], *answer["problem"]):
        assert f"`{key}`" in text, key
    listed = json.loads(printed("conserved list flows --json"))
    assert all(f"`{key}`" in text for key in listed[0])


if __name__ == "__main__":
    for document in sys.argv[1:] or RUN:
        with tempfile.TemporaryDirectory() as place, folder(Path(place)):
            text = refreshed(read(document))
        (PROJECT / document).write_text(text, "utf-8")
