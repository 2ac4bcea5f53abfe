"""What may become a space; nothing is asked of Kafka before that is clear."""

from __future__ import annotations

import pytest

from deploy.rollout.starting import require_item_encoder
from streaming.exceptions import ConfigurationError
from streaming.settings import Settings


@pytest.mark.parametrize("reference", ["poster-encoder@1", "text-encoder@1"])
def test_only_an_item_encoder_serves_a_space(bare_settings: Settings, reference: str) -> None:
    with pytest.raises(ConfigurationError, match="served by an item encoder"):
        require_item_encoder(bare_settings, reference)
    require_item_encoder(bare_settings, "item-encoder@2")
