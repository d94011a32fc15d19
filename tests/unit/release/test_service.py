"""The model store follows what is verified: the alias `in-service` names what serves."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.artefact.models import stored
from tests.unit.release.world import World, task

from ekiben.artefact import aliases, ledger, store
from ekiben.errors import RolledBackError
from ekiben.identifiers import ModelTag
from ekiben.release import record, station, undo
from ekiben.release.golden import Expected
from ekiben.release.site import Site


def carrying(name: str, tag: ModelTag, home: Path) -> station._Task:
    """A release of an image that carries this model of the store."""
    given = task(name)
    expected = Expected(tag, store.require(tag, home), given.wanted.expected.golden)
    return replace(given, wanted=replace(given.wanted, expected=expected))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The pods compute the hash of what the last release carried."""
    made = World()
    hashes: dict[str, str] = {}
    monkeypatch.setattr(
        "tests.unit.release.world.artefact", lambda name: hashes.get(name, "sha256:" + "0" * 64)
    )
    made.hashes = hashes  # type: ignore[attr-defined]  # for `released`
    return made


def site(world: World, home: Path) -> Site:
    return replace(world.site(), models=home)


def released(world: World, home: Path, name: str, tag: ModelTag) -> station.Released:
    given = carrying(name, tag, home)
    world.hashes[name] = given.wanted.expected.artefact_sha256  # type: ignore[attr-defined]  # same
    return station._release(site(world, home), given)


def test_a_verified_release_is_in_service(world: World, home: Path) -> None:
    """With its record as evidence; verified again it is no new event."""
    tag = stored(home)
    released(world, home, "a", tag)
    assert aliases.resolve("small", "in-service", home) == tag
    released(world, home, "a", tag)
    assert aliases.resolve("small", "in-service", home) == tag
    (event,) = ledger.read("small", home).events
    (entry,) = record.entries(world.config_maps["iris-record"])
    assert (event.kind, event.at[:10], event.by) == ("released", "2026-03-03", entry.by)
    assert event.evidence["release"] == "models/iris"
    assert event.evidence["revision"] == 1
    assert event.evidence["image"].endswith(entry.image.digest)
    assert event.evidence["checks"] == [check.name for check in entry.checks]


def test_a_release_that_failed_is_not_in_service(world: World, home: Path) -> None:
    """The alias stays with what serves again."""
    one, other = stored(home, 0.1), stored(home, 0.2)
    released(world, home, "a", one)
    with pytest.raises(RolledBackError):
        released(world, home, "lies", other)
    assert aliases.resolve("small", "in-service", home) == one


def test_a_rollback_takes_the_alias_back(world: World, home: Path) -> None:
    """What was verified again is what serves."""
    one, other = stored(home, 0.1), stored(home, 0.2)
    released(world, home, "a", one)
    released(world, home, "b", other)
    assert aliases.resolve("small", "in-service", home) == other
    undo.restore(site(world, home), record.entries(world.config_maps["iris-record"])[0])
    assert aliases.resolve("small", "in-service", home) == one


def test_a_store_without_the_model_fails_no_release(
    world: World, home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It has proven itself: the store is only warned of."""
    tag = stored(home)
    given = carrying("a", tag, home)
    world.hashes["a"] = given.wanted.expected.artefact_sha256  # type: ignore[attr-defined]  # same
    with caplog.at_level(logging.WARNING, "ekiben"):
        assert station._release(site(world, tmp_path / "other"), given).revision.number == 1
    assert "in-service" in caplog.text
