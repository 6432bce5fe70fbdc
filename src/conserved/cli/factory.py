"""Networks from Python code: ``path/to/file.py:factory`` or ``package.module:factory``.

The file is run: name only code that you trust. Certificates are never read this way; they hold the
program of a network.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conserved.errors import ConservedError, InputError
from conserved.networks import FAMILIES, Network, parse_network

_FORM = "write path/to/file.py:factory or package.module:factory"


def network_of(text: str) -> Network:
    """The network of a family, or the one that a factory without arguments makes.

    Raises:
        InputError: neither, or a factory that does not make a network, in one line.

    Example:
        >>> network_of("linear:4-2-1").size
        10
    """
    source, colon, name = text.strip().rpartition(":")
    if not colon or source.partition(":")[0] in FAMILIES or not name.isidentifier():
        return parse_network(text)
    with _importable(Path(source).resolve().parent if source.endswith(".py") else Path.cwd()):
        made = _made(text, _found(text, source, name))
    if isinstance(made, Network):
        _ = _guarded(text, "its forward cannot be traced", lambda: made.program)
        made.reference = text.strip()
        return made
    kind = type(made)
    if any(base.__module__.startswith("torch.nn") for base in kind.__mro__):
        advice = "makes a PyTorch module, which is not taken yet; return a conserved Network"
        raise InputError("network", text, advice)
    advice = f"makes a {kind.__name__}; a factory returns a conserved.networks.Network"
    raise InputError("network", text, advice)


def _found(text: str, source: str, name: str) -> Callable[[], Any]:
    """The factory, not called yet."""
    if source.endswith(".py"):
        if not Path(source).is_file():
            raise InputError("network", text, f"there is no file {source}; {_FORM}")
        names = _guarded(text, "the file cannot be run", lambda: runpy.run_path(source))
    else:
        module = _guarded(text, _FORM, lambda: importlib.import_module(source))
        names = vars(module)
    if name not in names:
        own = (names.get("__name__"), source)  # not what it imports
        made = [key for key, v in names.items() if getattr(v, "__module__", None) in own]
        advice = f"{source} has no '{name}'; it has {', '.join(made[:8]) or 'no functions'}"
        raise InputError("network", text, advice)
    factory = names[name]
    if isinstance(factory, Network):
        return lambda: factory
    if not callable(factory):
        raise InputError("network", text, f"'{name}' is a {type(factory).__name__}, no function")
    return factory  # type: ignore[no-any-return]


def _made(text: str, factory: Callable[[], Any]) -> Any:
    return _guarded(text, "the factory, called without arguments", factory)


def _guarded(text: str, what: str, run: Callable[[], Any]) -> Any:
    """A user's code may fail in any way; it is told in one line."""
    try:
        return run()
    except ConservedError:
        raise
    except SystemExit as error:
        raise InputError("network", text, f"{what}: it exits with {error.code}") from error
    except Exception as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError("network", text, f"{what}: {told[:200]}") from error


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Neighbours of a file can be imported while it runs."""
    before = list(sys.path)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = before
