"""A world with one space and a running gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streaming.control.documents import SpaceDocument
from streaming.settings import Settings
from tests.integration.conftest import Spawn
from tests.integration.gateway.world import Api, Film, World, films


@pytest.fixture
def world(settings: Settings, milvus: object) -> Iterator[World]:
    made = World(settings)
    yield made
    for space in made.spaces.values():
        made.store.drop_space_collections(space)


@pytest.fixture
def catalogue() -> list[Film]:
    return films(300)


@pytest.fixture
def space(world: World, catalogue: list[Film]) -> SpaceDocument:
    space = world.space()
    world.put_films(space, catalogue)
    world.route(space)
    return space


@pytest.fixture
def api(world: World, space: SpaceDocument, spawn: Spawn) -> Api:
    return world.start(spawn)
