"""Runs that were watched, seen: a log as a live page, an offline file, or text."""
