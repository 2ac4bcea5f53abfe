"""Every setting, and where its value came from.

Precedence: arguments, environment (``MARQUEE_...``), ``$MARQUEE_HOME/stack/settings.json`` (what the
running local stack wrote of itself), defaults. Nested names are joined by two underscores:
``MARQUEE_MILVUS__URI``. ``MARQUEE_KAFKA__<option>`` takes any librdkafka option, its dots written as
underscores: ``MARQUEE_KAFKA__SASL_USERNAME`` is ``sasl.username``.
"""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from streaming.exceptions import ConfigurationError

KAFKA = {"bootstrap.servers": "127.0.0.1:9092"}
"""Options of librdkafka where nothing else is said."""


class Section(BaseModel):
    """A group of settings; unknown names are refused so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MilvusSettings(Section):
    """How to reach Milvus: a cluster, or the local Lite server."""

    uri: str = Field("http://127.0.0.1:19530", description="where it answers gRPC; https for TLS")
    token: SecretStr = Field(SecretStr(""), description="`user:password` or API key")
    tls_ca: Path | None = Field(None, description="PEM file of the authority that signed its certificate")
    tls_server_name: str = Field("", description="name in its certificate, where the address is another")
    database: str = Field("", description="database of a cluster; empty is its default one")
    timeout_s: float = Field(10.0, gt=0, description="of every call")
    ef: int = Field(128, ge=16, description="smallest ef of an HNSW search; raised to the limit asked for")


class TorchServeSettings(Section):
    """How to reach TorchServe."""

    inference_url: str = Field("http://127.0.0.1:8080", description="where films are encoded")
    management_url: str = Field("http://127.0.0.1:8081", description="where versions are registered")
    timeout_s: float = Field(60.0, gt=0, description="of every call")
    batch: int = Field(32, ge=1, le=64, description="items in one request of the indexer")


class GatewaySettings(Section):
    """The HTTP door."""

    host: str = Field("127.0.0.1", description="address that the gateway listens on")
    port: int = Field(8700, ge=0, le=65535, description="port that the gateway listens on; 0 is any free one")
    url: str = Field("http://127.0.0.1:8700", description="where clients (the command line too) find it")
    auth: bool = Field(True, description="whether requests need an API key")
    api_keys_file: Path | None = Field(None, description="one `name:key` a line")
    api_key: SecretStr = Field(SecretStr(""), description="one more accepted key; what the CLI sends")
    rate_limit_per_s: float = Field(0.0, ge=0, description="requests a second and key; 0 is no limit")
    matrix_mb: int = Field(2048, ge=1, description="memory for item matrices; above it Milvus alone answers")
    exact_above: int = Field(
        200, ge=1, description="k + seen from which search is exact: HNSW loses 6% of the best 330"
    )
    exact_filtered: int = Field(
        20_000, ge=0, description="films passing a filter up to which search is exact: pushing it costs more"
    )
    acknowledged_memory_s: float = Field(
        10.0, gt=0, description="how long a film just rated here is left out before the user's row says so"
    )
    half_life_days: float = Field(90.0, gt=0, description="of a like in what is popular")
    reranker: bool = Field(True, description="whether packages' re-rankers order what is recommended")
    search_timeout_s: float = Field(5.0, gt=0, description="how long a search waits for the encoder")
    ratings_refused_from: float = Field(0.8, gt=0, le=1, description="of retention, as lag of the ledger")


class LedgerSettings(Section):
    """The fold of ratings into user documents."""

    batch: int = Field(100_000, ge=1, description="most records of one transaction")
    batch_wait_s: float = Field(
        0.01, gt=0, description="how long a micro-batch gathers more records after its first"
    )
    cache_documents: int = Field(200_000, ge=1, description="decoded documents kept in memory")
    store_interval_s: float = Field(2.0, gt=0, description="how often committed documents go to SQLite")
    popular_interval_s: float = Field(0.5, gt=0, description="how often changed like counts are published")


class SpaceSettings(Section):
    """Space workers."""

    reconcile_interval_s: float = Field(60.0, gt=0, description="time of one full reconciler pass")
    write_batch: int = Field(500, ge=1, le=4000, description="user rows in one upsert")
    index_batch: int = Field(256, ge=1, description="most items of one transaction")
    index_items_per_s: float = Field(0.0, ge=0, description="encoder load of a backfill; 0 is no limit")


class SessionSettings(Section):
    """Group membership and transactions, as measured best."""

    session_timeout_ms: int = Field(
        6_000, description="without a heartbeat for so long a member's partitions go to others"
    )
    heartbeat_interval_ms: int = Field(1_000, description="between two heartbeats of a member")
    max_poll_interval_ms: int = Field(
        60_000, description="a member that takes no records for so long leaves its group"
    )
    transaction_timeout_ms: int = Field(
        10_000, description="the broker aborts transactions older than this; readers wait for them so long"
    )


class TopicSettings(Section):
    """How topics are created and what `topics check` expects. Partition counts are fixed for life."""

    ratings_partitions: int = Field(12, ge=1, description="of topics keyed by user")
    items_partitions: int = Field(6, ge=1, description="of topics keyed by film")
    replication_factor: int = Field(1, ge=1, description="copies of each partition; 3 on a cluster")
    retention_ms: int = Field(6 * 86_400_000, description="how long logs (ratings, answers, events) are kept")
    segment_ms: int = Field(
        12 * 3_600_000, description="age at which a log file is closed and a new one begun"
    )
    delete_retention_ms: int = Field(
        7 * 86_400_000, description="how long compacted topics keep the mark of what was removed"
    )
    max_compaction_lag_ms: int = Field(
        24 * 3_600_000, description="age up to which compaction may leave replaced records"
    )


class ErasureSettings(Section):
    """What keeps erased users out."""

    deadline_days: float = Field(14.0, description="within which nothing of an erased user is left")
    key: SecretStr = Field(SecretStr(""), description="HMAC key, kept with backups; required to erase")
    key_id: str = Field("1", description="name of that key; another one where the key is another")


class TrustSettings(Section):
    """Whose model packages are loaded."""

    keys: str = Field("", description="public keys: PEM files or folders of them, separated as PATH is")
    require: bool | None = Field(
        None, description="refuse packages that nobody signed; unset: as soon as a key is trusted"
    )


class InternalSettings(Section):
    """Endpoints that Marquee's processes offer each other."""

    host: str = Field("127.0.0.1", description="address that they listen on, each on a free port")
    token: SecretStr = Field(
        SecretStr(""), description="what they ask each other for; required where host is not loopback"
    )


class StackFileSource(PydanticBaseSettingsSource):
    """What the running local stack wrote: ports, tokens."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        home = self.current_state.get("home") or os.environ.get("MARQUEE_HOME") or ".marquee"
        path = Path(home) / "stack" / "settings.json"
        try:
            loaded: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"{path} cannot be read ({error}); `marquee stack up` writes it anew"
            ) from None
        return loaded


class Settings(BaseSettings):
    """All settings of all processes; see the module's docstring for names and precedence."""

    model_config = SettingsConfigDict(
        env_prefix="MARQUEE_",
        env_nested_delimiter="__",
        extra="ignore",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    namespace: str = Field(
        "marquee",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$",
        description="before the name of every topic and consumer group",
    )
    home: Path = Field(Path(".marquee"), description="folder of all local files: stack, state, packages")
    data: Path = Field(Path("../shared/data"), description="MovieLens and posters, for tests and results")
    kafka: dict[str, str] = Field(
        default_factory=lambda: dict(KAFKA),
        description="an option of librdkafka, for every Kafka client",
    )
    milvus: MilvusSettings = MilvusSettings()
    torchserve: TorchServeSettings = TorchServeSettings()
    gateway: GatewaySettings = GatewaySettings()
    ledger: LedgerSettings = LedgerSettings()
    space: SpaceSettings = SpaceSettings()
    session: SessionSettings = SessionSettings()
    topics: TopicSettings = TopicSettings()
    erasure: ErasureSettings = ErasureSettings()
    internal: InternalSettings = InternalSettings()
    trust: TrustSettings = TrustSettings()
    blobs_url: str = Field("", description="fsspec URL of the poster store; empty is $MARQUEE_HOME/blobs")
    models_url: str = Field("", description="fsspec URL of built packages; empty is $MARQUEE_HOME/models")
    packages_url: str = Field(
        "", description="fsspec URL that published packages are pulled from when they are not built here"
    )
    log_level: str = Field("INFO", description="of services: DEBUG, INFO, WARNING or ERROR")

    @field_validator("home", mode="before")
    @classmethod
    def _empty_is_default(cls, value: object) -> object:
        # as a shell takes an empty variable; an empty path would be the working directory itself
        return value or ".marquee"

    @field_validator("kafka")
    @classmethod
    def _librdkafka_names(cls, value: dict[str, str]) -> dict[str, str]:
        options = {name.lower().replace("_", "."): option for name, option in value.items()}
        if "log.level" in options:
            # the one librdkafka option for everybody that has an underscore in its name
            options["log_level"] = options.pop("log.level")
        return KAFKA | options

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, the stack's file."""
        return init_settings, env_settings, StackFileSource(settings_cls)

    @cached_property
    def blobs(self) -> str:
        """fsspec URL of the poster store."""
        return self.blobs_url or str(self.home.absolute() / "blobs")

    @cached_property
    def models(self) -> str:
        """fsspec URL of built packages."""
        return self.models_url or str(self.home.absolute() / "models")


def load_settings(**overrides: Any) -> Settings:
    """The settings in force.

    Raises:
        ConfigurationError: naming each setting that does not hold.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise ConfigurationError("these settings do not hold:\n" + "\n".join(lines)) from None
