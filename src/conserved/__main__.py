"""``conserved``, and ``python -m conserved``: the command line."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C is one line also while it is being loaded."""
    try:
        from conserved.cli import main as run
    except KeyboardInterrupt:
        sys.stderr.write("conserved: interrupted\n")
        sys.exit(130)
    run()


if __name__ == "__main__":  # a doctest collector imports this file
    main()
