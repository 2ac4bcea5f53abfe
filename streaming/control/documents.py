"""Spaces and the route: the documents of ``control.v1`` (DESIGN sections 1, 3, 4 rule 10). Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA = 1
ROUTE_KEY = "route"
SPACE_PREFIX = "space/"

State = Literal[
    "created", "backfilling", "ready", "shadow", "canary", "champion", "standby", "retired", "aborted"
]
LIVE_STATES: frozenset[State] = frozenset(("backfilling", "ready", "shadow", "canary", "champion", "standby"))
"""States in which a space has a topic, collections and a worker, and is written. A ``created`` one has
none of them yet, a ``retired`` or ``aborted`` one is losing them."""

TAKING_OVER_MS = 3_600_000
"""How long a generation that is being filled is completed by the rows of its forerunner, at most."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How a user's ratings become his profile in a space (DESIGN section 1, "profile").

    ``mean``: the mean of liked vectors. ``weighted``: liked, neutral and disliked items weigh
    ``liked``, ``neutral`` and ``disliked``, over the sum of absolute weights. With a half-life either
    weight halves with every ``half_life_days`` that a rating is older than another of the same user.
    """

    name: Literal["mean", "weighted"] = "mean"
    like_threshold: float = 4.0
    neutral_threshold: float = 3.0
    liked: float = 1.0
    neutral: float = 0.0
    disliked: float = 0.0
    half_life_days: int = 0
    """0: ratings do not age."""

    @property
    def label(self) -> str:
        """For ids and tables: ``mean``, ``weighted``, ``mean-90d``."""
        return f"{self.name}-{self.half_life_days}d" if self.half_life_days else self.name


MEAN = Policy()
WEIGHTED = Policy(name="weighted", neutral=0.5, disliked=-0.5)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed a document, when and why. ``revision`` counts all changes of ``control.v1``."""

    revision: int
    nonce: str
    operator: str
    reason: str
    at_ms: int


class Move(msgspec.Struct, frozen=True, array_like=True):
    """One line of a space's history: what it became, when (ms since 1970), by whom and why."""

    state: State
    at_ms: int
    revision: int = 0
    operator: str = ""
    reason: str = ""
    percent: float | None = None
    """Share of the users, for a canary."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate of the rollout last said of a space; ``limits``: the version of the file it went by."""

    gate: str
    verdict: Literal["passed", "failed", "open"]
    against: str
    """The champion's space; of ``verify`` the champion's package."""
    limits: int
    at_ms: int
    operator: str


class SpaceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One vector space: a package version and a profile policy. ``space`` is never used twice."""

    schema: int = SCHEMA
    space: str
    package: str
    version: str
    dim: int
    id_namespace: str = ""
    policy: Policy = MEAN
    state: State = "created"
    generation: int = 1
    """Of the user collection; raised when erasures ask for a rebuild (rule 7)."""
    generation_at_ms: int = 0
    """When it was raised; 0 for the first, which is as old as the space."""
    history: tuple[Move, ...] = ()
    """Every move so far, oldest first."""
    gates: tuple[Verdict, ...] = ()
    """The newest verdict of each gate that was asked."""
    dropped: bool = False
    """Of a retired or aborted space: whether its topic, collections, group and model version are gone."""
    change: Change

    @property
    def items_collection(self) -> str:
        """Name of the Milvus collection of item rows."""
        return f"items__{self._identifier}"

    @property
    def users_collection(self) -> str:
        """Name of the Milvus collection of user rows; the generation is part of it after the first."""
        suffix = "" if self.generation == 1 else f"__g{self.generation}"
        return f"users__{self._identifier}{suffix}"

    def former_users_collection(self, now_ms: int) -> str | None:
        """Name of the collection that a new generation takes over from, for an hour; None after that."""
        if self.generation == 1 or now_ms - self.generation_at_ms > TAKING_OVER_MS:
            return None
        return msgspec.structs.replace(self, generation=self.generation - 1).users_collection

    @property
    def _identifier(self) -> str:
        # Milvus takes letters, digits and underscores
        return "".join(c if c.isalnum() else "_" for c in self.space)


class Canary(msgspec.Struct, frozen=True):
    """A share of the users, in percent, who are answered from ``space``."""

    space: str
    percent: float


class RouteDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Which space answers whom. ``route_id`` is new for each rollout: it seeds who is in the canary."""

    schema: int = SCHEMA
    route_id: str
    champion: str
    canary: Canary | None = None
    shadow: str | None = None
    change: Change


_encode = msgspec.json.Encoder().encode
_space, _route = msgspec.json.Decoder(SpaceDocument), msgspec.json.Decoder(RouteDocument)


def space_key(space: str) -> str:
    """Key of a space's record on ``control.v1``."""
    return SPACE_PREFIX + space


def encode_control(document: SpaceDocument | RouteDocument) -> bytes:
    """JSON: small, and people look at it."""
    return _encode(document)


def decode_control(key: str, value: bytes) -> SpaceDocument | RouteDocument:
    """The document under ``key``.

    Raises:
        msgspec.MsgspecError: if the bytes are none.
        ValueError: if the key is none of ours.
    """
    if key == ROUTE_KEY:
        return _route.decode(value)
    if key.startswith(SPACE_PREFIX):
        return _space.decode(value)
    raise ValueError(f"no such control document: {key!r}")


def moved(space: SpaceDocument, state: State, change: Change, percent: float | None = None) -> SpaceDocument:
    """``space`` in its next state, the move noted in its history."""
    move = Move(state, change.at_ms, change.revision, change.operator, change.reason, percent)
    return msgspec.structs.replace(space, state=state, history=(*space.history, move), change=change)
