"""What may become a space; nothing is asked of Kafka before that is clear."""

from __future__ import annotations

import pytest

from deploy.rollout.starting import policy_for, require_item_encoder
from streaming.exceptions import ConfigurationError
from streaming.settings import Settings


@pytest.mark.parametrize("reference", ["poster-encoder@2", "text-encoder@1"])
def test_only_an_item_encoder_serves_a_space(bare_settings: Settings, reference: str) -> None:
    with pytest.raises(ConfigurationError, match="served by an item encoder"):
        require_item_encoder(bare_settings, reference)
    require_item_encoder(bare_settings, "item-encoder@5")


def test_a_like_is_what_the_package_was_trained_to_take_for_one() -> None:
    assert policy_for({"like_threshold": 3.0}, "mean", 0).like_threshold == 3.0
    assert policy_for({}, "mean", 0).like_threshold == 4.0
    aged = policy_for({"like_threshold": 3.5}, "weighted", 365)
    assert (aged.label, aged.like_threshold, aged.disliked) == ("weighted-365d", 3.5, -0.5)
