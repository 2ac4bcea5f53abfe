"""Long rows go on after a kill: finished parts are not computed again, and never taken for others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.evaluation.parts import kept, key_of


def test_a_finished_part_is_made_once_and_an_interrupted_one_again(tmp_path: Path) -> None:
    made: list[str] = []

    def make() -> dict[str, Any]:
        made.append("")
        if len(made) == 1:
            raise KeyboardInterrupt
        return {"scores": [0.1, 1 / 3]}

    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path, "a", make)
    first = kept(tmp_path, "a", make)
    assert kept(tmp_path, "a", make) == first == {"scores": [0.1, 1 / 3]}
    assert len(made) == 2
    kept(tmp_path, "b", make)
    assert len(made) == 3


def test_a_torn_part_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"scores": [0.')
    assert kept(tmp_path, "a", lambda: {"scores": [1.0]}) == {"scores": [1.0]}


def test_a_part_is_named_by_what_it_is_made_of() -> None:
    ids = np.array(["u1", "u2"], dtype=object)
    values = np.array([1.0, 2.0])
    one = key_of(1, ids, values)
    # equal ids in other objects are equal
    assert one == key_of(1, np.array(["".join(["u", "1"]), "u2"], dtype=object), values.copy())
    others = [key_of(2, ids, values), key_of(1, ids, values[::-1]), key_of(1, ids, values.astype(np.float32))]
    assert len({one, *others}) == 4
