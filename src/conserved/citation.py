"""What to cite for a result, in BibTeX: the program, and the papers whose theorems it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conserved._version import __version__
from conserved.blocks import BlockLaws
from conserved.errors import InputError
from conserved.problem import Problem


@dataclass(frozen=True)
class Paper:
    """A paper on arXiv.

    Args:
        key: of its entry.
        authors: as BibTeX takes them.
        title: as printed.
        year: of the first version.
        arxiv: its number.
    """

    key: str
    authors: str
    title: str
    year: int
    arxiv: str

    @property
    def bibtex(self) -> str:
        """The entry."""
        fields = {
            "author": self.authors,
            "title": f"{{{self.title}}}",
            "year": str(self.year),
            "eprint": self.arxiv,
            "archivePrefix": "arXiv",
            "url": f"https://arxiv.org/abs/{self.arxiv}",
        }
        return _entry("misc", self.key, fields)


_THREE = "Marcotte, Sibylle and Gribonval, R{\\'e}mi and Peyr{\\'e}, Gabriel"
PAPERS = {
    "closure": Paper(
        "marcotte2023abide",
        _THREE,
        "Abide by the law and follow the flow: conservation laws for gradient flows",
        2023,
        "2307.00144",
    ),
    "flow": Paper(
        "marcotte2024momentum",
        _THREE,
        "Keep the Momentum: Conservation Laws beyond Euclidean Gradient Flows",
        2024,
        "2405.12888",
    ),
    "modules": Paper(
        "marcotte2025transformative",
        _THREE,
        "Transformative or Conservative? Conservation laws for ResNets and Transformers",
        2025,
        "2506.06194",
    ),
    "symmetry": Paper(
        "galley2026symmetry",
        "Galley, J. and Shahverdi, Vahid and Flinth, Axel",
        "Conservation Laws from Data Symmetry in Neural Networks",
        2026,
        "2606.10913",
    ),
}


def cite(result: Any) -> str:
    r"""What a result rests on, as BibTeX: this program, and the papers that fit the question.

    Args:
        result: what ``analyze``, ``block_laws``, ``compare`` or ``simulate`` returned, or a
            ``Problem``.

    Returns:
        Entries separated by empty lines, the program's first: 2307.00144 always, 2606.10913 under
        a symmetry, 2405.12888 for other dynamics than gradient flow, 2506.06194 for attention and
        modules.

    Raises:
        InputError: something else.

    Example:
        >>> text = cite(Problem.from_text("linear:4-2-1", symmetry="permutation"))
        >>> [line for line in text.splitlines() if line.startswith("@")]
        ['@software{conserved,', '@misc{marcotte2023abide,', '@misc{galley2026symmetry,']
    """
    used = {"closure"}
    if isinstance(result, BlockLaws):
        used.add("modules")
    else:
        for problem in _problems(result):
            used |= _used(problem)
    program = {
        "title": "{conserved: exact conservation laws of neural network training}",
        "author": "{The conserved authors}",
        "version": __version__,
        "license": "MIT",
    }
    entries = [paper.bibtex for name, paper in PAPERS.items() if name in used]
    return "\n\n".join([_entry("software", "conserved", program), *entries])


def _problems(result: Any) -> list[Problem]:
    if isinstance(result, Problem):
        return [result]
    parts = (result, getattr(result, "first", None), getattr(result, "second", None))
    asked = [getattr(part, "problem", None) for part in parts]
    found = [problem for problem in asked if isinstance(problem, Problem)]
    if not found:
        advice = "give what conserved.analyze or block_laws returned, or a Problem"
        raise InputError("result", repr(result)[:60], advice)
    return found


def _used(problem: Problem) -> set[str]:
    used = {"closure"}
    if problem.symmetric:
        used.add("symmetry")
    if problem.flow.name != "gradient":
        used.add("flow")
    if problem.network.family in ("attention", "lightning", "torch"):
        used.add("modules")
    return used


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    width = max(map(len, fields))
    rows = ",\n".join(
        f"  {name:<{width}} = {value if value.startswith('{') else f'{{{value}}}'}"
        for name, value in fields.items()
    )
    return f"@{kind}{{{key},\n{rows}\n}}"
