"""Random layouts and laws of every form, for hypothesis; and planted examples of each leaf."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from conserved.law import (
    GramLaw,
    GramTerm,
    Layout,
    PhaseLaw,
    Polynomial,
    PolynomialLaw,
    RationalLaw,
    SpanLaw,
    SpanPart,
)

LAYOUT = Layout(
    (("W1", (3, 4)), ("b1", (3,)), ("W2", (2, 3)), ("K", (2, 3, 2)), ("A", (3, 3)), ("t", ()))
)

FRACTIONS = st.fractions(-9, 9, max_denominator=9).filter(bool)
ENTRIES = st.sampled_from(
    ["0", "1", "-1", "1/2", "-3/7", "cos(2*pi/5)", "1 - 2*cos(4*pi/5)", "sqrt(2)/2", "2/3"]
)


@st.composite
def polynomials(draw, size=LAYOUT.size):
    monomials = st.lists(st.integers(0, size - 1), min_size=0, max_size=3).map(tuple)
    terms = draw(st.dictionaries(monomials, FRACTIONS, min_size=1, max_size=5))
    built = Polynomial.of(terms)
    return built if built.degree else Polynomial.of({(draw(st.integers(0, size - 1)),): 1})


@st.composite
def gram_laws(draw):
    part = draw(st.sampled_from(["symmetric", "diagonal", "trace"]))
    axes = [("W1", 0), ("b1", 0), ("W2", 1), ("K", 1), ("A", 0), ("A", 1)]  # all of length 3
    if part == "trace":
        axes += [("W1", 1), ("W2", 0), ("K", 0), ("K", 2), ("t", 0)]
    terms = []
    rows = draw(st.sampled_from([None, (0, 3, 1), (1, 3, 1), (0, 2, 1), (0, 3, 2), (2, 3, 1)]))
    for tensor, axis in draw(st.lists(st.sampled_from(axes), min_size=1, max_size=4, unique=True)):
        length = (LAYOUT.shape(tensor) or (1,))[axis]
        offset = draw(st.just(0) | FRACTIONS) if tensor in ("A", "b1") else 0
        cut = (
            None
            if rows is None or tensor == "t"
            else (min(rows[0], length - 1), min(rows[1], length), rows[2])
        )
        terms.append(GramTerm(tensor, axis, draw(FRACTIONS), cut, offset))
    return GramLaw(layout=LAYOUT, terms=tuple(terms), part=part)


@st.composite
def polynomial_laws(draw):
    components = tuple(draw(st.lists(polynomials(), min_size=1, max_size=3)))
    return PolynomialLaw(
        layout=LAYOUT, components=components, title=draw(st.sampled_from(["", "a"]))
    )


@st.composite
def rational_laws(draw):
    pairs = draw(st.lists(st.tuples(polynomials(), polynomials()), min_size=1, max_size=2))
    return RationalLaw(layout=LAYOUT, components=tuple(pairs))


@st.composite
def parts(draw, k):
    tensor, axis = draw(st.sampled_from([("W1", 1), ("W2", 1), ("K", 1), ("W1", None)]))
    length = 12 if axis is None else LAYOUT.shape(tensor)[axis]
    row = st.lists(ENTRIES, min_size=length, max_size=length).map(tuple)
    return SpanPart(tensor, axis, tuple(draw(st.lists(row, min_size=k, max_size=k))))


@st.composite
def span_laws(draw):
    what = draw(st.sampled_from(["range", "direction"]))
    chosen = tuple(draw(st.lists(parts(4), min_size=1, max_size=2)))
    available = sum(len(part.fibres(LAYOUT)) for part in chosen)
    count = draw(st.integers(1, min(3, available)))
    vectors = tuple(draw(st.permutations(range(available)))[:count])
    width, wanted = (4, count) if what == "range" else (4 * count, 1)
    pivots = tuple(sorted(draw(st.permutations(range(width)))[:wanted]))
    field = "complex" if count % 2 == 0 and draw(st.booleans()) else "real"
    place = draw(st.sampled_from(["", "on the zero-sum part of the features"]))
    return SpanLaw(
        layout=LAYOUT,
        what=what,
        parts=chosen,
        vectors=vectors,
        pivots=pivots,
        field=field,
        place=place,
    )


@st.composite
def phase_laws(draw):
    chosen = tuple(draw(st.lists(parts(6), min_size=1, max_size=2)))
    available = sum(len(part.fibres(LAYOUT)) for part in chosen)
    count = draw(st.integers(1, min(3, available)))
    return PhaseLaw(
        layout=LAYOUT,
        parts=chosen,
        vectors=tuple(draw(st.permutations(range(available)))[:count]),
        coordinates=tuple(draw(st.permutations(range(3)))[:count]),
        square=draw(st.sampled_from(["1", "3/4", "5/8 + sqrt(5)/8"])),
    )


LAWS = st.one_of(gram_laws(), polynomial_laws(), rational_laws(), span_laws(), phase_laws())

_SQUARE = (("1", "0", "-1", "1/2"), ("0", "1", "2", "1"), ("1", "1", "0", "cos(2*pi/5)"))
EXAMPLES = {
    "gram": GramLaw(
        layout=LAYOUT,
        terms=(GramTerm("W1", 0), GramTerm("b1", 0, Fraction(1, 2)), GramTerm("W2", 1, -1)),
    ),
    "diagonal": GramLaw(
        layout=LAYOUT,
        terms=(GramTerm("W1", 0, 1, (1, 3, 1)), GramTerm("K", 1, -3, (0, 3, 2))),
        part="diagonal",
    ),
    "trace": GramLaw(layout=LAYOUT, terms=(GramTerm("W1", 1), GramTerm("K", 2, -1)), part="trace"),
    "shifted": GramLaw(
        layout=LAYOUT,
        terms=(
            GramTerm("A", 0, 1, None, Fraction(1, 2)),
            GramTerm("A", 1, -1, None, -3),
            GramTerm("b1", 0, 2, None, 1),
        ),
    ),
    "scalar": GramLaw(layout=LAYOUT, terms=(GramTerm("t", 0), GramTerm("A", 0, -1)), part="trace"),
    "polynomial": PolynomialLaw(
        layout=LAYOUT,
        components=(
            Polynomial.of({(0, 0, 13): Fraction(2, 3), (5,): -1, (): 4}),
            Polynomial.of({(2, 7): 1}),
        ),
    ),
    "rational": RationalLaw(
        layout=LAYOUT,
        components=(
            (Polynomial.of({(0, 0): 1, (1,): -1}), Polynomial.of({(3,): 1, (): Fraction(1, 7)})),
        ),
    ),
    "range": SpanLaw(
        layout=LAYOUT,
        what="range",
        parts=(
            SpanPart("W1", 1, (*_SQUARE, ("0", "0", "1", "3"))),
            SpanPart("W2", 1, (("1", "0", "0"), ("0", "1", "0"), ("0", "0", "1"), ("1", "1", "1"))),
        ),
        vectors=(0, 3),
        pivots=(0, 2),
    ),
    "direction": SpanLaw(
        layout=LAYOUT,
        what="direction",
        parts=(SpanPart("W1", 1, _SQUARE[:2]),),
        vectors=(0, 1, 2),
        pivots=(3,),
    ),
    "whole tensor": SpanLaw(
        layout=LAYOUT,
        what="direction",
        parts=(
            SpanPart("W2", None, (("1", "0", "0", "0", "1", "0"), ("0", "1", "2", "0", "0", "0"))),
        ),
        vectors=(0,),
        pivots=(0,),
    ),
    "phase": PhaseLaw(
        layout=LAYOUT,
        parts=(SpanPart("W1", 1, (*_SQUARE, ("0", "0", "1", "3"))),),
        vectors=(2, 0),
        coordinates=(1, 0),
        square="5/8 + sqrt(5)/8",
    ),
}
