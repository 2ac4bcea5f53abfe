"""The scene of a film that never existed: text and a real poster frame in, recommendable within moments."""

from __future__ import annotations

import time
from typing import Any

from deploy.cli.films import film_table
from deploy.demo.exact import Ranked, rank_for_all, read_documents, read_vectors
from deploy.demo.report import MAX_K
from deploy.demo.stage import MADE, Stage, until
from streaming.gateway.rerank_features import CANDIDATES
from streaming.milvus.client import MilvusStore
from trainer.data import poster_frames

FINDABLE_TIMEOUT_S = 120.0
FRAME = "tears-of-steel"
FILM: dict[str, Any] = {
    "title": "Harbour of Tin",
    "year": 2012,
    "genres": ["Action", "Adventure", "Sci-Fi", "Thriller"],
    "text": (
        "In a flooded city of the near future a crew of soldiers and scientists holds an old church against"
        " the machines that once served them, and tries to undo the quarrel that set them loose."
    ),
    "directors": ["Nobody Yet"],
    "languages": ["English"],
}


def new_film(stage: Stage) -> None:
    """Put it in, wait until it can be found, and compare its rank with the exact one."""
    item_id = stage.item("film")
    poster = next(path for path in poster_frames() if path.stem == FRAME).read_bytes()
    store = MilvusStore(stage.settings)
    stage.gateway.put_item(item_id, FILM)
    acknowledged = time.perf_counter()
    stage.gateway.put_poster(item_id, poster)

    def findable() -> bool:
        # the row names the poster once text and poster are in; the gateway must know the film as well
        row = store.get_items(stage.space.items_collection, [item_id]).get(item_id)
        return bool(row and row.poster) and bool(stage.gateway.similar(item_id, k=1)["items"])

    seen = until(findable, FINDABLE_TIMEOUT_S, "the new film being findable", 0.01)
    milliseconds = round((seen - acknowledged) * 1000, 1)
    stage.say(
        f"[bold]{FILM['title']}[/] with text and poster is findable after [bold]{milliseconds:.0f} ms[/]"
    )
    stage.report.add(item_to_recommendation_ms=milliseconds)
    _ranks(stage, item_id)
    similar = stage.gateway.similar(item_id, k=5)
    stage.console.print(film_table(f"films like {FILM['title']}", similar["items"]))
    store.close()


def _ranks(stage: Stage, item_id: str) -> None:
    """The user who ranks it best, by numpy over everything, and its place in the gateway's answer to him."""
    vectors = read_vectors(stage.settings, stage.space)
    documents = {
        user_id: ratings
        for user_id, ratings in read_documents(stage.settings).items()
        if not user_id.startswith(MADE)
    }
    best = rank_for_all(item_id, documents, vectors, stage.space)[0]
    rank = gateway_rank(stage, item_id, best)
    place = f"not among the first {MAX_K}" if rank is None else f"number {rank:,}"
    agrees = ", too" if rank == best.rank else ""
    stage.say(
        f"of {len(documents):,} users it suits [bold]{best.user_id}[/] best: computed exactly, it is number"
        f" {best.rank:,} of the {best.films:,} films that he has not rated (the first"
        f" {best.rank / best.films:.1%}), in the gateway's answer [bold]{place}[/]{agrees}"
    )
    stage.say(
        "[dim]nobody has rated it yet: films that many like come before it, until a model has learnt"
        " from ratings of its own[/]"
    )
    stage.report.add(new_item_user=best.user_id, new_item_rank_exact=best.rank, new_item_rank_gateway=rank)


def gateway_rank(stage: Stage, item_id: str, best: Ranked) -> int | None:
    """The film's place by the gateway's scores, in an answer that holds more than the exact rank asks for.

    A re-ranker changes the order of the first 200 and none of the scores, so all of these are asked for.
    """
    answer = stage.recommend(best.user_id, k=min(MAX_K, max(best.rank + 5, CANDIDATES)))
    scores: dict[str, float] = {film["item_id"]: film["score"] for film in answer["items"]}
    if item_id not in scores:
        return None
    return 1 + sum(score > scores[item_id] for score in scores.values())
