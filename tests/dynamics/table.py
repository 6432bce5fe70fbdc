"""Counts under other dynamics that are known: theory §14, most from arXiv 2405.12888."""

from __future__ import annotations

# network, flow, laws
COUNTS = [
    ("linear:1-2-1", "momentum:1/2", 2),
    ("linear:2-2-1", "momentum:1/2", 1),
    ("linear:1-3-2", "momentum:1/2", 3),
    ("linear:2-4-1", "momentum:1/2", 6),
    ("linear:1-5-1", "momentum:1/2", 14),
    ("linear:2-3-2", "momentum:2", 3),
    ("linear:2-3-2", "momentum:0", 3),
    ("linear:2-2-2-1", "momentum:1/2", 2),
    ("linear:1-2-1-1", "momentum:1/2", 2),
    ("relu:2-3-2", "momentum:1/2", 0),
    ("relu:2-3-2,bias", "momentum:1/2", 0),
    ("linear:1-2-1", "nesterov", 2),
    ("linear:2-2-1", "nesterov", 1),
    ("linear:2-4-1", "nesterov", 6),
    ("linear:2-3-2", "nesterov", 3),
    ("relu:2-3-2", "nesterov", 0),
    ("linear:2-2-1", "mirror", 2),
    ("linear:1-4-2", "mirror", 4),
    ("linear:2-5-2", "mirror", 5),
    ("linear:2-2-2-2", "mirror", 4),
    ("linear:1-3-1", "mirror", 5),
    ("relu:2-3-2,bias", "mirror:W2", 3),
    ("linear:2-2-1", "mirror-momentum:1/2", 0),
    ("linear:2-3-2", "mirror-momentum:1/2", 0),
    ("relu:2-3-2", "decay:1/3", 3),
    ("linear:2-3-2", "decay:1/3", 6),
    ("linear:2-2-1", "decay:W1=3,W2=5", 0),
    ("linear:2-3-2", "decay:W1=3,W2=5", 0),
    ("linear:2-2-2-2", "decay:W1=3,W2=5,W3=7", 0),
    ("linear:2-3-2", "rates:W1=3,W2=7", 6),
    ("linear:2-3-2", "rates:entries", 3),
    ("linear:2-3-2", "natural", 6),
    ("relu:2-3-2,bias", "natural", 3),
]

# how many are written down, where not all are
UNWRITTEN = {("linear:2-3-2", "rates:entries"): 0, ("linear:1-3-1", "mirror"): 3}
