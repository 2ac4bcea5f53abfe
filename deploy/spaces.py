"""Putting a package into service: a new space with its topic, its collections and its model version."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from deploy.packages import package_errors, package_sources
from model_store import build
from streaming.control.documents import MEAN, Change, Move, Policy, RouteDocument, SpaceDocument, moved
from streaming.control.state import ControlState
from streaming.control.writer import change_control
from streaming.encoder.management import register_version
from streaming.exceptions import NotFoundError
from streaming.milvus.client import MilvusStore
from streaming.settings import Settings
from streaming.topics import fixed_topics, space_topics
from streaming.topics.admin import ensure

Step = Callable[[str], None]


def new_space_id(package: str, version: str, policy: Policy) -> str:
    """``<package>-<version>-<policy>-<6 random>``: never used twice."""
    return f"{package}-{version}-{policy.name}-{secrets.token_hex(3)}"


def start_space(
    settings: Settings,
    reference: str,
    *,
    policy: Policy = MEAN,
    operator: str,
    reason: str = "rollout start",
    promote: bool = False,
    step: Step = lambda _: None,
) -> SpaceDocument:
    """Build the package if need be, make topic and collections, register the model, announce the space.

    The supervisor (or the cluster) starts the space's worker when it sees the announcement.

    Args:
        reference: ``name`` (its newest version) or ``name@version``.
        promote: make it the champion in the same change.
        step: told what is being done, for progress displays.

    Raises:
        NotFoundError: there is no such package.
        UnavailableError: Kafka, Milvus or TorchServe do not answer.
    """
    step(f"building {reference}")
    with package_errors():
        package = build(reference, settings.models, sources=package_sources(settings))
    manifest = package.manifest
    space_id = new_space_id(manifest.name, manifest.version, policy)
    step("ensuring topics")
    ensure(settings, [*fixed_topics(settings), *space_topics(settings, space_id)])
    step(f"registering {manifest.name} {manifest.version} with TorchServe")
    register_version(settings, package.archive, manifest.name, manifest.version)

    def announce(state: ControlState, change: Change) -> Sequence[SpaceDocument | RouteDocument]:
        space = SpaceDocument(
            space=space_id,
            package=manifest.name,
            version=manifest.version,
            dim=manifest.dim,
            id_namespace=manifest.id_namespace,
            policy=policy,
            state="champion" if promote else "backfilling",
            history=(Move("created", change.at_ms, change.revision, operator, reason),),
            change=change,
        )
        MilvusStore(settings).create_space_collections(space)
        return [space, *(champion(state, change, space_id) if promote else ())]

    step("announcing the space")
    return change_control(settings, operator, reason, announce).spaces[space_id]


def champion(state: ControlState, change: Change, space_id: str) -> list[SpaceDocument | RouteDocument]:
    """The documents that make ``space_id`` the champion and its forerunner standby."""
    route = RouteDocument(route_id=secrets.token_hex(4), champion=space_id, change=change)
    documents: list[SpaceDocument | RouteDocument] = [route]
    if state.route is not None and state.route.champion in state.spaces:
        documents.append(moved(state.spaces[state.route.champion], "standby", change))
    return documents


def promote_space(settings: Settings, space_id: str, *, operator: str, reason: str) -> ControlState:
    """Route every user to ``space_id``.

    Raises:
        NotFoundError: there is no such live space.
    """

    def route(state: ControlState, change: Change) -> Sequence[SpaceDocument | RouteDocument]:
        space = state.live.get(space_id)
        if space is None:
            raise NotFoundError(f"no live space {space_id}; `marquee rollout status` lists them")
        if state.route is not None and state.route.champion == space_id:
            return []
        return [*champion(state, change, space_id), moved(space, "champion", change)]

    return change_control(settings, operator, reason, route)
