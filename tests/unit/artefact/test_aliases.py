"""Aliases: one version each, set whole or not at all, and out of BentoML's sight."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.artefact.models import listed, stored

from ekiben.artefact import aliases, ledger
from ekiben.errors import ConfigError
from ekiben.identifiers import ModelTag

AT = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


def assign(tag: ModelTag, home: Path, alias: str = "in-service", **parts: object) -> bool:
    return aliases.assign("small", alias, tag, at=AT, by="ann", home=home, **parts)  # type: ignore[arg-type]  # as given


def test_an_alias_names_the_version_that_it_was_given_last(tmp_path: Path) -> None:
    """Nothing before the first time; each time is an event with who, when and why."""
    home = tmp_path / "home"
    one, other = stored(home, 0.1), stored(home, 0.2)
    assert aliases.resolve("small", "in-service", home) is None
    assert assign(one, home)
    assert aliases.resolve("small", "in-service", home) == one
    assert assign(other, home, kind="released", evidence={"revision": 3})
    assert aliases.resolve("small", "in-service", home) == other
    found = json.loads((home / "ekiben-ledger" / "small.json").read_text())
    assert [(each["version"], each["kind"], each["at"], each["by"]) for each in found["events"]] == [
        (one.version, "promoted", "2026-03-03T12:00:00+00:00", "ann"),
        (other.version, "released", "2026-03-03T12:00:00+00:00", "ann"),
    ]
    assert found["events"][1]["evidence"] == {"revision": 3}


def test_the_same_again_writes_nothing(tmp_path: Path) -> None:
    """A release that is verified again is no new event; another evidence is one."""
    home = tmp_path / "home"
    tag = stored(home)
    said = [assign(tag, home, evidence={"revision": number}) for number in (1, 1, 2)]
    assert said == [True, False, True]
    assert len(ledger.read("small", home).events) == 2


def test_bentoml_sees_the_models_only(tmp_path: Path) -> None:
    """Its own store lists what it listed before, by name and as a whole, and deletes as ever."""
    from bentoml._internal.models.model import ModelStore

    home = tmp_path / "home"
    one, other = stored(home, 0.1), stored(home, 0.2)
    before = listed(home)
    assign(one, home)
    assign(one, home, "steady")
    assert listed(home) == before == sorted(map(str, (one, other)))
    theirs = ModelStore(home / "models")
    assert str(theirs.get("small:latest").tag) == str(other)
    theirs.delete(str(one))
    assert listed(home) == [str(other)]
    assert aliases.resolve("small", "in-service", home) == one


def test_latest_is_bentomls_own(tmp_path: Path) -> None:
    """It is resolved from its file, and cannot be set."""
    home = tmp_path / "home"
    one, other = stored(home, 0.1), stored(home, 0.2)
    assert aliases.resolve("small", "latest", home) == other
    with pytest.raises(ConfigError, match="alias"):
        assign(one, home, "latest")
    assert aliases.resolve("none", "latest", home) is None


@pytest.mark.parametrize(
    "alias", ["", "A", "a_b", "-a", "a" * 41, "0123456789abcdef", "abcdefabcdefabcd", "a/b"]
)
def test_what_cannot_be_an_alias(tmp_path: Path, alias: str) -> None:
    """A version's 16 digits among them; nothing is written."""
    home = tmp_path / "home"
    tag = stored(home)
    with pytest.raises(ConfigError, match="expected an alias"):
        assign(tag, home, alias)
    assert not (home / "ekiben-ledger").exists()


@pytest.mark.parametrize("damage", ["absent", "manifest", "card", "link", "name"])
def test_an_alias_is_given_to_a_whole_version_only(tmp_path: Path, damage: str) -> None:
    """Not to one that is not there, or not as it was stored; the alias stays where it was."""
    home = tmp_path / "home"
    one, tag = stored(home, 0.1), stored(home, 0.2)
    assign(one, home)
    folder = home / "models" / "small" / tag.version
    if damage == "absent":
        tag = ModelTag("small", "0" * 16)
    elif damage == "name":
        tag = ModelTag("other", tag.version)
    elif damage == "link":
        (folder / "card.json").rename(tmp_path / "card.json")
        (folder / "card.json").symlink_to(tmp_path / "card.json")
    else:
        (folder / f"{damage}.json").write_bytes((folder / f"{damage}.json").read_bytes() + b" ")
    with pytest.raises(ConfigError):
        assign(tag, home)
    assert aliases.resolve("small", "in-service", home) == one


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": 9, "model": "small"}', '{"format": 1, "model": "x"}']
)
def test_a_foreign_ledger_is_not_overwritten(tmp_path: Path, content: str) -> None:
    """What this release did not write is refused, and stays."""
    home = tmp_path / "home"
    tag = stored(home)
    path = home / "ekiben-ledger" / "small.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(ConfigError, match="expected a ledger"):
        assign(tag, home)
    assert path.read_text() == content


@pytest.mark.parametrize("name", ["", "..", "../small", "a/b", ".hidden"])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    """A ledger lies in its own folder only."""
    with pytest.raises(ConfigError, match="name"):
        aliases.resolve(name, "in-service", tmp_path)
