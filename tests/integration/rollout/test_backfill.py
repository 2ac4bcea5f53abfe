"""Life goes on while a space is filled: it lands in both, and a backfill that is aborted leaves nothing."""

from __future__ import annotations

import signal
from datetime import UTC, datetime

import pytest

from deploy.checks.items import ItemCheck
from deploy.checks.users import UserCheck
from deploy.rollout.changes import make, plan
from deploy.rollout.resuming import Driver
from streaming.control.documents import SpaceDocument
from streaming.events import Item, RatingEvent
from streaming.kafka.loader import BEGINNING, read_to_end
from tests.integration.rollout.house import USERS, House
from tests.integration.rollout.test_life import NOTHING, PACKAGE, owned
from tests.integration.space.world import START_S
from tests.support import until

pytestmark = pytest.mark.timeout(600)
"""Services start and packages are trained for the first test: that takes long on a busy machine."""

SLOWLY = {"MARQUEE_SPACE__INDEX_ITEMS_PER_S": "2", "MARQUEE_SPACE__INDEX_BATCH": "2"}


def vectors(house: House, space: str) -> set[bytes]:
    """Films that have a vector in a space."""
    found: set[bytes] = set()
    topic, parts = house.names.vectors(space), house.settings.topics.items_partitions
    read_to_end(
        house.settings,
        {(topic, part): BEGINNING for part in range(parts)},
        lambda message: found.add(message.key() or b""),
    )
    return {key for key in found if key != b"\x00"}


def stopped_halfway(house: House) -> SpaceDocument:
    """A space whose worker has stopped in the middle of its backfill."""
    name = house.answer("start", PACKAGE, "--detach")["space"]
    worker = house.staffed(name, SLOWLY)
    until(lambda: vectors(house, name), START_S, what="the backfill has begun")
    worker.send(signal.SIGSTOP)
    assert 0 < len(vectors(house, name)) < len(house.tiny.items), "the middle of a backfill"
    return house.spaces()[name]


def live_on(house: House, number: int) -> None:
    """Ratings, a new user, a film that changes, one that goes, one that comes, and a user who leaves."""
    for film in house.tiny.items[:6]:
        house.rate(f"u{number}", film.item_id, 5.0)
        house.rate(f"late {number}", film.item_id, 4.5)
    changed, removed = house.tiny.items[10 + number], house.tiny.items[20 + number]
    house.put(Item(item_id=changed.item_id, title=f"Another title {number}"))
    house.put(Item(item_id=f"new:{number}", title="A film that came late", genres=("Drama",)))
    house.remove(removed.item_id)
    house.send(RatingEvent(f"u{USERS - 1 - number}", datetime.now(UTC), erase=True))
    assert house.producer.flush(20) == 0


@pytest.mark.full
def test_a_worker_that_slept_while_its_space_was_dropped_makes_nothing_again(house: House) -> None:
    space = stopped_halfway(house)
    worker = house.workers[space.space]
    make(house.settings, plan(house.settings, "abort", space.space), "ann", "")
    # it is not heard of any more, and so nobody waits for it
    assert Driver(house.settings, "ann").resume(space.space).dropped
    assert owned(house.settings, space) == NOTHING
    assert worker.running, "it only sleeps"
    live_on(house, 0)
    worker.send(signal.SIGCONT)
    until(lambda: not worker.running, 60, what="it hears of the end and ends")
    left = owned(house.settings, space)
    assert (left["topics"], left["collections"]) == ([], [])


@pytest.mark.full
def test_what_happens_during_a_backfill_lands_in_both_spaces(house: House) -> None:
    first = house.answer("start", PACKAGE, "--promote")["space"]
    house.staffed(first)
    aborted = stopped_halfway(house)
    live_on(house, 0)
    house.workers[aborted.space].kill9()
    make(house.settings, plan(house.settings, "abort", aborted.space), "ann", "")
    assert Driver(house.settings, "ann").resume(aborted.space).dropped
    assert owned(house.settings, aborted) == NOTHING

    again = stopped_halfway(house)
    assert again.space != aborted.space
    live_on(house, 1)
    house.workers[again.space].send(signal.SIGCONT)
    (ready,) = house.answer("resume", again.space)["spaces"]
    assert ready["state"] == "ready"
    both = [house.spaces()[first], house.spaces()[again.space]]
    check = UserCheck(house.settings, both, 60.0).run()
    assert check.log.clean
    assert all(found.clean for found in check.rows.values()), check.rows
    for space in both:
        films = ItemCheck(house.settings, space, 30.0).run()
        assert films.clean, films
        # two came and two went
        assert films.vectors == len(house.tiny.items)
    users = check.rows[first].users
    assert users == USERS, "two users came late, two were erased"
