"""A module that one import does not need comes later, and then it is the real one for everybody."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.worker import import_without, main

HEAVY, ASKS = "marquee_heavy", "marquee_asks"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that says when it is loaded, and a module that imports it."""
    (tmp_path / HEAVY).mkdir()
    (tmp_path / HEAVY / "__init__.py").write_text("import sys\nsys.heavy_loaded = True\nclass Tensor: ...\n")
    (tmp_path / HEAVY / "part.py").write_text("there = True\n")
    (tmp_path / f"{ASKS}.py").write_text(
        f"import {HEAVY}\ndef is_tensor(x):\n    return isinstance(x, {HEAVY}.Tensor)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "heavy_loaded", False, raising=False)
    yield tmp_path
    for name in (HEAVY, f"{HEAVY}.part", ASKS):
        sys.modules.pop(name, None)


def loaded() -> bool:
    return bool(vars(sys)["heavy_loaded"])


@pytest.mark.usefixtures("modules")
def test_it_is_loaded_when_the_importer_uses_it() -> None:
    import_without(HEAVY, ASKS)
    assert not loaded()
    assert HEAVY not in sys.modules
    assert not sys.modules[ASKS].is_tensor(b"")
    assert loaded()


@pytest.mark.usefixtures("modules")
def test_all_others_import_the_real_one_and_both_are_the_same() -> None:
    import_without(HEAVY, ASKS)
    assert importlib.import_module(f"{HEAVY}.part").there
    assert loaded()
    real = sys.modules[HEAVY]
    assert sys.modules[ASKS].is_tensor(real.Tensor())


@pytest.mark.usefixtures("modules")
def test_one_that_is_there_stays() -> None:
    real = importlib.import_module(HEAVY)
    import_without(HEAVY, ASKS)
    assert sys.modules[HEAVY] is real
    assert vars(sys.modules[ASKS])[HEAVY] is real


def test_an_importer_that_fails_leaves_nothing_behind(modules: Path) -> None:
    (modules / f"{ASKS}.py").write_text(f"import {HEAVY}\nraise ValueError('no')\n")
    with pytest.raises(ValueError, match="no"):
        import_without(HEAVY, ASKS)
    assert HEAVY not in sys.modules


def test_the_script_gets_the_other_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys\nassert __name__ == '__main__'\nsys.exit(' '.join(sys.argv[1:]))\n")
    monkeypatch.setattr(sys, "argv", ["worker", str(script), "--sock-type", "unix"])
    with pytest.raises(SystemExit, match=r"^--sock-type unix$"):
        main()
