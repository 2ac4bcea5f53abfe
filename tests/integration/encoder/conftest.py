"""One tiny package for the run, registered with the run's TorchServe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.stack.torchserve import TorchServe
from streaming.encoder import EncoderClient, register_version
from streaming.settings import Settings, TorchServeSettings
from tests.integration.encoder.tiny import NAME, VERSION, Tiny, tiny_package


@pytest.fixture(scope="session")
def tiny(torchserve_service: TorchServe) -> Tiny:
    """Trained and built where TorchServe loads from."""
    return tiny_package(torchserve_service.models)


@pytest.fixture
def serving(bare_settings: Settings, torchserve: TorchServe) -> Settings:
    """Settings that reach TorchServe; nothing else is needed here."""
    serve = TorchServeSettings(  # type: ignore[call-arg]
        inference_url=torchserve.inference_url, management_url=torchserve.management_url
    )
    return bare_settings.model_copy(update={"torchserve": serve})


@pytest.fixture
def encoder(serving: Settings, tiny: Tiny) -> Iterator[EncoderClient]:
    """A client of the tiny package, its version ready."""
    register_version(serving, tiny.package.archive, NAME, VERSION)
    with EncoderClient(serving, VERSION, NAME) as client:
        yield client
