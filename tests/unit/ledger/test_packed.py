"""Half-encoded documents are the same documents."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streaming.documents import decode_user, encode_user
from streaming.ledger.packed import decode_packed, encode_packed, entry, item_key, item_of, time_of, value_of

values = st.one_of(st.none(), st.floats(0.5, 5))
documents = st.dictionaries(
    st.text(min_size=1, max_size=64),
    st.tuples(values, st.one_of(st.integers(0, 2**33), st.integers(0, 2**48))),
    max_size=40,
)


@given(documents)
def test_both_encodings_decode_to_the_same(document: dict[str, tuple[float | None, int]]) -> None:
    packed = {item_key(item): entry(item_key(item), *rating) for item, rating in document.items()}
    value = encode_packed(packed)
    if not document:
        assert value is None
        return
    assert value is not None
    assert decode_user(value) == document
    assert decode_packed(value, {}) == packed
    assert decode_packed(encode_user(document), {}) == packed


@given(st.text(min_size=1, max_size=64), values, st.integers(0, 2**48))
def test_an_entry_tells_its_item_value_and_time(item: str, value: float | None, ms: int) -> None:
    key = item_key(item)
    packed = entry(key, value, ms)
    assert (item_of(key), value_of(key, packed), time_of(packed)) == (item, value, ms)


def test_sizes_of_the_map_header() -> None:
    for count in (1, 15, 16, 20_000, 70_000):
        packed = {item_key(str(n)): entry(item_key(str(n)), 4.0, n) for n in range(count)}
        assert len(decode_user(encode_packed(packed) or b"")) == count
