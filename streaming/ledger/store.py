"""The local store of one partition: a SQLite file of committed user documents. A cache, never the truth.

Its mark is the offset in ``users.v1`` before which it contains everything, written in the same SQLite
transaction as the documents. A running sum over all rows is too: a file that is torn, mixed from two times or
edited does not add up and is begun anew, as is one that is old, of another cluster or of another topic.
"""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from streaming.ledger.exceptions import StoreError

SCHEMA = 1
BUSY_MS = 5_000
SUM_MASK = (1 << 63) - 1
_NOTHING, _LOG, _PAGES = range(3)
"""What may still hold deleted rows, kept in the file as its ``user_version``: the write-ahead log, or all."""
_TABLES = """
create table users (id text primary key, document blob not null, crc integer not null) without rowid;
create table meta (one integer primary key check (one = 1), meta blob not null);
"""


class Identity(msgspec.Struct, frozen=True):
    """Of which partition of which topic of which cluster a store is a copy."""

    schema: int
    cluster: str
    topic: str
    topic_id: str
    partition: int
    partitions: int


class Meta(msgspec.Struct, frozen=True):
    """What a store says of itself; ``at_ms`` is when it was last known to be in step."""

    identity: Identity
    mark: int
    sum: int
    rows: int
    at_ms: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Meta).decode


def distrust(meta: Meta, identity: Identity, now_ms: int, max_age_ms: int) -> str | None:
    """Why a store must not be believed, or None: tombstones older than ``max_age_ms`` may be compacted."""
    if meta.identity != identity:
        return f"it is a copy of {meta.identity}"
    if now_ms - meta.at_ms > max_age_ms:
        return f"it was last in step {(now_ms - meta.at_ms) // 1000} s ago"
    if meta.at_ms > now_ms + max_age_ms:
        return "it comes from the future"
    return None


def checksum(user_id: str, document: bytes) -> int:
    """CRC-32 of one row."""
    return zlib.crc32(document, zlib.crc32(user_id.encode()))


def _checked(path: Path, user_id: object, document: object, crc: object) -> bytes:
    # a torn page may hold anything, also NULL where the table allows none
    if not isinstance(user_id, str) or not isinstance(document, bytes) or checksum(user_id, document) != crc:
        raise StoreError(f"{path.name}: a row does not match its checksum")
    return document


FAILURES = (sqlite3.Error, MemoryError)
"""Of SQLite: a torn page may claim a row of gigabytes, which it then finds no memory for."""


class PartitionStore:
    """One open file. Every method raises StoreError where SQLite or the content fails.

    Args:
        path: of the file; its directory exists.
        identity: what it must be a copy of.
    """

    def __init__(self, path: Path, identity: Identity) -> None:
        self.path, self.identity = path, identity
        self.mark, self.rows, self._sum = 0, 0, 0
        self._db: sqlite3.Connection | None = None
        self._unwiped = _NOTHING

    def open(
        self, now_ms: int, max_age_ms: int, on_document: Callable[[str, bytes], None] = lambda _, __: None
    ) -> str | None:
        """Open the file, verify every row, hand it to ``on_document``; begin anew what cannot be believed.

        Returns:
            why it was begun anew (``on_document`` may have been called before that was clear), or None.
        """
        if not self.path.exists():
            self._create()
            return "there was none"
        try:
            reason = self._verify(now_ms, max_age_ms, on_document)
        except (
            *FAILURES,
            StoreError,
            msgspec.MsgspecError,
            TypeError,
            ValueError,
            OverflowError,
        ) as error:
            # a torn page may answer anything, NULL and other types included
            reason = f"it cannot be read: {error}"
        if reason is not None:
            self.reset()
        return reason

    def reset(self) -> None:
        """Begin anew, empty."""
        self.close()
        for suffix in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self._create()

    def get(self, user_id: str) -> bytes | None:
        """The document of a user, or None."""
        try:
            row = self._connection.execute(
                "select document, crc from users where id = ?", (user_id,)
            ).fetchone()
        except FAILURES as error:
            raise StoreError(f"{self.path.name}: {error}") from None
        if row is None:
            return None
        return _checked(self.path, user_id, *row)

    def write(self, documents: Mapping[str, bytes | None], mark: int, now_ms: int) -> None:
        """Put documents (None removes one) and the mark up to which the store is complete with them."""
        db = self._connection
        total, rows = self._sum, self.rows
        try:
            db.execute("begin immediate")
            with _rolled_back(db):
                find = db.cursor()
                puts: list[tuple[str, bytes, int]] = []
                gone: list[tuple[str]] = []
                for user, document in documents.items():
                    former = find.execute("select crc from users where id = ?", (user,)).fetchone()
                    if former is not None:
                        total, rows = total - former[0], rows - 1
                    if document is not None:
                        crc = checksum(user, document)
                        puts.append((user, document, crc))
                        total, rows = total + crc, rows + 1
                    elif former is not None:
                        gone.append((user,))
                db.executemany("insert or replace into users values (?, ?, ?)", puts)
                db.executemany("delete from users where id = ?", gone)
                if gone:
                    db.execute(f"pragma user_version = {_PAGES}")
                meta = Meta(self.identity, mark, total & SUM_MASK, rows, now_ms)
                db.execute("insert or replace into meta values (1, ?)", (_encode(meta),))
                db.execute("commit")
            self.mark, self._sum, self.rows = mark, total & SUM_MASK, rows
            if gone:
                self._unwiped = _PAGES
            self._wipe()
        except FAILURES as error:
            raise StoreError(f"{self.path.name}: {error}") from None

    def _wipe(self) -> None:
        """Let nothing of deleted rows stay in the files; goes on where a killed process left off."""
        db = self._connection
        if self._unwiped == _PAGES:
            # secure_delete wipes rows where they are, not the copies that SQLite left in a page's gap when it
            # moved them
            db.execute("vacuum")
            self._say_unwiped(_LOG)
        if self._unwiped == _LOG:
            # a reader may hold the log up: then with the next write, for ratings must not wait for him
            db.execute("pragma busy_timeout = 0")
            held_up = db.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
            db.execute(f"pragma busy_timeout = {BUSY_MS}")
            if not held_up:
                self._say_unwiped(_NOTHING)

    def _say_unwiped(self, what: int) -> None:
        self._connection.execute(f"pragma user_version = {what}")
        self._unwiped = what

    def scan(self) -> Iterator[tuple[str, bytes]]:
        """Every (user id, document)."""
        try:
            for user, document, crc in self._connection.execute("select id, document, crc from users"):
                yield user, _checked(self.path, user, document, crc)
        except FAILURES as error:
            raise StoreError(f"{self.path.name}: {error}") from None

    def close(self) -> None:
        """Close the file; harmless when closed."""
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise StoreError(f"{self.path.name} is not open")
        return self._db

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_MS / 1000, check_same_thread=False)
        self._db = db
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = normal")
        db.execute("pragma secure_delete = on")
        return db

    def _create(self) -> None:
        try:
            db = self._connect()
            db.executescript(_TABLES)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise StoreError(f"{self.path.name} cannot be made: {error}") from None
        self.mark, self.rows, self._sum, self._unwiped = 0, 0, 0, _NOTHING

    def _verify(self, now_ms: int, max_age_ms: int, on_document: Callable[[str, bytes], None]) -> str | None:
        db = self._connect()
        row = db.execute("select meta from meta").fetchone()
        if row is None:
            return "it was never written"
        meta = _decode(row[0])
        reason = distrust(meta, self.identity, now_ms, max_age_ms)
        if reason is not None:
            return reason
        total = rows = 0
        for user, document in self.scan():
            total += checksum(user, document)
            rows += 1
            on_document(user, document)
        if (total & SUM_MASK, rows) != (meta.sum, meta.rows):
            return f"its {rows} rows are not the {meta.rows} that were written"
        self.mark, self.rows, self._sum = meta.mark, meta.rows, meta.sum
        self._unwiped = db.execute("pragma user_version").fetchone()[0]
        self._wipe()
        return None


def read_document(path: Path, user_id: str) -> bytes | None:
    """A user's document, read over a connection of its own: for threads other than the store's.

    Raises:
        StoreError: if the file cannot be read.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1.0)) as db:
            row = db.execute("select document, crc from users where id = ?", (user_id,)).fetchone()
    except FAILURES as error:
        raise StoreError(f"{path.name}: {error}") from None
    if row is None:
        return None
    return _checked(path, user_id, *row)


@contextlib.contextmanager
def _rolled_back(db: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("rollback")
        raise


def remove_stale(directory: Path, keep: Iterable[Path], now_ms: int, max_age_ms: int) -> None:
    """Delete stores that nobody owns and nobody would believe: their users may be erased by now."""
    kept = set(keep)
    for path in directory.glob("users-*.sqlite"):
        if path not in kept and now_ms - path.stat().st_mtime * 1000 > max_age_ms:
            for suffix in ("", "-wal", "-shm", "-journal"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
