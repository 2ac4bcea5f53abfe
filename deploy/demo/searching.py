"""The scene of a search: films by what they are about, and like a picture."""

from __future__ import annotations

from rich.progress import track

from deploy.cli.films import film_table
from deploy.demo.report import SEARCHES
from deploy.demo.stage import Stage
from trainer.data import SHIPPED, all_ratings, poster_frames, resolve
from trainer.space.embed import MAX_TOKENS
from trainer.space.matrix import interactions
from trainer.space.searching import evenly, known_items
from trainer.space.train import encode_items

K = 10
PLOT = "an alien is stranded on earth and a child hides it"
FRAME = "big-buck-bunny"


def search(stage: Stage) -> None:
    """One text and one picture to look at, and how often the end of a film's text finds the film."""
    answer = stage.gateway.search(PLOT, k=5)
    stage.console.print(film_table(f'films like "{PLOT}"', answer["items"]))
    frame = next(path for path in poster_frames() if path.stem == FRAME)
    answer = stage.gateway.search("", frame.read_bytes(), k=5)
    stage.console.print(film_table(f"films like a frame of {FRAME}", answer["items"]))
    films = encode_items(list(stage.films.values()))
    counts = interactions(all_ratings(resolve(SHIPPED)), list(stage.films)).counts()
    known = known_items(films, counts, MAX_TOKENS)
    chosen = evenly(len(known.queries), SEARCHES)
    found = 0
    for place in track(chosen, "searching by ends of texts", console=stage.console, transient=True):
        answer = stage.gateway.search(known.queries[place].text, k=K)
        found += films[known.films[place]].item_id in [item["item_id"] for item in answer["items"]]
    stage.say(
        f"the end of a film's text, which the encoder has not read, finds the film among the first {K} of"
        f" {len(films):,}: [bold]{found} times of {len(chosen)}[/]"
    )
    stage.report.add(searches=len(chosen), searches_found=found)
