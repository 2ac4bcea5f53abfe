"""Where everything of a local stack lies: files, ports, secrets, and the settings that lead clients there."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.stack.ports import LOOPBACK

DEFAULT_PORT_BASE = 8700
PORTS = ("gateway", "kafka", "kafka_controller", "milvus", "inference", "management", "ts_metrics")
"""A stack's ports lie side by side from its base, in this order."""


@dataclass(frozen=True)
class Secrets:
    """Made once for a home, and kept: the erasure key must outlive the stack."""

    api_key: str
    internal_token: str
    milvus_token: str
    erasure_key: str


@dataclass(frozen=True)
class Layout:
    """One home directory's stack."""

    home: Path
    port_base: int = DEFAULT_PORT_BASE

    @property
    def stack(self) -> Path:
        """The stack's own folder; the supervisor holds a lock on it."""
        return self.home / "stack"

    @property
    def logs(self) -> Path:
        """One file a service."""
        return self.stack / "logs"

    @property
    def state_file(self) -> Path:
        """What the supervisor last saw."""
        return self.stack / "state.json"

    @property
    def wanted_file(self) -> Path:
        """What `up` asked for; the supervisor follows it."""
        return self.stack / "wanted.json"

    @property
    def ports_file(self) -> Path:
        """Which ports the stack had last; apps know them, so they are kept as data are."""
        return self.stack / "ports.json"

    @property
    def settings_file(self) -> Path:
        """What every Marquee process with this home reads."""
        return self.stack / "settings.json"

    @property
    def secrets_file(self) -> Path:
        """Readable by this user only."""
        return self.stack / "secrets.json"

    @property
    def stack_id(self) -> str:
        """Marks every process of this stack."""
        return str(self.home)

    def port(self, name: str) -> int:
        """The port of one of ``PORTS``."""
        return self.port_base + PORTS.index(name)

    def ports(self, service: str) -> dict[str, int]:
        """The ports that a service listens on, by name."""
        names = {
            "kafka": ("kafka", "kafka_controller"),
            "milvus": ("milvus",),
            "torchserve": ("inference", "management", "ts_metrics"),
            "gateway": ("gateway",),
        }.get(service, ())
        return {name: self.port(name) for name in names}


def layout_of(home: Path, port_base: int = DEFAULT_PORT_BASE) -> Layout:
    """The stack of ``home``, which may be relative."""
    return Layout(Path(os.path.realpath(home)), port_base)


def load_secrets(layout: Layout) -> tuple[Secrets, bool]:
    """The home's secrets, made when there are none; and whether they are new."""
    try:
        return Secrets(**json.loads(layout.secrets_file.read_text())), False
    except FileNotFoundError:
        made = Secrets(
            api_key=f"mq_{secrets.token_urlsafe(24)}",
            internal_token=secrets.token_urlsafe(24),
            milvus_token=f"root:{secrets.token_urlsafe(24)}",
            erasure_key=secrets.token_hex(32),
        )
        write_private(layout.secrets_file, asdict(made))
        return made, True


def stack_settings(layout: Layout, keys: Secrets, namespace: str) -> dict[str, Any]:
    """The settings, in the shape of ``streaming.settings.Settings``, that reach this stack."""
    return {
        "namespace": namespace,
        "kafka": {"bootstrap.servers": f"{LOOPBACK}:{layout.port('kafka')}"},
        "milvus": {"uri": f"http://{LOOPBACK}:{layout.port('milvus')}", "token": keys.milvus_token},
        "torchserve": {
            "inference_url": f"http://{LOOPBACK}:{layout.port('inference')}",
            "management_url": f"http://{LOOPBACK}:{layout.port('management')}",
        },
        "gateway": {
            "port": layout.port("gateway"),
            "url": f"http://{LOOPBACK}:{layout.port('gateway')}",
            "api_key": keys.api_key,
        },
        "internal": {"token": keys.internal_token},
        "erasure": {"key": keys.erasure_key},
    }


def write_private(path: Path, document: Mapping[str, Any]) -> None:
    """Write JSON whole or not at all, readable by this user only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file, indent=1)
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The document, or None where there is none (yet)."""
    try:
        loaded: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return loaded
