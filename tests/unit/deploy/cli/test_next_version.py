"""What pages and examples call the next version is not shipped already, and one and the same everywhere."""

from __future__ import annotations

import re

import pytest

from tests.unit.deploy.cli.test_examples import ALL, PROJECT, examples

PACKAGES = PROJECT / "model_store" / "packages"
TRAINED = {"space": "item-encoder", "vit": "poster-encoder"}
"""``marquee train`` command -> the package that it makes unless --name says otherwise."""
BLOCK = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shipped(name: str) -> set[int]:
    """The versions of ``name`` that come with Marquee."""
    return {int(folder.name) for folder in (PACKAGES / name).iterdir()}


def blocks() -> dict[str, str]:
    """What can be typed, by where it stands: examples of help, blocks of the pages."""
    found = {f"marquee {name} --help": "\n".join(examples(command)) for name, command in ALL}
    for page in (PROJECT / "README.md", *sorted(PROJECT.glob("docs/*.md"))):
        for number, text in enumerate(BLOCK.findall(page.read_text()), 1):
            found[f"{page.relative_to(PROJECT)}, block {number}"] = text
    return {where: text for where, text in found.items() if text}


def wrong(text: str) -> list[str]:
    """Lines that train a version which is there, or name one that is neither shipped nor the next. Pure."""
    found = []
    for line in text.splitlines():
        for kind, name in TRAINED.items():
            there, after = shipped(name), max(shipped(name)) + 1
            trained = re.search(rf"marquee train {kind}\b.* --version (\d+)", line)
            named = {int(version) for version in re.findall(rf"\b{name}[@/-](\d+)", line)}
            if (trained and int(trained[1]) != after) or named - there - {after}:
                found.append(line)
    return found


@pytest.mark.parametrize(("where", "text"), blocks().items(), ids=list(blocks()))
def test_versions_are_shipped_or_the_next_one(where: str, text: str) -> None:
    assert not wrong(text), where


def test_the_next_model_is_started_under_the_version_that_was_trained() -> None:
    page = (PROJECT / "docs" / "operate.md").read_text()
    steps = page.split("### From production data to the next model")[1].split("```")[1]
    after = max(shipped("item-encoder")) + 1
    assert f"--version {after} " in steps
    assert set(re.findall(r"item-encoder@(\d+)", steps)) == {str(after)}


def test_a_version_that_is_there_already_is_seen() -> None:
    newest = max(shipped("item-encoder"))
    assert wrong(f"marquee train space --data export/ --version {newest}")
    assert wrong(f"marquee rollout start item-encoder@{newest + 2}")
    assert not wrong(f"marquee rollout start item-encoder@{newest}")


@pytest.mark.parametrize(("where", "text"), blocks().items(), ids=list(blocks()))
def test_the_folder_of_data_is_set_before_it_is_used(where: str, text: str) -> None:
    if "$MARQUEE_DATA" in text:
        assert "export MARQUEE_DATA=" in text.partition("$MARQUEE_DATA")[0], where
