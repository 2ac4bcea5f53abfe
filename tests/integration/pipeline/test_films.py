"""Films and users that are hard to get rid of, and an encoder that dies (rules 2, 3, 6 and 7)."""

from __future__ import annotations

import os
import random
import secrets
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from deploy.stack.kafka import KafkaBroker
from deploy.stack.milvus import MilvusServer
from deploy.stack.ports import free_ports
from deploy.stack.torchserve import TorchServe
from streaming.encoder.management import EncoderManagement
from streaming.events import RatingEvent
from streaming.settings import GatewaySettings, Settings, TopicSettings, TorchServeSettings
from streaming.space.intake import FROM_HEADER
from streaming.topics import fixed_topics
from streaming.topics.admin import ensure
from tests.integration.gateway.world import KEY
from tests.integration.pipeline.served import Served, build_archive
from tests.integration.pipeline.test_outages import say
from tests.support import until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def served(
    module_settings: Settings,
    own_kafka: KafkaBroker,
    milvus_service: MilvusServer,
    torchserve_service: TorchServe,
    module_rng: random.Random,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """Films through TorchServe, a gateway in front."""
    torchserve_service.start()
    torchserve_service.wait_healthy()
    (port,) = free_ports(1)
    settings = module_settings.model_copy(
        update={
            "models_url": str(torchserve_service.models),
            "torchserve": TorchServeSettings(
                inference_url=torchserve_service.inference_url,
                management_url=torchserve_service.management_url,
            ),
            # a removal that is not read within two seconds may never be
            "topics": TopicSettings(delete_retention_ms=2_000),
            "gateway": GatewaySettings(port=port, url=f"http://127.0.0.1:{port}", api_key=SecretStr(KEY)),
        }
    )
    ensure(settings, fixed_topics(settings))
    archive = torchserve_service.models / "t.mar"
    archive.write_bytes(build_archive(tmp_path_factory.mktemp("archive")))
    register(settings, archive)
    made = Served(settings, module_rng, own_kafka, milvus_service)
    try:
        made.begin(module_rng)
        yield made
    finally:
        made.close()


def register(settings: Settings, archive: Path) -> None:
    """TorchServe serves the encoder."""
    management = EncoderManagement(settings, "t")
    management.register("1", archive)
    management.close()


def like(user_id: str, item_id: str) -> RatingEvent:
    """Five stars, now."""
    return RatingEvent(user_id=user_id, item_id=item_id, value=5.0, event_time=datetime.now(UTC))


def test_what_a_stranger_put_on_wrong_partitions_is_removed_by_the_gateway(
    served: Served, rng: random.Random
) -> None:
    names, topics = served.names, served.settings.topics
    item, user = f"m:{secrets.token_hex(4)}", f"stranger-{secrets.token_hex(4)}"
    with served.traffic(rng) as traffic:
        away = rng.randrange(1, topics.items_partitions)
        say(f"film and user on wrong partitions, {away} away")
        there = (served.films.part(item) + away) % topics.items_partitions
        served.films.put_film(item, "a stray", partition=there)
        served.rate(like(user, item), away)
        until(lambda: served.has_item(item), 30, what="the film's row")
        until(lambda: served.liked(user) == 1, 30, what="the user's row")
        forwarded = [
            m
            for m in served.records(names.items, topics.items_partitions)
            if m.key() == item.encode() and FROM_HEADER in dict(m.headers() or [])
        ]
        assert forwarded, "the film was not on a wrong partition"
        assert served.api.http.delete(f"/v1/items/{item}").status_code == 202
        assert served.api.http.delete(f"/v1/users/{user}").status_code == 202
        served.films.vectors.pop(item)
        until(lambda: not served.has_item(item) and served.liked(user) == -1, 30, what="both rows are gone")
        traffic.goes_on()
    served.becomes_exact(traffic)
    assert not served.left(names.items, topics.items_partitions, item)
    assert not served.left(names.vectors(served.world.id), topics.items_partitions, item)
    assert not served.left(names.users, topics.ratings_partitions, user)
    assert served.api.get(f"/v1/items/{item}").status_code == 404
    assert served.api.get(f"/v1/users/{user}").status_code == 404


def test_a_film_goes_whose_tombstone_nobody_read_before_it_was_compacted_away(
    served: Served, rng: random.Random
) -> None:
    items, partitions = served.names.items, served.settings.topics.items_partitions
    item, user = f"m:{secrets.token_hex(4)}", f"fan-{secrets.token_hex(4)}"
    with served.traffic(rng) as traffic:
        served.films.put_film(item, "soon gone")
        served.rate(like(user, item))
        until(lambda: served.has_item(item) and served.liked(user) == 1, 30, what="their rows")
        told = len(served.worker.text())
        with served.without(served.worker):
            say("film removed while the worker is away")
            served.compact_soon(items)
            served.compact_soon(served.names.vectors(served.world.id))
            served.remove(item)

            def unread() -> bool:
                # segments roll, and are cleaned, where something is appended
                for n in range(2 * partitions):
                    served.films.put_film(f"m:filler{n}", f"{time.time()}")
                return not any(m.key() == item.encode() for m in served.records(items, partitions))

            until(unread, 60, what="film and tombstone are compacted away", interval_s=0.5)
            ensure(served.settings, fixed_topics(served.settings))
            assert served.has_item(item)
        served.rows_follow()
        traffic.goes_on()
    served.becomes_exact(traffic)
    assert "films removed whose tombstones are gone" in served.worker.text()[told:]
    assert not served.has_item(item)
    assert not served.left(served.names.vectors(served.world.id), partitions, item)


def test_films_wait_while_torchserve_is_dead(
    served: Served, torchserve_service: TorchServe, rng: random.Random
) -> None:
    with served.traffic(rng) as traffic:
        traffic.goes_on()
        told = len(served.worker.text())
        pid = torchserve_service.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        say("kill -9 of TorchServe's JVM")
        until(lambda: "they wait" in served.worker.text()[told:], 30, what="films wait for the encoder")
        # profiles do not
        served.rows_follow()
        time.sleep(rng.uniform(0, 5))
        torchserve_service.kill9()
        torchserve_service.start()
        torchserve_service.wait_healthy()
        register(served.settings, torchserve_service.models / "t.mar")
        traffic.goes_on()
    served.becomes_exact(traffic)
