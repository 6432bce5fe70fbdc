"""Laws of the architectures as theory writes them down, made by hand: no search takes part."""

from __future__ import annotations

from collections.abc import Iterator

from conserved.law import GramLaw, GramTerm, Law, Layout, Polynomial, PolynomialLaw
from conserved.networks import parse_network

Rows = tuple[int, int, int]


def gram(layout: Layout, *terms: GramTerm, part: str = "symmetric") -> GramLaw:
    return GramLaw(layout=layout, terms=terms, part=part)  # type: ignore[arg-type]


def layout_of(spec: str) -> Layout:
    return Layout.of(parse_network(spec).parameters)


def layers(layout: Layout) -> int:
    return sum(name.startswith("W") for name, _ in layout.tensors)


def balanced(layout: Layout, sign: int = -1) -> list[Law]:
    """W_i W_iᵀ − W_{i+1}ᵀ W_{i+1} of a deep linear network."""
    return [
        gram(layout, GramTerm(f"W{i}", 0), GramTerm(f"W{i + 1}", 1, sign))
        for i in range(1, layers(layout))
    ]


def per_unit(layout: Layout, ratio: int = 1, *, bias: bool = True, sign: int = -1) -> list[Law]:
    """Incoming² (with bias²) − ratio · outgoing² of each hidden unit."""
    names = [name for name, _ in layout.tensors]
    laws: list[Law] = []
    for i in range(1, layers(layout)):
        terms = [GramTerm(f"W{i}", 0)]
        if bias and f"b{i}" in names:
            terms.append(GramTerm(f"b{i}", 0))
        terms.append(GramTerm(f"W{i + 1}", 1, sign * ratio))
        laws.append(gram(layout, *terms, part="diagonal"))
    return laws


def heads(layout: Layout, first: str, second: str, count: int, *, shift: int = 0) -> list[Law]:
    """A Aᵀ − B Bᵀ for the rows of each head; ``shift`` takes B from another head."""
    height = layout.shape(first)[0] // count

    def rows(head: int) -> Rows:
        return (head * height, (head + 1) * height, 1)

    return [
        gram(
            layout,
            GramTerm(first, 0, 1, rows(head)),
            GramTerm(second, 0, -1, rows((head + shift) % count)),
        )
        for head in range(count)
    ]


def attention(layout: Layout, count: int = 1) -> list[Law]:
    return heads(layout, "Q", "K", count) + heads(layout, "V", "O", count)


def swiglu(layout: Layout, sign: int = -1) -> list[Law]:
    return [gram(layout, GramTerm("A", 1), GramTerm("C", 0, sign), part="diagonal")]


def lightning(layout: Layout) -> list[Law]:
    """QᵀQ − KᵀK, since f = X Q Kᵀ Xᵀ X V shares its head axis, and ‖Q‖² − ‖V‖²."""
    return [
        gram(layout, GramTerm("Q", 1), GramTerm("K", 1, -1)),
        gram(layout, GramTerm("Q", 1), GramTerm("V", 1, -1), part="trace"),
    ]


TRUE: dict[str, list[Law]] = {
    "linear:3-2-2": balanced(layout_of("linear:3-2-2")),
    "linear:5-5-4-4-5": balanced(layout_of("linear:5-5-4-4-5")),
    "relu:3-4-2": per_unit(layout_of("relu:3-4-2")),
    "relu:2-3-7-3-7,bias": per_unit(layout_of("relu:2-3-7-3-7,bias")),
    "poly:2-3-1,power=2": per_unit(layout_of("poly:2-3-1,power=2"), 2),
    "poly:2-3-1,power=3": per_unit(layout_of("poly:2-3-1,power=3"), 3),
    "swiglu:2-3-2": swiglu(layout_of("swiglu:2-3-2")),
    "attention:dim=4,tokens=2,head=2": attention(layout_of("attention:dim=4,tokens=2,head=2")),
    "attention:dim=4,tokens=2,head=2,heads=2": attention(
        layout_of("attention:dim=4,tokens=2,head=2,heads=2"), 2
    ),
    "lightning:dim=3,tokens=2,head=2,out=1": lightning(
        layout_of("lightning:dim=3,tokens=2,head=2,out=1")
    ),
}


def _false() -> Iterator[tuple[str, str, Law]]:
    """(spec, what is wrong, law)."""
    for spec in ("linear:3-2-2", "linear:5-5-4-4-5"):
        for law in balanced(layout_of(spec), 1):
            yield spec, "wrong sign", law
    layout = layout_of("relu:2-3-7-3-7,bias")
    for law in per_unit(layout, bias=False):
        yield "relu:2-3-7-3-7,bias", "bias left out", law
    for law in per_unit(layout_of("relu:3-4-2"), sign=1):
        yield "relu:3-4-2", "wrong sign", law
    # what a linear network keeps, a ReLU network does not: only the diagonal survives
    for law in balanced(layout_of("relu:3-4-2")):
        yield "relu:3-4-2", "off the diagonal", law
    for power, ratio in ((2, 1), (2, 3), (3, 2)):
        for law in per_unit(layout_of(f"poly:2-3-1,power={power}"), ratio):
            yield f"poly:2-3-1,power={power}", "wrong ratio", law
    yield "swiglu:2-3-2", "wrong sign", swiglu(layout_of("swiglu:2-3-2"), 1)[0]
    layout = layout_of("swiglu:2-3-2")
    terms = GramTerm("A", 1), GramTerm("B", 0, -1)
    yield "swiglu:2-3-2", "the other factor", gram(layout, *terms, part="diagonal")
    spec = "attention:dim=4,tokens=2,head=2,heads=2"
    for law in heads(layout_of(spec), "Q", "K", 2, shift=1):
        yield spec, "the other head", law
    for law in heads(layout_of(spec), "V", "O", 2, shift=1):
        yield spec, "the other head", law
    # one head over both: Q Qᵀ − K Kᵀ across heads
    for law in heads(layout_of(spec), "Q", "K", 1):
        yield spec, "across heads", law
    layout = layout_of("lightning:dim=3,tokens=2,head=2,out=1")
    terms = GramTerm("Q", 1), GramTerm("V", 1, -2)
    yield "lightning:dim=3,tokens=2,head=2,out=1", "wrong scale", gram(layout, *terms, part="trace")
    layout = layout_of("mlp:2-3-2,act=tanh")
    for law in per_unit(layout):
        yield "mlp:2-3-2,act=tanh", "of ReLU, not of tanh", law
    layout = layout_of("linear:3-2-2")
    sums = PolynomialLaw(layout=layout, components=(Polynomial.of({(0,): 1, (1,): 1}),))
    yield "linear:3-2-2", "a sum of weights", sums


FALSE = list(_false())
