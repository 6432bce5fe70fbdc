"""What a report says of an analysis: sentences, rows and numbers, before any markup."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from conserved._version import __version__
from conserved.analysis import Analysis, Count
from conserved.kernel.flow import OUTPUTS
from conserved.kernel.law import Origin
from conserved.law.grouping import block_of_formula, natural, within
from conserved.law.lines import lines, parameter_list
from conserved.networks import FAMILIES
from conserved.notation import Formula, mathml
from conserved.report.explained import explained
from conserved.search.lifted import LiftReport
from conserved.symmetry.isotypic import Block

SOURCES = (
    (
        "2606.10913",
        "Galley, Shahverdi, Flinth",
        "Conservation Laws from Data Symmetry in Neural Networks",
        "laws due to the data, the lifted group, Theorems 3 and 4",
    ),
    (
        "2307.00144",
        "Marcotte, Gribonval, Peyré",
        "Abide by the Law and Follow the Flow: Conservation Laws for Gradient Flows",
        "the number of laws as D minus the dimension of a Lie algebra",
    ),
    (
        "2405.12888",
        "Marcotte, Gribonval, Peyré",
        "Keep the Momentum: Conservation Laws beyond Euclidean Gradient Flows",
        "other flows",
    ),
    (
        "2506.06194",
        "Marcotte, Gribonval, Peyré",
        "Transformative or Conservative? Conservation Laws for ResNets and Transformers",
        "residual blocks, attention",
    ),
)
_DEFAULTS = {"loss": "mse", "symmetry": "none", "labels": "invariant", "flow": "gradient"}


@dataclass(frozen=True)
class LawCard:
    """One family of laws: its part of the model, its formula twice, and what it counts for."""

    block: str
    formula: str
    text: str
    kind: str
    origin: str
    independent: int | None
    size: int


@dataclass(frozen=True)
class BlockRow:
    """One isotypic block, k × μ."""

    dimension: int
    multiplicity: int
    kind: str
    algebra: str
    algebra_dimension: int


def question(analysis: Analysis) -> tuple[str, str, str]:
    """The question in one sentence, around the network's text."""
    problem = analysis.problem
    if problem.moves == OUTPUTS:
        return "What stays constant along ", problem.network.spec, "?"
    data = "on any data at all" if problem.inputs is None else f"on {problem.inputs.summary}"
    if problem.symmetric:
        which = "on data" if problem.inputs is None else f"{data},"
        data = f"{which} closed under {problem.group.name}"
    return (
        "What stays constant while ",
        problem.network.spec,
        f" trains by {problem.flow.name} flow with loss {problem.loss.spec} {data}?",
    )


def numeral(count: Count) -> str:
    """The count in large type."""
    if count.lower == count.upper:
        return str(count.upper)
    return f"≤ {count.upper}" if count.lower == 0 else f"{count.lower} – {count.upper}"


def verdict(analysis: Analysis) -> str:
    """How sure the count is, and why."""
    first, *rest = analysis.verdict
    words = first.split(": ", 1)[-1]
    note = analysis.closure.note
    told = [words, *rest, *([f"{note}."] if note else [])]
    return " ".join(sentence[:1].upper() + sentence[1:] for sentence in told)


def surplus(analysis: Analysis) -> str:
    """What the class of data adds, as far as it is known."""
    if analysis.problem.inputs is not None:
        return _given(analysis)
    if analysis.problem.moves == OUTPUTS:
        return "Every input makes one field, and a law is constant along all of them."
    if not analysis.problem.symmetric:
        return "All data: no symmetry is assumed, so every law is due to network and loss."
    extra, architecture = analysis.from_data_symmetry, analysis.architecture
    name = analysis.problem.group.name
    if extra == 0:
        return f"The symmetry of the data ({name}) adds none: all data have as many."
    if extra is not None:
        return f"The symmetry of the data ({name}) adds {extra}; all data have {architecture}."
    found = sum(law.independent for law in analysis.laws if law.origin == "data symmetry")
    added = (
        f"adds {found} that {'is' if found == 1 else 'are'} known" if found else "adds no known one"
    )
    return f"The symmetry of the data ({name}) {added}; all data have {architecture}."


def _given(analysis: Analysis) -> str:
    architecture = analysis.architecture
    found = sum(law.independent for law in analysis.laws if law.origin == "data")
    return f"Known to be due to these data: {found}; all data have {architecture}."


def by_block(
    cards: Sequence[LawCard], most: int
) -> tuple[list[tuple[str, list[LawCard]]], list[tuple[str, list[LawCard]]]]:
    """Laws by the part of the model that they speak of, in two lots: shown, and folded away.

    Parts come in the order of their names where tensors have such names, laws that speak of several
    last; at most so many laws are shown.
    """
    ordered = sorted(cards, key=lambda card: natural(card.block))
    return _blocks_of(ordered[:most]), _blocks_of(ordered[most:])


def _blocks_of(cards: Sequence[LawCard]) -> list[tuple[str, list[LawCard]]]:
    blocks: dict[str, list[LawCard]] = {}
    for one in cards:
        blocks.setdefault(one.block, []).append(one)
    return list(blocks.items())


def law_cards(analysis: Analysis) -> list[LawCard]:
    """The laws known explicitly, in their order, those of one pattern on one card."""
    return [
        card(line.formula, line.name, line.kind, line.size, line.origin, line.independent)
        for line in lines(analysis.laws)
    ]


def card(
    formula: Formula,
    text: str,
    kind: str,
    size: int,
    origin: str = "architecture",
    independent: int | None = None,
    *,
    eps: bool = False,
) -> LawCard:
    """What is shown of a family of laws; ``eps``: it holds where the eps of norms is 0."""
    block = block_of_formula(formula)
    words = "a conserved subspace" if kind == "range" else kind
    return LawCard(
        block=block,
        formula=mathml(within(formula, block)),
        text=text,
        kind=f"{words}, for eps → 0" if eps else words,
        origin=origin,
        independent=independent,
        size=size,
    )


def left_out(analysis: Analysis) -> list[str]:
    """What is said of laws that are not written down."""
    count = analysis.count
    if not analysis.searched:
        return ["No laws were looked for."]
    lines = [f"{note[:1].upper()}{note[1:]}." for note in analysis.notes]
    if count.lower < count.upper:
        lines.insert(0, f"Room is left for {count.upper - count.lower} more.")
    elif count.written < count.upper:
        more = count.upper - count.written
        exist = "1 more exists" if more == 1 else f"{more:,} more exist"
        lines.insert(0, f"{exist}, proved without a formula; none is written down here.")
    return lines


def directions(analysis: Analysis) -> list[tuple[str, str, int]]:
    """D directions, as (role, words, count): those that move, those frozen, those still open."""
    known = dict.fromkeys(get_args(Origin), 0)
    for law in analysis.laws:
        known[law.origin] += law.independent
    given = analysis.problem.inputs is not None
    due = "frozen by these data" if given else "frozen by the symmetry of the data"
    return [
        ("moving", "move under some data", analysis.closure.rank),
        ("architecture", "frozen by the architecture", known["architecture"]),
        ("data", due, known[analysis.problem.origin]),
        ("open", "frozen by no law written down", analysis.count.upper - analysis.count.written),
    ]


def setting(analysis: Analysis) -> list[tuple[str, str, str, str]]:
    """The four inputs: (what, as typed, in words, what that means)."""
    problem = analysis.problem
    shapes = parameter_list(problem.network.parameters)
    rows = [
        ("network", problem.network.spec, f"{problem.network.size:,} parameters: {shapes}"),
    ]
    if problem.moves != OUTPUTS:
        rows += [
            ("loss", problem.loss.spec, f"degrees in ŷ of ∇ℓ: {problem.loss.orders}"),
            ("data", problem.class_name, problem.class_words),
        ]
    if problem.symmetric:
        rows.append(("labels", problem.labels.name, problem.labels.summary))
    rows.append(("flow", problem.flow.name, problem.flow.formula))
    more = explained(problem)
    return [(*row, more.get(row[0], "")) for row in rows]


def lift_facts(lift: LiftReport) -> list[tuple[str, str]]:
    """What the loss sees of the data, in numbers."""
    algebra, dimension = lift.algebra
    facts = [
        ("lift Φ", f"{lift.name}, of dimension τ = {lift.dimension}"),
        ("averaged moments", f"{lift.quadratic} of ΦΦᵀ and {lift.mixed} of yΦᵀ"),
        ("lifted group", f"Lie algebra {algebra}, of dimension {dimension}"),
    ]
    if lift.feature_algebra is not None:
        algebra, dimension = lift.feature_algebra
        facts.append(
            ("acting on features", f"isometries inside {algebra}, of dimension {dimension}")
        )
    return facts


def block_tables(lift: LiftReport) -> list[tuple[str, list[BlockRow]]]:
    """Isotypic blocks with captions: of the lift, and of the features where those are others."""
    lifted, features = _rows(lift.blocks), _rows(lift.features or ())
    tables = [("Isotypic blocks of lifted inputs ⊕ outputs", lifted)]
    if features and features != lifted:
        tables.append(("Isotypic blocks of input ⊕ output features", features))
    return tables


def _rows(blocks: tuple[Block, ...]) -> list[BlockRow]:
    return [
        BlockRow(b.dimension, b.multiplicity, b.kind or "not decided", *b.symmetry) for b in blocks
    ]


def shell_command(analysis: Analysis) -> str:
    """The shell command that asks the same question again."""
    texts = analysis.problem.to_json()
    words = ["conserved", "analyze", analysis.problem.network.reference or texts["network"]]
    for option, default in _DEFAULTS.items():
        if texts[option] != default:
            words += [f"--{option}", texts[option]]
    if analysis.problem.inputs is not None:
        for option, value in analysis.problem.inputs.options.items():
            words += [f"--{option}"] if value is True else [f"--{option}", str(value)]
    if analysis.seed:
        words += ["--seed", str(analysis.seed)]
    return shlex.join([*words, "--report", "report.html"])


def python_code(analysis: Analysis) -> str:
    """The same in Python."""
    texts = analysis.problem.to_json()
    options = "".join(
        f", {option}={texts[option]!r}"
        for option, default in _DEFAULTS.items()
        if texts[option] != default
    )
    if analysis.problem.inputs is not None:
        given = analysis.problem.inputs.options.items()
        options += "".join(f", {option}={value!r}" for option, value in given)
    made = f"cq.Problem.from_text({texts['network']!r}{options})"
    reference = analysis.problem.network.reference
    if reference or texts["network"].partition(":")[0] not in FAMILIES:
        whose = f"what {reference} makes" if reference else f"yours, {texts['network']!r}"
        made = f"cq.Problem.around(network{options})  # network: {whose}"
    return (
        "import conserved as cq\n\n"
        f"problem = {made}\n"
        f"analysis = cq.analyze(problem, seed={analysis.seed})\n"
        "print(analysis.count)"
    )


def replay_facts(analysis: Analysis) -> list[tuple[str, str]]:
    """What fixes the run."""
    closures = (analysis.closure, analysis.architecture_closure)
    primes = " and ".join(str(p) for p in dict.fromkeys(c.prime for c in closures))
    return [
        ("version", f"conserved {__version__}"),
        ("seed", str(analysis.seed)),
        ("ranks modulo", primes),
        ("data enter by", analysis.closure.route),
        ("time taken", f"{analysis.seconds:.3g} s"),
    ]
