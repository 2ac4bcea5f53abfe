"""``make test-mutants``: with each protection switched off, the test that names it must fail.

Prints the table protection -> test that catches it; exits 1 if a mutant survives or a test cannot run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

from tests.faults.protections import PROTECTIONS, VARIABLE, Protection

ATTEMPTS = 3
"""A race that a protection guards against does not show in every run; once is enough."""
TESTS_FAILED = 1
"""pytest's exit status when tests ran and some failed; anything else says nothing about the mutant."""


def outcome(protection: Protection) -> tuple[bool, str]:
    """(whether the mutant was caught, how)."""
    for attempt in range(1, ATTEMPTS + 1):
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", protection.test],
            env=os.environ | {VARIABLE: protection.name},
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode == TESTS_FAILED and " failed" in run.stdout:
            line = next((x for x in run.stdout.splitlines() if x.startswith("E ")), "E (no message)")
            return True, f"attempt {attempt}: {line[1:].strip()[:80]}"
        if run.returncode != 0:
            return False, f"the test could not run (exit {run.returncode}): {run.stdout[-300:]}"
    return False, f"survived {ATTEMPTS} runs"


def main() -> int:
    """Run every mutant, or those named on the command line."""
    wanted = [p for p in PROTECTIONS if not sys.argv[1:] or p.name in sys.argv[1:]]
    if not wanted:
        print(f"no such protection; there are: {', '.join(p.name for p in PROTECTIONS)}", file=sys.stderr)
        return 2
    console = Console(width=160)
    table = Table("protection", "switched off by replacing", "caught", "test that catches it", "how", "s")
    survived = 0
    for protection in wanted:
        started = time.monotonic()
        caught, how = outcome(protection)
        survived += not caught
        table.add_row(
            protection.what,
            protection.target,
            "yes" if caught else "NO",
            protection.test,
            how,
            f"{time.monotonic() - started:.0f}",
        )
        console.print(f"{protection.name}: {'caught' if caught else 'SURVIVED'} ({how})")
    console.print(table)
    print(f"{len(wanted) - survived} passed, {survived} failed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
