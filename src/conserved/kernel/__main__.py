"""``python -m conserved.kernel FILE``: check a certificate with the kernel and nothing else.

Names are not looked at: what is proved is said of the program and the matrices in the file.
"""

from __future__ import annotations

import sys

from conserved.kernel.check import check
from conserved.kernel.errors import ConservedError
from conserved.kernel.reading import read_file

STATUS = {"CERTIFIED": 0, "OPEN": 3, "REFUTED": 2}


def main(arguments: list[str]) -> int:
    """The exit status of ``conserved check``."""
    if len(arguments) != 1:
        print("usage: python -m conserved.kernel FILE", file=sys.stderr)
        return 2
    try:
        report = check(read_file(arguments[0]))
    except ConservedError as error:
        print(f"conserved: {error}", file=sys.stderr)
        return 2
    print(report.text())
    return STATUS[report.status]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
