"""Films and ratings of a data set into Kafka: in event-time order, resumable, the same every time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import KafkaException, TopicCollection

from deploy.checks.reading import TopicReader, quiet_admin
from deploy.data.headers import ITEM_TYPE, RATING_TYPE, event_headers, from_ms
from deploy.data.progress import ProgressFile, fingerprint
from deploy.data.refused import RefusedPoster
from deploy.data.sender import Sender
from deploy.data.table import RatingTable, rating_table
from streaming.blobs import BlobStore
from streaming.events import InvalidEventError, Item, RatingEvent, decode_item, encode
from streaming.exceptions import UnavailableError
from streaming.kafka.answers import answered
from streaming.partition import partition_of
from streaming.posters import InvalidPosterError, check_poster
from streaming.settings import Settings
from streaming.topics import TopicNames, fixed_topics
from streaming.topics.admin import require
from trainer.data import Ratings, detect_layout, items_file, load_items, load_ratings, ratings_file, resolve
from trainer.data.own import posters_beside
from trainer.data.poster_folder import PosterFolder, imdb_ids, mapped_imdb_ids

TICK_S = 0.1
"""Between two reports of progress."""


@dataclass
class ImportResult:
    """What an import did; all of it is acknowledged by Kafka."""

    source: str
    layout: str
    fingerprint: str
    items: int = 0
    items_sent: int = 0
    items_unchanged: int = 0
    posters: int = 0
    posters_refused: int = 0
    refused_posters: list[RefusedPoster] = field(default_factory=list)
    """Each of them, in the order of films."""
    ratings: int = 0
    ratings_sent: int = 0
    ratings_resumed_at: int = 0
    users: int = 0
    rated_items: int = 0
    first_event: str = ""
    last_event: str = ""
    dry_run: bool = False

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


@dataclass(frozen=True)
class Watcher:
    """Who wants to see progress: called with (what, done, total). ``check`` may raise: it ends the import."""

    progress: Callable[[str, int, int], None] = lambda *_: None
    step: Callable[[str], None] = lambda _: None
    check: Callable[[], None] = lambda: None


class DataImport:
    """One import of one data set.

    Args:
        path: a folder of a known layout, or ``shipped``.
        posters: a folder of poster files; of a folder of one's own by default the one in it.
        limit: only the oldest so many ratings, and all films.
        rate: ratings a second at most; 0 is no limit.

    Raises:
        DataError: the data, or a table that names posters, cannot be read.
        UnavailableError: Kafka does not answer.
        TopicDifferenceError: the topics are not what they must be.
    """

    def __init__(
        self,
        settings: Settings,
        path: str | Path,
        *,
        posters: Path | None = None,
        limit: int | None = None,
        rate: float = 0.0,
        watcher: Watcher = Watcher(),
    ) -> None:
        self._settings, self._watcher, self._rate = settings, watcher, rate
        self._names = TopicNames(settings.namespace)
        self._limit = limit
        self.folder = resolve(path)
        self.layout = detect_layout(self.folder)
        folder = posters or posters_beside(self.folder, self.layout)
        self._posters = None if folder is None else self._poster_folder(folder)
        self.result = ImportResult(str(path), self.layout.value, "")

    def dry_run(self) -> ImportResult:
        """Read and check everything, posters too; send nothing. Needs no Kafka."""
        self.result.dry_run = True
        ticked = time.monotonic()
        for done, item in enumerate(load_items(self.folder), 1):
            self._watcher.check()
            self.result.items = done
            self.result.posters += self._poster(item) is not None
            if time.monotonic() - ticked >= TICK_S:
                ticked = time.monotonic()
                self._watcher.progress("films", done, 0)
        self._watcher.progress("films", self.result.items, self.result.items)
        self._table()
        return self.result

    def run(self) -> ImportResult:
        """Send everything that is not acknowledged yet, films first; nothing where anything of it is bad."""
        require(self._settings, fixed_topics(self._settings))
        self._watcher.step("reading the data")
        for _ in load_items(self.folder):
            self._watcher.check()
        table = self._table()
        files = [items_file(self.folder), ratings_file(self.folder)]
        name = fingerprint(files, *self._destination(), str(self._limit))
        self.result.fingerprint = name
        progress = ProgressFile(self._settings.home / "imports", name, self.result.source)
        sender = Sender(self._settings, "marquee-import", check=self._watcher.check)
        try:
            self._send_items(sender, progress)
            self._send_ratings(table, progress)
        except BaseException:
            # Ctrl-C too: what is acknowledged is noted, the rest is sent again next time
            sender.abandon()
            progress.save()
            raise
        progress.finish()
        return self.result

    # films -------------------------------------------------------------------------------------------

    def _send_items(self, sender: Sender, progress: ProgressFile) -> None:
        self._watcher.step("comparing films with those already there")
        known = self._known_items()
        blobs = BlobStore(self._settings)
        partitions = self._settings.topics.items_partitions
        now = datetime.now(UTC)
        done, ticked = 0, time.monotonic()
        for done, item in enumerate(load_items(self.folder), 1):
            self._watcher.check()
            before = known.get(item.item_id)
            if poster := self._poster(item):
                item = msgspec.structs.replace(item, poster_sha256=blobs.put(poster))
                self.result.posters += 1
            elif before is not None and before.poster_sha256:
                # a poster that was put by itself stays
                item = msgspec.structs.replace(item, poster_sha256=before.poster_sha256)
            if item == before:
                self.result.items_unchanged += 1
            else:
                partition = partition_of(item.item_id, partitions)
                event_id = f"{self.result.fingerprint}:item:{done}"
                sender.send(
                    self._names.items,
                    partition,
                    item.item_id.encode(),
                    encode(item),
                    event_headers(ITEM_TYPE, event_id, now),
                )
                self.result.items_sent += 1
            if time.monotonic() - ticked >= TICK_S:
                ticked = time.monotonic()
                sender.poll()
                self._watcher.progress("films", done, 0)
        sender.flush()
        self.result.items = done
        progress.note(items=done)
        self._watcher.progress("films", done, done)

    def _known_items(self) -> dict[str, Item]:
        known: dict[str, Item] = {}
        with TopicReader(
            self._settings, self._names.items, range(self._settings.topics.items_partitions)
        ) as reader:
            for record in reader.read_on():
                self._watcher.check()
                key = (record.key or b"").decode(errors="replace")
                if record.value is None:
                    known.pop(key, None)
                    continue
                try:
                    known[key] = decode_item(record.value, record.headers)
                except InvalidEventError:
                    known.pop(key, None)
        return known

    def _poster_folder(self, folder: Path) -> PosterFolder:
        return PosterFolder(folder, mapped_imdb_ids(folder, self.layout) | imdb_ids(self.folder))

    def _poster(self, item: Item) -> bytes | None:
        """The film's poster; a file that is no picture, or too large, is taken down and left out."""
        path = self._posters.find(item.item_id) if self._posters else None
        if path is None:
            return None
        try:
            content = path.read_bytes()
            check_poster(content)
        except InvalidPosterError as error:
            reason = str(error)
        except OSError as error:
            reason = error.strerror or "cannot be read"
        else:
            return content
        self.result.posters_refused += 1
        self.result.refused_posters.append(RefusedPoster(str(path), item.item_id, reason))
        return None

    # ratings -----------------------------------------------------------------------------------------

    def _table(self) -> RatingTable:
        table, result = rating_table(self._batches(), self._limit), self.result
        result.ratings = len(table)
        if len(table):
            result.users = len(set(table.user_codes[table.order].tolist()))
            result.rated_items = len(set(table.item_codes[table.order].tolist()))
            times = table.event_time_ms[table.order[[0, -1]]].tolist()
            result.first_event, result.last_event = (from_ms(int(at)).isoformat() for at in times)
        return table

    def _batches(self) -> Iterator[Ratings]:
        for batch in load_ratings(self.folder):
            self._watcher.check()
            yield batch

    def _send_ratings(self, table: RatingTable, progress: ProgressFile) -> None:
        start = min(progress.progress.ratings, len(table))
        self.result.ratings_resumed_at = start
        self._watcher.check()
        sender = Sender(self._settings, "marquee-import", self._rate, self._watcher.check)
        self._watcher.progress("ratings", start, len(table))
        ticked = time.monotonic()
        try:
            for event in self._events(table, start):
                sender.send(self._names.ratings, *event)
                if time.monotonic() - ticked >= TICK_S:
                    ticked = time.monotonic()
                    acknowledged = start + sender.poll()
                    progress.note(ratings=acknowledged)
                    self._watcher.progress("ratings", acknowledged, len(table))
            self.result.ratings_sent = sender.flush()
        except KeyboardInterrupt:
            progress.note(ratings=start + sender.stop())
            raise
        except BaseException:
            sender.abandon()
            progress.note(ratings=start + sender.acknowledged)
            raise
        progress.note(ratings=start + self.result.ratings_sent)
        self._watcher.progress("ratings", len(table), len(table))

    def _events(
        self, table: RatingTable, start: int
    ) -> Iterator[tuple[int, bytes, bytes, list[tuple[str, str | bytes | None]]]]:
        """(partition, key, value, headers) of each rating from ``start`` of the order on."""
        partitions = self._settings.topics.ratings_partitions
        lies = [partition_of(user, partitions) for user in table.users]
        where = dict(zip(table.users, lies, strict=True))
        for position, row in enumerate(table.rows(start), start):
            at = from_ms(row.event_time_ms)
            event = RatingEvent(row.user_id, at, row.item_id, row.value)
            headers = event_headers(RATING_TYPE, f"{self.result.fingerprint}:{position}", at)
            yield where[row.user_id], row.user_id.encode(), encode(event), headers

    def _destination(self) -> list[str]:
        """What tells this cluster's topics from all others: a recreated topic begins from nothing."""
        admin = quiet_admin(self._settings)
        names = [self._names.ratings, self._names.items]
        try:
            cluster = answered(admin.describe_cluster(request_timeout=15), 20)
            topics = admin.describe_topics(TopicCollection(names), request_timeout=15)
            return [str(cluster.cluster_id), *(f"{n}:{answered(topics[n], 20).topic_id}" for n in names)]
        except KafkaException as error:
            raise UnavailableError(f"Kafka does not answer: {error.args[0].str()}") from None
