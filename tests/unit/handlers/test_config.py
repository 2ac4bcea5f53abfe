"""What ``config.json`` of a package must be before anything else of it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from handlers.config import CONFIG_FILE, PackageConfig, read_config
from handlers.exceptions import PackageFileError

GOOD: dict[str, Any] = {"schema": 1, "name": "m", "version": "1"}


def written(folder: Path, config: object) -> Path:
    (folder / CONFIG_FILE).write_bytes(config if isinstance(config, bytes) else msgspec.json.encode(config))
    return folder


def test_a_good_one_names_its_package(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, GOOD), PackageConfig).package == "m@1"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({**GOOD, "schema": 2}, "schema 2; this Marquee knows 1"),
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        ([GOOD], "cannot be read"),
        ({"schema": 1, "name": "m"}, "version"),
        ({**GOOD, "version": 1}, "version"),
    ],
    ids=["newer", "empty", "torn", "a list", "no version", "another type"],
)
def test_what_is_refused_and_why(config: object, reason: str, tmp_path: Path) -> None:
    with pytest.raises(PackageFileError, match=reason):
        read_config(written(tmp_path, config), PackageConfig)


def test_a_missing_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageFileError, match="cannot be read"):
        read_config(tmp_path, PackageConfig)
