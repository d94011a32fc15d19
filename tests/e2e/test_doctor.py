"""`ekiben doctor` on a real release, broken in three ways; `make torture-doctor` has the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e import breakages
from tests.e2e.breakages import Breakage
from tests.e2e.rig import Project, wait

BROKEN = 4


@pytest.fixture
def sound(project: Project, revision: dict[str, Any]) -> Iterator[Project]:
    """A release that doctor finds nothing wrong with."""
    assert revision["revision"]
    last: dict[str, Any] = {}

    def looks_sound() -> bool:
        last.update(project.ekiben("doctor", "iris", check=False))
        return bool(last["sound"])

    wait(looks_sound, 60, "a sound release")
    yield project
    wait(lambda: project.ready() >= 1, 60, "a ready replica")


@pytest.mark.parametrize("breakage", breakages.CHEAP, ids=lambda one: one.name)
def test_a_breakage_is_named_and_ends_with_4(sound: Project, breakage: Breakage) -> None:
    """The link that was broken, its remedy, and the exit code of a cluster that is not as it should be."""
    breakage.make(sound)
    try:
        done = sound.run("doctor", "iris")
        cause = sound.ekiben("why", "iris")["cause"] if breakage.cause else ""
    finally:
        breakage.undo(sound)
    assert done.returncode == BROKEN, done.stderr
    assert f"BROKEN  {breakage.link} " in done.stdout
    assert f"is broken at {breakage.link};" in done.stdout.splitlines()[-1]
    assert cause == breakage.cause
