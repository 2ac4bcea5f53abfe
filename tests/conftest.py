"""The run's seed, hypothesis derandomised by it, and settings of a test's own."""

from __future__ import annotations

import os
import random
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import hypothesis.core
import pytest
from pydantic import SecretStr

from streaming.settings import ErasureSettings, InternalSettings, SessionSettings, Settings
from tests.faults.protections import VARIABLE
from tests.support import SEED_VARIABLE, run_seed

QUICK_SESSION = SessionSettings(
    session_timeout_ms=3_000,
    heartbeat_interval_ms=500,
    max_poll_interval_ms=30_000,
    transaction_timeout_ms=5_000,
)
"""As in service, but faults show sooner."""


def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed before anything is collected."""
    os.environ.setdefault(SEED_VARIABLE, str(random.SystemRandom().randrange(2**32)))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # a shell starts what runs in its background deaf to Ctrl-C, and what tests start would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [n for n in os.environ if n.startswith("MARQUEE_")]:
        # a stack that runs on this machine must not reach into tests
        if name not in {SEED_VARIABLE, VARIABLE, "MARQUEE_DATA"}:
            del os.environ[name]
    hypothesis.settings.register_profile("marquee", deadline=None, print_blob=True)
    hypothesis.core.global_force_seed = run_seed()
    hypothesis.settings.load_profile("marquee")


def pytest_report_header() -> str:
    """How to repeat this run."""
    return f"seed: {SEED_VARIABLE}={run_seed()}"


@pytest.fixture(autouse=True)
def seeded(request: pytest.FixtureRequest) -> None:
    """Every test draws from its own stream of the run's seed, whatever ran before it."""
    random.seed(f"{run_seed()}/{request.node.nodeid}")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers that belong to this test and this run's seed."""
    return random.Random(f"{run_seed()}/{request.node.nodeid}")


@pytest.fixture
def bare_settings(tmp_path: Path) -> Settings:
    """Settings with a home, a namespace and keys of their own; nothing outside is reached by them."""
    return Settings(
        namespace=f"t{secrets.token_hex(5)}",
        home=tmp_path,
        data=Path(os.environ.get("MARQUEE_DATA", "../shared/data")),
        session=QUICK_SESSION,
        erasure=ErasureSettings(key=SecretStr(secrets.token_hex(16))),
        internal=InternalSettings(token=SecretStr(secrets.token_hex(16))),
    )


@pytest.fixture(autouse=True)
def unchanged_directory() -> Iterator[None]:
    """A test that changes the working directory leaves it as it was."""
    before = Path.cwd()
    yield
    os.chdir(before)
