"""Having compaction happen within seconds, for tests of what is left then."""

from __future__ import annotations

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from streaming.kafka.config import admin_options
from streaming.settings import Settings


def clean_at_once(settings: Settings, topic: str) -> None:
    """Have a compacted topic compacted however little there is to gain."""
    entry = ConfigEntry("min.cleanable.dirty.ratio", "0.01", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    # an admin client that nothing names is gone before it is answered
    admin = AdminClient(admin_options(settings))
    admin.incremental_alter_configs([resource])[resource].result(10)
