"""Where in a local file a user's id can stand: columns of tables, rows of ledgers' stores, else anywhere."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from deploy.checks.ledgerfile import STORE_SUFFIXES, is_ledger_store, store_mentions
from deploy.checks.places import FILM_FIELDS, mentions
from deploy.checks.raw import file_mentions, pattern_of

ENGINES_FOLDER, ENGINE_SUFFIXES = "engines", (".pt2", ".plan")
MILVUS_FOLDER, INDEXES_FOLDER, INDEX_SUFFIX = "milvus", "indexes", ".idx"
POSTERS = ("blobs", "sha256")
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF", b"GIF8")
BATCH_ROWS = 65_536


def holds_no_ids(relative: Path, path: Path) -> bool:
    """Whether a file is machine code, numbers or a picture, in which short ids stand by chance alone.

    That is an engine compiled from a model, an index of vectors, or a poster under its own checksum.
    """
    parts = relative.parts
    if parts[0] == ENGINES_FOLDER and path.suffix in ENGINE_SUFFIXES:
        return True
    if MILVUS_FOLDER in parts and parts[-2] == INDEXES_FOLDER and path.suffix == INDEX_SUFFIX:
        return True
    return parts[: len(POSTERS)] == POSTERS and _is_poster(path)


def stored_mentions(path: Path, user_id: str) -> tuple[str, int]:
    """What of a file names the user, in words, and how often."""
    if path.suffix in (".parquet", ".arrow"):
        # what cannot be read as a table to its end may be anything
        with contextlib.suppress(pa.ArrowException, OSError, ValueError):
            return "rows of a table", sum(_batch_mentions(batch, user_id) for batch in _batches(path))
    elif path.name.endswith(STORE_SUFFIXES) and is_ledger_store(path):
        return "rows of a ledger's store, deleted ones too", store_mentions(path, user_id)
    elif path.suffix in (".json", ".prev", ".log"):
        # as for tables: what does not decode may be anything
        with contextlib.suppress(msgspec.MsgspecError, OSError, ValueError, RecursionError):
            return "fields of a file", _field_mentions(path, user_id)
    return "bytes of a file", file_mentions(path, user_id)


def _field_mentions(path: Path, user_id: str) -> int:
    """How often texts in a JSON file, or in lines of a log, name the user; numbers are no ids."""
    pattern = pattern_of(user_id)
    if path.suffix != ".log":
        return _text_mentions(msgspec.json.decode(path.read_bytes()), pattern)
    count = 0
    with path.open("rb") as lines:
        for line in lines:
            # what no JSON can hide is not decoded: logs are long
            if not pattern.search(line) and b"\\" not in line:
                continue
            try:
                count += _text_mentions(msgspec.json.decode(line), pattern)
            except (msgspec.MsgspecError, ValueError):
                count += len(pattern.findall(line))
    return count


def _text_mentions(value: Any, pattern: re.Pattern[bytes]) -> int:
    if isinstance(value, str):
        return len(pattern.findall(value.encode(errors="replace")))
    if isinstance(value, dict):
        inner = sum(_text_mentions(one, pattern) for name, one in value.items() if name not in FILM_FIELDS)
        return inner + sum(_text_mentions(name, pattern) for name in value)
    return sum(_text_mentions(one, pattern) for one in value) if isinstance(value, list) else 0


def _batches(path: Path) -> Iterator[Any]:
    """The rows of a table, without columns that only films have."""
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as table:
            names = [field.name for field in table.schema_arrow if _may_hold(field)]
            yield from table.iter_batches(BATCH_ROWS, columns=names) if names else ()
        return
    with pa.OSFile(str(path), "rb") as source, pa.ipc.open_stream(source) as stream:
        names = [field.name for field in stream.schema if _may_hold(field)]
        for batch in stream:
            yield batch.select(names)


def _may_hold(field: Any) -> bool:
    return field.name not in FILM_FIELDS and _is_text(field.type)


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    if pa.types.is_nested(kind):
        return any(_is_text(kind.field(n).type) for n in range(kind.num_fields))
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _batch_mentions(batch: Any, user_id: str) -> int:
    """Cells that are the id, or hold it."""
    count = 0
    for column in batch.columns:
        if pa.types.is_nested(column.type) or pa.types.is_dictionary(column.type):
            count += sum(mentions(_plain(cell), user_id) for cell in column.to_pylist())
        else:
            sought = pa.scalar(user_id).cast(column.type)
            count += pc.sum(pc.equal(column, sought)).as_py() or 0
    return count


def _plain(cell: Any) -> Any:
    return cell.decode(errors="replace") if isinstance(cell, bytes) else cell


def _is_poster(path: Path) -> bool:
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return content.startswith(_IMAGES) and hashlib.sha256(content).hexdigest() == path.name
