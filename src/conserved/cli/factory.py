"""Networks from Python code: ``path/to/file.py:factory`` or ``package.module:factory``.

The file is run: name only code that you trust. Certificates are never read this way; they hold the
program of a network.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from os.path import exists, isdir
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import TYPE_CHECKING, Any

from conserved.cli.module import Given
from conserved.errors import NEEDS_TORCH, ConservedError, InputError
from conserved.networks import FAMILIES, Network, parse_network

if TYPE_CHECKING:
    from conserved.blocks import BlockLaws
    from conserved.networks.torch import Coverage

_FORM = "write path/to/file.py:factory or package.module:factory"
_WANTED = "a factory returns an nn.Module or a conserved.networks.Network"
_LONGEST = 200  # characters of an error of the user's code
_OWN = Path(__file__).parents[1]


def network_of(text: str, given: Given | None = None) -> Network:
    """The network of a family, or the one that a factory without arguments makes.

    Args:
        text: as typed.
        given: the inputs of a PyTorch module.

    Raises:
        InputError: neither, or a factory that does not make a network, in one line.

    Example:
        >>> network_of("linear:4-2-1").size
        10
    """
    given = Given() if given is None else given
    if not is_code(text):
        network = parse_network(text)
        if not given.nothing:
            raise given.refused_by(network.spec)
        return network

    def network_in(code: Code, made: Any) -> Network:
        if _is_module(type(made)):
            return given.read(made, text.strip())
        if not isinstance(made, Network):
            raise InputError("network", text, _no_network(made))
        if not given.nothing:
            raise given.refused_by(made.spec)
        _ = code.guarded("its forward cannot be traced", lambda: made.program)
        return made

    found: Network = used(text, network_in)
    found.reference = text.strip()
    return found


def coverage_of(text: str, given: Given) -> Coverage:
    """What can be read of the module that a factory makes.

    Raises:
        InputError: no factory, or one that makes no module, in one line.
    """
    if not is_code(text):
        raise InputError("network", text, f"is a built-in family, no module; {_FORM}")

    def covered(code: Code, made: Any) -> Coverage:
        if not _is_module(type(made)):
            raise InputError("network", text, f"makes {_kind(made)}, and no PyTorch module")
        return given.coverage(made)

    found: Coverage = used(text, covered)
    return found


def blocks_of(text: str, given: Given, loss: str, seed: int, budget: float | None) -> BlockLaws:
    """Laws of a family's network, or of the module or network that a factory makes.

    Raises:
        InputError: as ``network_of``.
    """
    from conserved.blocks import block_laws

    if not is_code(text):
        return block_laws(network_of(text, given), loss=loss, seed=seed, budget=budget)

    def laws_in(code: Code, made: Any) -> BlockLaws:
        if _is_module(type(made)):
            return given.blocks(made, loss, seed, budget)
        if not isinstance(made, Network):
            raise InputError("network", text, _no_network(made))
        return block_laws(made, loss=loss, seed=seed, budget=budget)

    found: BlockLaws = used(text, laws_in)
    return found


def is_code(text: str) -> bool:
    """Whether a text names Python code, and no built-in family.

    Raises:
        InputError: a file, and nothing in it; a file of weights, a folder.
    """
    source, colon, name = text.strip().rpartition(":")
    if colon and source.partition(":")[0] not in FAMILIES and name.isidentifier():
        return True
    if text.strip().removesuffix(":").endswith(".py"):
        raise InputError("network", text, f"names a file, and nothing in it: {_FORM}")
    if text.partition(":")[0] not in FAMILIES and exists(text):  # weights, most likely
        kind = "folder" if isdir(text) else "file, and no code that makes a network"
        raise InputError("network", text, f"is a {kind}: {_FORM}, or a family such as linear:4-2-1")
    return False


def used(text: str, use: Callable[[Code, Any], Any]) -> Any:
    """Run a user's code, and make use of what its factory makes while it can be imported."""
    source, _, name = text.strip().rpartition(":")
    code = Code(text, Path(source).resolve().parent if source.endswith(".py") else Path.cwd())
    with _neighbours(code.folder), redirect_stdout(sys.stderr):
        return use(code, _made(code, _found(code, source, name), name))


class Code:
    """A user's code: how it was named, and where it lies."""

    def __init__(self, text: str, folder: Path) -> None:
        self.text = text
        self.folder = folder

    def guarded(self, what: str, run: Callable[[], Any]) -> Any:
        """It may fail in any way; one line tells how and where."""
        try:
            return run()
        except KeyboardInterrupt:
            raise
        except SystemExit as error:
            told = f"it exits with {error.code}"
            raise self._refused(what, told, error) from error
        except ConservedError as error:
            raise self._refused(what, str(error), error) from error
        except BaseException as error:  # whatever the code raises, it was no wish of ours
            raise self._refused(what, _told(error), error) from error

    def _refused(self, what: str, told: str, error: BaseException) -> InputError:
        line = " ".join(told.split())
        line = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
        return InputError("network", self.text, f"{what}: {line}{self._place(error)}")

    def _place(self, error: BaseException) -> str:
        """The innermost line of the user's code that an error passed, in parentheses, or ""."""
        if isinstance(error, SyntaxError) and Path(error.filename or "").is_file():
            return f" ({_short(str(error.filename))}, line {error.lineno})"
        met = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
        for file, line in reversed(met):
            path = Path(file).resolve()
            near = path.is_file() and path.is_relative_to(self.folder)
            if near and not path.is_relative_to(_OWN) and "site-packages" not in path.parts:
                return f" ({_short(file)}, line {line})"
        return ""


def _found(code: Code, source: str, name: str) -> Any:
    """What is named: a function, a class or a network."""
    if source.endswith(".py"):
        if not Path(source).is_file():
            raise InputError("network", code.text, f"there is no file {source}; {_FORM}")
        names = code.guarded("the file cannot be run", lambda: runpy.run_path(source))
    else:
        names = vars(code.guarded(_FORM, lambda: importlib.import_module(source)))
    if name not in names:
        own = (names.get("__name__"), source)  # not what it imports
        made = [key for key, v in names.items() if getattr(v, "__module__", None) in own]
        advice = f"{source} has no '{name}'; it has {', '.join(made[:8]) or 'no functions'}"
        raise InputError("network", code.text, advice)
    return names[name]


def _made(code: Code, named: Any, name: str) -> Any:
    """A factory is called; what is no factory is taken for what one would make."""
    if isinstance(named, Network) or _is_module(type(named)):
        return named
    if not callable(named):
        raise InputError("network", code.text, f"'{name}' is {_kind(named)}; {_WANTED}")
    return code.guarded("the factory, called without arguments", named)


def _no_network(made: Any) -> str:
    """Why what a factory made will not do, and what would."""
    if isinstance(made, type) and issubclass(made, Network):
        return f"makes the class {made.__name__}: call it in the factory, {made.__name__}(…)"
    if isinstance(made, type) and _is_module(made):
        return f"makes the class {made.__name__}: call it in the factory, {made.__name__}(…)"
    if made is None:
        return f"makes nothing: does it end in return? {_WANTED}"
    return f"makes {_kind(made)}; {_WANTED}"


def _is_module(kind: type) -> bool:
    return any(base.__module__.startswith("torch.nn") for base in kind.__mro__)


def _kind(value: Any) -> str:
    """What sort of thing it is, with an article.

    Example:
        >>> _kind(3), _kind([]), _kind(int)
        ('an int', 'a list', 'the class int')
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _told(error: BaseException) -> str:
    """Type and message of an error, whatever its message does."""
    try:
        words = str(error.msg if isinstance(error, SyntaxError) else error)  # its place follows
    except Exception:
        words = ""
    if isinstance(error, ModuleNotFoundError) and error.name == "torch":
        return f"it {NEEDS_TORCH}"
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _short(file: str) -> str:
    """A path as one would type it here."""
    path = Path(file).resolve()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


@contextmanager
def _neighbours(folder: Path) -> Iterator[None]:
    """Neighbours of a file can be imported while it runs, and are forgotten afterwards."""
    paths, before = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()  # a file may be younger than the last look at its folder
    try:
        yield
    finally:
        sys.path[:] = paths
        new = {name.partition(".")[0] for name in set(sys.modules) - before} - before
        gone = {name for name in new if _lies_in(sys.modules.get(name), folder)}
        for name in [name for name in sys.modules if name.partition(".")[0] in gone]:
            del sys.modules[name]


def _lies_in(module: ModuleType | None, folder: Path) -> bool:
    """Whether a top-level module was found in this folder."""
    homes = [str(home) for home in getattr(module, "__path__", ())]
    file = getattr(module, "__file__", None)
    places = [Path(home).parent for home in homes] or ([Path(file).parent] if file else [])
    return any(place.resolve() == folder for place in places)
