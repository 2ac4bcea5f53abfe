"""Wrong use is told at once; what is shown does no harm."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from deploy.cli import data, dlq, item, rate, recommend
from deploy.cli.dlq import safe_text
from deploy.cli.films import why
from deploy.cli.item import fields_of
from deploy.cli.output import cell_text


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (rate.command, ["u", "i"]),
        (rate.command, ["u", "i", "5.5"]),
        (rate.command, ["u", "i", "nan"]),
        (rate.command, ["u", "i", "4", "--take-back"]),
        (recommend.command, ["u", "-k", "0"]),
        (recommend.command, ["u", "-k", "10000"]),
        (dlq.command, ["replay"]),
        (dlq.command, ["replay", "--all", "--offset", "3"]),
        (item.command, ["put", "x"]),
        (data.command, ["export", "--out", "x"]),
    ],
)
def test_wrong_use_is_exit_code_2(command: click.Command, words: list[str]) -> None:
    assert CliRunner().invoke(command, words).exit_code == 2


def test_options_win_over_the_file_and_the_id_is_the_argument() -> None:
    options = {"title": "T", "year": None, "genres": ("A",), "cast": ()}
    content = '{"item_id": "other", "title": "X", "year": 1999, "cast": ["C"]}'
    assert fields_of(content, options) == {"title": "T", "year": 1999, "genres": ["A"], "cast": ["C"]}
    for bad in ("[", "[]", '{"year": 1}'):
        with pytest.raises(click.UsageError):
            fields_of(bad, {})


def test_bytes_are_shown_without_harm() -> None:
    assert safe_text(b"\x1b[31mred\x00\xff") == "\\x1b[31mred\\x00\\xff"
    assert safe_text(None) is None
    shown = safe_text(b"a" * 5_000)
    assert shown is not None
    assert shown.endswith("... (5000 bytes)")


def test_shares_are_of_the_score() -> None:
    film = {"score": 2.0, "reasons": [{"item_id": "a", "title": "A", "share": 1.5}], "rest": 0.5}
    assert why(film) == "A 75%, others 25%"
    assert why({"score": 0.0, "reasons": [{"item_id": "a", "title": "", "share": 0.0}]}) == "a +0.000"


def test_cells() -> None:
    assert [cell_text(v) for v in (None, True, 1_234, 2.5, 1e-7, ["a", "b"])] == [
        "",
        "yes",
        "1,234",
        "2.5",
        "1e-07",
        "a, b",
    ]
