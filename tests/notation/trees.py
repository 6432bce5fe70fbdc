"""One table of formulas, and what each writer makes of them."""

from __future__ import annotations

from fractions import Fraction

from conserved.notation import (
    Affine,
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
    Several,
    Span,
    Sum,
    Total,
    Transpose,
    Words,
)

ONE = Fraction(1)
W, Q, DOTTED = Name.of("W1"), Name.of("Q"), Name.of("layers.0.weight")
I, J, H, L = (Affine.of(index) for index in "ijhl")


def gram(value: Formula) -> Formula:
    return Product((value, Transpose(value)))


def block(*numbers: Affine, counts: tuple[int, ...] = (4,), axis: int = 0) -> Block:
    return Block(Q, axis, 2, 2, numbers, counts)


# formula, text, LaTeX, what the MathML says without its elements
TABLE: dict[str, tuple[Formula, str, str | None, str]] = {
    "symbol": (W, "W1", "W_{1}", "W1"),
    "dotted name": (DOTTED, "layers.0.weight", r"\mathrm{layers.0.weight}", "layers.0.weight"),
    "layer that runs": (
        Family("l", 0, 4, Name(("layers.", L + 1, ".weight"))),
        "layers.{l+1}.weight, l = 0 … 4",
        r"\mathrm{layers.\{\mathit{l+1}\}.weight},\; l = 0, \dots, 4",
        "layers.{l+1}.weight,l=0,…,4",
    ),
    "symbol that runs": (Name(("W", L)), "W_l", "W_{l}", "Wl"),
    "symbol that runs ahead": (Name(("W", L + 1)), "W_{l+1}", "W_{l+1}", "Wl+1"),
    "entry": (Item(W, (Affine(2), Affine(3))), "W1[2,3]", "{W_{1}}_{2,3}", "W12,3"),
    "row": (Item(W, (J * 2 - 1, None)), "W1[2j−1,:]", "{W_{1}}_{2j-1,:}", "W12j−1,:"),
    "rows": (Item(Q, (Span(Affine(1), Affine(4)), None)), "Q[1:4]", "{Q}_{1:4,:}", "Q1:4,:"),
    "columns": (
        Item(Q, (None, Span(Affine(2), Affine(4), 2))),
        "Q[:,2:4:2]",
        "{Q}_{:,2:4:2}",
        "Q:,2:4:2",
    ),
    "two rows": (
        Norm(Item(Q, (Several(J, 2, 2), None))),
        "‖Q[{j,j+2},:]‖",
        r"\left\|{Q}_{\{j,j+2\},:}\right\|",
        "‖Q{j,j+2},:‖",
    ),
    "many rows": (
        Item(Q, (Several(J, 2, 9),)),
        "Q[{j,j+2,…,j+16}]",
        r"{Q}_{\{j,j+2,\dots,j+16\}}",
        "Q{j,j+2,…,j+16}",
    ),
    "block": (gram(block(H)), "Q_h Q_hᵀ", r"{Q}_{h} {Q}_{h}^\top", "QhQh⊤"),
    "block of a group": (block(Affine.of("g"), H, counts=(2, 2)), "Q_{g,h}", "{Q}_{g,h}", "Qg,h"),
    "one block": (block(Affine(2)), "Q[3:4]", "{Q}_{3:4,:}", "Q3:4,:"),
    "block of columns": (block(Affine(2), axis=1), "Q[:,3:4]", "{Q}_{:,3:4}", "Q:,3:4"),
    "row of one block": (
        Item(block(Affine(2)), (J, None)),
        "Q[j+2,:]",
        "{Q}_{j+2,:}",
        "Qj+2,:",
    ),
    "row of a block": (
        Item(block(H), (J, None)),
        "Q_h[j,:]",
        r"{\left({Q}_{h}\right)}_{j,:}",
        "(Qh)j,:",
    ),
    "shifted": (
        gram(Sum(((ONE, Name.of("I")), (ONE, W)))),
        "(I + W1)(I + W1)ᵀ",
        r"\left(I + W_{1}\right) \left(I + W_{1}\right)^\top",
        "(I+W1)(I+W1)⊤",
    ),
    "coefficients": (
        Sum(((Fraction(-3, 2), W), (ONE, Q), (Fraction(-2), DOTTED), (Fraction(5), Number(ONE)))),
        "−3/2 W1 + Q − 2 layers.0.weight + 5",
        r"- \tfrac{3}{2} W_{1} + Q - 2 \mathrm{layers.0.weight} + 5",
        "−32W1+Q−2layers.0.weight+5",
    ),
    "cut": (Sum(((ONE, W),), 7), "W1 + … (7 more terms)", r"W_{1} + \cdots", "W1+…"),
    "norm": (
        Sum(((ONE, Power(Norm(W), 2)), (-ONE, Power(Name.of("t"), 2)))),
        "‖W1‖² − t²",
        r"\left\|W_{1}\right\|^2 - t^2",
        "‖W1‖2−t2",
    ),
    "exponential": (
        Product((Exponential(Fraction(3, 2)), Sum(((ONE, W), (-ONE, Q))))),
        "e^{3t/2} (W1 − Q)",
        r"e^{3t/2} \left(W_{1} - Q\right)",
        "e3t/2(W1−Q)",
    ),
    "power": (Power(Sum(((ONE, W), (ONE, Q))), 12), "(W1 + Q)¹²", None, "(W1+Q)12"),
    "number": (Number(Fraction(-1, 3)), "−1/3", r"-\tfrac{1}{3}", "−13"),
    "contraction": (Contraction(W, 3), "W1 ·₃ W1", r"W_{1} \cdot_{3} W_{1}", "W1·3W1"),
    "sum over heads": (
        Sum(((ONE, Total("h", 1, 2, gram(block(H)))), (-ONE, gram(Name.of("K"))))),
        "Σ_h Q_h Q_hᵀ − K Kᵀ, h = 1 … 2",
        r"\sum_{h=1}^{2} {Q}_{h} {Q}_{h}^\top - K K^\top",
        "∑h=12QhQh⊤−KK⊤",
    ),
    "sum of sums": (
        Total("i", 1, 3, Sum(((ONE, Item(W, (I, J))), (ONE, Item(Q, (I, J)))))),
        "Σ_i (W1[i,j] + Q[i,j]), i = 1 … 3",
        r"\sum_{i=1}^{3} \left({W_{1}}_{i,j} + {Q}_{i,j}\right)",
        "∑i=13(W1i,j+Qi,j)",
    ),
    "quotient": (
        Quotient(Sum(((ONE, W), (-ONE, Q))), W),
        "(W1 − Q) / W1",
        r"\frac{W_{1} - Q}{W_{1}}",
        "W1−QW1",
    ),
    "list": (Listed((W, Q), 3), "W1; Q; … (3 more)", r"W_{1};\quad Q;\quad \dots", "W1;Q;…"),
    "range": (
        Described(
            "complex range of",
            Row((Q, W)),
            Operator("range", "complex", Row((Q, W))),
            Words.of("on a part"),
        ),
        "complex range of [Q W1] on a part",
        r"\operatorname{range}_{\mathbb{C}}\left[Q\;W_{1}\right]\;\text{on a part}",
        "rangeℂ[QW1]on a part",
    ),
    "words that run": (
        Words(("the frequency-", J * 2, " part of {x}")),
        "the frequency-2j part of {x}",
        r"\text{the frequency-}2j\text{ part of \{x\}}",
        "the frequency-2j\u00a0part of {x}",
    ),
    "phase": (
        Described("phase of", Row((Q,)), Operator("arg det", "real", Row((Q,)))),
        "phase of Q",
        r"\arg\det\left[Q\right]",
        "argdet[Q]",
    ),
}
