"""Faults on real parts, and their negative controls.

A fault test proves that its fault hit. Each protection it relies on is listed in ``protections.py`` with the
patch that switches it off; ``python -m tests.faults.mutants`` (``make test-mutants``) switches each off in
turn and demands that the named test fails.
"""
