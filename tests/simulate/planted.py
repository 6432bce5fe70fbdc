"""Networks with laws that are known to hold, and with false ones that look like them."""

from __future__ import annotations

from dataclasses import dataclass

import conserved as cq
from conserved.law import GramLaw, GramTerm, Law, Layout, Polynomial, PolynomialLaw


@dataclass(frozen=True)
class Planted:
    """A problem with its true laws and planted false ones."""

    network: str
    true: tuple[str, ...]
    false: tuple[str, ...]
    loss: str = "mse"

    @property
    def problem(self) -> cq.Problem:
        return cq.Problem.from_text(self.network, loss=self.loss)

    def laws(self) -> tuple[tuple[Law, ...], tuple[Law, ...]]:
        """(true, false)."""
        layout = Layout.of(self.problem.network.parameters)
        true, false = (tuple(gram(layout, t) for t in texts) for texts in (self.true, self.false))
        return true, false


def gram(layout: Layout, text: str) -> GramLaw:
    """A law from "part: [coefficient*]tensor.axis[start:stop] …".

    Example:
        >>> layout = Layout((("W1", (2, 3)), ("W2", (1, 2))))
        >>> print(gram(layout, "symmetric: W1.0 -1*W2.1"))
        W1 W1ᵀ − W2ᵀ W2
    """
    part, words = text.split(": ")
    terms = []
    for word in words.split():
        factor, name = word.split("*") if "*" in word else ("1", word)
        name, bracket, rows = name.partition("[")
        tensor, axis = name.rsplit(".", 1)
        chosen = tuple(int(k) for k in rows.rstrip("]").split(":")) if bracket else None
        terms.append(GramTerm(tensor, int(axis), int(factor), chosen and (*chosen, 1)))
    return GramLaw(layout=layout, terms=tuple(terms), part=part)  # type: ignore[arg-type]


def column_sums(layout: Layout, tensor: str) -> PolynomialLaw:
    """The sums over the outputs of the last layer: linear laws of cross-entropy (theory §7)."""
    block = layout.indices(tensor)
    rows = [Polynomial.of({(int(i),): 1 for i in column}) for column in block.T]
    return PolynomialLaw(layout=layout, components=tuple(rows))


PLANTED = (
    Planted(
        "linear:4-3-2",
        ("symmetric: W1.0 -1*W2.1",),
        ("symmetric: W1.0 W2.1", "symmetric: W1.0 -2*W2.1", "trace: W1.0"),
    ),
    Planted(
        "linear:3-2-3-1",
        ("symmetric: W1.0 -1*W2.1", "symmetric: W2.0 -1*W3.1"),
        ("trace: W1.0 -2*W2.0", "trace: W1.0 W3.0 -1*W2.0"),
    ),
    Planted(
        "relu:4-5-2,bias",
        ("diagonal: W1.0 b1.0 -1*W2.1",),
        ("diagonal: W1.0 -1*W2.1", "diagonal: W1.0 b1.0 W2.1", "symmetric: W1.0 b1.0 -1*W2.1"),
    ),
    Planted(
        "relu:4-5-4-1",
        ("diagonal: W1.0 -1*W2.1", "diagonal: W2.0 -1*W3.1"),
        ("trace: W1.0 -1*W2.0 W3.0",),
    ),
    Planted("relu:3-6-1", ("diagonal: W1.0 -1*W2.1",), ("diagonal: W1.0 W2.1",), "logistic"),
    Planted("relu:3-4-1", ("diagonal: W1.0 -1*W2.1",), ("diagonal: W1.0 -2*W2.1",), "exponential"),
    Planted("linear:3-2-1", ("symmetric: W1.0 -1*W2.1",), ("trace: W1.0 W2.1",), "poly:4"),
    Planted(
        "poly:3-2-1,power=2",
        ("diagonal: W1.0 -2*W2.1",),
        ("diagonal: W1.0 -1*W2.1", "symmetric: W1.0 -2*W2.1"),
    ),
    Planted("poly:2-3-1,power=3", ("diagonal: W1.0 -3*W2.1",), ("diagonal: W1.0 -2*W2.1",)),
    Planted("swiglu:3-4-2", ("diagonal: C.0 -1*A.1",), ("diagonal: B.0 -1*A.1",)),
    Planted(
        "attention:dim=3,tokens=3,head=2,heads=2",
        (
            "symmetric: Q.0[0:2] -1*K.0[0:2]",
            "symmetric: Q.0[2:4] -1*K.0[2:4]",
            "symmetric: V.0[0:2] -1*O.0[0:2]",
        ),
        (
            "symmetric: Q.0[0:2] -1*K.0[2:4]",
            "symmetric: Q.0[0:2] -1*V.0[0:2]",
            "symmetric: Q.0 -1*K.0",
        ),
    ),
    Planted(
        "lightning:dim=3,tokens=2,head=1,out=1",
        ("symmetric: Q.1 -1*K.1", "trace: Q.0 -1*V.0"),
        ("trace: Q.0 K.0 -1*V.0", "symmetric: Q.0 -1*K.0"),
    ),
    Planted("mlp:3-4-1,act=tanh", (), ("diagonal: W1.0 -1*W2.1",)),
)
