"""One HTML file that holds all it needs: text, style, scripts, numbers.

Nothing is loaded (``inline``). All text from outside is escaped where it is written: by Jinja's
autoescape in markup, by ``embedded`` in JSON, by ``conserved.notation`` in formulas.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conserved.analysis import Analysis
from conserved.errors import InputError
from conserved.law.lines import lines, where
from conserved.notation import sentences
from conserved.report import content
from conserved.report.charts import RankChart, laid_out
from conserved.report.inline import (
    ASSETS,
    DASHES,
    Download,
    embedded,
    embedded_file,
    environment,
    page_scripts,
    page_style,
    policy,
    written,
)
from conserved.report.plots import Evidence
from conserved.report.training import evidence
from conserved.simulate.record import Simulation

LAWS_SHOWN = 12  # the rest is folded away
CERTIFICATE = "certificate.json"
Runs = Simulation | Evidence | Sequence[Simulation | Evidence] | None


def render(
    analysis: Analysis,
    simulation: Runs = None,
    certificate: Mapping[str, Any] | None = None,
    *,
    command: str | None = None,
) -> str:
    """The report as one HTML document.

    Args:
        analysis: what was found.
        simulation: what watching the laws along training showed; several runs as a list.
        certificate: the JSON object to hand on.
        command: the shell command that made it; by default one is written from the problem.

    Raises:
        InputError: a certificate that is not JSON.

    Example:
        >>> from conserved.analysis import analyze
        >>> from conserved.problem import Problem
        >>> page = render(analyze(Problem.from_text("mlp:2-2-1,act=tanh")))
        >>> "so nothing is conserved" in page
        True
    """
    from markupsafe import Markup

    shown = _runs(simulation)
    plots = [plot for run in shown for plot in run.plots]
    first = [sum(len(run.plots) for run in shown[:k]) for k in range(len(shown))]
    style, scripts = page_style(), page_scripts("report.js") if plots else ()
    return (
        environment(ASSETS)
        .get_template("report.html")
        .render(
            **_found(analysis),
            policy=policy(style, scripts),
            style=Markup(style),
            scripts=[Markup(script) for script in scripts],
            runs=list(zip(shown, first, strict=True)),
            plotted=bool(plots),
            plot_data=Markup(embedded([plot.data() for plot in plots])),
            downloads=_downloads(analysis, certificate),
            commands=_commands(analysis, certificate is not None, command),
            sources=content.SOURCES,
            contents=_contents(analysis, shown),
            most=LAWS_SHOWN,
            dashes=DASHES,
        )
    )


def write_report(
    analysis: Analysis,
    path: str | os.PathLike[str],
    simulation: Runs = None,
    certificate: Mapping[str, Any] | None = None,
    *,
    command: str | None = None,
) -> Path:
    """Write the report to a file, whole or not at all.

    Args:
        analysis, simulation, certificate, command: as for ``render``.
        path: of the HTML file; folders on the way are made.

    Returns:
        The path.

    Raises:
        InputError: a place that cannot be written to, or a certificate that is not JSON.

    Example:
        >>> from conserved.analysis import analyze
        >>> from conserved.problem import Problem
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_report(analyze(Problem.from_text("linear:2-1")), f"{folder}/a.html")
        ...     path.stat().st_size < 100_000
        True
    """
    return written(render(analysis, simulation, certificate, command=command), path)


def _found(analysis: Analysis) -> dict[str, Any]:
    """What the template shows of an analysis."""
    lift = analysis.explanation.lift
    return {
        "question": content.question(analysis),
        "numeral": content.numeral(analysis.count),
        "count": analysis.count,
        "surplus": content.surplus(analysis),
        "verdict": content.verdict(analysis),
        "parameters": analysis.closure.parameters,
        "rank": analysis.closure.rank,
        "slices": laid_out(content.directions(analysis)),
        "setting": content.setting(analysis),
        "laws": content.by_block(content.law_cards(analysis), LAWS_SHOWN),
        "where": where(lines(analysis.laws)),
        "left_out": content.left_out(analysis),
        "reasons": sentences(analysis.explanation.reasons),
        "lift": lift,
        "lift_facts": content.lift_facts(lift) if lift else (),
        "blocks": content.block_tables(lift) if lift else (),
        "charts": _charts(analysis),
        "python": content.python_code(analysis),
        "replay": content.replay_facts(analysis),
    }


def _charts(analysis: Analysis) -> list[RankChart]:
    if not analysis.closure.ranks:
        return []
    asked = RankChart(analysis.closure, "The data asked for", "asked")
    if not analysis.problem.restricted:
        return [asked]
    return [asked, RankChart(analysis.architecture_closure, "All data", "all")]


def _runs(simulation: Runs) -> list[Evidence]:
    """Every run as what the page shows of it."""
    if simulation is None:
        return []
    several = [simulation] if isinstance(simulation, Simulation | Evidence) else simulation
    return [evidence(run) if isinstance(run, Simulation) else run for run in several]


def _contents(analysis: Analysis, shown: list[Evidence]) -> list[tuple[str, str]]:
    why = analysis.explanation.reasons or analysis.explanation.lift
    sections = [
        ("setting", "Question", True),
        ("laws", "Laws", True),
        ("why", "Why", why),
        ("ranks", "Count", bool(analysis.closure.ranks)),
        ("training", "Training", bool(shown)),
        ("replay", "Reproduce", True),
        ("sources", "Sources", True),
    ]
    return [(name, words) for name, words, there in sections if there]


def _commands(analysis: Analysis, certified: bool, command: str | None) -> list[str]:
    lines = [command or content.shell_command(analysis)]
    return [*lines, f"conserved check {CERTIFICATE}"] if certified else lines


def _downloads(analysis: Analysis, certificate: Mapping[str, Any] | None) -> list[Download]:
    files = [embedded_file("analysis.json", "The analysis as JSON", analysis.to_json())]
    if certificate is not None:
        try:
            files.insert(0, embedded_file(CERTIFICATE, "The certificate", dict(certificate)))
        except (TypeError, ValueError) as error:
            raise InputError("certificate", "…", f"give a JSON object ({error})") from error
    return files
