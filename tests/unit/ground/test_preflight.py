from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

import pytest

from ekiben.errors import ToolError
from ekiben.ground import cgroups, cluster, preflight, rungs
from ekiben.ground.preflight import Need


def test_a_full_disk_is_said_once_with_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folders of one file system lack space once."""
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1 << 30))
    needs = preflight.disk_needs([tmp_path / "a" / "b", tmp_path / "c"], 6 << 30)
    assert len(needs) == 1
    assert "6 GiB" in needs[0].what
    assert "1.0 GiB" in needs[0].what
    assert preflight.disk_needs([tmp_path], 1 << 30) == []


@pytest.mark.parametrize(
    ("mask", "has"), [("000001fffeffffff", False), ("000001ffffffffff", True), ("0", False)]
)
def test_a_capability_is_read_from_the_process_status(mask: str, has: bool) -> None:
    """Bit 24 is CAP_SYS_RESOURCE (capabilities(7))."""
    assert preflight.has_capability(f"Name:\tx\nCapEff:\t{mask}\nCapBnd:\t0\n", 24) is has


def test_everything_that_is_missing_is_said_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither root, nor Debian, nor Go, nor controllers: one error, four remedies, exit code 3."""
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(cgroups, "mounted", list)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("EKIBEN_CACHE", str(tmp_path))
    needs = preflight.basics()
    with pytest.raises(ToolError, match=r"root.*apt-get.*'go'.*cpu") as caught:
        cluster._refuse(needs)
    assert caught.value.exit_code == 3
    assert "sudo" in caught.value.remedy
    assert "go.dev" in caught.value.remedy


def test_another_system_is_told_about_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of Linux is asked on a Mac."""
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert [need.remedy for need in preflight.basics()] == ["use kind, or a Linux machine"]


def test_a_need_reads_as_one_line() -> None:
    """What and remedy."""
    assert str(Need("expected A, found B", "do C")) == "expected A, found B (do C)"


def test_a_named_context_wins_over_everything() -> None:
    """Never the current context by accident, always the one that was named."""
    assert rungs.decide("prod", "docker", has_kind=True, local=()).rung == "context"


def test_kind_is_taken_where_an_engine_runs_and_kind_is_there() -> None:
    """The second rung."""
    assert rungs.decide("", "podman", has_kind=True, local=()).rung == "kind"


@pytest.mark.parametrize(("engine", "has_kind"), [("", True), ("docker", False), ("", False)])
def test_a_local_node_is_taken_where_kind_cannot_be(engine: str, has_kind: bool) -> None:
    """The third rung says what the second lacks."""
    choice = rungs.decide("", engine, has_kind, local=())
    assert choice.rung == "local"
    assert len(choice.missing) == (not engine) + (not has_kind)


def test_a_process_is_left_where_nothing_better_is_and_all_lacks_are_said() -> None:
    """The fourth rung says what each better one lacks."""
    choice = rungs.decide("", "", has_kind=False, local=("no root", "no Go"))
    assert choice.rung == "process"
    assert len(choice.missing) == 4


def test_the_context_of_the_environment_is_a_named_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """EKIBEN_CONTEXT names as --context does."""
    monkeypatch.setenv("EKIBEN_CONTEXT", "staging")
    choice = rungs.choose(None)
    assert (choice.rung, choice.missing) == ("context", ())
    assert "staging" in choice.reason
