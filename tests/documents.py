"""Documents whose every command and Python line is run, in order, in a folder of its own.

```console          $ conserved …, with what a terminal shows
```console slow     the same, left to the slow tests
```python           doctest lines; one namespace for a document
```json group.json  a file for the commands below it; any language
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import re
import shlex
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conserved.cli import run

PROJECT = Path(__file__).parents[1]
PRETTY = " | python -m json.tool --no-ensure-ascii"

_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(name: str) -> str:
    return (PROJECT / name).read_text("utf-8")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the word behind it, its text."""

    language: str
    note: str
    body: str

    @property
    def slow(self) -> bool:
        return self.note == "slow"

    @property
    def file(self) -> str:
        """The name of the file that it is, or ""."""
        return self.note if "." in self.note else ""

    @property
    def runs(self) -> bool:
        return bool(self.file) or self.language in ("console", "python")


def blocks(text: str) -> list[Block]:
    return [Block(kind, note.strip(), body) for kind, note, body in _BLOCK.findall(text)]


def timeless(text: str) -> str:
    """Seconds differ from run to run, and rounding errors from machine to machine."""
    text = re.sub(r"\b\d(\.\d+)?e-(0[7-9]|[1-9]\d)\b", "tiny", text)
    text = re.sub(r'"seconds": [\d.e-]+', '"seconds": T', text)
    return re.sub(r"\b\d[\d.]*(e-?\d+)? s\b", "T s", text)


def commands(block: str) -> list[tuple[str, str]]:
    """(command, what the document says it prints) for each ``$`` line."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    assert parts[0] == "", "a console block begins with a command"
    return list(zip(parts[1::2], parts[2::2], strict=True))


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


@dataclass
class Session:
    """One document, run from top to bottom; the working directory is its own.

    Attributes:
        faults: what a document shows and a run does not.
    """

    namespace: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def run(self, block: Block) -> str:
        """The block with today's output, where that differs by more than timings."""
        if block.file:
            Path(block.file).write_text(block.body, "utf-8")
            return block.body
        return self._console(block.body) if block.language == "console" else self._python(block)

    def _console(self, body: str) -> str:
        done = ""
        for command, shown in commands(body):
            now = printed(command)
            if timeless(shown) != timeless(now):
                self.faults.append(f"$ {command}\n{now}")
                shown = now
            done += f"$ {command}\n{shown}"
        return done

    def _python(self, block: Block) -> str:
        parts = doctest.DocTestParser().parse(block.body)
        assert any(isinstance(p, doctest.Example) for p in parts), f"no >>> line: {block.body}"
        return "".join(p if isinstance(p, str) else self._example(p) for p in parts)

    def _example(self, example: doctest.Example) -> str:
        got: list[str] = []

        class Runner(doctest.DocTestRunner):
            def report_failure(self, out: Any, test: Any, example: Any, found: str) -> None:
                got.append(found)

            def report_unexpected_exception(
                self, out: Any, test: Any, example: Any, error: Any
            ) -> None:
                lines = traceback.format_exception_only(error[1])
                got.append("".join(["Traceback (most recent call last):\n", *lines]))

        test = doctest.DocTest([example], {}, "document", None, 0, None)
        test.globs = self.namespace  # the constructor would copy them
        Runner(verbose=False, optionflags=doctest.ELLIPSIS).run(test, clear_globs=False)
        lines = example.source.rstrip("\n").split("\n")
        source = "".join(
            f"{'...' if k else '>>>'} {line}".rstrip() + "\n" for k, line in enumerate(lines)
        )
        if not got:
            return source + example.want
        self.faults.append(source + got[0])
        return source + got[0]


def session(text: str, *, slow: bool) -> Session:
    """A document run here; of its slow blocks only when asked."""
    run = Session()
    for block in blocks(text):
        if block.runs and (slow or not block.slow):
            run.run(block)
    return run


def refreshed(text: str) -> str:
    """The document with today's output."""
    run = Session()

    def rewrite(match: re.Match[str]) -> str:
        kind, note, body = match.groups()
        block = Block(kind, note.strip(), body)
        return f"```{kind}{note}\n{run.run(block)}```" if block.runs else match[0]

    return _BLOCK.sub(rewrite, text)


@contextlib.contextmanager
def folder(path: Path) -> Iterator[None]:
    """Work in a folder; what documents write lies there."""
    with contextlib.chdir(path):
        yield
