"""The linear probe: finds what is there, finds nothing where there is nothing, and keeps films apart."""

from __future__ import annotations

import numpy as np

from trainer.vision.probe import majority, probe, split_films

FILMS = [f"tt{i:07d}" for i in range(500)]
GENRES = ("A", "B", "C")


def test_a_linear_trace_is_found_and_noise_is_not() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random((500, 3)) < 0.3
    noise = rng.standard_normal((500, 20)).astype(np.float32)
    trace = noise.copy()
    trace[:, :3] += 3 * labels
    parts = split_films(FILMS, 0)
    seen = probe(trace, labels, parts, GENRES)
    blind = probe(noise, labels, parts, GENRES)
    constant = majority(labels, parts, GENRES)
    assert seen.map > 0.9
    assert abs(constant.map - labels[parts.test].mean()) < 1e-6
    assert blind.map < constant.map + 0.12
    assert set(seen.each) == set(GENRES)


def test_labels_of_the_test_part_do_not_matter_to_what_is_learnt() -> None:
    rng = np.random.default_rng(1)
    labels = rng.random((500, 1)) < 0.4
    features = rng.standard_normal((500, 5)).astype(np.float32)
    features[:, 0] += labels[:, 0]
    parts = split_films(FILMS, 0)
    turned = labels.copy()
    turned[parts.test] = ~turned[parts.test]
    straight, reverse = (probe(features, one, parts, ("A",)) for one in (labels, turned))
    assert straight.penalty == reverse.penalty
    assert straight.map > 0.5, "and a probe that learnt from turned labels would do well on them"
    assert reverse.map < turned[parts.test].mean() + 0.05


def test_every_film_is_on_one_side_and_seeds_differ() -> None:
    parts = split_films(FILMS, 0)
    assert (parts.train.astype(int) + parts.validation + parts.test == 1).all()
    assert 250 < parts.train.sum() < 350
    assert 60 < parts.test.sum() < 140
    assert (split_films(FILMS, 1).test != parts.test).any()
    np.testing.assert_array_equal(split_films(FILMS[100:], 0).test, parts.test[100:])
