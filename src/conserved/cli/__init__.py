"""The command line: thin, lazy, and one clear line on stderr for anything unusable."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

import click

from conserved._version import __version__
from conserved.cli.analyze import analyze
from conserved.cli.atlas import atlas
from conserved.cli.check import check
from conserved.cli.coverage import coverage
from conserved.cli.data import data
from conserved.cli.listing import list_names
from conserved.cli.outside import INTERRUPTED, on_terminal, tell
from conserved.cli.reproduce import reproduce
from conserved.cli.simulate import simulate
from conserved.cli.watch import watch
from conserved.errors import ConservedError
from conserved.notation.ascii import HANDLER

UNUSABLE_INPUT = 2


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="conserved", message="%(prog)s %(version)s")
def commands() -> None:
    """What stays constant while a network trains, and what of it the data's symmetry adds."""


commands.add_command(analyze)
commands.add_command(atlas)
commands.add_command(check)
commands.add_command(data)
commands.add_command(coverage)
commands.add_command(list_names)
commands.add_command(simulate)
commands.add_command(reproduce)
commands.add_command(watch)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 certified, 3 bounds differ, 2 unusable input."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; errors become one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # signs that it does not know are told in ASCII
            stream.reconfigure(errors=HANDLER)
    try:
        typed = sys.argv[1:] if arguments is None else list(arguments)
        status = commands.main(typed, prog_name="conserved", standalone_mode=False, obj=typed)
        if sys.stdout is not None:  # None: closed before we started
            sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as help_text:
        tell(help_text.format_message())
        return UNUSABLE_INPUT
    except click.ClickException as error:
        return _refuse(error.format_message())
    except ConservedError as error:
        return _refuse(str(error))
    except (click.Abort, KeyboardInterrupt):
        tell("\nconserved: interrupted" if on_terminal() else "conserved: interrupted")
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):  # the latter is how click leaves when a pipe breaks
        # the reader of our output left; nothing more to say to it
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except OSError as error:  # a full disk behind stdout, say
        return _refuse(str(error))
    except MemoryError:
        return _refuse("not enough memory; take a smaller network")
    return status if isinstance(status, int) else 0


def _refuse(message: str) -> int:
    tell(f"conserved: {' '.join(message.split())}")
    return UNUSABLE_INPUT
