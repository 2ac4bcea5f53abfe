"""From a package to a space that is being filled; each step may be repeated (DESIGN section 9)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence

import msgspec

from deploy.packages import package_errors, package_sources
from deploy.rollout.changes import advance
from deploy.rollout.exceptions import GateFailedError
from deploy.rollout.gates.limits import load_limits
from deploy.rollout.gates.rows import Gate
from deploy.rollout.gates.verdicts import noted
from deploy.rollout.gates.verifying import verify_gate
from deploy.rollout.machine import FIRST
from handlers.kinds import kind_of
from handlers.tuning import serving_of
from model_store import (
    Manifest,
    ModelStoreError,
    Package,
    PackageNotFoundError,
    build,
    find,
    find_source,
    verify,
)
from streaming.control.documents import MEAN, WEIGHTED, Change, Move, Policy, SpaceDocument
from streaming.control.reader import read_control
from streaming.control.state import ControlState
from streaming.control.writer import change_control
from streaming.encoder.management import register_version
from streaming.exceptions import ConfigurationError, ConflictError
from streaming.milvus.client import MilvusStore
from streaming.settings import Settings
from streaming.topics import fixed_topics, space_topics
from streaming.topics.admin import ensure

Step = Callable[[str], None]


def new_space_id(package: str, version: str, policy: Policy) -> str:
    """``<package>-<version>-<policy>-<6 random>``: never used twice."""
    return f"{package}-{version}-{policy.label}-{secrets.token_hex(3)}"


def built(settings: Settings, reference: str) -> Package:
    """The built package of ``name``, ``name@version`` or a folder, every file as its checksum says.

    A version that is built already is taken as it is: what is served never changes, and its source may
    lie elsewhere.

    Raises:
        MarqueeError: there is none, it cannot be built, or a file was changed.
    """
    with package_errors():
        try:
            # a bare name means its newest version, which may not be built yet
            package = find(reference, settings.models) if "@" in reference else None
        except PackageNotFoundError:
            package = None
        if package is None:
            package = build(reference, settings.models, sources=package_sources(settings))
        verify(package)
    return package


def manifest_of(settings: Settings, reference: str) -> Manifest:
    """What a package says of itself, built or not; nothing is built.

    Raises:
        MarqueeError: there is no such package.
    """
    with package_errors():
        return _found(settings, reference).manifest


def policy_for(parameters: Mapping[str, float | int | str], name: str, half_life_days: int) -> Policy:
    """How users of a space become profiles: a like is what its package was trained to take for one.

    Args:
        parameters: of the package's manifest.
        name: ``mean`` or ``weighted``.
    """
    policy = {"mean": MEAN, "weighted": WEIGHTED}[name]
    likes_from = float(parameters.get("like_threshold", policy.like_threshold))
    return msgspec.structs.replace(policy, half_life_days=half_life_days, like_threshold=likes_from)


def require_item_encoder(settings: Settings, reference: str) -> None:
    """Before anything is built or asked of it.

    Raises:
        ConfigurationError: the package is of another kind.
        MarqueeError: there is no such package.
    """
    with package_errors():
        kind = kind_of(_found(settings, reference).path)
    if kind != "item-encoder":
        raise ConfigurationError(
            f"{reference} is a {kind}; a space is served by an item encoder: `marquee model list`"
        )


def serving_already(manifest: Manifest, policy: Policy, state: ControlState) -> str | None:
    """The champion, if it is of the same package and policy: another space of them changes nothing. Pure."""
    champion = state.spaces.get(state.route.champion) if state.route is not None else None
    if champion is None or champion.policy != policy:
        return None
    same = (champion.package, champion.version) == (manifest.name, manifest.version)
    return champion.space if same else None


def _found(settings: Settings, reference: str) -> Package:
    try:
        return find(reference, settings.models)
    except ModelStoreError:
        return find_source(reference, package_sources(settings))


def check_engine(settings: Settings, package: Package, step: Step = lambda _: None) -> Gate | None:
    """The gate ``verify``, before anything of a space is there; None where there is nothing to ask.

    A package that the champion is served by has been through it. An undecided latency stops nobody: a
    busy machine decides nothing, and the gates under traffic look at latency again.

    Raises:
        GateFailedError: a row failed; the exit code is the gate's.
        MarqueeError: no engine of the package loads.
    """
    state = read_control(settings)
    champion = state.spaces[state.route.champion] if state.route is not None else None
    other = None if champion is None else built(settings, f"{champion.package}@{champion.version}")
    if other is not None and other.manifest.digest == package.manifest.digest:
        step(f"{package.manifest.reference} is what the champion is served by: its engine is known")
        return None
    step(f"verifying the engine of {package.manifest.reference}")
    gate = verify_gate(package, other, load_limits())
    figures = (f"{row.name} {row.estimate:.6g} ({row.verdict})" for row in gate.rows)
    told = "; ".join((*figures, *gate.remarks))
    step(f"verify {gate.verdict}: {told}")
    if gate.verdict == "failed":
        raise GateFailedError(
            f"gate verify failed for {package.manifest.reference}: {told}; to start it all the same:"
            " --no-verify --reason WHY",
            gate.exit_code,
        )
    return gate


def create(
    settings: Settings,
    package: Package,
    policy: Policy,
    operator: str,
    reason: str,
    verified: Gate | None = None,
) -> SpaceDocument:
    """Announce a new space, before anything of it is there: from now on `rollout resume` knows it.

    Args:
        verified: what the gate ``verify`` said, kept in the document.

    Raises:
        ConflictError: somebody else changed control at the same moment, or the id was used before.
        UnavailableError: Kafka does not answer.
    """
    manifest = package.manifest
    space_id = new_space_id(manifest.name, manifest.version, policy)

    def announced(state: ControlState, change: Change) -> Sequence[SpaceDocument]:
        if space_id in state.spaces:
            raise ConflictError(f"{space_id} was used before; try again")
        first = Move(FIRST, change.at_ms, change.revision, operator, change.reason)
        space = SpaceDocument(
            space=space_id,
            package=manifest.name,
            version=manifest.version,
            dim=manifest.dim,
            id_namespace=manifest.id_namespace,
            policy=policy,
            state=FIRST,
            history=(first,),
            change=change,
        )
        return [space if verified is None else noted(space, verified, change)]

    return change_control(settings, operator, reason or "start", announced).spaces[space_id]


def provide(
    settings: Settings, space: SpaceDocument, operator: str, reason: str, step: Step = lambda _: None
) -> SpaceDocument:
    """Topic, collections and model version of a ``created`` space; then its worker may start.

    Raises:
        UnavailableError: Kafka, Milvus or TorchServe do not answer.
    """
    package = built(settings, f"{space.package}@{space.version}")
    step("ensuring topics")
    ensure(settings, [*fixed_topics(settings), *space_topics(settings, space.space)])
    step("creating collections")
    store = MilvusStore(settings)
    try:
        store.create_space_collections(space)
    finally:
        store.close()
    step(f"registering {space.package} {space.version} with TorchServe")
    tuned = serving_of(package.path)
    register_version(
        settings,
        package.archive,
        space.package,
        space.version,
        tuned.workers,
        batch=tuned.batch,
        delay_ms=tuned.delay_ms,
    )
    return advance(settings, "backfill", space.space, operator, reason).spaces[space.space]
