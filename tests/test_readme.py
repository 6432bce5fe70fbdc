"""What the documents show is what the program prints.

``python tests/test_readme.py`` writes today's output into them, and
``python docs/pictures/make.py`` draws the picture again.
"""

from __future__ import annotations

import contextlib
import doctest
import html
import io
import json
import re
import shlex
from collections import defaultdict
from pathlib import Path

import pytest

from conserved.cli import run

PROJECT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "docs/json.md", "docs/symmetry.md")
PICTURE = PROJECT / "docs" / "pictures" / "analyze.svg"
COLUMN = 12.2  # units of the picture
PRETTY = " | python -m json.tool --no-ensure-ascii"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(name: str) -> str:
    return (PROJECT / name).read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return [body for kind, body in _BLOCK.findall(text) if kind == language]


def printed(command: str) -> str:
    """Both streams of a ``conserved`` command, as a terminal would show them."""
    plain = command.removesuffix(PRETTY)
    name, *arguments = shlex.split(plain)
    assert name == "conserved", f"a console block runs conserved, not {name}"
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        run(arguments)
    if plain == command:
        return out.getvalue()
    return json.dumps(json.loads(out.getvalue()), ensure_ascii=False, indent=4) + "\n"


def timeless(text: str) -> str:
    """Seconds differ from run to run; nothing else may."""
    text = re.sub(r'"seconds": [\d.e-]+', '"seconds": T', text)
    return re.sub(r"\b\d[\d.]*(e-?\d+)? s\b", "T s", text)


def commands(block: str) -> list[tuple[str, str]]:
    """(command, what the document says it prints) for each ``$`` line."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    assert parts[0] == "", "a console block begins with a command"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def refreshed(text: str) -> str:
    """The document with today's output, where that differs by more than timings."""

    def rewrite(match: re.Match[str]) -> str:
        language, body = match.groups()
        if language != "console":
            return match[0]
        done = ""
        for command, shown in commands(body):
            now = printed(command)
            done += f"$ {command}\n{shown if timeless(shown) == timeless(now) else now}"
        return f"```console\n{done}```"

    return _BLOCK.sub(rewrite, text)


CONSOLE = [
    pytest.param(*pair, id=pair[0])
    for name in DOCUMENTS
    for block in blocks(read(name), "console")
    for pair in commands(block)
]


@pytest.mark.parametrize("command, shown", CONSOLE)
def test_console_output_is_real(command: str, shown: str) -> None:
    assert timeless(shown) == timeless(printed(command)), "python tests/test_readme.py renews it"


def test_timings_are_all_that_is_forgiven() -> None:
    assert timeless("seed 0, 0.0156 s.") == timeless("seed 0, 1.2e-05 s.")
    assert timeless("at most 5, 2 s") != timeless("at most 4, 2 s")
    assert timeless('{"upper": 5, "seconds": 1.5}') == '{"upper": 5, "seconds": T}'


@pytest.mark.parametrize("name", DOCUMENTS)
def test_python_output_is_real(name: str) -> None:
    text = "\n".join(blocks(read(name), "python"))
    test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    report = io.StringIO()
    result = doctest.DocTestRunner(verbose=False).run(test, out=report.write)
    assert result.failed == 0, report.getvalue()
    assert result.attempted or name != "README.md"


def picture_lines(svg: str) -> list[str]:
    """The text of a terminal picture, line by line; pieces stand at multiples of a column."""
    piece = re.compile(r'x="([\d.]+)"[^>]*clip-path="url\(#analyze-line-(\d+)\)">([^<]*)</text>')
    lines: dict[int, str] = defaultdict(str)
    for x, number, text in piece.findall(svg):
        shown = html.unescape(text).replace("\N{NO-BREAK SPACE}", " ").rstrip("\n")
        lines[int(number)] = lines[int(number)].ljust(round(float(x) / COLUMN)) + shown
    return [lines[i].rstrip() for i in range(max(lines) + 1)]


def test_the_picture_is_real() -> None:
    first, *shown = picture_lines(PICTURE.read_text("utf-8"))
    assert first.startswith("$ conserved analyze ")
    now = [line.rstrip() for line in printed(first[2:]).splitlines()]
    assert [timeless(line) for line in shown if line] == [timeless(line) for line in now if line], (
        "python docs/pictures/make.py draws it again"
    )


def test_the_picture_is_of_the_demo() -> None:
    first = picture_lines(PICTURE.read_text("utf-8"))[0]
    demo = re.search(r"^DEMO := (.*)$", read("Makefile"), re.MULTILINE)
    assert demo is not None
    assert first == f"$ conserved analyze {demo[1]}"
    assert "docs/pictures/analyze.svg" in read("README.md")


def test_make_targets_exist() -> None:
    """Shell blocks only speak of make."""
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    lines = [line for block in blocks(read("README.md"), "sh") for line in block.splitlines()]
    assert lines
    for line in lines:
        program, target = shlex.split(line, comments=True)
        assert program == "make"
        assert target in targets


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", read(name)):
        if not link.startswith("https://"):
            assert (PROJECT / name).parent.joinpath(link).is_file(), link


def test_the_readme_is_short_and_honest() -> None:
    text = read("README.md")
    assert len(text.splitlines()) < 150
    for words in ("Not good at", "at most", "arXiv:2606.10913", "2307.00144", "make demo"):
        assert words in text


def test_the_json_page_describes_every_key() -> None:
    text = read("docs/json.md")
    answer = json.loads(printed("conserved analyze linear:2-2-1 --json"))
    for key in (*answer, *answer["closure"], *answer["count"], *answer["problem"]):
        assert f"`{key}`" in text, key
    listed = json.loads(printed("conserved list flows --json"))
    assert all(f"`{key}`" in text for key in listed[0])


if __name__ == "__main__":
    for document in DOCUMENTS:
        (PROJECT / document).write_text(refreshed(read(document)), "utf-8")
