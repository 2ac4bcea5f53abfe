"""The control state is the fold of its records, whatever compaction left of them."""

from __future__ import annotations

import msgspec
import pytest

from streaming.control.documents import (
    Canary,
    Change,
    Move,
    RouteDocument,
    SpaceDocument,
    encode_control,
    moved,
    space_key,
)
from streaming.control.state import ControlState


def change(revision: int) -> Change:
    return Change(revision=revision, nonce=f"n{revision}", operator="ann", reason="test", at_ms=revision)


def space(name: str, revision: int, **fields: object) -> SpaceDocument:
    return SpaceDocument(space=name, package="p", version="1", dim=4, change=change(revision), **fields)  # type: ignore[arg-type]


def test_a_document_survives_its_encoding() -> None:
    document = space("p-1-mean-aaaaaa", 3)
    state = ControlState().with_record(space_key(document.space), encode_control(document))
    assert state.spaces == {"p-1-mean-aaaaaa": document}
    assert (state.revision, state.nonce) == (3, "n3")


def test_only_live_spaces_are_live_and_the_routed_ones_start_with_the_champion() -> None:
    state = ControlState()
    for document in (
        space("a", 1, state="champion"),
        space("b", 2, state="canary"),
        space("c", 3, state="retired"),
    ):
        state = state.with_document(document)
    state = state.with_document(
        RouteDocument(route_id="r", champion="a", canary=Canary("b", 5.0), shadow="a", change=change(4))
    )
    assert set(state.live) == {"a", "b"}
    assert state.routed == ("a", "b")


def test_a_record_without_value_forgets() -> None:
    document = space("a", 1)
    state = ControlState().with_document(document).with_record(space_key("a"), None)
    assert not state.spaces
    assert state.revision == 1


def test_moves_are_remembered() -> None:
    document = moved(moved(space("a", 1), "champion", change(2)), "standby", change(5))
    assert document.state == "standby"
    assert document.history == (
        Move("champion", 2, 2, "ann", "test"),
        Move("standby", 5, 5, "ann", "test"),
    )


def test_a_history_without_names_is_read_too() -> None:
    document = moved(space("a", 1), "champion", change(2))
    plain = msgspec.json.decode(encode_control(document))
    plain["history"] = [["champion", 2]]
    state = ControlState().with_record(space_key("a"), msgspec.json.encode(plain))
    assert state.spaces["a"].history == (Move("champion", 2),)


@pytest.mark.parametrize(
    ("key", "value"), [("nonsense", b"{}"), ("route", b"{"), ("space/a", b'{"space": 1}')]
)
def test_foreign_records_are_refused(key: str, value: bytes) -> None:
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        ControlState().with_record(key, value)


def test_collections_have_names_that_milvus_takes() -> None:
    document = space("item-encoder-1-mean-a1b2c3", 1)
    assert document.users_collection == "users__item_encoder_1_mean_a1b2c3"
    assert msgspec.structs.replace(document, generation=2).users_collection.endswith("__g2")
