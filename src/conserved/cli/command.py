"""A command whose errors speak of its options, where the library speaks of its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from conserved.errors import naming


class Command(click.Command):
    """A command that tells an error of the library in the words that were typed.

    An argument of the library that has the name of an option is told as that option.

    Args:
        also: what arguments of the library with other names are called here.
    """

    def __init__(self, *args: Any, also: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {str(p.name): p.opts[0] for p in self.params if isinstance(p, click.Option)}
        self.names = {**own, **(also or {})}

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with naming(self.names):
                return super().invoke(ctx)
        except KeyboardInterrupt:  # click would print an empty line first
            raise click.Abort from None
