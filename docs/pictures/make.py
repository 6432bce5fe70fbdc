"""Draw ``analyze.svg``: what a real run prints, as a picture. Run: python docs/pictures/make.py."""

from __future__ import annotations

import inspect
import io
import re
import subprocess
import sys
from pathlib import Path

from rich import terminal_theme
from rich.console import Console
from rich.text import Text

COMMAND = "conserved analyze linear:4-2-1 --symmetry permutation"
PICTURE = Path(__file__).with_name("analyze.svg")

# its own dark background, so that it reads on light and dark pages alike
THEME = terminal_theme.TerminalTheme(
    background=(30, 34, 40),
    foreground=(205, 209, 214),
    normal=[
        (30, 34, 40),
        (214, 125, 125),
        (150, 180, 130),
        (208, 176, 120),
        (125, 165, 205),
        (178, 150, 195),
        (120, 178, 180),
        (205, 209, 214),
    ],
)
# no fonts from the net: the reader's own monospaced one does
FORMAT = re.sub(
    r"\s*@font-face \{\{.*?\}\}",
    "",
    inspect.signature(Console.export_svg).parameters["code_format"].default,
    flags=re.DOTALL,
)


def output() -> str:
    """What the command prints today."""
    arguments = [sys.executable, "-m", *COMMAND.split()]
    run = subprocess.run(arguments, capture_output=True, text=True, encoding="utf-8", check=False)
    if run.returncode not in (0, 3):
        raise SystemExit(run.stderr)
    return run.stdout.rstrip("\n")


def draw(text: str) -> str:
    """The command and its output as SVG."""
    lines = [f"$ {COMMAND}", *text.splitlines()]
    width = max(map(len, lines)) + 1
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    for line in lines:
        styled = Text(line)
        styled.highlight_regex(r"^\$.*", "bold")
        styled.highlight_regex(r"at most \d+", "bold cyan")
        styled.highlight_regex(r"^  (network|loss|data|flow|laws)( for all data)?\b", "blue")
        styled.highlight_regex(r"^(Not c|C)ertified\b", "yellow")
        console.print(styled, soft_wrap=True)
    svg = console.export_svg(title="", theme=THEME, code_format=FORMAT, unique_id="analyze")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(output()), "utf-8")
