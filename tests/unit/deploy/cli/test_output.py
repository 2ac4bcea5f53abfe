"""Tables for people: whole where nobody's window is too narrow for them."""

from __future__ import annotations

import pytest

from deploy.cli.output import out, table

IDENTIFIER = "item-encoder-2-mean-" + 8 * "0123456789"


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    out().print(table("", ("space", "where"), [(IDENTIFIER, "here")]))
    return capsys.readouterr().out


def test_a_long_id_stays_in_one_piece_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert IDENTIFIER in printed(capsys)
    # who says how wide it is is believed
    monkeypatch.setenv("COLUMNS", "60")
    assert IDENTIFIER not in printed(capsys)
