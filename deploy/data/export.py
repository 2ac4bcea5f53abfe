"""User documents and films as Parquet, with the offsets they are of: what ``marquee train space`` takes."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from deploy.checks.reading import Record, TopicReader
from streaming.documents import Ratings, decode_user
from streaming.events import InvalidEventError, Item, check_item, decode_item
from streaming.exceptions import ConfigurationError
from streaming.partition import partition_of
from streaming.settings import Settings
from streaming.topics import TopicNames

SCHEMA = 1
USERS_FILE, ITEMS_FILE, MANIFEST_FILE = "users.parquet", "items.parquet", "export.json"
ROWS = 50_000
"""Rows of one group of a Parquet file."""

USERS_SCHEMA: Final = pa.schema(
    [
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("value", pa.float64()),
        ("event_time_ms", pa.int64()),
    ]
)
ITEMS_SCHEMA: Final = pa.schema(
    [
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("year", pa.int32()),
        *(
            (name, pa.list_(pa.string()))
            for name in ("genres", "directors", "cast", "countries", "languages")
        ),
        ("text", pa.string()),
        ("poster_url", pa.string()),
        ("poster_sha256", pa.string()),
    ]
)


@dataclass
class ExportResult:
    """What an export holds; ``users_offsets`` and ``items_offsets`` say of when (exclusive ends)."""

    schema: int
    out: str
    until_ms: int
    fingerprint: str = ""
    users: int = 0
    """With a rating in the file."""
    users_without_ratings: int = 0
    """Known, but of whom no rating is in the file: all taken back, or after the cut-off."""
    ratings: int = 0
    left_out: int = 0
    """Ratings after the cut-off."""
    items: int = 0
    items_refused: int = 0
    users_topic: str = ""
    items_topic: str = ""
    users_offsets: dict[str, int] = field(default_factory=dict)
    items_offsets: dict[str, int] = field(default_factory=dict)
    exported_at: str = ""


def export(
    settings: Settings, until_ms: int, out: Path, step: Callable[[str], None] = lambda _: None
) -> ExportResult:
    """Write ``out`` (a folder that does not exist yet or is empty, or an earlier export, which is replaced).

    A user document holds each film's newest rating: one that is newer than ``until_ms`` is left out, it
    does not bring the older one back. The folder is written aside and renamed.

    Raises:
        ConfigurationError: ``out`` exists and is no export.
        KafkaUnavailableError: the topics cannot be read to their ends.
    """
    require_free(out, replace=True)
    names = TopicNames(settings.namespace)
    result = ExportResult(SCHEMA, str(out), until_ms, users_topic=names.users, items_topic=names.items)
    result.exported_at = datetime.now(UTC).isoformat(timespec="seconds")
    aside = out.with_name(f".{out.name}.{os.getpid()}.{secrets.token_hex(3)}")
    aside.mkdir(parents=True)
    try:
        _write_users(settings, names.users, aside / USERS_FILE, result, step)
        _write_items(settings, names.items, aside / ITEMS_FILE, result, step)
        digest = hashlib.sha256()
        for name in (USERS_FILE, ITEMS_FILE):
            with (aside / name).open("rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
        result.fingerprint = digest.hexdigest()
        (aside / MANIFEST_FILE).write_text(json.dumps(asdict(result), indent=1) + "\n")
        if out.exists():
            shutil.rmtree(out)
        aside.rename(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return result


def require_free(out: Path, replace: bool) -> None:
    """Whether an export may be written to ``out``; an earlier one only goes where somebody says ``replace``.

    Raises:
        ConfigurationError: something lies there.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / MANIFEST_FILE).is_file():
        raise ConfigurationError(f"{out} exists and is no earlier export; name another folder")
    if not replace:
        raise ConfigurationError(
            f"{out} holds an earlier export; name another folder, or --force to replace it"
        )


def _newest(reader: TopicReader, partitions: int) -> dict[str, Record]:
    """Newest record of each key on its own partition."""
    newest: dict[str, Record] = {}
    for record in reader.read_on():
        key = (record.key or b"").decode(errors="replace")
        if record.value is None:
            newest.pop(key, None)
        elif partition_of(key, partitions) == record.partition:
            newest[key] = record
    return newest


def rows_of(user_id: str, document: Ratings, result: ExportResult) -> Iterator[dict[str, Any]]:
    """The rows of one user up to the cut-off of ``result``, which counts them and him."""
    before = result.ratings
    for item_id, (value, at) in sorted(document.items()):
        if at > result.until_ms:
            result.left_out += 1
            continue
        result.ratings += value is not None
        yield {"user_id": user_id, "item_id": item_id, "value": value, "event_time_ms": at}
    if result.ratings > before:
        result.users += 1
    else:
        result.users_without_ratings += 1


def _write_users(
    settings: Settings, topic: str, path: Path, result: ExportResult, step: Callable[[str], None]
) -> None:
    partitions = settings.topics.ratings_partitions

    def rows() -> Iterator[dict[str, Any]]:
        # one partition at a time, so that memory holds a part of the users only
        for partition in range(partitions):
            step(f"users, partition {partition + 1} of {partitions}")
            with TopicReader(settings, topic, [partition]) as reader:
                newest = _newest(reader, partitions)
                result.users_offsets[str(partition)] = reader.ends[partition]
            for user_id in sorted(newest):
                yield from rows_of(user_id, decode_user(newest[user_id].value or b""), result)

    _write(path, USERS_SCHEMA, rows())


def _write_items(
    settings: Settings, topic: str, path: Path, result: ExportResult, step: Callable[[str], None]
) -> None:
    partitions = settings.topics.items_partitions

    def rows() -> Iterator[dict[str, Any]]:
        for partition in range(partitions):
            step(f"films, partition {partition + 1} of {partitions}")
            with TopicReader(settings, topic, [partition]) as reader:
                newest = _newest(reader, partitions)
                result.items_offsets[str(partition)] = reader.ends[partition]
            for item_id in sorted(newest):
                record = newest[item_id]
                try:
                    item: Item = check_item(decode_item(record.value or b"", record.headers))
                except InvalidEventError:
                    result.items_refused += 1
                    continue
                result.items += 1
                yield msgspec.structs.asdict(item)

    _write(path, ITEMS_SCHEMA, rows())


def _write(path: Path, schema: pa.Schema, rows: Iterator[dict[str, Any]]) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        batch: list[dict[str, Any]] = []
        for row in rows:
            batch.append(row)
            if len(batch) == ROWS:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                batch = []
        if batch:
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
