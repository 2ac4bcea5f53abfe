"""What is served, scored on a small world with two tastes; nothing of the test part may leak."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from deploy.cli.evaluate import command
from streaming.events import Item
from trainer.data.columns import Ratings
from trainer.data.folder import Files
from trainer.data.splits import random_holdout, take
from trainer.evaluation.baselines import ease, item_neighbours, linear_scorer, popularity_scorer
from trainer.evaluation.ranking import rank, rank_by
from trainer.evaluation.report import evaluate_served
from trainer.evaluation.results import input_hash, is_done, run_rows
from trainer.evaluation.rows import Row
from trainer.evaluation.served import ask, matrices, popular_scores, train_served
from trainer.exceptions import TrainingError
from trainer.reranker.space import films_of
from trainer.space.choice import Choice, space_vectors
from trainer.space.collaborative import item_vectors, top_eigenpairs
from trainer.space.content import FilmFeatures
from trainer.space.options import SpaceOptions
from trainer.space.tuning import tune

USERS, FILMS = 120, 60


def world(seed: int = 0) -> Ratings:
    """Even users like even films, odd users odd ones; a twentieth of the ratings is noise."""
    rng = np.random.default_rng(seed)
    cells = np.flatnonzero(rng.random(USERS * FILMS) < 0.35)
    users, films = cells // FILMS, cells % FILMS
    alike = (users % 2 == films % 2) ^ (rng.random(len(cells)) < 0.05)
    return Ratings(
        np.array([f"u{u}" for u in users], dtype=object),
        np.array([f"ml:{f}" for f in films], dtype=object),
        np.where(alike, 5.0, 2.0),
        np.arange(len(cells), dtype=np.int64) * 3_600_000,
    )


def catalogue() -> list[Item]:
    return [
        Item(
            item_id=f"ml:{f}",
            title=f"Film {f}",
            year=1980 + f % 30,
            genres=("Even",) if f % 2 == 0 else ("Odd",),
        )
        for f in range(FILMS)
    ]


@pytest.fixture(scope="module")
def files() -> Files:
    fold = random_holdout(world(), 0.2, 0)
    return Files(fold.train, fold.test, catalogue())


def test_taste_is_found_and_reported(files: Files) -> None:
    found = evaluate_served(files, dim=16)
    train, test = matrices(files.train, files.test, [i.item_id for i in files.items])
    popular = rank_by(popularity_scorer(train.liked(4.0)), train.rated(), test.liked(4.0))
    assert found["ndcg@10"]["plain"] > popular.ndcg.mean() + 0.05
    assert set(found) >= {"ndcg@10", "recall@10", "coverage", "chosen", "gate", "users", "intervals"}
    for measure in ("ndcg@10", "recall@10", "coverage"):
        assert set(found[measure]) == {"plain", "reranked"}
    assert found["chosen"]["dim"] == 16


def test_choices_do_not_see_the_test_part(files: Files) -> None:
    reversed_test = Ratings(
        files.test.user_ids, files.test.item_ids, 7.0 - files.test.values, files.test.event_time_ms
    )
    a = evaluate_served(files, dim=16)
    b = evaluate_served(Files(files.train, reversed_test, files.items), dim=16)
    assert (a["chosen"], a["gate"]) == (b["chosen"], b["gate"])
    assert a["ndcg@10"] != b["ndcg@10"]


def test_answers_are_those_of_exact_ranking_by_the_mean_of_liked(files: Files) -> None:
    films = films_of(files.items)
    train, test = matrices(files.train, files.test, films.item_ids)
    choice = Choice(dim=16, regularisation=50.0)
    served = train_served(files.train, train, None, films, choice, rerank=False)
    answers = ask(served, train, test)
    vectors = served.side.vectors.astype(np.float64)
    liked = train.liked(4.0)
    means = np.asarray(liked @ vectors) / np.maximum(liked.sum(axis=1), 1)
    want = rank(np.asarray(means), vectors, train.rated(), test.liked(4.0))
    assert answers.users.tolist() == want.users.tolist()
    assert (answers.plain == want.top).mean() > 0.99
    assert answers.reranked is not answers.plain
    assert (answers.reranked == answers.plain).all()


def test_users_without_a_like_get_what_is_popular_now(files: Files) -> None:
    week = 7 * 24 * 3600 * 1000
    table = Ratings(
        np.array(["a", "b", "c", "d"], dtype=object),
        np.array(["ml:0", "ml:0", "ml:1", "ml:2"], dtype=object),
        np.array([5.0, 5.0, 5.0, 1.0]),
        np.array([0, 0, 52 * week, 52 * week], dtype=np.int64),
    )
    scores = popular_scores(table, ["ml:0", "ml:1", "ml:2"], 4.0)
    # two likes of a year ago weigh less than one of now
    assert scores[1] > scores[0] > scores[2] == 0
    films = films_of(files.items)
    nobody = take(files.train, files.train.values < 4)
    train, test = matrices(nobody, files.test, films.item_ids)
    served = train_served(files.train, train, None, films, Choice(dim=4), rerank=False)
    answers = ask(served, train, test)
    seen = train.rated()[answers.users].toarray() > 0
    assert (answers.plain >= 0).all()
    assert not np.take_along_axis(seen, answers.plain, axis=1).any()


def test_new_films_get_vectors_from_content_and_only_then(files: Files) -> None:
    new = Item(item_id="ml:999", title="New", year=1990, genres=("Odd",))
    ids = [i.item_id for i in files.items] + [new.item_id]
    train, _ = matrices(files.train, files.test, ids)
    content = np.zeros((len(ids), 2))
    for row, item in enumerate([*files.items, new]):
        content[row, int(item.genres[0] == "Odd")] = 1.0
    choice = Choice(dim=16, regularisation=50.0)
    assert not space_vectors(train, None, choice)[-1].any()
    vectors = space_vectors(train, FilmFeatures(content, content), choice)
    odd = vectors[[i for i in range(FILMS) if i % 2 == 1]].mean(axis=0)
    even = vectors[[i for i in range(FILMS) if i % 2 == 0]].mean(axis=0)
    assert vectors[-1] @ odd > vectors[-1] @ even


def test_ease_follows_from_the_whole_spectrum(files: Files) -> None:
    # A A' = I - lambda (Y'Y + lambda)^-1, so that B_ij = <A_i, A_j> / (1 - |A_j|^2): what z_ease says
    train, _ = matrices(files.train, files.test, [i.item_id for i in files.items])
    y = train.matrix(4.0, 0.5)
    a = item_vectors(*top_eigenpairs(y, FILMS), 30.0, FILMS)
    gram = a @ a.T
    want = gram / (1 - np.diag(gram))
    np.fill_diagonal(want, 0.0)
    np.testing.assert_allclose(ease(y, 30.0), want, atol=1e-8)


def test_item_neighbours_are_few_and_never_the_film_itself(files: Files) -> None:
    train, _ = matrices(files.train, files.test, [i.item_id for i in files.items])
    weights = item_neighbours(train.liked(4.0), 5)
    assert not weights.diagonal().any()
    assert np.diff(weights.tocsc().indptr).max() <= 5
    assert linear_scorer(train.liked(4.0), weights)(np.arange(3)).shape == (3, FILMS)


def test_what_cannot_be_scored_is_refused(files: Files) -> None:
    with pytest.raises(TrainingError, match="is in training too"):
        evaluate_served(Files(files.train, files.train, files.items))
    dull = take(files.train, files.train.values < 4)
    with pytest.raises(TrainingError, match="too few liked"):
        evaluate_served(Files(dull, files.test, files.items))
    with pytest.raises(ValueError, match="too few liked"):
        tune(matrices(dull, files.test, ["ml:0"])[0], None, SpaceOptions())


def test_the_command_prints_one_object(files: Files, tmp_path: Path) -> None:
    for name, part in (("train", files.train), ("test", files.test)):
        lines = [
            f"{u[1:]},{i[3:]},{v},{t // 1000}"
            for u, i, v, t in zip(part.user_ids, part.item_ids, part.values, part.event_time_ms, strict=True)
        ]
        (tmp_path / f"{name}.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *lines, ""]))
    rows = [f"{i.item_id[3:]},{i.title} ({i.year}),{'|'.join(i.genres)}" for i in files.items]
    (tmp_path / "movies.csv").write_text("\n".join(["movieId,title,genres", *rows, ""]))
    options = [
        f"--{n}={tmp_path / f}.csv" for n, f in (("train", "train"), ("test", "test"), ("items", "movies"))
    ]
    result = CliRunner().invoke(command, ["served", *options, "--dim=16", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["ndcg@10"]["plain"] == pytest.approx(
        evaluate_served(files, dim=16)["ndcg@10"]["plain"], abs=0.02
    )


def test_a_row_is_made_once_and_again_when_its_inputs_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = tmp_path / "data", tmp_path / "docs" / "results"
    data.mkdir()
    (data / "in.csv").write_text("1")
    runs = []

    def compute(folder: Path, say: object) -> dict[str, object]:
        runs.append((folder / "in.csv").read_text())
        return {"ndcg@10": {"0": {"content": 0.1, "ratings": 0.2, "served": 0.3}}}

    row = Row("few", "group", "goal", ("in.csv",), compute)
    lost = Row("lost", "other", "goal", ("absent.csv",), compute)
    monkeypatch.setattr("trainer.evaluation.results.ROWS", (row, lost))
    monkeypatch.setenv("MARQUEE_DATA", str(data))
    said: list[str] = []
    for _ in range(2):
        run_rows(out, "", said.append)
    assert runs == ["1"]
    assert is_done(row, data, out)
    assert input_hash(lost, data) is None
    assert any("lost: skipped" in line for line in said)
    (data / "in.csv").write_text("2")
    assert not is_done(row, data, out)
    run_rows(out, "lost", said.append)
    assert "1 of 1 by an earlier revision" in (tmp_path / "docs" / "results.md").read_text()
    run_rows(out, "", said.append)
    assert runs == ["1", "2"]
    page = (tmp_path / "docs" / "results.md").read_text()
    assert "served 0.3000" in page
    assert "not run yet" in page
    assert "earlier" not in page


def test_a_row_is_due_again_when_another_package_is_shipped(tmp_path: Path) -> None:
    def due(*packages: str) -> str | None:
        return input_hash(Row("one", "group", "goal", (), lambda *_: {}, packages=packages), tmp_path)

    first = due("item-encoder@1")
    assert first is not None
    assert first == due("item-encoder@1")
    assert first not in (due(), due("text-encoder@1"))
    assert due("item-encoder@1", "item-encoder@999") is None
