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


class Section(BaseModel):
    """A group of settings; unknown names are refused so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MilvusSettings(Section):
    """How to reach Milvus: a cluster, or the local Lite server."""

    uri: str = "http://127.0.0.1:19530"
    token: SecretStr = SecretStr("")
    tls_ca: Path | None = None
    tls_server_name: str = ""
    database: str = ""
    timeout_s: float = Field(10.0, gt=0, description="of every call")
    ef: int = Field(128, ge=16, description="smallest ef of an HNSW search; raised to the limit asked for")


class TorchServeSettings(Section):
    """How to reach TorchServe."""

    inference_url: str = "http://127.0.0.1:8080"
    management_url: str = "http://127.0.0.1:8081"
    timeout_s: float = Field(60.0, gt=0)
    batch: int = Field(32, ge=1, le=64, description="items in one request of the indexer")


class GatewaySettings(Section):
    """The HTTP door."""

    host: str = "127.0.0.1"
    port: int = Field(8700, ge=0, le=65535)
    url: str = Field("http://127.0.0.1:8700", description="where clients (the command line too) find it")
    auth: bool = True
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
    acknowledged_memory_s: float = Field(10.0, gt=0)
    half_life_days: float = Field(90.0, gt=0, description="of a like in what is popular")
    reranker: bool = Field(True, description="whether packages' re-rankers order what is recommended")
    search_timeout_s: float = Field(5.0, gt=0, description="how long a search waits for the encoder")
    ratings_refused_from: float = Field(0.8, gt=0, le=1, description="of retention, as lag of the ledger")


class LedgerSettings(Section):
    """The fold of ratings into user documents."""

    batch: int = Field(100_000, ge=1, description="most records of one transaction")
    batch_wait_s: float = Field(0.01, gt=0, description="how long a micro-batch waits for its first record")
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
    """Group membership and transactions, as DESIGN sections 4 and 7a measured them best."""

    session_timeout_ms: int = 6_000
    heartbeat_interval_ms: int = 1_000
    max_poll_interval_ms: int = 60_000
    transaction_timeout_ms: int = 10_000


class TopicSettings(Section):
    """How topics are created and what `topics check` expects. Partition counts are fixed for life."""

    ratings_partitions: int = Field(12, ge=1)
    items_partitions: int = Field(6, ge=1)
    replication_factor: int = Field(1, ge=1)
    retention_ms: int = 6 * 86_400_000
    segment_ms: int = 12 * 3_600_000
    delete_retention_ms: int = 7 * 86_400_000
    max_compaction_lag_ms: int = 24 * 3_600_000


class ErasureSettings(Section):
    """What keeps erased users out."""

    deadline_days: float = 14.0
    key: SecretStr = Field(SecretStr(""), description="HMAC key, kept with backups; required to erase")
    key_id: str = "1"


class TrustSettings(Section):
    """Whose model packages are loaded."""

    keys: str = Field("", description="public keys: PEM files or folders of them, separated as PATH is")
    require: bool | None = Field(
        None, description="refuse packages that nobody signed; unset: as soon as a key is trusted"
    )


class InternalSettings(Section):
    """Endpoints that Marquee's processes offer each other."""

    host: str = "127.0.0.1"
    token: SecretStr = SecretStr("")


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

    namespace: str = Field("marquee", pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")
    home: Path = Path(".marquee")
    data: Path = Field(Path("../shared/data"), description="MovieLens and posters, for tests and results")
    kafka: dict[str, str] = Field(default_factory=lambda: {"bootstrap.servers": "127.0.0.1:9092"})
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
    log_level: str = "INFO"

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
        options.setdefault("bootstrap.servers", "127.0.0.1:9092")
        return options

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
