"""Result files as one aligned table for the terminal, and as Markdown in docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, in_words

DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN = "<!-- results: written by python -m benchmarks -->"
END = "<!-- end of results -->"
_HEAD = ("measurement", "median", "range", "target", "met")
_RIGHT = (False, True, True, True, False)


def aligned(documents: Sequence[dict[str, Any]]) -> str:
    """All measurements in one table for the terminal."""
    lines = [("", *_HEAD)]
    for document in documents:
        lines += [(document["benchmark"], *row) for row in _rows(document)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    right = (False, *_RIGHT)
    texts = []
    for line in lines:
        cells = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        texts.append("  ".join(cells).rstrip())
    texts.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join(texts)


def markdown(documents: Sequence[dict[str, Any]]) -> str:
    """A section for each benchmark, with its machine, commit and date."""
    sections = []
    for document in documents:
        commit = (document["commit"] or "unknown")[:10]
        changed = " with uncommitted changes" if document["source_changed"] else ""
        rule = "|" + "|".join("--:" if right else "---" for right in _RIGHT) + "|"
        rows = ["| " + " | ".join(row) + " |" for row in [_HEAD, *_rows(document)]]
        sections.append(
            "\n".join(
                [
                    f"### {document['benchmark']}",
                    "",
                    f"{document['date']}, commit {commit}{changed}, "
                    f"{document['repetitions']} repetitions. {in_words(document['machine'])}.",
                    "",
                    rows[0],
                    rule,
                    *rows[1:],
                ]
            )
        )
    return "\n\n".join(sections)


def update_document(documents: Sequence[dict[str, Any]], path: Path = DOCUMENT) -> None:
    """Put the tables between the two marks of the document."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{path} lacks the marks between which results go")
    text = f"{before}{BEGIN}\n\n{markdown(documents)}\n\n{END}{after}"
    part = path.with_suffix(".md.tmp")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _rows(document: dict[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for entry in document["measurements"]:
        unit, samples = entry["unit"], entry["samples"]
        target = "" if entry["target"] is None else _target(entry)
        met = {None: "", True: "yes", False: "NO"}[entry["met"]]
        spread = f"{_number(min(samples), unit)} – {_number(max(samples), unit)}"
        if len(samples) == 1:
            spread = "one sample"
        rows.append((entry["name"], _number(entry["median"], unit), spread, target, met))
    for entry in document["references"]:
        rows.append((entry["name"], _number(entry["value"], entry["unit"]), "cited", "", ""))
    return rows


def _target(entry: dict[str, Any]) -> str:
    return f"{'<' if entry['strict'] else '≤'} {_number(entry['target'], entry['unit'])}"


def _number(value: float, unit: str) -> str:
    """Three digits that mean something, with a unit."""
    if unit == "s" and value < 1:
        return f"{1000 * value:.3g} ms"
    if unit == "modules":
        return f"{value:.0f}"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
