"""``python -m benchmarks [NAME]``: all benchmarks one after another, or one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NOT_BENCHMARKS = {"__init__", "__main__", "report", "tables"}


def main() -> int:
    """Run each benchmark in a process of its own; the exit status is 1 if any could not run."""
    folder = Path(__file__).parent
    names = sorted(
        p.stem for p in folder.glob("*.py") if p.stem not in NOT_BENCHMARKS and not p.stem.startswith("_")
    )
    wanted = sys.argv[1:] or names
    if unknown := [name for name in wanted if name not in names]:
        print(f"no benchmark named {', '.join(unknown)}; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    failed = [
        name
        for name in wanted
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode
    ]
    if failed:
        print(f"could not run: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
