"""Starting takes no time, and loads nothing that is not asked for."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from resource import RUSAGE_CHILDREN, getrusage

import pytest

from tests.cli.shell import MAIN, environment


def best_of(code: str, tries: int = 3) -> float:
    """Processor time of a fresh interpreter that runs this: the least of several, warm."""

    def spent() -> float:
        used = getrusage(RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def once() -> float:
        start = spent()
        subprocess.run(
            [sys.executable, "-c", code],
            env=environment(),
            check=True,
            capture_output=True,
            timeout=60,
        )
        return spent() - start

    return min(once() for _ in range(tries))


def test_import_is_fast() -> None:
    assert best_of("import conserved") < 0.3


def test_version_is_fast() -> None:
    assert best_of(f"import sys; sys.argv[1:] = ['--version']; {MAIN}") < 0.4


HEAVY = ("torch", "sympy", "matplotlib", "flint", "scipy", "rich", "pandas", "sklearn")


@pytest.mark.parametrize(
    "code",
    [
        "import conserved",
        "import conserved; conserved.__version__; dir(conserved)",
        "from conserved.cli import run; run(['--version'])",
    ],
)
def test_nothing_heavy_is_imported(code: str) -> None:
    told = f"{code}\nimport sys; print('|', *(m for m in {HEAVY} if m in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", told], env=environment(), check=True, capture_output=True, text=True
    )
    assert result.stdout.partition("|")[2].strip() == ""


def test_an_analysis_needs_no_extra() -> None:
    """Neither torch nor SymPy nor matplotlib, whatever is asked."""
    code = (
        "from conserved.cli import run\n"
        "run(['analyze', 'attention:dim=2,tokens=2,head=1', '--symmetry', 'negation'])\n"
        "import sys; assert not {'torch', 'sympy', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], env=environment(), check=True, capture_output=True)


def test_sweeps_and_published_figures_are_apart() -> None:
    """Neither is loaded by what counts, proves, simulates or reports, nor are their libraries."""
    code = (
        "from conserved.cli import run\n"
        "run(['analyze', 'linear:2-1', '--certificate', 'c.json', '--report', 'r.html'])\n"
        "run(['check', 'c.json']); run(['list', 'networks'])\n"
        "run(['simulate', 'linear:2-1', '--dynamics', 'gd', '--steps', '3'])\n"
        "import sys\n"
        "apart = ('conserved.atlas', 'conserved.zoo', 'distributed', 'dask', 'matplotlib')\n"
        "assert not set(apart) & set(sys.modules)"
    )
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-c", code], env=environment(), check=True, cwd=folder, timeout=60
        )
