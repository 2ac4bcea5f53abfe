"""A real ledger and a real space worker between real Kafka and Milvus, and the checks that judge them."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import Message

from deploy.checks.items import ItemCheck
from deploy.checks.listing import user_rows
from deploy.checks.users import UserCheck
from deploy.stack.kafka import KafkaBroker
from deploy.stack.milvus import MilvusServer
from streaming.kafka.exceptions import KafkaUnavailableError
from streaming.kafka.loader import BEGINNING, read_to_end
from streaming.milvus.client import MilvusStore
from streaming.milvus.rows import UserRow
from streaming.settings import Settings
from streaming.topics import TopicNames
from tests.integration.ledger.traffic import behind, wait_folded
from tests.integration.pipeline.traffic import FILMS, USERS, PipelineTraffic
from tests.integration.space.world import START_S, World
from tests.support import MarqueeProcess, until

PASS_S = 6.0
"""One pass of the reconciler."""
BUSY_S = 6.0
"""What a busy machine may take on top."""


class Pipeline:
    """What a fault hits, and what must be exact afterwards.

    Args:
        encoded: films are put on ``items.v1`` and TorchServe makes their vectors; else vectors are put
            where the worker reads them.
    """

    def __init__(
        self,
        world: World,
        kafka: KafkaBroker,
        milvus: MilvusServer,
        put_film: Callable[[str], None],
        remove_film: Callable[[str], None],
        *,
        encoded: bool = False,
    ) -> None:
        self.world, self.kafka, self.milvus = world, kafka, milvus
        self.settings: Settings = world.settings
        self.names = TopicNames(self.settings.namespace)
        self.store = MilvusStore(self.settings)
        self._put, self._remove, self._encoded = put_film, remove_film, encoded
        self.ledger = MarqueeProcess(["ledger", "--instance", "0"], self.settings, {})
        self.worker = MarqueeProcess(["space", world.id, "--instance", "0"], self.settings, {})

        self._down: set[MarqueeProcess] = set()
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper")
        self._keeper.start()

    def _keep(self) -> None:
        """What ends by itself is started again, as the supervisor does."""
        while not self._closed.wait(0.5):
            for process in (self.ledger, self.worker):
                if process not in self._down and not process.running:
                    code = process.process.returncode
                    print(f"  {process.arguments[0]} ended with {code} and is started again", flush=True)
                    process.restart()

    @contextmanager
    def without(self, process: MarqueeProcess) -> Iterator[None]:
        """Killed with SIGKILL; back at the end of the block."""
        self._down.add(process)
        process.kill9()
        try:
            yield
        finally:
            process.restart()
            self._down.discard(process)

    def begin(self, rng: random.Random) -> None:
        """Most films and some ratings, all of them folded and written."""
        for n in range(FILMS - 20):
            self._put(f"ml:{n}")
        self.traffic(rng).burst(2_000)
        self.world.flush()
        wait_folded(self.settings, START_S)
        until(lambda: self.user_rows() > USERS // 2, START_S, what="user rows")

    def close(self) -> None:
        """End the processes, then drop what is in Milvus."""
        self._closed.set()
        self._keeper.join()
        self.ledger.close()
        self.worker.close()
        self.milvus.resume()
        self.milvus.start()
        self.milvus.wait_healthy()
        self.store.drop_space_collections(self.world.space)
        self.store.close()

    def traffic(self, rng: random.Random) -> PipelineTraffic:
        """Ratings, and films that come late, change and go."""

        def change_film(dice: random.Random) -> None:
            item_id = f"ml:{dice.randrange(FILMS)}"
            if dice.random() < 0.2:
                self._remove(item_id)
            else:
                self._put(item_id)

        return PipelineTraffic(self.settings, random.Random(rng.random()), change_film)

    # what one sees of a fault ------------------------------------------------------------------------

    def user_rows(self) -> int:
        """How many of the users have a row."""
        return len(self._rows())

    def newest_revision(self) -> dict[int, int]:
        """Partition -> the newest user document that a row shows."""
        newest: dict[int, int] = {}
        for row in self._rows().values():
            newest[row.part] = max(newest.get(row.part, -1), row.revision)
        return newest

    def settled_revision(self, timeout_s: float = 30.0) -> dict[int, int]:
        """:meth:`newest_revision` once Milvus has taken what was under way when its writer was killed."""
        seen: list[dict[int, int]] = []

        def same_twice() -> bool:
            seen.append(self.newest_revision())
            return len(seen) > 1 and seen[-1] == seen[-2]

        until(same_twice, timeout_s, what="rows stand still", interval_s=1.0)
        return seen[-1]

    def _rows(self) -> dict[str, UserRow]:
        users = [f"user-{n}" for n in range(USERS)]
        return user_rows(self.store, self.world.space.users_collection, users)

    def unfolded(self) -> bool:
        """Whether ratings wait, or a transaction is open."""
        try:
            return behind(self.settings) > 0
        except KafkaUnavailableError:
            return True

    def rows_follow(self, timeout_s: float = 90.0) -> None:
        """Return once rows of newer documents than now are written."""
        before = self.newest_revision()
        until(lambda: self.newest_revision() != before, timeout_s, what="rows follow the ratings again")

    def records(self, topic: str, partitions: int) -> list[Message]:
        """Every committed record of a topic."""
        found: list[Message] = []
        read_to_end(self.settings, {(topic, p): BEGINNING for p in range(partitions)}, found.append)
        return found

    # what must hold ----------------------------------------------------------------------------------

    def becomes_exact(self, traffic: PipelineTraffic) -> None:
        """Nothing acknowledged is lost; rule 1 as soon as the log is folded; rule 2 within a pass."""
        self.world.flush()
        began = time.monotonic()
        wait_folded(self.settings, START_S)
        folded = time.monotonic()
        assert not self.lost(traffic)
        log = UserCheck(self.settings, [], 0.0).run().log
        assert log.clean, f"rule 1: {log}"
        checked = time.monotonic()
        # what the first check took counts: the rows had that time too
        left = max(1.0, PASS_S + BUSY_S - (checked - began))
        rows = UserCheck(self.settings, [self.world.space], left).run().rows[self.world.id]
        assert rows.clean, f"rule 2: {rows}"
        assert rows.users > USERS // 2
        films = ItemCheck(self.settings, self.world.space, 1.0).run()
        wrong = films.missing + films.differing + films.orphans
        assert not wrong, f"rule 2: {films}"
        assert films.clean or not self._encoded, films
        print(
            f"  {traffic.sent} acknowledged, {log.records} in the log, 0 lost; folded {folded - began:.1f} s"
            f" after the last, all checked after {time.monotonic() - began:.1f} s;"
            f" largest error {rows.max_relative_error:.1e}"
        )

    def lost(self, traffic: PipelineTraffic) -> list[tuple[int, int]]:
        """Acknowledged ratings that do not lie in the log as they were sent."""
        log = {
            (m.partition(), m.offset()): m.value()
            for m in self.records(self.names.ratings, self.settings.topics.ratings_partitions)
        }
        return [place for place, value in traffic.places.items() if log.get(place) != value]
