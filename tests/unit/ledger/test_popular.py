"""Like counts: what is published, and that a take-over finds what is wrong with it."""

from __future__ import annotations

from streaming.documents import WEEK_MS, bucket_of, decode_counts, encode_counts, encode_user, popular_key
from streaming.ledger.popular import LikeCounts


def counts(
    *documents: dict[str, tuple[float | None, int]], thresholds: tuple[float, ...] = (4.0,)
) -> LikeCounts:
    made = LikeCounts(2, thresholds)
    for document in documents:
        made.replace(None, encode_user(document))
    return made


def published(made: LikeCounts) -> dict[str, bytes]:
    return {key: value for key, value in made.take() if value is not None}


def test_likes_are_counted_by_week_of_event_time() -> None:
    made = counts(
        {"a": (5.0, 0), "b": (3.5, 0), "c": (None, 0)},
        {"a": (4.0, WEEK_MS)},
        {"a": (4.5, WEEK_MS + 5)},
    )
    ((key, value),) = made.take()
    assert key == popular_key(4.0, 2, bucket_of("a"))
    assert decode_counts(value or b"") == {"a": [(0, 1), (1, 2)]}
    assert made.take() == []


def test_each_threshold_has_its_own_counts() -> None:
    made = counts({"a": (4.0, 0)}, {"a": (3.5, 0)}, thresholds=(3.5, 4.0))
    values = {key: decode_counts(value) for key, value in published(made).items()}
    bucket = bucket_of("a")
    assert values == {
        popular_key(3.5, 2, bucket): {"a": [(0, 2)]},
        popular_key(4.0, 2, bucket): {"a": [(0, 1)]},
    }


def test_a_bucket_that_empties_is_withdrawn() -> None:
    made = counts({"a": (5.0, 0)})
    made.take()
    made.replace(encode_user({"a": (5.0, 0)}), encode_user({"a": (3.0, 9)}))
    assert made.take() == [(popular_key(4.0, 2, bucket_of("a")), None)]


def test_what_is_published_and_right_is_not_published_again() -> None:
    made = counts({"a": (5.0, 0), "b": (5.0, 7)})
    there = published(made)
    again = counts({"a": (5.0, 0), "b": (5.0, 7)})
    assert again.compare(there) == 0
    assert again.take() == []


def test_a_take_over_mends_wrong_missing_surplus_and_foreign_records() -> None:
    made = counts({"a": (5.0, 0), "b": (5.0, 0)})
    right = published(made)
    gone = next(item for item in ("c", "d", "e") if bucket_of(item) not in (bucket_of("a"), bucket_of("b")))
    wrong = {
        popular_key(4.0, 2, bucket_of("a")): encode_counts({"a": [(0, 3)]}),
        popular_key(4.0, 2, bucket_of(gone)): encode_counts({gone: [(0, 1)]}),
        popular_key(4.5, 2, 7): encode_counts({"a": [(0, 3)]}),
        popular_key(4.0, 2, bucket_of("b")).replace("\x1f", "-"): b"junk",
    }
    state = dict(wrong)
    assert made.compare(wrong) == 5
    for key, value in made.take():
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value
    assert state == right


def test_an_aborted_publication_is_published_again() -> None:
    made = counts({"a": (5.0, 0)})
    records = made.take()
    made.give_back(records)
    assert made.take() == records


def test_new_thresholds_withdraw_the_former_ones() -> None:
    made = counts({"a": (5.0, 0)})
    made.take()
    made.restart([3.0])
    made.replace(None, encode_user({"a": (5.0, 0)}))
    assert [(key, value is None) for key, value in made.take()] == [
        (popular_key(3.0, 2, bucket_of("a")), False),
        (popular_key(4.0, 2, bucket_of("a")), True),
    ]
