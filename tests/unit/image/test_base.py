"""The base's age: what Debian changed since is in it only once it is made anew."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import pytest

from ekiben.image import base, platforms, tree
from ekiben.image.blobs import Blobs, Made


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was made, by platform; each time it is something else, as Debian's archive is."""
    calls: list[str] = []

    def make(_room: Path, platform: platforms.Platform, _runs: Path | None) -> Made:
        calls.append(platform.name)
        return Made([tree.file("a", f"{platform.name} {len(calls)}".encode())])

    monkeypatch.setattr(base, "_make", make)
    return calls


def _aged(folder: Path, days: float) -> None:
    for path in (folder / "layers").iterdir():
        os.utime(path, (time.time() - 86_400 * days,) * 2)


@pytest.mark.parametrize(("days", "told"), [(29, False), (31, True)])
def test_an_old_base_says_so_and_is_used(
    tmp_path: Path, made: list[str], caplog: pytest.LogCaptureFixture, days: float, told: bool
) -> None:
    """After thirty days each build names the way out; none makes the base anew by itself."""
    blobs, ours = Blobs(tmp_path), platforms.here()
    with caplog.at_level(logging.WARNING):
        first = base.build(blobs, ours)
        assert not caplog.text
        _aged(tmp_path, days)
        assert base.build(blobs, ours) == first
    assert ("--renew-base" in caplog.text) is told
    assert made == [ours.name]


def test_a_base_that_is_forgotten_is_made_anew_with_what_runs_here(tmp_path: Path, made: list[str]) -> None:
    """Of another platform, this machine's too, whose Python writes the bytecode."""
    blobs, ours = Blobs(tmp_path), platforms.here()
    other = next(each for each in map(platforms.of, platforms.NAMES) if each != ours)
    first = base.build(blobs, other)
    base.forget(blobs, other)
    assert base.build(blobs, other) != first
    assert sorted(made) == sorted([ours.name, other.name] * 2)
