"""Families of laws where a run begins: a track for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from conserved.watching import rules as kinds
from conserved.watching.products import Floats
from conserved.watching.sums import Sums
from conserved.watching.tracks import RATIO_LOST, Track

if TYPE_CHECKING:
    from torch.optim import Optimizer


def tracks_of(
    sums: Sums,
    texts: Sequence[str],
    values: Floats,
    sizes: Floats,
    optimizers: Sequence[Optimizer],
    groups: Mapping[str, int],
    precision: float,
) -> list[Track]:
    """A track for each family.

    Args:
        sums, texts: the laws.
        values: (F,) of their functions, each with its sign.
        sizes: (F,) of their terms.
        optimizers: of the run.
        groups: number of the parameter group of each parameter, by name.
        precision: relative rounding of the parameters.
    """
    words, made = kinds.in_words(optimizers), []
    for k, law in enumerate(sums.laws):
        mine = sums.family == k
        value = float(values[mine].sum())
        tensors = tuple(dict.fromkeys(c.tensor for _, c in law.family.terms))
        unknown = _why_not(tensors, optimizers, groups)
        made.append(
            Track(
                text=texts[k],
                tensors=tensors,
                functions=law.functions,
                probed=law.family.key[2] > 1,
                without_eps=law.without_eps,
                degree=1 if law.family.key[0] == "linear" else 2,
                start=value,
                value=value,
                size=float(sizes[mine].sum()),
                predicted=None if unknown else value,
                rule=words,
                why_not=unknown or RATIO_LOST,
                precision=precision,
            )
        )
    return made


def _why_not(
    tensors: Sequence[str], optimizers: Sequence[Optimizer], groups: Mapping[str, int]
) -> str:
    """Why no rule says how far a law of these parameters moves, or ""."""
    rules = kinds.rules_of(optimizers)
    owners = [optimizer for optimizer in optimizers for _ in optimizer.param_groups]
    mine = sorted({groups[name] for name in tensors if name in groups})
    if not mine:  # frozen so far
        mine = list(range(len(rules)))
    return kinds.why_not([owners[k] for k in mine], [rules[k] for k in mine])
