"""Wrong use is told at once; what is shown does no harm."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from deploy.cli import config, data, dlq, item, profiles, rate, recommend, rollout, similar, stack, user
from deploy.cli.dlq import safe_text
from deploy.cli.films import why
from deploy.cli.item import fields_of
from deploy.cli.output import cell_text, table
from deploy.cli.search import heading
from streaming.exceptions import MarqueeError


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (rate.command, ["u", "i"]),
        (rate.command, ["u", "i", "5.5"]),
        (rate.command, ["u", "i", "nan"]),
        (rate.command, ["u", "i", "4", "--take-back"]),
        (recommend.command, ["u", "-k", "0"]),
        (user.command, ["show", "u", "-n", "0"]),
        (recommend.command, ["u", "-k", "10000"]),
        (dlq.command, ["replay"]),
        (dlq.command, ["replay", "--all", "--offset", "3"]),
        (item.command, ["put", "x"]),
        (data.command, ["export", "--out", "x"]),
    ],
)
def test_wrong_use_is_exit_code_2(command: click.Command, words: list[str]) -> None:
    assert CliRunner().invoke(command, words).exit_code == 2


@pytest.mark.parametrize("empty", ["", "  "])
@pytest.mark.parametrize(
    ("command", "words", "name"),
    [
        (recommend.command, [""], "USER"),
        (similar.command, [""], "ITEM"),
        (rate.command, ["", "i", "4"], "USER"),
        (rate.command, ["u", "", "4"], "ITEM"),
        (item.command, ["show", ""], "ITEM"),
        (user.command, ["show", ""], "USER"),
        (item.command, ["put", "", "--title", "T"], "ITEM"),
    ],
)
def test_an_empty_id_is_told_before_anybody_is_asked(
    command: click.Command, words: list[str], name: str, empty: str
) -> None:
    result = CliRunner().invoke(command, [word or empty for word in words])
    assert result.exit_code == 2
    assert f"Invalid value for '{name}': the id is empty" in result.output


def test_what_is_removed_may_have_a_blank_id_of_before_but_not_an_empty_one() -> None:
    for command, name in ((item.command, "remove"), (profiles.command, "erase")):
        result = CliRunner().invoke(command, [name, ""])
        assert (result.exit_code, "the id is empty" in result.output) == (2, True)
        with command.commands[name].make_context(name, [" "]) as context:
            assert " " in context.params.values()


def test_options_win_over_the_file_and_the_id_is_the_argument() -> None:
    options = {"title": "T", "year": None, "genres": ("A",), "cast": ()}
    content = '{"item_id": "other", "title": "X", "year": 1999, "cast": ["C"]}'
    assert fields_of(content, options) == {"title": "T", "year": 1999, "genres": ["A"], "cast": ["C"]}
    for bad in ("[", "[]", '{"year": 1}'):
        with pytest.raises(click.UsageError):
            fields_of(bad, {})


def test_a_field_that_no_film_has_is_named_with_those_there_are() -> None:
    with pytest.raises(
        click.UsageError, match=r"'yeer': did you mean 'year'\? There are item_id, title, year"
    ):
        fields_of('{"title": "T", "yeer": 1999}', {})
    with pytest.raises(click.UsageError, match=r"'rank'\. There are .*poster_sha256$"):
        fields_of('{"title": "T", "rank": 1}', {})


def test_what_item_show_answers_can_be_put_again() -> None:
    shown = {"item_id": "ml:1", "title": "T", "indexed": True, "space": "s", "likes": 3}
    assert fields_of(json.dumps(shown), {}) == {"title": "T"}


def test_ids_in_a_title_are_no_markup() -> None:
    written = io.StringIO()
    Console(file=written, width=80).print(table("u[/b][red]: 3 ratings", ("film",), [["ml:1[/b]"]]))
    said = written.getvalue()
    assert "u[/b][red]: " in said
    assert "ml:1[/b]" in said


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (data.command, ["import", "/nope"]),
        (rollout.command, ["replay", "--from", "/nope"]),
        (rollout.command, ["replay", "--from", "/nope.jsonl"]),
    ],
)
def test_a_mistyped_path_is_told_before_kafka_is_looked_for(
    command: click.Command, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARQUEE_HOME", str(tmp_path))
    monkeypatch.setenv("MARQUEE_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    error = CliRunner().invoke(command, words).exception
    assert isinstance(error, MarqueeError)
    assert "/nope" in str(error)
    assert error.exit_code == 2


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


def test_ratings_are_shown_with_what_the_table_leaves_out() -> None:
    rating = {"item_id": "ml:1", "title": None, "value": 4.5, "liked": True}
    answer = {
        "user_id": "u",
        "rated": 1_500,
        "liked": 3,
        "taken_back": 0,
        "ratings": [rating | {"event_time": "2026-01-02T03:04:05.678Z"}],
        "profile": {"space": "s", "fresh": False},
    }
    assert user.heading(answer) == "u: 1,500 ratings, 3 of them likes"
    assert user.row(answer["ratings"][0]) == ["ml:1", None, 4.5, True, "2026-01-02 03:04:05 UTC"]
    assert user.heading(answer | {"rated": 1}).startswith("u: 1 rating, ")
    older, unknown, trails = user.remarks(answer)
    assert unknown == "without a title: 1, whose films are not indexed, or no space is in service"
    assert older == "1,499 older, not shown: -n 1500 shows all"
    assert "his row in s trails" in trails
    known = [rating | {"title": "Toy Story", "event_time": "2026-01-02T03:04:05.678Z"}]
    assert user.remarks(answer | {"rated": 1, "profile": None, "ratings": known}) == []


def test_a_poster_that_nobody_read_is_not_what_the_films_are_like() -> None:
    answer = {"space": "s", "poster_passed_over": True}
    assert heading("a girl", "p.webp", answer) == (
        "like 'a girl' (space s); p.webp was passed over: its encoder reads no posters"
    )
    assert heading("a girl", "p.webp", {"space": "s"}) == "like 'a girl' and p.webp (space s)"
    assert heading("", "p.webp", {"space": "s", "poster_passed_over": False}) == "like p.webp (space s)"
    assert heading("", "p.webp", {"space": "s", "titled": 0}) == "like p.webp (space s)"
    assert heading("matrx", "", {"space": "s", "titled": 0}).endswith(
        "(space s); no title holds all these words"
    )
    assert heading("x", "", {"space": "s", "titled": 0}, filtered=True).endswith(
        "; no title among these films holds all these words"
    )
    assert heading("matrix", "", {"space": "s", "titled": 1}) == "like 'matrix' (space s)"


def test_cells() -> None:
    assert [cell_text(v) for v in (None, True, 1_234, 2.5, 1e-7, ["a", "b"])] == [
        "",
        "yes",
        "1,234",
        "2.5",
        "1e-07",
        "a, b",
    ]


def test_two_spaces_with_the_same_beginning_look_different_in_80_columns() -> None:
    names = ["space-item-encoder-1-mean-f5d94b", "space-item-encoder-1-mean-a1b2c3"]
    row = {"state": "healthy", "pid": 12_345, "ports": {"a": 8_704, "b": 8_705}, "uptime_s": 5_000.0}
    rest = {"rss_mb": 256.0, "restarts": 0, "health": "/status ok"}
    console = Console(width=80, file=io.StringIO())
    console.print(stack.state_table({"services": [{"name": name} | row | rest for name in names]}))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert "…" not in console.file.getvalue()
    width = lines[0].index("state")
    assert "".join(line[:width].strip() for line in lines[1:]) == "".join(names)


def test_no_setting_is_cut(tmp_path: Path) -> None:
    environment = {"MARQUEE_HOME": str(tmp_path), "COLUMNS": "80"}
    result = CliRunner().invoke(config.command, ["show"], env=environment)
    assert result.exit_code == 0
    assert "…" not in result.output


def test_an_export_names_its_cut_off_as_a_date() -> None:
    rows = data.exported_rows({"until_ms": 1_514_764_800_000, "users": 3, "users_offsets": [1]})
    assert rows == [("until", "2018-01-01 00:00:00 UTC"), ("users", 3)]


def test_no_column_is_without_a_name() -> None:
    found = 0
    for path in Path(stack.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            # the second argument of table(), or the list that is named columns
            columns = None
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "table" and len(node.args) > 1:
                columns = node.args[1]
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "columns":
                columns = node.value
            if isinstance(columns, ast.List | ast.Tuple):
                found += 1
                names = [cell.value for cell in columns.elts if isinstance(cell, ast.Constant)]
                assert "" not in names, f"{path.name}: {ast.unparse(columns)}"
    assert found > 10
