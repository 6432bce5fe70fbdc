"""The house rules: levels of import, sizes, public names, what never appears in the source."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import conserved

PACKAGE = Path(conserved.__file__).parent
PROJECT = Path(__file__).parents[1]
SOURCES = sorted(PACKAGE.rglob("*.py"))

# The rows of the design. A module imports from lower levels only, or from its own package.
LEVELS = {
    "_version": 0,
    "kernel": 0.0,
    "deprecation": 0.0,  # old public names
    "errors": 0.1,
    "files": 0,
    "registry": 0.2,  # names, ours and those of other packages
    "notebook": 0.2,  # results as cards and tables
    "notation": 0,  # formulas as trees, and their writers
    "_typing": 0,
    "arithmetic": 1,
    "law": 1.1,  # written in exact numbers, NumPy alone
    "networks": 2,
    "losses": 2,
    "dynamics": 2.2,
    "symmetry": 2,
    "data": 2.1,  # classes of data that are no groups
    "problem": 3.0,
    "modules": 3.1,  # PyTorch modules as problems
    "fields": 3.1,
    "verification": 3.3,  # laws as identities at random points
    "closure": 4,
    "search": 4,
    "explain": 5,
    "analysis": 5.1,
    "certificate": 5,
    "simulate": 5,
    "watching": 6,  # real training
    "citation": 5.1,  # papers that a result rests on
    "blocks": 5,  # whole models, without an exact rank
    "dataset": 5.2,  # what data fix, and what a network keeps on them
    "testing": 5,  # the contract every network obeys, for third-party families too
    "atlas": 6,
    "report": 6,
    "zoo": 6,
    "monitor": 6.1,  # runs that were watched, seen
    "cli": 7,
    "__init__": 7,
    "__main__": 8,
}


@cache
def parsed(text: str) -> tuple[ast.Import | ast.ImportFrom | ast.keyword, ...]:
    """The imports of a file, at the top or lazily, and the keywords of its calls."""
    kinds = ast.Import, ast.ImportFrom, ast.keyword
    return tuple(node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds))


def module_of(path: Path, root: Path = PACKAGE) -> str:
    """The row of the table a file belongs to: its module, or the package it lies in."""
    return path.relative_to(root).parts[0].removesuffix(".py")


def imported(text: str) -> set[str]:
    """Rows of the table that a module imports, at the top or lazily; type checking counts too."""
    names = set()
    for node in parsed(text):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = str(node.module)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    own = [name.split(".") for name in names if name.split(".")[0] == "conserved"]
    return {parts[1] if len(parts) > 1 else "__init__" for parts in own}


def assert_imports_downward(path: Path, text: str, root: Path = PACKAGE) -> None:
    here = module_of(path, root)
    assert here in LEVELS, f"{here} has no level: add it to the table"
    for row in imported(text) - {here}:
        assert row in LEVELS, f"{path} imports conserved.{row}, which has no level"
        assert LEVELS[row] < LEVELS[here], f"{path} ({here}) imports upward or sideways: {row}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    assert_imports_downward(path, path.read_text("utf-8"))


@pytest.mark.parametrize(
    "file, text",
    [
        ("arithmetic/jets.py", "from conserved.networks import Linear"),
        ("networks/linear.py", "import conserved.problem"),
        ("fields.py", "def f():\n    from conserved.closure import lie_closure"),
        ("verification.py", "from conserved import closure"),
        ("search/ansatz.py", "from conserved.closure import lie_closure"),
        ("closure.py", "import conserved"),
        ("gadgets.py", "import numpy"),
        ("closure.py", "from conserved.gadgets import thing"),
    ],
)
def test_the_walk_refuses(file: str, text: str) -> None:
    """Planted: upward, lazily upward, sideways, the package itself, rows without a level."""
    with pytest.raises(AssertionError):
        assert_imports_downward(PACKAGE / file, text)


def test_the_walk_accepts_what_the_design_allows() -> None:
    for file, text in (
        ("cli/analyze.py", "from conserved.analysis import analyze"),
        ("networks/linear.py", "from conserved.networks.base import Network\nimport numpy"),
    ):
        assert_imports_downward(PACKAGE / file, text)


def imported_modules(text: str, modules: set[str]) -> set[str]:
    """Modules of the package that a file imports: at the top, lazily, or to check types."""
    names = set()
    for node in parsed(text):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in modules else str(node.module) for name in full}
    return names & modules


def assert_no_circle(texts: dict[str, str]) -> None:
    """No module needs itself, however late, to be understood."""
    graph = {name: imported_modules(text, set(texts)) - {name} for name, text in texts.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" ← ".join(error.args[1])) from None


def test_no_import_circles() -> None:
    texts = {}
    for path in SOURCES:
        parts = ("conserved", *path.relative_to(PACKAGE).with_suffix("").parts)
        name = ".".join(parts).removesuffix(".__init__")
        texts[name] = path.read_text("utf-8")
    assert_no_circle(texts)


@pytest.mark.parametrize(
    "back",
    [
        "from conserved.a import f",
        "def g():\n    import conserved.a",
        "if TYPE_CHECKING:\n    from conserved import a",
    ],
)
def test_the_circle_walk_refuses(back: str) -> None:
    texts = {"conserved": "", "conserved.a": "import conserved.b"}
    assert_no_circle({**texts, "conserved.b": "import numpy"})
    with pytest.raises(AssertionError, match=r"conserved\.a"):
        assert_no_circle({**texts, "conserved.b": back})


KERNEL = [path for path in SOURCES if module_of(path) == "kernel"]


def assert_kernel_imports(path: Path, text: str) -> None:
    for node in parsed(text):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        for name in names:
            first = name.split(".")[0]
            known = first == "numpy" or first in sys.stdlib_module_names
            assert known or name.startswith("conserved.kernel"), f"{path} imports {name}"


@pytest.mark.parametrize("path", KERNEL, ids=lambda p: p.name)
def test_the_kernel_imports_itself_and_numpy(path: Path) -> None:
    """Wherever the import stands: what proves can be read, and run, without the rest."""
    assert_kernel_imports(path, path.read_text("utf-8"))


@pytest.mark.parametrize(
    "text", ["def f():\n    from scipy.special import erf", "import conserved"]
)
def test_the_kernel_walk_refuses(text: str) -> None:
    with pytest.raises(AssertionError):
        assert_kernel_imports(PACKAGE / "kernel" / "planted.py", text)


def test_the_kernel_runs_alone() -> None:
    """A program is read, evaluated over GF(p) and differentiated with nothing else loaded."""
    code = (
        "import sys, json, numpy as np\n"
        "import conserved.kernel.program, conserved.kernel.evaluate, conserved.kernel.roots\n"
        "import conserved.kernel.choices, conserved.kernel.rowspace, conserved.kernel.check\n"
        "rest = {m.split('.')[1] for m in sys.modules if m.startswith('conserved.')}\n"
        "assert rest <= {'kernel', '_version', 'errors'}, rest\n"
        "assert not {'scipy', 'flint', 'torch', 'click'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ------------------------------------------------------------------ files


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_no_pickle() -> None:
    """Loading a pickle runs what is in it; results are JSON."""
    loaders = {"pickle", "cPickle", "dill", "shelve", "marshal", "joblib", "cloudpickle"}
    for path in SOURCES:
        for node in parsed(path.read_text("utf-8")):
            if isinstance(node, ast.Import):
                assert not loaders & {alias.name.split(".")[0] for alias in node.names}, path
            elif isinstance(node, ast.ImportFrom):
                assert str(node.module).split(".")[0] not in loaders, path
            elif isinstance(node, ast.keyword):
                assert node.arg != "allow_pickle", path


def project_files() -> list[Path]:
    """Text that belongs to the project, tracked or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout, so what belongs to the project is not known")
    return [PROJECT / line for line in listed.stdout.splitlines() if (PROJECT / line).is_file()]


def test_the_project_does_not_speak_of_the_workshop() -> None:
    """A reader elsewhere has none of those folders."""
    needles = [
        "/".join(["", "work", ""]),
        "/".join(["..", "shared"]),
        "/".join(["", "tmp", "venv"]),
    ]
    for path in project_files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        assert [needle for needle in needles if needle in text] == [], path


# ------------------------------------------------------------------ public names


PUBLIC = (
    "",
    "data",
    "dynamics",
    "errors",
    "law",
    "losses",
    "networks",
    "symmetry",
    "testing",
    "analysis",
    "simulate",
    "atlas",
)


def public_names() -> list[tuple[str, str]]:
    names = []
    for name in PUBLIC:
        module = import_module(f"conserved.{name}".rstrip("."))
        listed = getattr(module, "__all__", None)
        if listed is None:
            listed = [
                key
                for key, value in vars(module).items()
                if not key.startswith("_") and getattr(value, "__module__", "") == module.__name__
            ]
        names += [(module.__name__, key) for key in listed]
    return names


@pytest.mark.parametrize("module, name", public_names(), ids=lambda v: str(v))
def test_public_names_say_what_they_are(module: str, name: str) -> None:
    value = getattr(import_module(module), name)
    if not (inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value)):
        return  # a table or a constant, described where it stands
    doc = inspect.getdoc(value)
    assert doc
    assert doc[0].isupper() or not doc[0].isalpha() or " " in doc
    if inspect.isclass(value):
        assert value.__doc__, "a docstring of its own, not one inherited"
        assert not value.__doc__.startswith(f"{name}("), "what a dataclass makes up says nothing"


def test_every_public_name_exists_and_is_listed() -> None:
    assert set(conserved.__all__) <= set(dir(conserved))
    for name in conserved.__all__:
        getattr(conserved, name)
    with pytest.raises(AttributeError, match="no attribute 'gadget'"):
        conserved.gadget  # noqa: B018
