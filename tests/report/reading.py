"""A report as a reader's browser takes it apart, and what must hold of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

VOID = {"meta", "link", "br", "img", "input", "hr"}
SVG_EMPTY = {"rect", "line", "path"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    content: list[Element | str] = field(default_factory=list)  # children and text, in order

    @property
    def children(self) -> list[Element]:
        return [part for part in self.content if isinstance(part, Element)]

    def walk(self) -> list[Element]:
        return [self, *(e for child in self.children for e in child.walk())]

    def all(self, *tags: str) -> list[Element]:
        return [e for e in self.walk() if e.tag in tags]

    @property
    def text(self) -> str:
        return "".join(part if isinstance(part, str) else part.text for part in self.content)

    def __getitem__(self, key: str) -> str:
        return self.attributes[key]

    def get(self, key: str) -> str:
        return self.attributes.get(key, "")


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs}, self.here)
        assert len(attrs) == len(element.attributes), f"<{tag}> says an attribute twice"
        self.here.content.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SVG_EMPTY | {"mspace"}, f"<{tag}/> does not close itself in HTML"
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}>"
        assert self.here.parent is not None
        self.here = self.here.parent

    def handle_data(self, data: str) -> None:
        self.here.content.append(data)


def parsed(page: str) -> Element:
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert parser.here is parser.root, f"<{parser.here.tag}> is not closed"
    return parser.root


def hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def policy_of(root: Element) -> dict[str, set[str]]:
    (meta,) = [m for m in root.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    rules = [rule.split() for rule in meta["content"].split(";")]
    return {name: set(sources) for name, *sources in rules}


def assert_offline_and_inert(page: str) -> None:
    """Nothing is loaded, and nothing runs but the page's own scripts, unaltered."""
    root = parsed(page)
    policy = policy_of(root)
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == {"'none'"}
    assert policy["img-src"] == {"data:"}
    code = [s for s in root.all("script") if s.get("type") != "application/json"]
    assert policy["script-src"] == ({hash_of(s.text) for s in code} or {"'none'"})
    assert policy["style-src"] == {hash_of(s.text) for s in root.all("style")}
    assert policy["require-trusted-types-for"] == {"'script'"}
    assert not root.all("img", "iframe", "object", "embed", "form", "base", "audio", "video")
    for element in root.walk():
        for name, value in element.attributes.items():
            assert not name.startswith("on"), f"<{element.tag} {name}>"
            assert name not in ("src", "srcset", "style", "xlink:href", "action", "ping"), name
            if name == "href":
                assert_link(element, value)
    for sheet in root.all("style"):
        assert "@import" not in sheet.text
        assert "url(" not in sheet.text


def assert_link(element: Element, value: str) -> None:
    if element.tag == "link":
        assert value == "data:,"
        return
    assert element.tag == "a"
    if value.startswith("data:"):
        assert value.startswith("data:application/json;base64,")
        assert element.get("download")
    else:
        assert re.fullmatch(r"#[\w-]+|https://arxiv\.org/abs/\d{4}\.\d{5}", value), value


def assert_accessible(page: str) -> None:
    """Landmarks, headings, names and references, as a screen reader needs them."""
    root = parsed(page)
    (html,) = root.all("html")
    assert html["lang"] == "en"
    assert root.all("title")[0].text.strip()
    for landmark in ("main", "header", "nav", "footer"):
        assert len(root.all(landmark)) == 1, landmark
    levels = [int(h.tag[1]) for h in root.all("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels)), levels
    identities = [e["id"] for e in root.walk() if e.get("id")]
    assert len(identities) == len(set(identities))
    for element in root.walk():
        for key in ("aria-labelledby", "aria-describedby"):
            assert set(element.get(key).split()) <= set(identities), element.get(key)
        if element.get("href").startswith("#"):
            assert element["href"][1:] in identities
    for section in root.all("section"):
        assert section["aria-labelledby"]
    for element in root.all("button", "a", "summary"):
        assert element.text.strip() or element.get("aria-label"), element.tag
    for drawing in root.all("svg"):
        hidden = any(e.get("aria-hidden") == "true" for e in ancestors(drawing))
        assert hidden or (drawing.get("role") == "img" and drawing.get("aria-label"))
    for element in root.walk():
        if element.get("tabindex"):
            assert element["tabindex"] == "0"
            assert element.get("aria-label"), f"<{element.tag}> can have the focus, but no name"
    for figure in root.all("figure"):
        if "data-plot" in figure.attributes:
            assert len(figure.all("table")) == 1, "a plot without its numbers"
    for cell in root.all("th"):
        assert cell.get("scope") in ("col", "row", "rowgroup")
    for formula in root.all("math"):
        assert formula["alttext"]


def ancestors(element: Element) -> list[Element]:
    """The element and all it lies in."""
    chain = [element]
    while (above := chain[-1].parent) is not None:
        chain.append(above)
    return chain


def embedded_json(root: Element, identity: str) -> Any:
    (block,) = [s for s in root.all("script") if s.get("id") == identity]
    return json.loads(block.text)


def downloads(root: Element) -> dict[str, Any]:
    """Files the page carries, by name."""
    links = [a for a in root.all("a") if a.get("download")]
    return {a["download"]: json.loads(base64.b64decode(a["href"].split(",")[1])) for a in links}
