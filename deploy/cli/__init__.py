"""The ``marquee`` command: one file per noun, loaded only when that noun is typed."""

from deploy.cli.main import main

__all__ = ["main"]
