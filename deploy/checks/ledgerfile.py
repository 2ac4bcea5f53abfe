"""A user's rows in the bytes of a ledger's SQLite store: rows in use, deleted ones, and those of its log.

Documents hold ids of films, which may be a user's too, so bytes alone prove nothing. A row is a record header
(sizes of its three columns), the user's id, the document and a checksum:
https://www.sqlite.org/fileformat2.html#record_format. SQLite overwrites the first four bytes of a row that it
frees, and may overwrite its end.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deploy.checks.raw import pattern_of

STORE_SUFFIXES = (".sqlite", ".sqlite-wal")
# SQLite keeps what a table was made by, its first words in capitals
_TABLE = b" users (id text primary key, document blob not null, crc integer not null)"
_DOCUMENT = b"\x92\x01"
"""A document's beginning: MessagePack of two values, of which the first is its schema."""
_MAPS = frozenset((*range(0x80, 0x90), 0xDE, 0xDF))
_SHORT_STRING, _STRING = 0xA0, 0xD9
NUMBER_BYTES = 8
"""Times, ratings and checksums hold any few bytes by chance, never more than these."""
WAL_HEADER, FRAME_HEADER = 32, 24
LARGEST_PAGE = 65_536


def is_ledger_store(path: Path) -> bool:
    """Whether a SQLite file, or the file whose log it is, has a ledger's tables."""
    main = path.with_name(path.name.removesuffix("-wal"))
    # the tables' text lies in the first page; of a young store, in the log of it
    for file, size in ((main, LARGEST_PAGE), (main.with_name(main.name + "-wal"), -1)):
        try:
            with file.open("rb") as content:
                if _TABLE in content.read(size):
                    return True
        except OSError:
            continue
    return False


def store_mentions(path: Path, user_id: str) -> int:
    """How many rows of the user the bytes of a store, or of its write-ahead log, still hold.

    An id of more than eight bytes counts wherever it stands, but as a film of a document. A shorter one
    counts where a row's header stands before it or a document's beginning behind it.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return 0
    sought = user_id.encode()
    in_page = _position_in_page(content, path.name.endswith("-wal"))
    count = 0
    for found in pattern_of(user_id).finditer(content):
        start, end = found.span()
        count += _has_row_shape(content, start, end) or (
            len(sought) > NUMBER_BYTES and not _is_film(content, start, len(sought), in_page(start))
        )
    return count


def _has_row_shape(content: bytes, start: int, end: int) -> bool:
    size = end - start
    # SQLite's number of a text's size; of two bytes from 128 on
    text = 2 * size + 13
    said = bytes([text]) if text < 128 else bytes([0x80 | text >> 7, text & 0x7F])
    for header in range(4, 9):
        at = start - header
        if at >= 0 and content[at] == header and content[at + 1 :].startswith(said):
            return True
    behind = content[end : end + 3]
    return len(behind) == 3 and behind[:2] == _DOCUMENT and behind[2] in _MAPS


def _is_film(content: bytes, start: int, size: int, in_page: int) -> bool:
    """Whether the id is a key of a document: MessagePack says its length before it."""
    if size < 32 and content[start - 1 : start] == bytes([_SHORT_STRING | size]):
        return True
    if content[max(0, start - 2) : start] == bytes([_STRING, size]):
        return True
    # a document that goes on in another page, behind that page's pointer; the length may lie in the one
    # before. A row begins with its id, so that no user's ever stands there
    return in_page == 4 or (in_page == 5 and content[start - 1] == size)


def _position_in_page(content: bytes, is_log: bool) -> Callable[[int], int]:
    if is_log:
        page = int.from_bytes(content[8:12])
        return lambda at: (at - WAL_HEADER) % (page + FRAME_HEADER) - FRAME_HEADER if page else at
    page = int.from_bytes(content[16:18])
    page = LARGEST_PAGE if page == 1 else page
    return lambda at: at % page if page else at
