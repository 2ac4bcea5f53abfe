"""Whatever is killed in whatever phase of a rollout, it ends as it would have without."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product

import pytest
from click.testing import CliRunner

from deploy.checks.items import ItemCheck
from deploy.checks.users import UserCheck
from deploy.cli.rollout import command
from deploy.stack.kafka import KafkaBroker
from deploy.stack.milvus import MilvusServer
from deploy.stack.torchserve import TorchServe
from streaming.encoder.management import EncoderManagement
from streaming.events import Item, RatingEvent
from streaming.exceptions import MarqueeError
from tests.integration.rollout.house import USERS, House
from tests.integration.rollout.test_backfill import SLOWLY, vectors
from tests.integration.rollout.test_life import NOTHING, PACKAGE, owned
from tests.integration.space.world import START_S
from tests.support import run_seed, until

pytestmark = pytest.mark.timeout(900)

PHASES = ("backfilling", "ready", "shadow", "canary", "champion", "standby")
VICTIMS = ("worker", "ledger", "torchserve", "milvus", "kafka")
MATRIX = tuple(product(PHASES, VICTIMS))
UNGATED = ("--force", "--reason", "no gate is asked here")
MOVES = {
    "ready": (),
    "shadow": (("shadow",),),
    "canary": (("shadow",), ("canary", "--percent", "20")),
    "champion": (("shadow",), ("canary", "--percent", "20"), ("promote", *UNGATED)),
    "standby": (("shadow",), ("canary", "--percent", "20"), ("promote", *UNGATED), ("rollback",)),
}
AGAIN_S = 240.0


@dataclass
class Killer:
    """Kills one part with SIGKILL and brings it back, as the supervisor would."""

    house: House
    kafka: KafkaBroker
    milvus: MilvusServer
    torchserve: TorchServe
    space: str = ""

    def kill(self, victim: str) -> None:
        """SIGKILL; returns when the process is gone."""
        part = self._part(victim)
        part.kill9()
        assert not part.running, "the fault hit"

    def restore(self, victim: str) -> None:
        part = self._part(victim)
        if victim in ("worker", "ledger"):
            part.restart()
            return
        part.start()
        part.wait_healthy(AGAIN_S)
        if victim == "torchserve":
            # a new life of TorchServe holds nothing; the local stack's registrar does this
            management = EncoderManagement(self.house.settings, self.house.tiny.package.manifest.name)
            management.register("1", self.house.tiny.package.archive)
            management.close()

    def _part(self, victim: str):  # type: ignore[no-untyped-def]
        own = {"worker": self.house.workers[self.space], "ledger": self.house.ledger}
        return own.get(victim) or getattr(self, victim)


def insist(house: House, *words: str) -> None:
    """Type a command until it is done: what does not answer yet says so (exit code 3), and is asked again.

    A command that was refused as done already (6) is done too: the former try got through.
    """

    def done() -> bool:
        result = CliRunner().invoke(command, [*words, "--json"])
        error = result.exception
        code = error.exit_code if isinstance(error, MarqueeError) else result.exit_code
        assert code in (0, 3, 4, 7), (words, code, error, result.output)
        return code == 0

    until(done, AGAIN_S, what=f"{words} gets through", interval_s=1.0)


def live_on(house: House, number: int) -> None:
    """Ratings, a film that comes and one that goes, a user who leaves."""
    for film in house.tiny.items[:5]:
        house.rate(f"u{number}", film.item_id, 5.0)
    house.put(Item(item_id=f"new:{number}", title="A film that came late", genres=("Drama",)))
    house.remove(house.tiny.items[30 + number].item_id)
    house.send(RatingEvent(f"u{USERS - 1 - number}", datetime.now(UTC), erase=True))
    assert house.producer.flush(60) == 0


def killed_in(phase: str, victim: str, killer: Killer) -> None:
    """A rollout up to ``phase``, the kill, life that goes on meanwhile, and the rollout to its end."""
    house = killer.house
    first = house.answer("start", PACKAGE, "--promote")["space"]
    house.staffed(first)
    second = house.answer("start", PACKAGE, "--policy", "weighted", "--detach")["space"]
    killer.space = second
    house.staffed(second, SLOWLY if phase == "backfilling" else None)
    if phase == "backfilling":
        until(lambda: vectors(house, second), START_S, what="the backfill has begun")
    else:
        insist(house, "resume", second)
        for move, *rest in MOVES[phase]:
            insist(house, move, *([] if move == "rollback" else [second]), *rest, "--yes")
    assert house.states()[second] == phase
    live_on(house, 0)
    if phase == "backfilling":
        assert len(vectors(house, second)) < len(house.tiny.items), "the middle of a backfill"
    killer.kill(victim)
    if victim != "kafka":
        live_on(house, 1)
    killer.restore(victim)
    if victim == "kafka":
        live_on(house, 1)
    if phase == "backfilling":
        house.workers[second].kill9()
        house.staffed(second)
    if phase in ("backfilling", "ready", "shadow", "canary"):
        insist(house, "resume", second)
        insist(house, "promote", second, "--yes", *UNGATED)
    elif phase == "standby":
        insist(house, "rollback", "--to", second, "--yes")
    # the end is the same, whoever was killed when
    assert house.states() == {first: "standby", second: "champion"}
    both = [house.spaces()[first], house.spaces()[second]]
    check = UserCheck(house.settings, both, 90.0).run()
    assert check.log.clean, check.log
    assert all(found.clean for found in check.rows.values()), check.rows
    assert check.rows[second].users == USERS - 2
    for space in both:
        films = ItemCheck(house.settings, space, 60.0).run()
        assert films.clean, films
        assert films.vectors == len(house.tiny.items), "two came and two went"
    insist(house, "retire", first, "--yes")
    assert owned(house.settings, both[0]) == NOTHING
    assert house.answer("status")["unfinished"] == []


@pytest.fixture
def killer(house: House, kafka: KafkaBroker, milvus: MilvusServer, torchserve: TorchServe) -> Killer:
    return Killer(house, kafka, milvus, torchserve)


@pytest.mark.full
@pytest.mark.parametrize(("phase", "victim"), MATRIX)
def test_killed_in_every_phase(phase: str, victim: str, killer: Killer) -> None:
    killed_in(phase, victim, killer)


def test_one_of_them(killer: Killer) -> None:
    """One pair of the matrix, by the run's seed; Kafka takes too long to come back for every run."""
    phase, victim = random.Random(run_seed()).choice([pair for pair in MATRIX if pair[1] != "kafka"])
    print(f"  {victim} killed while {phase}")
    killed_in(phase, victim, killer)
