"""`ekiben uninstall` says what it leaves behind: people hand keys out, and want to know where they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.cli.test_key import CONFIG
from tests.unit.release.test_keys import new
from tests.unit.release.world import World, task

from ekiben.cli import app, session
from ekiben.identifiers import ClusterAddress
from ekiben.release import site, station


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A release that two callers have keys for, in a project with one model."""
    (tmp_path / "bentos" / "iris").mkdir(parents=True)
    (tmp_path / "bentos" / "iris" / "ekiben.yaml").write_text(yaml.safe_dump(CONFIG))
    monkeypatch.setenv("EKIBEN_PROJECT", str(tmp_path))
    monkeypatch.setattr(session, "address", lambda _: ClusterAddress("mine"))
    document = {"format": 1, "keys": [new(name).record.document() for name in ("web", "batch")]}
    found = World(secrets={"iris-keys": {"keys.json": json.dumps(document).encode()}})

    @contextmanager
    def opened(*_: Any) -> Iterator[site.Site]:
        yield found.site()

    monkeypatch.setattr(site, "at", opened)
    station._release(found.site(), task("a"))
    return found


def test_callers_keys_stay_and_are_named(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Whose they are, where, and how they are removed."""
    assert app.main(["uninstall", "iris"]) == 0
    removed, kept = capsys.readouterr().out.splitlines()
    assert removed == "removed models/iris"
    assert kept.startswith("kept the keys of batch, web in Secret models/iris-keys")
    assert "`ekiben uninstall iris --keys`" in kept
    assert (set(world.secrets), world.serving) == ({"iris-keys"}, None)


def test_callers_keys_go_when_that_is_asked(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Also when the release is gone already; machines are told that none is left."""
    for _ in range(2):
        assert app.main(["uninstall", "iris", "--keys", "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said == {"removed": "models/iris", "kept_keys": [], "secret": "models/iris-keys"}
        assert world.secrets == {}


@pytest.mark.parametrize(("more", "fate"), [([], "keep"), (["--keys"], "remove")])
def test_a_dry_run_says_what_would_become_of_them(
    world: World, capsys: pytest.CaptureFixture[str], more: list[str], fate: str
) -> None:
    """And changes nothing."""
    assert app.main(["uninstall", "iris", "--dry-run", *more]) == 0
    assert f"would {fate} callers' keys, in Secret models/iris-keys" in capsys.readouterr().out
    assert set(world.secrets) == {"iris-keys"}
    assert "uninstall" not in world.calls
