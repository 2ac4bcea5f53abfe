"""Importing into a real Kafka: what arrives, in which order, and that a killed import goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest

from deploy.checks.reading import Record, TopicReader
from deploy.data.importing import DataImport
from streaming.events import decode_item, decode_rating, event_time_ms
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames
from streaming.topics.exceptions import TopicDifferenceError
from tests.support import settings_env, until
from trainer.data import poster_frames
from trainer.exceptions import DataError

FILMS = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set in the layout of MovieLens latest: 30 films, 3,000 ratings of 100 users, out of order."""
    path = tmp_path / "set"
    path.mkdir()
    films = [f"{n},Film {n} (2001),Drama|Comedy" for n in range(FILMS)]
    (path / "movies.csv").write_text("movieId,title,genres\n" + "\n".join(films) + "\n")
    begin = 1_000_000_000
    rows = [
        f"{user},{item},{(user + item) % 10 / 2 + 0.5},{begin + (user * 7919 + item * 104729) % 50_000}"
        for user in range(100)
        for item in range(FILMS)
    ]
    (path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "\n".join(rows) + "\n")
    return path


def records(settings: Settings, topic: str, partitions: int) -> list[Record]:
    """Everything on a topic."""
    with TopicReader(settings, topic, range(partitions)) as reader:
        return list(reader.read_on())


def ratings(settings: Settings) -> list[Record]:
    """Everything on ratings.v1."""
    return records(settings, TopicNames(settings.namespace).ratings, settings.topics.ratings_partitions)


def test_every_rating_arrives_once_on_its_partition_in_event_time_order(
    ensured: Settings, folder: Path
) -> None:
    result = DataImport(ensured, folder).run()
    assert (result.items_sent, result.ratings_sent) == (FILMS, 3_000)
    arrived = ratings(ensured)
    assert len(arrived) == 3_000
    last: dict[int, int] = defaultdict(int)
    for record in arrived:
        event = decode_rating(record.value or b"", record.headers)
        assert record.key == event.user_id.encode()
        assert record.partition == partition_of(event.user_id, ensured.topics.ratings_partitions)
        at = event_time_ms(event.event_time)
        assert at >= last[record.partition]
        last[record.partition] = at
    assert len({dict(record.headers)["ce_id"] for record in arrived}) == 3_000


def test_importing_again_sends_no_film_that_is_there_already(ensured: Settings, folder: Path) -> None:
    DataImport(ensured, folder).run()
    again = DataImport(ensured, folder).run()
    assert (again.items_sent, again.items_unchanged, again.ratings_sent) == (0, FILMS, 3_000)
    (folder / "movies.csv").write_text(
        (folder / "movies.csv").read_text().replace("Film 3 (2001)", "Film Three (2001)")
    )
    assert DataImport(ensured, folder).run().items_sent == 1
    films = records(ensured, TopicNames(ensured.namespace).items, ensured.topics.items_partitions)
    newest = {r.key: decode_item(r.value or b"", r.headers).title for r in films}
    assert newest[b"ml:3"] == "Film Three"


def test_posters_go_to_the_blob_store_and_stay_when_imported_without(
    ensured: Settings, folder: Path, tmp_path: Path
) -> None:
    posters = tmp_path / "posters"
    posters.mkdir()
    shutil.copy(poster_frames()[0], posters / "7.webp")
    (posters / "8.jpg").write_bytes(b"no picture")
    result = DataImport(ensured, folder, posters=posters).run()
    assert (result.posters, result.posters_refused) == (1, 1)
    assert [(Path(one.file).name, one.item_id) for one in result.refused_posters] == [("8.jpg", "ml:8")]
    assert DataImport(ensured, folder).run().items_unchanged == FILMS


def test_a_dry_run_sends_nothing(ensured: Settings, folder: Path) -> None:
    result = DataImport(ensured, folder).dry_run()
    assert (result.items, result.ratings, result.users) == (FILMS, 3_000, 100)
    assert ratings(ensured) == []


@pytest.mark.parametrize(
    ("file", "line"), [("ratings.csv", "1,2,7,5"), ("movies.csv", f"{FILMS},,Drama")], ids=["rating", "film"]
)
def test_of_data_with_a_bad_last_line_nothing_is_sent(
    ensured: Settings, folder: Path, file: str, line: str
) -> None:
    with (folder / file).open("a") as lines:
        lines.write(line + "\n")
    with pytest.raises(DataError, match=rf"{file}, row"):
        DataImport(ensured, folder).run()
    names = TopicNames(ensured.namespace)
    assert records(ensured, names.items, ensured.topics.items_partitions) == []
    assert ratings(ensured) == []


def test_without_topics_it_says_so(settings: Settings, folder: Path) -> None:
    with pytest.raises(TopicDifferenceError, match="topics ensure"):
        DataImport(settings, folder).run()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_import_goes_on_where_it_was(ensured: Settings, folder: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-m", "deploy.cli", "data", "import", str(folder), "--rate", "700", "--json"]
    environment = {**os.environ, **settings_env(ensured)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE)

    def noted() -> int:
        files = list((ensured.home / "imports").glob("*.json"))
        return int(json.loads(files[0].read_text())["ratings"]) if files else 0

    try:
        # the fault has hit: some are acknowledged, not all
        until(noted, 60, what="progress noted")
        process.send_signal(how)
        assert process.wait(60) == (-9 if how is signal.SIGKILL else 130)
    finally:
        process.kill()
        process.communicate()
    time.sleep(0.1)
    before = noted()
    assert 0 < before < 3_000
    assert len(ratings(ensured)) < 3_000
    result = DataImport(ensured, folder).run()
    assert result.ratings_resumed_at == before
    assert result.ratings_sent == 3_000 - before
    keys = {
        (event.user_id, event.item_id)
        for record in ratings(ensured)
        for event in [decode_rating(record.value or b"", record.headers)]
    }
    assert len(keys) == 3_000


def test_ctrl_c_at_any_moment_ends_it_by_one_line_and_nothing_is_sent_twice(
    ensured: Settings, folder: Path, rng: Random
) -> None:
    count = 30_000
    rows = [f"{n},{n % FILMS},4.0,{1_000_000_000 + n}" for n in range(count)]
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "\n".join(rows) + "\n")
    environment = {**os.environ, **settings_env(ensured)}
    stopped = 0
    for rate, presses in (("8000", 1), ("500", 1), ("8000", 3)):
        command = [sys.executable, "-m", "deploy.cli", "data", "import", str(folder), "--rate", rate]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr is not None
            # the first line says that it has begun: from there on every moment will do
            said = process.stderr.readline()
            time.sleep(rng.uniform(0, 1.5))
            for _ in range(presses):
                process.send_signal(signal.SIGINT)
                time.sleep(0.02 if presses > 1 else 0)
            said += process.communicate(timeout=60)[1]
        finally:
            process.kill()
        if process.returncode == 0:
            noted = 0  # all was sent before the signal came; the next import begins anew
            break
        stopped += 1
        assert process.returncode == 130, said
        assert "Traceback" not in said
        assert said.splitlines()[-1] == "stopped; the same command goes on from here"
        files = list((ensured.home / "imports").glob("*.json"))
        noted = json.loads(files[0].read_text())["ratings"] if files else 0
        arrived = len(ratings(ensured))
        if presses == 1:
            assert noted == arrived, "what had been handed over was waited for and noted"
        assert noted <= arrived
    assert stopped, "no signal came in time"
    assert DataImport(ensured, folder).run().ratings_sent == count - noted
    assert len({dict(record.headers)["ce_id"] for record in ratings(ensured)}) == count
