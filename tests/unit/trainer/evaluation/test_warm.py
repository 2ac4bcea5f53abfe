"""Films with ratings rank as well whatever becomes of texts and posters; without their table they do not."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.evaluation.ranking import Float64
from trainer.evaluation.warm import WHOLE, edited_scores
from trainer.space import mixing
from trainer.space.matrix import Interactions
from trainer.space.mixing import Mix
from trainer.space.targets import Targets

USERS, FILMS, KINDS = 120, 40, 4
TARGETS = Targets(dim=8, regularisation=5.0)


def world() -> tuple[Interactions, Interactions, Float64]:
    """Training and test ratings of people who like one kind of film, and content that says the kind."""
    rng = np.random.default_rng(3)
    users, items = np.nonzero(rng.random((USERS, FILMS)) < 0.6)
    kinds = np.arange(FILMS) % KINDS
    values = np.where(kinds[items] == users % KINDS, 5.0, 2.0)
    ids = tuple(map(str, range(USERS))), tuple(map(str, range(FILMS)))
    ratings = Interactions(*ids, users, items, values)
    held = rng.random(len(users)) < 0.25
    content = np.hstack([np.eye(KINDS)[kinds], 0.01 * rng.standard_normal((FILMS, TARGETS.dim - KINDS))])
    return ratings.take(~held), ratings.take(held), 0.5 * content


def scores() -> dict[str, float]:
    train, test, content = world()
    other = content[np.random.default_rng(0).permutation(FILMS)]
    contents = {WHOLE: content, "nothing": np.zeros_like(content), "others'": other}
    vectors = TARGETS.vectors(train)
    found = edited_scores(train, test, TARGETS, vectors, contents, Mix(half_count=5.0))
    return {name: float(one.mean()) for name, one in found.items()}


def test_rated_films_rank_as_well_without_their_text_or_with_anothers() -> None:
    found = scores()
    assert found[WHOLE] > 0.5
    assert found["nothing"] == pytest.approx(found[WHOLE], abs=0.01)
    assert found["others'"] == pytest.approx(found[WHOLE], abs=0.02)


def test_without_the_item_table_they_would_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "hold_weights", lambda counts: np.zeros(len(counts), dtype=np.float32))
    found = scores()
    assert found["others'"] < found[WHOLE] - 0.1
    assert found["nothing"] < found[WHOLE] - 0.1
