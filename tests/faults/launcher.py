"""Start a process with one protection switched off: ``python -m tests.faults.launcher MODULE ARGUMENTS``.

Used by the tests' process helper when ``MARQUEE_TEST_MUTANT`` names a protection.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys

from tests.faults import replacements
from tests.faults.protections import VARIABLE, protection


def switch_off(name: str) -> None:
    """Replace the protection's function by its mutant, in this process."""
    module_name, path = protection(name).target.split(":")
    owner: object = importlib.import_module(module_name)
    *outer, attribute = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    # a renamed target must not silently leave the protection on
    assert hasattr(owner, attribute), f"{name}: {protection(name).target} is gone"
    replacements.ORIGINALS[name] = getattr(owner, attribute)
    setattr(owner, attribute, getattr(replacements, name))


def main() -> None:
    """Switch off, then run the module as ``python -m`` would."""
    switch_off(os.environ[VARIABLE])
    print(f"running without protection: {os.environ[VARIABLE]}", file=sys.stderr, flush=True)
    module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
