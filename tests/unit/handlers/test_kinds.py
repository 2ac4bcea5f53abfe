"""What a package is, its config says; what says nothing known is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.exceptions import PackageFileError
from handlers.kinds import kind_of
from model_store import list_sources
from model_store.plans import plan_of


def test_every_shipped_package_is_what_its_name_says_and_holds_what_building_needs() -> None:
    for package in list_sources():
        assert kind_of(package.path) == package.manifest.name
        plan = plan_of(package.path)
        assert set(plan.source_files) <= set(package.manifest.files)
        assert plan.dim == package.manifest.dim


@pytest.mark.parametrize("told", ["", "[]", "{}", '{"weights": 3}', '{"text_model"'])
def test_what_says_nothing_known_is_refused(told: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(told)
    with pytest.raises(PackageFileError, match=r"config\.json"):
        kind_of(tmp_path)
