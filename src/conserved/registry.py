"""Names that the grammar knows: our own, and those that installed packages add by entry points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from conserved.errors import ConservedError

Entry = TypeVar("Entry")


class Registry(Mapping[str, Entry]):
    """Entries by name; packages are looked through when a name is not our own, or for all names.

    A package adds one in its ``pyproject.toml``::

        [project.entry-points."conserved.networks"]
        bilinear = "package.module:FAMILY"

    Args:
        kind: what stands behind ``conserved.`` in the name of the entry points.
        wanted: the type of an entry, whose ``name`` is that of the entry point.
        known: our own; what is found is added to it.

    Example:
        >>> "linear" in Registry("networks", str, {"linear": "W x"})
        True
    """

    def __init__(self, kind: str, wanted: type[Entry], known: dict[str, Entry]) -> None:
        self.kind, self.wanted = kind, wanted
        self._known = known
        self._complete = False

    def complete(self) -> None:
        """Look through the packages that are installed, once.

        Raises:
            ConservedError: one that cannot be loaded, or adds something else or a name of ours.
        """
        if self._complete:
            return
        from importlib.metadata import entry_points  # slow to import, and seldom needed

        for point in entry_points(group=f"conserved.{self.kind}"):
            where = f"entry point '{point.name}' of conserved.{self.kind} ({point.value})"
            if point.name in self._known:
                raise ConservedError(f"{where}: this name is taken; uninstall it, or rename it")
            try:
                entry = point.load()
            except Exception as error:  # whatever a package raises
                told = " ".join(f"{type(error).__name__}: {error}".split())
                raise ConservedError(f"{where}: cannot be loaded: {told}") from error
            if not isinstance(entry, self.wanted) or getattr(entry, "name", "") != point.name:
                wanted = f"a {self.wanted.__name__} named '{point.name}'"
                raise ConservedError(f"{where}: {wanted} is needed")
            self._known[point.name] = entry
        self._complete = True

    def __getitem__(self, name: str) -> Entry:
        if name not in self._known:
            self.complete()
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        self.complete()
        return iter(self._known)

    def __len__(self) -> int:
        self.complete()
        return len(self._known)
