"""Results in notebooks: a card with the look of the report, and tables of pandas.

The colours are those of ``report/assets/report.css``, read when a card is first shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from conserved.errors import ConservedError

if TYPE_CHECKING:
    from pandas import DataFrame

_RULES = """
.conserved-card { background: var(--paper); color: var(--ink); font: 1rem/1.5 var(--serif);
  border: 1px solid var(--rule); border-radius: 4px; padding: .8rem 1.1rem; max-width: 52rem;
  overflow-x: auto; }
.conserved-card dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem;
  margin: .4rem 0; }
.conserved-card dt { color: var(--muted); font: .8rem/1.9 var(--sans); }
.conserved-card dd { margin: 0; }
.conserved-card .answer { font-size: 1.5rem; color: var(--unsure); margin: 0; }
.conserved-card .answer.sure { color: var(--sure); }
.conserved-card ul { list-style: none; margin: .4rem 0; padding: .4rem 0 0;
  border-top: 1px solid var(--rule); }
.conserved-card li { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: .15rem 0; }
.conserved-card li div { flex: 1 1 auto; }
.conserved-card li span:first-child { min-width: 3ch; }
.conserved-card li span { color: var(--muted); font: .8rem/1.9 var(--sans); }
.conserved-card math { display: inline math; }
.conserved-card p { margin: .3rem 0; color: var(--muted); font-size: .9rem; }
"""


def card(
    answer: str,
    *,
    sure: bool,
    facts: Mapping[str, str],
    rows: Iterable[tuple[str, str, str]] = (),
    words: Sequence[str] = (),
) -> str:
    """A result as HTML that stands alone: one ``div`` with its own style.

    Args:
        answer: what was found, in a few words.
        sure: whether that is proved; it decides the colour.
        facts: what was asked, value by name.
        rows: (count, HTML of a formula, remark) of laws; the formula is trusted, the rest escaped.
        words: sentences below.

    Example:
        >>> "<p class='answer sure'>5 laws</p>" in card("5 laws", sure=True, facts={"a": "<b>"})
        True
    """
    asked = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    items = "".join(
        f"<li><span>{escape(count)}</span><div>{formula}</div><span>{escape(remark)}</span></li>"
        for count, formula, remark in rows
    )
    parts = [
        f"<p class='answer{' sure' if sure else ''}'>{escape(answer)}</p>",
        f"<dl>{asked}</dl>",
        f"<ul>{items}</ul>" if items else "",
        *(f"<p>{escape(word)}</p>" for word in words),
    ]
    return f"<div class='conserved-card'><style>{_style()}</style>{''.join(parts)}</div>"


@cache
def _style() -> str:
    """The variables of the report's style sheet on the card alone, and the card's own rules."""
    sheet = files("conserved").joinpath("report/assets/report.css").read_text("utf-8")
    light, dark = re.findall(r":root(?::not\(\.paper\))? \{([^}]*)\}", sheet)[:2]
    night = f"@media (prefers-color-scheme: dark) {{ .conserved-card {{{dark}}} }}"
    return f".conserved-card {{{light}}} {night}{_RULES}"


def frame(
    data: Iterable[Mapping[str, Any]] | Mapping[str, Any], columns: Sequence[str] | None = None
) -> DataFrame:
    """Rows, or columns, as a table of pandas, which is imported here and nowhere else.

    Args:
        data: rows, each with a value for each column; or all values of each column by its name.
        columns: the names of columns for rows, in order; an empty table has them too.

    Raises:
        ConservedError: pandas is not installed.
    """
    try:
        from pandas import DataFrame
    except ImportError as error:
        advice = "to_frame() needs pandas: pip install 'conserved[frames]'"
        raise ConservedError(advice) from error
    if isinstance(data, Mapping):
        return DataFrame(dict(data))
    return DataFrame(list(data), columns=None if columns is None else list(columns))
