"""The version, in the one place that packaging, the command line and results all read."""

__version__ = "0.2.0"
