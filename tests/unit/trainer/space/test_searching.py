"""What searches go without, judged by films that are to be found by what their encoder does not read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from handlers.items import EncodeItem
from handlers.query_means import BOTH, POSTER, TEXT
from trainer.space.searching import LEAST_QUERIES, Ask, choose_means, evenly, known_items, query_means

DIM, READ = 12, 6
FILLER = "so it goes on and on for a long while until at last the end of it all comes near again"


def films(count: int) -> list[EncodeItem]:
    """Of each ``DIM - 1`` topics in turn; its word stands in what is read and in what is not."""
    topics = [f"topic{i % (DIM - 1)}" for i in range(count)]
    return [
        EncodeItem(title=f"F{i}", text=f"{t} one two three four five {t} {FILLER} {t} F{i}", genres=("x",))
        for i, t in enumerate(topics)
    ]


def speaks(generic: float, of_genres: float = 0.0) -> Ask:
    """An encoder that says its topic, and of films without genres ``generic`` more along the last axis."""

    def ask(items: Sequence[EncodeItem]) -> npt.NDArray[np.float32]:
        out = np.zeros((len(items), DIM), dtype=np.float32)
        for row, item in zip(out, items, strict=True):
            for i in range(DIM - 1):
                row[i] = f"topic{i}" in item.text.split()
            row[-1] = of_genres if item.genres else generic
        return out

    return ask


def test_queries_are_ends_that_are_not_read_without_the_title() -> None:
    made = films(30)
    found = known_items(made, np.full(30, 10), READ)
    assert len(found.queries) == 30
    assert found.films.tolist() == list(range(30))
    assert found.queries[3].query
    assert found.queries[3].text.split()[0] == "topic3"
    assert "F3" not in found.queries[3].text.split()
    assert not known_items(made, np.full(30, 9), READ).queries, "of films that few have rated"
    assert not known_items(made, np.full(30, 10), 30).queries, "all of it is read"
    relevant = found.relevant(30).toarray()
    assert (relevant == np.eye(30)).all()


def test_means_bring_back_what_was_asked() -> None:
    """Bare films say the generic thing loudest: uncentred, they are the answer to everything."""
    made = films(60)
    bare = [EncodeItem(title=f"bare {i}") for i in range(20)]
    ask = speaks(generic=5.0)
    everything = made + bare
    means, metrics = choose_means(everything, ask(everything), np.full(80, 10), READ, ask)
    assert set(means.means) == {TEXT, BOTH}
    assert metrics["search_ndcg@10_uncentred"] < 0.1
    assert metrics["search_ndcg@10"] > 0.5


def test_means_that_make_it_worse_are_not_packaged() -> None:
    """An encoder that says of titles what it never says of texts."""
    made = films(60)

    def ask(items: Sequence[EncodeItem]) -> npt.NDArray[np.float32]:
        said = speaks(generic=0.0)(items)
        said[[not item.text for item in items], :-1] = 5 * np.arange(DIM - 1)
        return said

    means, metrics = choose_means(made, ask(made), np.full(60, 10), READ, ask)
    assert metrics["search_ndcg@10"] < metrics["search_ndcg@10_uncentred"]
    assert means.means == {}


def test_without_texts_there_is_nothing_to_judge_by() -> None:
    made = films(LEAST_QUERIES - 1)
    means, metrics = choose_means(made, speaks(1.0)(made), np.full(len(made), 10), READ, speaks(1.0))
    assert metrics == {}
    assert means.means[TEXT][-1] == 1.0


def test_each_kind_has_its_own_mean() -> None:
    def ask(items: Sequence[EncodeItem]) -> npt.NDArray[np.float32]:
        return np.array([[bool(i.title), bool(i.text), bool(i.poster)] for i in items], dtype=np.float32)

    made = [EncodeItem(title="a", text="b"), EncodeItem(title="c", poster=b"p")]
    means = query_means(made, ask).means
    assert means[POSTER].tolist() == [0, 0, 1]
    assert means[BOTH].tolist() == [1, 0, 1]
    np.testing.assert_allclose(means[TEXT], [2 / 3, 1 / 3, 0])
    assert query_means(made[:1], ask).means[BOTH].tolist() == [0.5, 0.5, 0]


def test_films_are_taken_evenly() -> None:
    assert evenly(3, 5) == [0, 1, 2]
    assert evenly(10, 4) == [0, 2, 5, 7]
