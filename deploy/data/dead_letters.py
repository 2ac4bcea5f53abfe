"""What was refused, where it lay and why; and sending it again after a fix (DESIGN section 4, rule 5)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from confluent_kafka import KafkaException

from deploy.checks.items import Films
from deploy.checks.reading import Headers, Record, TopicReader, quiet_admin
from deploy.data.sender import Sender
from streaming.events import InvalidEventError, decode_item, decode_rating
from streaming.exceptions import NotFoundError, UnavailableError
from streaming.kafka.dlq import PREFIX, clean_headers
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames

FORWARDED = "marquee-from"
"""Set by whoever forwards a misplaced record; a replayed one goes to the right partition by itself."""
SUFFIX = ".dlq.v1"


@dataclass(frozen=True)
class DeadLetter:
    """One refused record; ``topic``, ``partition`` and ``offset`` are its place in the DLQ."""

    topic: str
    partition: int
    offset: int
    source_topic: str
    source_partition: int
    source_offset: int
    reason: str
    refused_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    """As the record came, those of the DLQ taken off."""

    @property
    def identity(self) -> bytes:
        """Equal for one record however often it is refused: by topic, key, value and ``ce_id``."""
        event_id = dict(self.headers).get("ce_id")
        parts = (self.source_topic.encode(), self.key, self.value, event_id)
        told = b"".join(b"-" if part is None else b"%d:%b" % (len(part), part) for part in parts)
        return hashlib.sha256(told).digest()

    @property
    def place(self) -> str:
        """Where it lay when it was refused."""
        return f"{self.source_topic}-{self.source_partition}@{self.source_offset}"


def dead_letter_of(record: Record) -> DeadLetter:
    """The dead letter in a record of a DLQ; what headers do not say is taken from where it lies."""
    said = {name: (value or b"").decode(errors="replace") for name, value in record.headers}

    def number(name: str, default: int) -> int:
        text = said.get(PREFIX + name, "")
        return int(text) if text.lstrip("-").isdigit() else default

    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        source_topic=said.get(f"{PREFIX}topic") or record.topic.removesuffix(SUFFIX),
        source_partition=number("partition", record.partition),
        source_offset=number("offset", -1),
        reason=said.get(f"{PREFIX}reason", "no reason given"),
        refused_ms=number("time", record.appended_ms),
        key=record.key,
        value=record.value,
        headers=clean_headers(record.headers),
    )


def dlq_topics(settings: Settings, only: str | None = None) -> dict[str, int]:
    """DLQ topic -> partitions, of all topics of the namespace or of the one that ``only`` names.

    ``only`` may be short (``ratings``), the source's name or the DLQ's.

    Raises:
        NotFoundError: there is no such DLQ.
        UnavailableError: Kafka does not answer.
    """
    try:
        found = quiet_admin(settings).list_topics(timeout=15).topics
    except KafkaException as error:
        raise UnavailableError(f"Kafka does not answer: {error.args[0].str()}") from None
    prefix = f"{settings.namespace}."
    all_of_them = {
        name: len(about.partitions)
        for name, about in sorted(found.items())
        if name.startswith(prefix) and name.endswith(SUFFIX)
    }
    if only is None:
        return all_of_them
    names = (only, f"{only}{SUFFIX}", f"{prefix}{only}{SUFFIX}", f"{prefix}{only}.v1{SUFFIX}")
    for name in names:
        if name in all_of_them:
            return {name: all_of_them[name]}
    raise NotFoundError(f"no dead letters of {only}: there are {', '.join(all_of_them) or 'none'}")


def read_dead_letters(settings: Settings, topics: dict[str, int]) -> Iterator[DeadLetter]:
    """Every dead letter that is retained, topic by topic."""
    for topic, partitions in topics.items():
        with TopicReader(settings, topic, range(partitions)) as reader:
            yield from map(dead_letter_of, reader.read_on())


@dataclass
class ReplayResult:
    """What a replay did."""

    selected: int = 0
    sent: int = 0
    repeated: int = 0
    """The same record refused more than once: sent once."""
    superseded: int = 0
    """Films of which a newer valid version is there: sending the old one would bring it back."""


def replay(
    settings: Settings,
    letters: Iterable[DeadLetter],
    dry_run: bool = False,
    check: Callable[[], None] = lambda: None,
) -> ReplayResult:
    """Send the original bytes, key and headers again, to the partition of the id in them.

    Event time and ``ce_id`` are those of the record, so that doing it twice changes nothing.

    Args:
        check: called before each record; may raise, which ends the replay.

    Raises:
        UnavailableError: Kafka does not acknowledge.
    """
    names, result = TopicNames(settings.namespace), ReplayResult()
    films: Films | None = None
    sent: set[bytes] = set()
    sender = Sender(settings, "marquee-replay", check=check)
    for letter in letters:
        result.selected += 1
        if letter.identity in sent:
            result.repeated += 1
            continue
        sent.add(letter.identity)
        if letter.source_topic == names.items:
            films = films or _films(settings)
            if superseded(letter, films):
                result.superseded += 1
                continue
        if not dry_run:
            headers = [(name, value) for name, value in letter.headers if name != FORWARDED]
            where = right_partition(settings, letter)
            sender.send(letter.source_topic, where, letter.key, letter.value, list(headers))
        result.sent += 1
    sender.flush()
    return result


def superseded(letter: DeadLetter, films: Films) -> bool:
    """Whether a valid version of the film has come after the refused one."""
    try:
        item_id = decode_item(letter.value or b"", letter.headers).item_id
    except InvalidEventError:
        item_id = (letter.key or b"").decode(errors="replace")
    film = films.found.get(item_id)
    return bool(
        film
        and film.valid
        and film.partition == letter.source_partition
        and film.offset > letter.source_offset
    )


def right_partition(settings: Settings, letter: DeadLetter) -> int:
    """Where the record belongs by the id in it; where it lay, if it still cannot be decoded."""
    names = TopicNames(settings.namespace)
    try:
        if letter.source_topic == names.ratings:
            user_id = decode_rating(letter.value or b"", letter.headers).user_id
            return partition_of(user_id, settings.topics.ratings_partitions)
        if letter.source_topic == names.items:
            item_id = decode_item(letter.value or b"", letter.headers).item_id
            return partition_of(item_id, settings.topics.items_partitions)
    except InvalidEventError:
        return letter.source_partition
    return letter.source_partition


def _films(settings: Settings) -> Films:
    partitions = settings.topics.items_partitions
    films = Films(partitions)
    with TopicReader(settings, TopicNames(settings.namespace).items, range(partitions)) as reader:
        for record in reader.read_on():
            films.take(record)
    return films
