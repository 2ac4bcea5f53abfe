"""The topic table: names, co-partitioning, clean-up."""

from __future__ import annotations

from streaming.settings import Settings, TopicSettings
from streaming.topics import TopicNames, fixed_topics, space_topics
from streaming.topics.admin import MISSING, Difference


def test_what_is_keyed_alike_has_the_same_partitions(bare_settings: Settings) -> None:
    settings = bare_settings.model_copy(
        update={"topics": TopicSettings(ratings_partitions=5, items_partitions=3)}
    )
    names = TopicNames(settings.namespace)
    count = {t.name: t.partitions for t in [*fixed_topics(settings), *space_topics(settings, "s")]}
    assert {count[n] for n in (names.ratings, names.users, names.erased, names.popular)} == {5}
    assert count[names.items] == count[names.vectors("s")] == 3
    assert count[names.control] == count[names.presence] == 1


def test_every_topic_is_a_log_or_compacted_and_stamped_by_the_broker(bare_settings: Settings) -> None:
    for topic in [*fixed_topics(bare_settings), *space_topics(bare_settings, "s")]:
        assert topic.config["message.timestamp.type"] == "LogAppendTime"
        assert topic.name.startswith(f"{bare_settings.namespace}.")
        if topic.config["cleanup.policy"] == "delete":
            assert int(topic.config["retention.ms"]) == 6 * 86_400_000
        else:
            assert int(topic.config["delete.retention.ms"]) == 7 * 86_400_000


def test_dead_letters_are_kept_of_what_a_consumer_group_owns(bare_settings: Settings) -> None:
    names = TopicNames(bare_settings.namespace)
    made = {topic.name for topic in fixed_topics(bare_settings)}
    assert {name for name in made if ".dlq." in name} == {names.dlq(names.ratings), names.dlq(names.items)}


def test_a_difference_says_what_is_and_what_must_be() -> None:
    assert str(Difference("a", "segment.ms", "1", "2")) == "a: segment.ms is 2, must be 1"
    assert str(Difference("a", MISSING, "present", "missing")) == "a: missing"
