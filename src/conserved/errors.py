"""One family of errors; each says in one line what was wrong and what would do."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from conserved.deprecation import renamed_names
from conserved.kernel.errors import (
    ConservedError,
    DegenerateSampleError,
    InputError,
    LimitError,
    RankLimitError,
    is_whole,
    nearest,
    quoted,
    require_text,
)

NEEDS_TORCH = "needs PyTorch: pip install 'conserved[torch]'"

__all__ = [
    "ConservedError",
    "DegenerateSampleError",
    "InputError",
    "LimitError",
    "RankLimitError",
    "is_whole",
    "naming",
    "nearest",
    "quoted",
    "require_text",
    "require_torch",
]

__getattr__ = renamed_names(__name__, {"Redraw": ("DegenerateSampleError", DegenerateSampleError)})


def require_torch(argument: str, given: object) -> None:
    """Refuse what needs PyTorch where it is not installed.

    Args:
        argument, given: what needs it.

    Raises:
        InputError: saying how to install it.
    """
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(argument, given, NEEDS_TORCH) from error


@contextmanager
def naming(names: Mapping[str, str]) -> Iterator[None]:
    """Tell errors about arguments by the names that the caller knows them by.

    A function names its own arguments; whoever calls it on behalf of somebody else says what these
    are called there. An argument without another name keeps its own.

    Args:
        names: the name out there of each argument.

    Raises:
        InputError: the error met inside, about the argument by its other name.

    Example:
        >>> with naming({"path": "--certificate"}):
        ...     raise InputError("path", "/a/b", "cannot be written")
        Traceback (most recent call last):
        conserved.errors.InputError: --certificate '/a/b': cannot be written
    """
    try:
        yield
    except InputError as error:
        if error.argument not in names:
            raise
        raise InputError(names[error.argument], error.given, error.advice) from error
