"""The report: an analysis, and what a simulation showed of it, as one offline HTML file."""

from conserved.report.model import render_model, write_model_report
from conserved.report.page import render, write_report
from conserved.report.plots import Evidence, Plot, Series, VerdictRow
from conserved.report.watch import watch

__all__ = [
    "Evidence",
    "Plot",
    "Series",
    "VerdictRow",
    "render",
    "render_model",
    "watch",
    "write_model_report",
    "write_report",
]
