"""From the question to the answer: both bounds, the laws, and the reasons."""

from __future__ import annotations

from typing import Any

from conserved.analysis.answer import SCHEMA, Analysis, Count
from conserved.analysis.comparison import Comparison, compare
from conserved.analysis.inquiry import Inquiry
from conserved.arithmetic.device import require_device
from conserved.closure import Progress, check_arguments
from conserved.dynamics import Outputs
from conserved.errors import InputError, is_whole
from conserved.networks.symbolic import network_of_fields
from conserved.problem import Problem

__all__ = ["SCHEMA", "Analysis", "Comparison", "Count", "analyze", "compare", "laws_of"]

DEGREE_LIMIT = 12


def analyze(
    problem: Problem,
    *,
    seed: int = 0,
    budget: float | None = None,
    laws: bool = True,
    degree: int | None = None,
    progress: Progress | None = None,
    device: str = "cpu",
) -> Analysis:
    """Count the independent conservation laws of a problem, and write them down.

    Args:
        problem: network, loss, data class and flow.
        seed: an integer ≥ 0; the same seed gives the same run.
        budget: seconds for everything; each step has a share of what is left, and where it is used
            up the best so far is reported, with what was cut short.
        laws: also look for the laws themselves, and say why the symmetry adds some.
        degree: try polynomial laws up to this degree; by default only where that is cheap.
        progress: called with (stage, rank, D) as the rank grows.
        device: where large matrix products run, such as "cuda"; the answer is the same.

    Returns:
        Both bounds for the data class asked for and for all data, the laws, and the reasons.

    Raises:
        InputError: unusable arguments.
        LimitError: a problem too large for memory, an orbit too large to enumerate, or a degree
            with too many unknowns.

    Example:
        >>> from conserved.networks import Linear
        >>> analysis = analyze(Problem(network=Linear(3, 2, 2)))
        >>> print(analysis.count, "|", *analysis.laws)
        3 | W1 W1ᵀ − W2ᵀ W2
    """
    check_arguments(problem, seed, 0, budget, progress)
    require_device(device)
    inquiry = Inquiry(problem, int(seed), budget, _degree(degree), progress, device)
    return inquiry.answer(laws=laws)


def laws_of(
    fields: Any,
    parameters: Any = None,
    *,
    seed: int = 0,
    budget: float | None = None,
    degree: int | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Count, and write down, what every field of a family of vector fields conserves.

    The same bounds, proofs and searches as for training: at most D − dim Lie(family) functions are
    constant along all of them, and near a generic point exactly as many exist (Hermann and Nagano).

    Args:
        fields: rational vector fields on D parameters. A list of fields, each a list of D SymPy
            expressions, or one such list; or a ``kernel.program.Program`` with parameters, one
            input x and D outputs. A symbol that is no parameter may have any value, in each field
            another, and so may x. A constant that is one and the same in all fields is a parameter
            that does not move: give it the entry 0.
        parameters: the D symbols that move, in the order of the entries; not with a program.
        seed, budget, degree, progress: as for ``analyze``.

    Returns:
        Bounds and laws, with a certificate that stands by itself.

    Raises:
        InputError: fields that are not rational with exact numbers, or not D entries each.
        LimitError: more parameters than an exact rank can take.

    Example:
        >>> from sympy import symbols
        >>> s, e, c, p, bind, part, turn = symbols("s e c p bind part turn")
        >>> made, split, done = bind * s * e, part * c, turn * c  # S + E ⇌ C → P + E
        >>> flow = [split - made, split + done - made, made - split - done, done]
        >>> found = laws_of(flow, [s, e, c, p])
        >>> print(found.count, "|", *found.laws)
        2 | e + c s − e + p
    """
    problem = Problem(network=network_of_fields(fields, parameters), flow=Outputs())
    return analyze(problem, seed=seed, budget=budget, degree=degree, progress=progress)


def _degree(degree: int | None) -> int | None:
    if degree is None:
        return None
    if not is_whole(degree) or not 1 <= degree <= DEGREE_LIMIT:
        raise InputError("degree", degree, f"a degree is a whole number from 1 to {DEGREE_LIMIT}")
    return int(degree)
