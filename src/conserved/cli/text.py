"""An analysis as text for a terminal: aligned, the reason next to each number."""

from __future__ import annotations

from textwrap import fill

from conserved.analysis import Analysis, Count
from conserved.closure import Closure
from conserved.law import Law

WIDTH = 100
_FORMULA = 66  # characters of a formula in the table


def analysis_text(analysis: Analysis) -> str:
    """The whole answer, one block for the question and one for the counts."""
    problem = analysis.problem
    network = problem.network
    shapes = ", ".join(f"{p.name} {'×'.join(map(str, p.shape))}" for p in network.parameters)
    labels = f"; {problem.labels.summary}" if problem.symmetric else ""
    question = [
        ("network", network.spec, f"{_counted(network.size, 'parameter')}: {_cut(shapes)}"),
        ("loss", problem.loss.spec, f"orders of the prediction in ∇ℓ: {problem.loss.orders}"),
        ("data", problem.group.name, problem.group.describe() + labels),
        ("flow", problem.flow.name, problem.flow.formula),
    ]
    if problem.symmetric:
        question.append(("route", "", analysis.closure.route))
    answer = [_count_row("laws", analysis.count, analysis.closure)]
    if problem.symmetric:
        row = _count_row("laws for all data", analysis.architecture, analysis.architecture_closure)
        answer.append(row)
    why = [_wrapped(reason) for reason in analysis.explanation.reasons]
    laws = [_law_row(law) for law in analysis.laws]
    blocks = [_aligned(question), _aligned(answer)]
    blocks += [_aligned(laws) if laws else "", "\n".join(why), _verdict(analysis)]
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
            if analysis.problem.symmetric:
                which += " with the symmetry" if closure is analysis.closure else " for all data"
            lines.append(f"{which}: {closure.stopped}; the bound may be too large.")
        if closure.note:
            lines.append(f"{'Note' if closure.rigorous else 'Not a proof'}: {closure.note}.")
    if not analysis.count.certified:
        lines += [_sentence(note) for note in analysis.notes]
    first, *rest = analysis.verdict
    lines += [
        first,
        *(fill(line, WIDTH, initial_indent="  ", subsequent_indent="  ") for line in rest),
    ]
    primes = " and ".join(str(prime) for prime in dict.fromkeys(c.prime for c in closures))
    ranks = f"Ranks mod {primes}" if analysis.closure.ranks else "No rank"
    solved = f"{analysis.unknowns:,} unknown coefficients of laws, " if analysis.unknowns else ""
    lines.append(f"{ranks}, {solved}seed {analysis.seed}, {analysis.seconds:.3g} s.")
    return "\n".join(lines)


def _law_row(law: Law) -> tuple[str, str, str]:
    """How many, the formula, and what it is owed to."""
    several = "" if law.size == law.independent else f", {law.size} numbers"
    text, rest = law.text, law.name.removeprefix(law.text).lstrip(", ")
    if len(text) > _FORMULA and rest == law.name:  # a name of its own says more than half of it
        text, rest = law.name, ""
    shape = f", {rest}" if rest else ""
    return f"+{law.independent}", _cut(text, _FORMULA), f"{law.origin}, {law.kind}{shape}{several}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _wrapped(sentence: str) -> str:
    unbroken = sentence.replace(" = ", "\u00a0=\u00a0").replace(" − ", "\u00a0−\u00a0")
    lines = fill(unbroken, WIDTH, initial_indent="  ", subsequent_indent="    ")
    return lines.replace("\u00a0", " ")


def _aligned(rows: list[tuple[str, str, str]]) -> str:
    first, second = (max(len(row[i]) for row in rows) for i in (0, 1))
    return "\n".join(f"  {a:<{first}}  {b:<{second}}  {c}".rstrip() for a, b, c in rows)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _cut(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip(", ") + " …"
