"""What may become a space; nothing is asked of Kafka before that is clear."""

from __future__ import annotations

import pytest

from deploy.rollout.starting import manifest_of, policy_for, require_item_encoder, serving_already
from streaming.control.documents import MEAN, WEIGHTED, Change, RouteDocument, SpaceDocument
from streaming.control.state import ControlState
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


def test_what_serves_already_is_known_by_package_and_policy(bare_settings: Settings) -> None:
    change = Change(revision=1, nonce="n", operator="o", reason="r", at_ms=0)
    space = SpaceDocument(
        space="s", package="item-encoder", version="5", dim=4, state="champion", change=change, policy=MEAN
    )
    bare = ControlState().with_document(space)
    state = bare.with_document(RouteDocument(route_id="r", champion="s", change=change))
    five, one = (manifest_of(bare_settings, f"item-encoder@{version}") for version in (5, 1))
    assert serving_already(five, MEAN, state) == "s"
    assert serving_already(one, MEAN, state) is None
    assert serving_already(five, WEIGHTED, state) is None
    assert serving_already(five, MEAN, bare) is None, "nobody is served yet"
