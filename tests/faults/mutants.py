"""``make test-mutants``: with a protection on, the test that names it passes; switched off, it must fail.

It must fail where the protection shows, not anywhere (``Protection.fails``). Prints the table protection ->
test -> how it failed; exits 1 if a mutant survives, or a test does not pass with everything on.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults.protections import PROTECTIONS, VARIABLE, Protection

ATTEMPTS = 3
"""A race that a protection guards against does not show in every run; once is enough. A busy machine may
make a test fail that would pass: it is asked as often."""
LEAVE_S = 30.0
"""From pytest's report to the end of its process; services were stopped before."""
PLACE = re.compile(r"^(\S+\.py):(\d+):", re.MULTILINE)
"""How pytest ends each entry of a traceback: file and line; the last one has the exception's name, too."""


@dataclass(frozen=True)
class Outcome:
    """Of one test: ``problem`` is empty where it passed, ``place`` says where it failed."""

    problem: str
    place: str = ""

    @property
    def failed(self) -> bool:
        """Whether an assertion of the test did not hold (a fixture that breaks is none)."""
        return bool(self.place)


def run(tests: Sequence[str], mutant: str = "") -> dict[str, Outcome]:
    """Run them in one pytest; node id -> outcome."""
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment |= {VARIABLE: mutant} if mutant else {}
    with tempfile.TemporaryDirectory() as directory:
        report, output = Path(directory) / "report.xml", Path(directory) / "output"
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={report}", *tests]
        with output.open("wb") as file:
            process = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
        status = ended(process, report)
        found = outcomes(report.read_text()) if report.exists() else {}
        said = output.read_text(errors="replace")[-300:]
    nothing = Outcome(f"it did not run (pytest ended with {status}): {said}")
    return {test: found.get(test, nothing) for test in tests}


def ended(process: subprocess.Popen[bytes], report: Path) -> int:
    """Wait for it; its exit status. One that has reported and does not end is killed."""
    told_s: float | None = None
    while (status := process.poll()) is None:
        if told_s is None and report.exists():
            told_s = time.monotonic()
        if told_s is not None and time.monotonic() - told_s > LEAVE_S:
            # librdkafka may never let an admin client go, when the interpreter ends
            process.kill()
        time.sleep(0.2)
    return status


def outcomes(report: str) -> dict[str, Outcome]:
    """Node id -> outcome, of a JUnit report by pytest."""
    found: dict[str, Outcome] = {}
    for case in ElementTree.fromstring(report).iter("testcase"):
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        outcome = Outcome("")
        if (skipped := case.find("skipped")) is not None:
            outcome = Outcome(f"skipped: {skipped.get('message')}")
        if (error := case.find("error")) is not None:
            outcome = Outcome(f"broken: {error.get('message')}")
        if (failure := case.find("failure")) is not None:
            places = PLACE.findall(failure.text or "")
            file, line = next((p for p in places if Path(p[0]).name.startswith("test_")), ("?", "?"))
            outcome = Outcome(failure.get("message") or "(no message)", f"{Path(file).name}:{line}")
        found[name] = outcome
    return found


def passing(protections: Iterable[Protection]) -> dict[str, str]:
    """Test -> why it does not pass although nothing is switched off; empty where it does."""
    left = {p.test: "" for p in protections}
    problems = dict(left)
    for _ in range(ATTEMPTS):
        if not left:
            break
        problems |= {test: outcome.problem for test, outcome in run(list(left)).items()}
        left = {test: "" for test in left if problems[test]}
    return problems


def caught(protection: Protection) -> tuple[bool, str]:
    """(whether the mutant was caught, how)."""
    how = ""
    for attempt in range(1, ATTEMPTS + 1):
        outcome = run([protection.test], protection.name)[protection.test]
        if outcome.failed and re.search(protection.fails, outcome.problem):
            told = outcome.problem.removeprefix("AssertionError: ").splitlines()[0]
            return True, f"attempt {attempt}, {outcome.place}: {told[:110]}"
        if not outcome.problem:
            how = f"survived {attempt} runs"
        else:
            how = f"failed for another reason, {outcome.place}: {outcome.problem[:300]}"
        print(f"{protection.name}, attempt {attempt}: {how}", file=sys.stderr, flush=True)
    return False, how


def main() -> int:
    """Run every mutant, or those named on the command line."""
    wanted = [p for p in PROTECTIONS if not sys.argv[1:] or p.name in sys.argv[1:]]
    if not wanted:
        print(f"no such protection; there are: {', '.join(p.name for p in PROTECTIONS)}", file=sys.stderr)
        return 2
    console = Console(width=200, markup=False)
    table = Table("protection", "test", "passes with it", "fails without it", "how", "s", show_lines=True)
    problems = passing(wanted)
    console.print(
        f"{len(problems)} tests with everything on: {sum(map(bool, problems.values()))} do not pass"
    )
    bad = 0
    for protection in wanted:
        began = time.monotonic()
        found, how = caught(protection)
        problem = problems[protection.test]
        bad += bool(problem) or not found
        table.add_row(
            f"{protection.name}\n{protection.what}",
            protection.test.replace("::", "::\n"),
            "yes" if not problem else f"NO: {problem[:110]}",
            "yes" if found else "NO",
            how,
            f"{time.monotonic() - began:.0f}",
        )
        console.print(f"{protection.name}: {'caught' if found else 'SURVIVED'} ({how})")
    console.print(table)
    print(f"{len(wanted) - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
