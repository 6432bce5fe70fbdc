r"""Formulas as trees, and three writers of them: text, LaTeX and MathML.

Whoever has something to say builds one tree; how it looks is decided here alone.

Example:
    >>> w = Name.of("W1")
    >>> gram = Product((w, Transpose(w)))
    >>> text(gram), latex(gram)
    ('W1 W1ᵀ', 'W_{1} W_{1}^\\top')
"""

from __future__ import annotations

from conserved.notation.integers import Affine, Place, Several, Span
from conserved.notation.latex import latex
from conserved.notation.mathml import mathml
from conserved.notation.patterns import gathered, listed, sentences, skeleton, totalled
from conserved.notation.text import text
from conserved.notation.tree import (
    Block,
    Contraction,
    Described,
    Exponential,
    Family,
    Formula,
    Item,
    Listed,
    Name,
    Norm,
    Number,
    Operator,
    Power,
    Product,
    Quotient,
    Row,
    Sum,
    Total,
    Transpose,
    Words,
    nodes,
    renamed,
)

__all__ = [
    "Affine",
    "Block",
    "Contraction",
    "Described",
    "Exponential",
    "Family",
    "Formula",
    "Item",
    "Listed",
    "Name",
    "Norm",
    "Number",
    "Operator",
    "Place",
    "Power",
    "Product",
    "Quotient",
    "Row",
    "Several",
    "Span",
    "Sum",
    "Total",
    "Transpose",
    "Words",
    "gathered",
    "latex",
    "listed",
    "mathml",
    "nodes",
    "renamed",
    "sentences",
    "skeleton",
    "text",
    "totalled",
]
