"""LaTeX to MathML that a page can trust.

latex2mathml copies text and links as they come, so what it returns is read as XML and written
again from a short list of elements and attributes. What is not on the list makes no formula; the
page then shows the plain text.
"""

from __future__ import annotations

from html import escape
from xml.etree import ElementTree

# Element: how many children it must have, or None for any number.
_ELEMENTS: dict[str, int | None] = {
    "math": None,
    "mrow": None,
    "mstyle": None,
    "mi": 0,
    "mn": 0,
    "mo": 0,
    "mtext": 0,
    "mspace": 0,
    "mfrac": 2,
    "msqrt": None,
    "mroot": 2,
    "msub": 2,
    "msup": 2,
    "msubsup": 3,
    "munder": 2,
    "mover": 2,
    "munderover": 3,
    "mtable": None,
    "mtr": None,
    "mtd": None,
}
_ATTRIBUTES = {
    "accent",
    "displaystyle",
    "fence",
    "form",
    "lspace",
    "mathvariant",
    "movablelimits",
    "rspace",
    "scriptlevel",
    "separator",
    "stretchy",
    "width",
}
_NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"
_LIMIT = 20_000  # characters of LaTeX: a longer formula is none to look at


def mathml(latex: str, text: str) -> str | None:
    r"""A formula as MathML, or None where it cannot be typeset.

    Args:
        latex: without dollar signs.
        text: the same in plain text, for readers that know no MathML.

    Example:
        >>> mathml("x^2", "x²")
        '<math display="block" alttext="x²"><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>'
        >>> mathml(r"\href{javascript:alert(1)}{x}", "x") is None
        True
    """
    from latex2mathml.converter import convert

    if len(latex) > _LIMIT:
        return None
    try:
        root = ElementTree.fromstring(convert(latex))
        if root.tag != f"{_NAMESPACE}math":
            return None
        inside = "".join(_written(child) for child in root)
    except Exception:  # whatever a formula does to the converter, the page has its plain text
        return None
    return f'<math display="block" alttext="{escape(text)}">{inside}</math>'


def _written(element: ElementTree.Element) -> str:
    """One element and all in it.

    Raises:
        ValueError: an element or attribute that is not on the list, or a command not understood.
    """
    name = element.tag.removeprefix(_NAMESPACE)
    children = _ELEMENTS[name]
    if children is not None and children != len(element):
        raise ValueError(name)
    if not element.attrib.keys() <= _ATTRIBUTES:
        raise ValueError(f"{name}: {sorted(element.attrib)}")
    text = (element.text or "").strip(" \n")
    if any((child.tail or "").strip() for child in element):
        raise ValueError(f"{name}: loose text")
    if text.startswith("\\"):
        if text != r"\arg":  # the one operator of ours the converter leaves as it is
            raise ValueError(text)
        text = "arg"
    if name == "mo" and len(text) > 1 and text.isalpha():  # a function, not an infix operator
        return f"<mi>{escape(text)}</mi>"
    attributes = "".join(f' {key}="{escape(value)}"' for key, value in element.attrib.items())
    inside = "".join(_written(child) for child in element)
    return f"<{name}{attributes}>{escape(text)}{inside}</{name}>"
