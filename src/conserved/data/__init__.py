"""Classes of data that are no groups: one-hot inputs, files of inputs or samples, subspaces."""

from conserved.data.inputs import (
    Inputs,
    autoencoding,
    one_hot,
    parse_inputs,
    points,
    samples,
    subspace,
)
from conserved.data.table import Table, exact_rows, read_table

__all__ = [
    "Inputs",
    "Table",
    "autoencoding",
    "exact_rows",
    "one_hot",
    "parse_inputs",
    "points",
    "read_table",
    "samples",
    "subspace",
]
