"""The pages name every limit as the code has it, and no metric that there is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streaming.documents import MAX_ITEMS
from streaming.events.items import (
    FIRST_YEAR,
    LAST_YEAR,
    MAX_LIST,
    MAX_LIST_ENTRY_BYTES,
    MAX_TEXT_BYTES,
    MAX_TITLE_BYTES,
)
from streaming.gateway.door import FORM, MIB, body_limit
from streaming.gateway.parse import MAX_EXCLUDED, MAX_K, MAX_ROWS
from streaming.gateway.parse_search import MAX_TEXT
from streaming.ids import MAX_ID_BYTES
from streaming.posters import MAX_PIXELS, MAX_POSTER_BYTES

PROJECT = Path(__file__).parents[3]
LARGE = {
    "body of a request": f"{body_limit('/v1/items/a') // MIB} MiB",
    "body of `POST /v1/items:bulk`": f"{body_limit('/v1/items:bulk') // MIB} MiB",
    "rows of a bulk": f"{MAX_ROWS:,}",
    "poster (": f"{MAX_POSTER_BYTES // MIB} MiB and {MAX_PIXELS:,} pixels",
    "id of a user": f"{MAX_ID_BYTES} bytes",
    "`title`": f"{MAX_TITLE_BYTES:,} bytes",
    "`text`": f"{MAX_TEXT_BYTES:,} bytes",
    "`genres`": f"{MAX_LIST} entries each, {MAX_LIST_ENTRY_BYTES} bytes an entry",
    "`year`": f"from {FIRST_YEAR} to {LAST_YEAR}",
    "films that one user": f"{MAX_ITEMS:,}",
}


def page(name: str) -> str:
    """Its text, lines joined."""
    return (PROJECT / "docs" / name).read_text()


@pytest.mark.parametrize(("what", "most"), LARGE.items())
def test_how_large_is_what_holds(what: str, most: str) -> None:
    table = page("ingest.md").split("### How large")[1]
    (row,) = [line for line in table.splitlines() if line.startswith(f"| {what}")]
    assert row.split(" | ")[1].startswith(most)


def test_what_questions_may_hold_is_what_holds() -> None:
    said = " ".join(page("lookup.md").split("- **How many.**")[1].split("- **Errors**")[0].split())
    for limit in (
        f"`k` is 1 to {MAX_K:,}",
        f"more than {MAX_EXCLUDED:,} `exclude`",
        f"more than {MAX_TEXT:,} characters",
        f"more than {MAX_ID_BYTES} bytes",
        f"not 1 to {MAX_ITEMS:,}",
        f"a search's of more than {(body_limit('/v1/search') - FORM) // MIB} MiB and {FORM // 1024} KiB",
    ):
        assert limit in said


def test_metrics_to_watch_are_there() -> None:
    watched = page("operate.md").split("## What to watch")[1].split("\n## ")[0]
    named = set(re.findall(r"marquee_(\w+?)(?:_total)?[`{]", watched))
    source = "".join(path.read_text() for path in (PROJECT / "streaming").rglob("*.py"))
    assert len(named) > 10
    assert not {name for name in named if f'"{name}"' not in source}
