"""`tos hil`: the rig suite, on a simulated board or on one that is plugged in."""

import subprocess
import sys
from pathlib import Path

import click

from .options import FILE


@click.command("hil", short_help="Test a board and what is wired to it; a simulated one without --device.")
@click.option("--device", metavar="PORT", help="The board's port, or a rig's name.  [default: simulated]")
@click.option("--bench", type=FILE, help="Your own bench.toml, the rigs.")
@click.option("--junit", type=click.Path(path_type=Path), help="Where the JUnit report goes.")
@click.argument("only", nargs=-1, metavar="[WORD]...")
def command(device: str | None, bench: Path | None, junit: Path | None, only: tuple[str, ...]) -> None:
    """Run tests/hil: does the board start, join, pair, switch, sleep, survive a power cut?

    WORDs choose tests by their names. What the rig lacks is skipped by name. Exits 1 if a test failed.

    \b
      tos hil
      tos hil --device /dev/ttyUSB0 --junit report.xml
      tos hil --bench mine.toml --device kitchen watchdog sleep
    """
    from ..errors import HostError
    from ..paths import ROOT

    if subprocess.run([sys.executable, "-c", "import pytest, xdist"], capture_output=True).returncode:
        raise HostError("this environment has no tests\nmake .venv/test/.ready, and then .venv/test/bin/tos hil.")
    arguments = [sys.executable, "-m", "pytest", "-rs", "tests/hil"]
    arguments += [f"--device={device}"] if device else []
    arguments += [f"--bench={bench.absolute()}"] if bench else []
    arguments += [f"--junitxml={junit.absolute()}"] if junit else []
    arguments += ["-k", " or ".join(only)] if only else []
    if subprocess.run(arguments, cwd=ROOT).returncode:
        raise click.exceptions.Exit(1)
