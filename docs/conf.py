"""The site: ``make docs`` builds it from these pages into ``out/site``, without the network."""

import re
from html import escape
from typing import Any

from pygments.lexers.special import TextLexer

from conserved import __version__

project = "conserved"
author = "The conserved authors"
copyright = f"2026, {author}"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["pictures/**", "gallery/**", "static/**", "**sg_execution_times.rst"]
suppress_warnings = ["ref.python"]  # types of one name in two modules; both are on a page

# Pages link to files beside the documents as they do on GitHub; headings have GitHub's anchors.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # attributes belong to the text of their class
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "conserved"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5fae", "color-brand-content": "#0b5fae"},
    "dark_css_variables": {"color-brand-primary": "#7db8f0", "color-brand-content": "#7db8f0"},
}

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "gallery_built",
    "filename_pattern": r"/plot_",
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 1e9,
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "show_signature": False,
    "within_subsection_order": "FileNameSortKey",
    "write_computation_times": False,
}


def plain(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text: |x| and a* mean what they mean in mathematics.

    Code keeps its signs: what stands in double backticks, and examples from >>> to a blank line.
    """
    if what in ("property", "attribute") and lines and ":" in lines[0]:
        lines[0] = f": {lines[0]}"  # else napoleon takes what is before a colon for a type
    inside = False
    for place, line in enumerate(lines):
        inside = bool(line.strip()) and (inside or line.lstrip().startswith(">>>"))
        if not inside:
            parts = re.split(r"(``.*?``)", line)
            parts[::2] = [re.sub(r"([|*])", r"\\\1", part) for part in parts[::2]]
            lines[place] = "".join(parts)


_CODE = re.compile(
    r"(^```.*?^```$|^#[^\n]*|``.*?``|`[^`\n]*`|\]\([^)\n]*\))", re.DOTALL | re.MULTILINE
)
_SHOWN = re.compile(r"(?<=\n\n)((?:    [^\n]*\n)+)(?=\n)")


def scripts(app: Any, name: str, source: list[str]) -> None:
    """Indices and exponents of the text are set below and above the line, formulas shown apart.

    Text that is read as it stands has x_i, U_{j+1} and y^{k+1}.
    """
    if name.startswith(("api", "gallery")):
        return
    parts = _CODE.split(source[0])
    for place in range(0, len(parts), 2):
        text = _SHOWN.sub(
            lambda found: f'<p class="formula">{escape(_cut(found[1]))}</p>\n', parts[place]
        )
        for sign, tag in ("_", "sub"), ("^", "sup"):
            text = re.sub(
                rf"(?<=[^\s_^]){re.escape(sign)}(?:{{([^}}]+)}}|([⊥⊗−]?\w{{1,2}}(?!\w)|⊥))",
                lambda found, tag=tag: f"<{tag}>{found[1] or found[2]}</{tag}>",
                text,
            )
        parts[place] = text
    source[0] = "".join(parts)


def _cut(shown: str) -> str:
    return "\n".join(line[4:] for line in shown.rstrip().split("\n"))


def sections(app: Any, name: str, source: list[str]) -> None:
    """The sidebar has the sections of the index, and in each the pages that its table names.

    On all pages a link that says the name of a file says the title of that page.
    """
    source[0] = re.sub(r"\[([\w-]+\.md)\]\(\1\)", r"[](\1)", source[0])
    if name != "index":
        return
    here = "the gallery of the site: `make docs`"
    source[0] = source[0].replace(here, "[the gallery](gallery_built/index)")
    for title, text in re.findall(
        r"^## ([^\n]*)$(.*?)(?=^## |\Z)", source[0], re.DOTALL | re.MULTILINE
    ):
        pages = [*dict.fromkeys(re.findall(r"\]\(([\w-]+)\.md\)", text))]
        pages += ["gallery_built/index"] if title == "Tutorial" else []
        source[0] += (
            f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n" + "\n".join(pages) + "\n```\n"
        )


def setup(app: Any) -> None:
    """Called by Sphinx; the docstrings come here before napoleon reads them."""
    app.add_lexer("csv", TextLexer)
    app.connect("source-read", sections)
    app.connect("source-read", scripts)
    app.connect("autodoc-process-docstring", plain, priority=100)
