"""Two gateways, spaces made by hand, and moves as commands make them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from deploy.rollout.changes import make, plan
from deploy.rollout.machine import MoveName
from deploy.rollout.presence import GATEWAY, Followers
from deploy.stack.ports import free_ports
from streaming.control.documents import Change, Move, SpaceDocument
from streaming.control.reader import read_control
from streaming.control.state import ControlState
from streaming.control.writer import change_control
from streaming.settings import Settings
from tests.integration.gateway.world import Api, World, films
from tests.integration.rollout.traffic import Revision, Truth
from tests.support import MarqueeProcess, until

USERS = [f"user {n}" for n in range(100)]
"""So many that half of them, in a canary, are enough to go by users."""


@dataclass
class Theatre:
    """A champion, further spaces of the same films with vectors of their own, and two gateways."""

    world: World
    truth: dict[str, Truth] = field(default_factory=dict)
    gateways: list[Api] = field(default_factory=list)
    _seed: int = 7

    @property
    def settings(self) -> Settings:
        return self.world.settings

    @property
    def urls(self) -> list[str]:
        return [str(gateway.http.base_url) for gateway in self.gateways]

    @property
    def champion(self) -> str:
        """The space that answers most users now."""
        route = read_control(self.settings).route
        assert route is not None
        return route.champion

    def add(self, rows: bool = True) -> SpaceDocument:
        """A further space that is ready; without rows nobody has a profile in it."""
        space = self.world.space()
        self._seed += 1
        made = films(200, self._seed)
        self.world.put_films(space, made)
        profiles = {}
        if rows:
            profiles = {u: self.world.put_user(space, u, made[n : n + 6]) for n, u in enumerate(USERS)}
        self.truth[space.space] = Truth(profiles, {film.item_id: film.vector for film in made})

        def ready(state: ControlState, change: Change) -> list[SpaceDocument]:
            here = state.spaces[space.space]
            return [msgspec.structs.replace(here, state="ready", history=(Move("ready", 1),), change=change)]

        return change_control(self.settings, "test", "ready", ready).spaces[space.space]

    def move(self, move: MoveName, space: str | None = None, percent: float | None = None) -> Revision:
        """What the command does, with the times that judge answers."""
        with Followers(self.settings) as followers:
            written = time.monotonic()
            after = make(self.settings, plan(self.settings, move, space, percent), "ann", "")
            seen = followers.wait(after.revision, time.monotonic(), GATEWAY, 60.0)
        assert seen.processes == len(self.gateways)
        assert not seen.lagging
        assert after.route is not None
        print(f"  {move}: revision {after.revision} seen by both gateways after {seen.ms:.0f} ms")
        return Revision(after.route, written, time.monotonic())

    def count(self, name: str, **labels: str) -> float:
        """A metric, summed over the gateways."""
        total = 0.0
        for gateway in self.gateways:
            for family in text_string_to_metric_families(gateway.get("/metrics").text):
                for sample in family.samples:
                    if sample.name == f"marquee_gateway_{name}" and labels.items() <= sample.labels.items():
                        total += sample.value
        return total

    def open(self) -> None:
        """The first champion, and both gateways ready."""
        first = self.add()
        make(self.settings, plan(self.settings, "promote", first.space), "ann", "the first one")
        for instance in ("0", "1"):
            (port,) = free_ports(1)
            door = self.settings.gateway.model_copy(update={"port": port, "url": f"http://127.0.0.1:{port}"})
            settings = self.settings.model_copy(update={"gateway": door})
            process = MarqueeProcess(["gateway", "--instance", instance], settings, {})
            self.gateways.append(Api(settings, process))
        for gateway in self.gateways:
            until(gateway.ready, 180, what=f"the gateway is ready, see {gateway.process.output}")

    def close(self) -> None:
        for gateway in self.gateways:
            gateway.http.close()
            gateway.process.close()
        for space in self.world.spaces.values():
            self.world.store.drop_space_collections(space)
        self.world.store.close()
