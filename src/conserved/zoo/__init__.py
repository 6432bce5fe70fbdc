"""Solved problems and published figures, measured again with better controls."""
