"""Laws of a whole model as JSON and back: families by their terms, with exact coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from conserved.blocks import BlockLaw, BlockLaws
from conserved.blocks.patterns import Column, Pattern
from conserved.blocks.sketch import Family
from conserved.errors import InputError
from conserved.law import Layout

SCHEMA = "conserved.families/1"


def to_document(laws: BlockLaws) -> dict[str, Any]:
    """All that ``from_document`` needs."""
    tensors = laws.laws[0].layout.tensors if laws.laws else ()
    return {
        "schema": SCHEMA,
        "network": laws.network,
        "loss": laws.loss,
        "parameters": laws.parameters,
        "tensors": [[name, list(shape)] for name, shape in tensors],
        "lower": laws.lower,
        "lower_without_eps": laws.lower_without_eps,
        "primes": list(laws.primes),
        "notes": list(laws.notes),
        "inputs": [list(shape) for shape in laws.inputs],
        "batch": laws.batch,
        "seconds": laws.seconds,
        "families": [
            {
                "text": law.text,
                "without_eps": law.without_eps,
                "terms": [[str(c), _column(column)] for c, column in law.family.terms],
            }
            for law in laws.laws
        ],
    }


def from_document(held: Mapping[str, Any]) -> BlockLaws:
    """The laws of a document.

    Raises:
        InputError: it is none of this schema.
    """
    try:
        if held["schema"] != SCHEMA:
            raise ValueError(held["schema"])
        layout = Layout(tuple((name, tuple(shape)) for name, shape in held["tensors"]))
        laws = tuple(
            BlockLaw(
                Family(tuple((Fraction(c), _read(column)) for c, column in one["terms"])),
                layout,
                bool(one["without_eps"]),
                str(one["text"]),
            )
            for one in held["families"]
        )
        return BlockLaws(
            held["network"],
            held["loss"],
            int(held["parameters"]),
            laws,
            int(held["lower"]),
            int(held["lower_without_eps"]),
            tuple(held["primes"]),
            tuple(map(tuple, held["inputs"])),
            held["batch"],
            tuple(held["notes"]),
            float(held["seconds"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("document", "this", f"is no {SCHEMA}: {error}") from error


def _column(column: Column) -> list[Any]:
    pattern = column.pattern
    return [
        column.tensor,
        column.axis,
        list(pattern.split),
        list(pattern.roles),
        column.degree,
        column.start,
        column.extent,
        column.vector,
    ]


def _read(held: list[Any]) -> Column:
    tensor, axis, split, roles, degree, start, extent, vector = held
    pattern = Pattern(tuple(split), tuple(roles))
    return Column(tensor, int(axis), pattern, int(degree), int(start), int(extent), bool(vector))
