"""An analysis as text for a terminal: aligned, the reason next to each number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import fill, wrap

from conserved.analysis import Analysis, Count
from conserved.cli.outside import columns
from conserved.closure import Closure
from conserved.kernel.flow import OUTPUTS
from conserved.law import Law
from conserved.law.lines import Line, condensed, lines, parameter_list, where
from conserved.networks.torch import TorchNetwork
from conserved.notation import sentences

_FORMULA = 66  # characters of a formula beside what is said of it
_FORMULA_LINES = 4  # of a longer one
_WIDEST = 118  # of a law on one line
_LINES = 40  # of laws on a screen


def analysis_text(analysis: Analysis, without_eps: Count | None = None) -> str:
    """The whole answer, one block for the question and one for the counts.

    Args:
        analysis: what was found.
        without_eps: the count for eps → 0; it is told where it differs.
    """
    problem = analysis.problem
    network = problem.network
    shapes = parameter_list(network.parameters)
    labels = f"; {problem.labels.summary}" if problem.symmetric else ""
    given = [
        ("loss", problem.loss.spec, f"degrees in ŷ of ∇ℓ: {problem.loss.orders}"),
        ("data", problem.class_name, problem.class_words + labels),
    ]
    question = [
        ("network", network.spec, f"{counted(network.size, 'parameter')}: {_cut(shapes)}"),
        *([] if problem.moves == OUTPUTS else given),
        ("flow", problem.flow.name, problem.flow.formula),
    ]
    if problem.restricted:
        question.append(("route", "", analysis.closure.route))
    if isinstance(network, TorchNetwork):
        first, *rest = network.notes or ("",)
        question.append(("module", network.module, first))
        question += [("", "", note) for note in rest]
    answer = [_count_row("laws", analysis.count, analysis.closure)]
    if problem.restricted:
        row = _count_row("laws for all data", analysis.architecture, analysis.architecture_closure)
        answer.append(row)
    if without_eps is not None and without_eps.upper != analysis.count.upper:
        answer.append(("laws for eps → 0", str(without_eps), "the eps of norms breaks the others"))
    why = [wrapped(reason) for reason in sentences(analysis.explanation.reasons)]
    blocks = [aligned(question), aligned(answer), _laws(analysis.laws)]
    blocks += ["\n".join(why), _verdict(analysis)]
    return "\n\n".join(block for block in blocks if block)


def _count_row(name: str, count: Count, closure: Closure) -> tuple[str, str, str]:
    if not closure.ranks:
        return name, str(count), "no rank"
    ranks = " → ".join(str(rank) for rank in closure.ranks)
    lengths = ", ".join(str(2**level) for level in range(len(closure.ranks)))
    if len(closure.ranks) > 1:
        how = f"brackets up to length {lengths}"
    else:
        how = "brackets add nothing" if closure.upper else "every direction is reached"
    if not closure.closed:
        how += "; not closed" if len(closure.ranks) > 1 else ""
        how = how if len(closure.ranks) > 1 else "no brackets tried"
    return name, str(count), f"{closure.parameters:,} − {closure.rank:,}   rank {ranks} ({how})"


def _verdict(analysis: Analysis) -> str:
    lines = []
    closures = {id(c): c for c in (analysis.closure, analysis.architecture_closure)}.values()
    for closure in closures:
        count = analysis.count if closure is analysis.closure else analysis.architecture
        if closure.ranks and not closure.closed and not count.certified:
            which = "Not closed"
            if analysis.problem.restricted:
                own = " with the symmetry" if analysis.problem.symmetric else " for these data"
                which += own if closure is analysis.closure else " for all data"
            lines.append(f"{which}: {closure.stopped}; the bound may be too large.")
        if closure.note:
            lines.append(f"{'Note' if closure.rigorous else 'Not a proof'}: {closure.note}.")
    if not analysis.count.certified:
        lines += [_sentence(note) for note in analysis.notes]
    first, *rest = analysis.verdict
    lines += [
        first,
        *(fill(line, columns(), initial_indent="  ", subsequent_indent="  ") for line in rest),
    ]
    primes = " and ".join(str(prime) for prime in dict.fromkeys(c.prime for c in closures))
    ranks = f"Ranks mod {primes}" if analysis.closure.ranks else "No rank"
    solved = f"{analysis.unknowns:,} unknown coefficients of laws, " if analysis.unknowns else ""
    lines.append(f"{ranks}, {solved}seed {analysis.seed}, {analysis.seconds:.3g} s.")
    return "\n".join(lines)


def _laws(laws: Sequence[Law]) -> str:
    """The laws, those of one pattern on one line; long formulas on lines of their own."""
    told = lines(laws)
    rows, symbols = [], where(told)
    kept = condensed(told, _LINES)
    for line, others in kept:
        rows.append(_law_row(line))
        if others:
            more = sum(other.independent for other in others)
            alike = f"{len(others):,} more like it" if len(others) > 1 else "one more like it"
            rows.append((f"+{more}", f"… {alike}; --json has every law", ""))
    if not rows:
        return ""
    short = [row for row in rows if len(row[1]) <= _FORMULA]
    first = max(len(row[0]) for row in rows)
    second = max((len(row[1]) for row in short), default=0)
    shown = [_law_lines(row, first, second) for row in rows]
    if symbols:
        shown.append(wrapped(symbols))
    return "\n".join(shown)


def _law_lines(row: tuple[str, str, str], first: int, second: int) -> str:
    """A law in its columns, or with a long formula above what is said of it."""
    count, formula, words = row
    start = f"  {count:<{first}}  "
    if len(formula) <= _FORMULA and len(start) + second + len(words) < _WIDEST:
        return f"{start}{formula:<{second}}  {words}".rstrip()
    margin = " " * len(start)
    width = columns() - len(start)
    shown = wrap(_unbroken(formula), width, max_lines=_FORMULA_LINES, placeholder=" …")
    shown = [more.replace("\u00a0", " ") for more in shown]
    return "\n".join([start + shown[0], *(margin + more for more in shown[1:]), margin + words])


def _law_row(line: Line) -> tuple[str, str, str]:
    """How many, the formula, and what it is due to."""
    several = "" if line.size == line.independent else f", {line.size} numbers"
    text, remark = line.text, line.remark
    if len(text) > _FORMULA and remark == line.name:  # a name of its own says more than half of it
        text, remark = line.name, ""
    shape = f", {remark}" if remark else ""
    return f"+{line.independent}", text, f"{line.origin}, {line.kind}{shape}{several}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def wrapped(sentence: str) -> str:
    """A sentence on lines of one width, formulas in one piece."""
    unbroken = _unbroken(sentence).replace(" − ", "\u00a0−\u00a0")
    shown = fill(unbroken, columns(), initial_indent="  ", subsequent_indent="    ")
    return shown.replace("\u00a0", " ")


def _unbroken(words: str) -> str:
    """Equations, ranges of indices, short brackets and coefficients in one piece."""
    words = re.sub(r"(\d) (?=\w+\[)", "\\1\u00a0", words)
    words = re.sub(r"\([^()]{1,40}\)", lambda found: found[0].replace(" ", "\u00a0"), words)
    return words.replace(" = ", "\u00a0=\u00a0").replace(" … ", "\u00a0…\u00a0")


def aligned(rows: list[tuple[str, str, str]]) -> str:
    """Three columns."""
    first, second = (max(len(row[i]) for row in rows) for i in (0, 1))
    return "\n".join(f"  {a:<{first}}  {b:<{second}}  {c}".rstrip() for a, b, c in rows)


def counted(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _cut(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip(", ") + " …"
