"""Dropping everything that a retired or aborted space owns; each step may be repeated (DESIGN section 3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from deploy.rollout.exceptions import IllegalStepError
from deploy.rollout.machine import ENDS
from deploy.rollout.presence import GATEWAY, Followers
from streaming.control.documents import Change, SpaceDocument
from streaming.control.reader import read_control
from streaming.control.state import ControlState
from streaming.control.writer import change_control
from streaming.encoder.management import unregister_version
from streaming.exceptions import UnavailableError
from streaming.kafka.answers import answered
from streaming.kafka.config import admin_options
from streaming.milvus.client import MilvusStore
from streaming.settings import Settings
from streaming.topics import TopicNames, space_topics
from streaming.topics.admin import delete

Step = Callable[[str], None]
LEAVE_S = 60.0
"""How long gateways and workers may take to let go; a killed one is not heard of after ten seconds."""
GROUP_S = 30.0
"""A group is empty once the session of its last member has ended."""


def clear(settings: Settings, space_id: str, operator: str, step: Step = lambda _: None) -> SpaceDocument:
    """Wait until nobody uses the space, drop what it owns, and say so in its document.

    Order: gateways that may still answer from it, its workers, groups, topic, collections, model version
    (where no other space needs it). What is gone already is no error.

    Raises:
        IllegalStepError: the space is neither retired nor aborted.
        UnavailableError: somebody does not let go, or a service does not answer; `rollout resume` goes on.
    """
    state = read_control(settings)
    space = state.spaces[space_id]
    if space.state not in ENDS:
        raise IllegalStepError(f"{space_id} is {space.state}: only what is retired or aborted is dropped")
    if space.dropped:
        return space
    _wait_unused(settings, space, step)
    step("deleting groups and topic")
    names = TopicNames(settings.namespace)
    _delete_groups(settings, [names.indexer_group(space_id), names.projector_group(space_id)])
    delete(settings, [topic.name for topic in space_topics(settings, space_id)])
    step("dropping collections")
    store = MilvusStore(settings)
    try:
        for generation in range(1, space.generation + 1):
            store.drop_space_collections(msgspec.structs.replace(space, generation=generation))
    finally:
        store.close()
    if not _model_needed(state, space):
        step(f"unregistering {space.package} {space.version} at TorchServe")
        unregister_version(settings, space.package, space.version)

    def dropped(now: ControlState, change: Change) -> Sequence[SpaceDocument]:
        return [msgspec.structs.replace(now.spaces[space_id], dropped=True, change=change)]

    return change_control(settings, operator, "everything is dropped", dropped).spaces[space_id]


def _wait_unused(settings: Settings, space: SpaceDocument, step: Step) -> None:
    step("waiting until nobody uses it")
    with Followers(settings) as followers:
        seen = followers.wait(space.change.revision, time.monotonic(), GATEWAY, LEAVE_S)
        left = [*seen.lagging, *followers.gone(f"space:{space.space}", LEAVE_S)]
    if left:
        raise UnavailableError(
            f"{', '.join(left)} may still use {space.space}, nothing is dropped yet; later:"
            f" marquee rollout resume {space.space}"
        )


def _delete_groups(settings: Settings, groups: Sequence[str]) -> None:
    admin = AdminClient(admin_options(settings))
    until = time.monotonic() + GROUP_S
    left = list(groups)
    while left:
        futures = admin.delete_consumer_groups(left, request_timeout=10.0)
        left = [group for group, future in futures.items() if not _deleted(group, future)]
        if left and time.monotonic() > until:
            raise UnavailableError(f"these groups still have members: {', '.join(left)}")
        if left:
            time.sleep(0.5)


def _deleted(group: str, future: Future[None]) -> bool:
    try:
        answered(future, 15.0)
    except KafkaException as error:
        code = error.args[0].code()
        if code == KafkaError.GROUP_ID_NOT_FOUND:
            return True
        if code in (
            KafkaError.NON_EMPTY_GROUP,
            KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
            KafkaError.NOT_COORDINATOR,
        ):
            return False
        raise UnavailableError(f"group {group} could not be deleted: {error.args[0].str()}") from None
    return True


def _model_needed(state: ControlState, space: SpaceDocument) -> bool:
    """Whether another space of the same package version is not over yet."""
    return any(
        other.space != space.space
        and other.state not in ENDS
        and (other.package, other.version) == (space.package, space.version)
        for other in state.spaces.values()
    )
