"""Runs that were watched, seen: a log as a live page, an offline file, or text."""

from conserved.monitor.page import offline_page, write_offline
from conserved.monitor.run import Run
from conserved.monitor.serve import Live
from conserved.monitor.text import summary, summary_json

__all__ = ["Live", "Run", "offline_page", "summary", "summary_json", "write_offline"]
