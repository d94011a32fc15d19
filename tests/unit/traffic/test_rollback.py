"""The way back leads to something that was verified, and is verified again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.unit.release.test_values import configured
from tests.unit.release.world import World, task

from ekiben.errors import ConfigError, RolledBackError
from ekiben.identifiers import ClusterAddress
from ekiben.release import site, station
from ekiben.traffic import rollback, uninstall

ADDRESS = ClusterAddress("mine")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Let the rooms find a small world where the address leads."""
    made = World()

    @contextmanager
    def opened(*_: Any) -> Iterator[site.Site]:
        yield made.site()

    monkeypatch.setattr(site, "at", opened)
    return made


def release(world: World, name: str) -> None:
    station._release(world.site(), task(name))


def back(to: int | None = None) -> int:
    return rollback.rollback(configured(), ADDRESS, namespace="models", to=to).number


def test_back_to_what_served_before_and_forth_again(world: World) -> None:
    """Twice is there and back, as people expect of an undo."""
    release(world, "a")
    release(world, "b")
    assert back() == 3
    assert world.serving is not None
    assert world.serving.name == "a"
    assert back() == 4
    assert world.serving.name == "b"


def test_copies_of_what_serves_are_skipped(world: World) -> None:
    """After a release that undid itself, back still means the model before."""
    release(world, "a")
    release(world, "b")
    with pytest.raises(RolledBackError):
        release(world, "crash")
    goal = rollback.destination(configured(), ADDRESS, namespace="models", to=None)
    assert goal.number == 1
    back()
    assert world.serving is not None
    assert world.serving.name == "a"


def test_a_revision_by_its_number(world: World) -> None:
    """Any verified one; others are refused with the list of those."""
    for name in ("a", "b", "c"):
        release(world, name)
    assert back(1) == 4
    with pytest.raises(ConfigError, match=r"found 9; verified: 1 \(iris:"):
        back(9)


def test_nothing_to_go_back_to(world: World) -> None:
    """The first release has nothing before it."""
    release(world, "a")
    with pytest.raises(ConfigError, match="found none"):
        back()


def test_a_goal_that_no_longer_serves_is_undone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its image is gone from the registry: what served before serves again."""
    release(world, "a")
    release(world, "b")
    monkeypatch.setitem(world.applied, 1, type(world.applied[1])("pull", 2, 0.0))
    with pytest.raises(RolledBackError, match="image is pulled"):
        back()
    assert world.serving is not None
    assert world.serving.name == "b"


def test_a_destination_changes_nothing(world: World) -> None:
    """Asking is not going."""
    release(world, "a")
    release(world, "b")
    calls = list(world.calls)
    assert rollback.destination(configured(), ADDRESS, namespace="models", to=None).number == 1
    assert world.calls == calls


def test_uninstalling_leaves_nothing_and_may_be_repeated(world: World) -> None:
    """Release, record, the test's pod and the namespace go."""
    release(world, "a")
    for _ in range(2):
        uninstall.uninstall(configured(), ADDRESS, namespace="models")
    assert (world.history, world.config_maps, world.serving) == ([], {}, None)
    assert "models" not in world.namespaces
    assert "remove pod iris-test" in world.calls
