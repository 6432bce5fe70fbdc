"""How long a user waits before anything happens: whole processes, interpreter start included."""

from __future__ import annotations

from benchmarks.measure import Measurement, Result
from benchmarks.worker import command, timed_section

HEAVY = ("torch", "sympy", "matplotlib", "scipy", "flint")
FORBIDDEN = ("torch", "sympy", "matplotlib")
_COMMAND = ("-c", "from conserved.cli import main; main()")  # what the installed script runs


def run(repetitions: int) -> Result:
    """Median time of each command, after one run that leaves byte code behind."""
    return Result(
        [
            _timed("conserved --version", (*_COMMAND, "--version"), repetitions, target=0.4),
            _timed("import conserved", ("-c", "import conserved"), repetitions, target=0.3),
            _loaded(repetitions),
            _timed("python alone", ("-c", "pass"), repetitions),
            _timed(
                "from conserved import lie_closure",
                ("-c", "from conserved import lie_closure"),
                repetitions,
            ),
            _timed(
                "conserved analyze linear:4-2-1 --symmetry permutation",
                (*_COMMAND, "analyze", "linear:4-2-1", "--symmetry", "permutation"),
                repetitions,
                statuses=(0, 3),
            ),
        ]
    )


def _timed(
    name: str,
    arguments: tuple[str, ...],
    repetitions: int,
    target: float | None = None,
    statuses: tuple[int, ...] = (0,),
) -> Measurement:
    command(arguments, statuses)
    samples = []
    for _ in range(repetitions):
        with timed_section():
            samples.append(command(arguments, statuses)[0])
    return Measurement(name, "s", tuple(samples), target)


def _loaded(repetitions: int) -> Measurement:
    """How many forbidden modules an import brings along; the other heavy ones are noted."""
    code = f"import conserved, sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    found = command(("-c", code))[1].split()
    count = float(len(set(found) & set(FORBIDDEN)))
    return Measurement(
        f"import conserved: of {', '.join(FORBIDDEN)} loaded",
        "modules",
        (count,) * repetitions,
        target=0.0,
        strict=False,
        details={"loaded": found, "looked_for": list(HEAVY)},
    )
