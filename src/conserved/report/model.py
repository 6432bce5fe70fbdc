"""The page of a whole model: the laws found in its blocks, too large for an exact count."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from conserved._version import __version__
from conserved.blocks import BlockLaws, plain
from conserved.law.lines import lines, where
from conserved.notation import Formula, Words
from conserved.report import content
from conserved.report.explained import ALL_DATA, DYNAMICS
from conserved.report.inline import ASSETS, embedded_file, environment, page_style, policy, written

_SHOWN = 40  # laws; the rest is folded away


def render_model(laws: BlockLaws, *, command: str = "") -> str:
    """The laws of a model as one HTML document.

    Args:
        laws: what ``block_laws`` found.
        command: the shell command that made it, if any.

    Example:
        >>> from conserved.blocks import block_laws
        >>> from conserved.networks import Linear
        >>> "At least 3" in render_model(block_laws(Linear(3, 2, 2)))
        True
    """
    from markupsafe import Markup

    style = page_style()
    cards = _cards(laws)
    shown, folded = content.by_block(cards, _SHOWN)
    return (
        environment(ASSETS)
        .get_template("model.html")
        .render(
            policy=policy(style, ()),
            style=Markup(style),
            version=f"conserved {__version__}",
            found=laws,
            setting=_setting(laws),
            laws=(shown, folded),
            where=where([line for line, _ in _lines(laws)]),
            verified=_verified(laws),
            download=embedded_file("laws.json", "The laws as JSON", laws.to_json()),
            command=command,
            sources=content.SOURCES,
        )
    )


def write_model_report(laws: BlockLaws, path: str | os.PathLike[str], *, command: str = "") -> Path:
    """Write that page, whole or not at all.

    Raises:
        InputError: a place that cannot be written to.
    """
    return written(render_model(laws, command=command), path)


def _lines(laws: BlockLaws) -> list[tuple[Any, bool]]:
    """(line, whether it needs eps = 0)."""
    out = []
    for without in (False, True):
        mine = [law for one in laws.laws if one.without_eps == without for law in one.laws]
        out += [(line, without) for line in lines(mine)]
    return out


def _cards(laws: BlockLaws) -> list[content.LawCard]:
    cards = [
        content.card(line.formula, line.text, line.kind, line.size, eps=without)
        for line, without in _lines(laws)
    ]
    for one in laws.laws:
        if not one.laws:  # too many to write
            words: Formula = Words.of(plain(one.family))
            cards.append(
                content.card(
                    words, plain(one.family), "quadratic", one.functions, eps=one.without_eps
                )
            )
    return cards


def _setting(laws: BlockLaws) -> list[tuple[str, str, str, str]]:
    return [
        ("model", laws.network, f"{laws.parameters:,} parameters", ""),
        ("loss", laws.loss, "", ""),
        ("data", "all", "no symmetry is assumed", ALL_DATA),
        ("flow", "gradient", "θ' = −∇L(θ)", DYNAMICS["gradient"]),
        *(("read as", "", note, "") for note in laws.notes),
    ]


def _verified(laws: BlockLaws) -> str:
    primes = " and ".join(map(str, laws.primes))
    return (
        f"Each family is an identity of the whole model {laws.size}, tested at {len(laws.primes)} "
        f"random points modulo random primes, {primes}. There may be laws of other forms: no upper "
        "bound is known."
    )
