"""Changing spaces and route so that no change is lost (DESIGN section 4, rule 10).

All changes go through one ``transactional.id``: opening it fences every other writer. Then read to the
end, let the caller decide on what is there, produce, commit. A commit of unknown outcome is settled by
reading again for this writer's own revision and nonce.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Producer

from streaming.control.documents import (
    ROUTE_KEY,
    Change,
    RouteDocument,
    SpaceDocument,
    encode_control,
    space_key,
)
from streaming.control.exceptions import FencedWriterError, StaleRevisionError, UnsettledChangeError
from streaming.control.reader import read_control
from streaming.control.state import ControlState
from streaming.exceptions import UnavailableError
from streaming.kafka.config import transactional_options
from streaming.kafka.connecting import connect
from streaming.settings import Settings
from streaming.topics import TopicNames

Document = SpaceDocument | RouteDocument
Mutation = Callable[[ControlState, Change], Sequence[Document]]
OPEN_TIMEOUT_S = 30.0
COMMIT_TIMEOUT_S = 15.0
_quiet = logging.getLogger("marquee.control.librdkafka")
"""To be fenced is an answer here, which librdkafka prints as a fatal error; callers get an exception."""
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False
FENCED = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)


def change_control(
    settings: Settings, operator: str, reason: str, mutate: Mutation, *, expect_revision: int | None = None
) -> ControlState:
    """Apply one change and return the state after it.

    Args:
        operator, reason: who changes and why; kept with the documents.
        mutate: gets the state and the :class:`Change` to put into its documents; returns the documents
            to write (none: nothing is written). It may raise to refuse.
        expect_revision: the revision the caller decided on.

    Raises:
        StaleRevisionError: the revision is no longer ``expect_revision``.
        FencedWriterError: another writer opened meanwhile; nothing was written.
        UnsettledChangeError: Kafka did not say whether the change was taken.
        UnavailableError: Kafka does not answer; nothing was written.
    """
    names = TopicNames(settings.namespace)
    options = transactional_options(settings, f"{settings.namespace}.control", "marquee-control")
    producer = Producer(options, logger=_quiet)
    try:
        connect(producer, names.control, OPEN_TIMEOUT_S)
        producer.init_transactions(OPEN_TIMEOUT_S)
        state = read_control(settings)
        if expect_revision is not None and state.revision != expect_revision:
            raise StaleRevisionError(
                f"control is at revision {state.revision}, not {expect_revision}: look again, then repeat"
            )
        change = Change(
            revision=state.revision + 1,
            nonce=uuid.uuid4().hex,
            operator=operator,
            reason=reason,
            at_ms=int(time.time() * 1000),
        )
        documents = mutate(state, change)
        if not documents:
            return state
        producer.begin_transaction()
        for document in documents:
            key = ROUTE_KEY if isinstance(document, RouteDocument) else space_key(document.space)
            producer.produce(names.control, encode_control(document), key, partition=0)
    except KafkaException as error:
        if error.args[0].code() in FENCED:
            raise FencedWriterError("another operator's change came between; nothing was written") from None
        raise UnavailableError(
            f"Kafka does not take the change ({error.args[0].str()}); nothing was written"
        ) from None
    try:
        producer.commit_transaction(COMMIT_TIMEOUT_S)
    except KafkaException as error:
        return _settle(settings, change, _after_abort(producer, error))
    for document in documents:
        state = state.with_document(document)
    return state


def _after_abort(producer: Producer, error: KafkaException) -> KafkaException:
    """The refused transaction ended, and the reason that says most.

    A broker that is aborting for a newer writer may answer the commit with "unknown error"; asked to
    abort, it says that this writer is fenced. A transaction left open would keep readers waiting.
    """
    if error.args[0].txn_requires_abort():
        try:
            producer.abort_transaction(COMMIT_TIMEOUT_S)
        except KafkaException as fenced:
            if fenced.args[0].code() in FENCED:
                return fenced
    return error


def _settle(settings: Settings, change: Change, error: KafkaException) -> ControlState:
    """Whether a commit of unknown outcome was taken: the log knows, once its end can be read."""
    deadline = time.monotonic() + settings.session.transaction_timeout_ms / 1000 + 10
    while True:
        try:
            state = read_control(settings)
            break
        except UnavailableError:
            if time.monotonic() > deadline:
                raise UnsettledChangeError(
                    "Kafka went away while the change was committed; look at the state before repeating it"
                ) from error
            time.sleep(0.5)
    if (state.revision, state.nonce) == (change.revision, change.nonce):
        return state
    if error.args[0].code() in FENCED or state.revision >= change.revision:
        raise FencedWriterError("another operator's change came between; nothing was written") from None
    raise UnavailableError(f"Kafka refused the change ({error.args[0].str()}); nothing was written") from None
