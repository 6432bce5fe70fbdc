"""``python -m conserved`` is the command line."""

from conserved.cli import main

if __name__ == "__main__":  # a doctest collector imports this file
    main()
