"""Which tensor is to blame for a gradient that is not orthogonal to laws, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from conserved.watching.gradient.tested import Tested
from conserved.watching.look.products import Floats
from conserved.watching.look.sums import Sums

_ALIKE = 0.02  # relative: factors of one cause
_TELLS = 1e-3  # of its terms: below, a family does not notice a tensor
_MOST = 4096  # functions that factors are taken from


def telling(sums: Sums, tested: Tested, found: Mapping[str, Floats]) -> list[set[str]]:
    """For each family the tensors whose gradient it tells of: a sum that is 0 stays 0, scaled."""
    slots = np.where(sums.linear[sums.owner], found["g"], found["xg"]) * sums.factor
    unit = tested.unit[sums.owner]
    seen = np.abs(slots) > _TELLS * unit
    out: list[set[str]] = [set() for _ in sums.laws]
    pairs = np.stack([sums.family[sums.owner[seen]], sums.tensors[seen]])
    for family, name in np.unique(pairs, axis=1).T.tolist():
        out[family].add(sums.names[name])
    return out


def suspects(
    sums: Sums, violated: Sequence[int], held: Sequence[int], told: Sequence[set[str]]
) -> list[list[str]]:
    """The fewest tensors that explain all violated families, those of no intact family first.

    Args:
        sums: the laws.
        violated, held: families, by place.
        told: the tensors that each family tells of.

    Returns:
        Tensors each of which explains as much, together.
    """
    left = [set(sums.laws[k].family.tensors) for k in violated]
    intact: dict[str, int] = {}
    for k in held:
        for name in told[k]:
            intact[name] = intact.get(name, 0) + 1
    chosen: list[list[str]] = []
    while left:
        counts: dict[str, int] = {}
        for names in left:
            for name in names:
                counts[name] = counts.get(name, 0) + 1
        best = min((-counts[name], intact.get(name, 0)) for name in counts)
        alike = sorted(n for n in counts if (-counts[n], intact.get(n, 0)) == best)
        chosen.append(alike)
        left = [names for names in left if alike[0] not in names]
    return chosen


def cause(
    sums: Sums,
    family: int,
    tested: Tested,
    found: Mapping[str, Floats],
    blamed: Sequence[Sequence[str]],
    without: Sequence[str],
    *,
    half: str = "",
) -> str:
    """The likely cause of one violation, in words.

    Args:
        sums: the laws.
        family: which, by place.
        tested, found: the gradient's test and the sums it was made from.
        blamed: the suspects.
        without: parameters that should have a gradient and have none.
        half: through what precision the gradient went, "" where that was its own.
    """
    names = sums.laws[family].family.tensors
    if missing := [name for name in without if name in names]:
        return f"{listed(missing)} has no gradient: detached, or left out"
    mine = np.flatnonzero((sums.family == family) & tested.violated)
    if not np.isfinite(tested.pairing[mine]).all():
        return "the gradient is not finite"
    alike = next(([n for n in many if n in names] for many in blamed if names & set(many)), [])
    if not alike:
        return "the gradient is none of this loss"
    where = _where(sums, family, mine)
    factors = {name: _factor(sums, mine, found, name) for name in alike}
    known = [(name, f) for name, f in factors.items() if f is not None]
    if known:
        # the mildest explanations: one function alone can be explained by any of its tensors
        known.sort(key=lambda one: abs(np.log(max(abs(one[1]), 1e-9))))
        told = [_multiplied(name, where, f) for name, f in known[:2]]
        return "the gradient of " + ", or that of ".join(told)
    name = alike[0] if len(alike) == 1 else f"one of {listed(alike)}"
    if sums.laws[family].without_eps:
        return f"a gradient of {name}{where} is wrong, by far more than the eps of a norm explains"
    if half:
        return f"a gradient of {name}{where} is wrong, by more than {half} explains"
    return f"the gradient of {name}{where} is wrong: a term is missing, or one of a stale buffer"


def _multiplied(name: str, where: str, factor: float) -> str:
    if abs(factor) < 1e-6:
        return f"{name}{where} is dropped"
    return f"{name}{where} is {factor:.3g} times what it should be"


def _where(sums: Sums, family: int, mine: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> str:
    """Which functions of the family, where it is some of them."""
    _, blocks, size = sums.laws[family].family.key
    first = int(np.flatnonzero(sums.family == family)[0])
    if blocks == 1 or len(mine) > sums.looked_at[family].functions // 2:
        return ""
    what = "head" if size > 1 else "unit"
    start = sums.looked_at[family].blocks.start + 1
    numbers = [str(k - first + start) for k in mine[:4]]
    more = ", …" if len(mine) > 4 else ""
    return f", {what}{'s' if len(mine) > 1 else ''} {', '.join(numbers)}{more} of {blocks},"


def _factor(
    sums: Sums,
    mine: np.ndarray[tuple[int, ...], np.dtype[np.intp]],
    found: Mapping[str, Floats],
    name: str,
) -> float | None:
    """By what one tensor's gradient would have been multiplied, if all functions agree."""
    chosen = mine[:_MOST]
    slots = np.where(sums.linear[sums.owner], found["g"], found["xg"]) * sums.factor
    own = sums.tensors == sums.names.index(name)
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.bincount(sums.owner[own], slots[own], sums.functions)[chosen]
        rest = np.bincount(sums.owner[~own], slots[~own], sums.functions)[chosen]
        factors = -part / rest
    if not len(factors) or not np.isfinite(factors).all():
        return None
    # the largest tell it best: small ones are mostly rounding
    order = np.argsort(-np.abs(rest))[: max(1, len(rest) // 2)]
    middle = float(np.median(factors[order]))
    spread = np.abs(factors[order] - middle).max()
    if spread > _ALIKE * max(abs(middle), 1e-3) and abs(middle) > 1e-6:
        return None
    return middle if len(order) > 1 or len(chosen) == 1 else None


def listed(names: Sequence[str]) -> str:
    """The first of them."""
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
