"""What may become a space; nothing is asked of Kafka before that is clear."""

from __future__ import annotations

import pytest

from deploy.rollout.starting import create
from model_store import find_source
from streaming.control.documents import Policy
from streaming.exceptions import ConfigurationError
from streaming.settings import Settings


@pytest.mark.parametrize("reference", ["poster-encoder@1", "text-encoder@1"])
def test_only_an_item_encoder_serves_a_space(bare_settings: Settings, reference: str) -> None:
    with pytest.raises(ConfigurationError, match="served by an item encoder"):
        create(bare_settings, find_source(reference), Policy(), "operator", "")
