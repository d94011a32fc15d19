"""Clean-up: what anybody uses stays, what goes is written down, and doubt stops it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.artefact.models import listed, stored

from ekiben.artefact import aliases, history, ledger, pruning
from ekiben.artefact.pruning import Rules
from ekiben.errors import ConfigError
from ekiben.identifiers import ModelTag

NOW = datetime.now(UTC) + timedelta(days=30)


def rules(**parts: Any) -> Rules:
    return Rules(**{"used": {}, "before": NOW - timedelta(days=7), **parts})


def bento(home: Path, version: str, model: ModelTag, *, latest: bool = False) -> Path:
    folder = home / "bentos" / "small" / version
    folder.mkdir(parents=True)
    text = f"creation_time: '2026-01-01T00:00:00+00:00'\nmodels:\n- tag: {model}\n"
    (folder / "bento.yaml").write_text(text)
    if latest:
        (folder.parent / "latest").write_text(version)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def tags(home: Path) -> list[ModelTag]:
    """Five versions; the last is `latest`."""
    return [stored(home, score / 10) for score in range(1, 6)]


def prune(home: Path, **parts: Any) -> list[str]:
    return [str(each) for each in pruning.remove(home, rules(**parts), at=NOW, by="ann").models]


def test_only_what_nobody_uses_goes(home: Path, tags: list[ModelTag]) -> None:
    """An alias, a bento, a release and `latest` each keep their version."""
    aliases.assign("small", "in-service", tags[0], at=NOW, by="ann", home=home)
    bento(home, "b1", tags[1], latest=True)
    used = {tags[2].version: ["a release"]}
    planned = pruning.plan(home, rules(used=used))
    assert listed(home) == sorted(map(str, tags))
    assert prune(home, used=used) == [str(tags[3])] == [str(each) for each in planned.models]
    assert listed(home) == sorted(map(str, [*tags[:3], tags[4]]))
    kept = {each.tag: each.reasons for each in planned.kept}
    assert kept == {
        tags[0]: ("alias in-service",),
        tags[1]: ("bento small:b1",),
        tags[2]: ("a release",),
        tags[4]: ("latest",),
    }


def test_what_is_new_stays(home: Path, tags: list[ModelTag]) -> None:
    """Younger than the limit is not looked at."""
    assert prune(home, before=datetime.now(UTC) - timedelta(hours=1)) == []
    assert len(listed(home)) == len(tags)


def test_bentos_go_with_their_models_only_if_asked(home: Path, tags: list[ModelTag]) -> None:
    """Never the newest, nor that of a model that something else keeps."""
    old, used, newest = (bento(home, f"b{n}", tags[n], latest=n == 2) for n in range(3))
    in_use = {tags[1].version: ["a release"]}
    assert str(tags[0]) not in prune(home, used=in_use)
    assert prune(home, used=in_use, bentos=True) == [str(tags[0])]
    assert [folder.is_dir() for folder in (old, used, newest)] == [False, True, True]


def test_a_removal_is_history(home: Path, tags: list[ModelTag]) -> None:
    """With when, by whom and what it was; one that did not take place is not told."""
    prune(home, names=("small",), used={tags[1].version: ["a release"]})
    told = [(each.version, each.by) for each in history.history("small", home) if each.kind == "removed"]
    assert sorted(told) == sorted((tags[n].version, "ann") for n in (0, 2, 3))
    known = ledger.read("small", home).having(
        ledger.Event("removed", tags[4].version, NOW.isoformat(), "ann")
    )
    (home / "staged").mkdir()
    ledger.write(known, home, home / "staged")
    assert tags[4].version not in [
        each.version for each in history.history("small", home) if each.kind == "removed"
    ]


@pytest.mark.parametrize("doubt", ["ledger", "bento"])
def test_doubt_stops_it(home: Path, tags: list[ModelTag], doubt: str) -> None:
    """A ledger or a bento that cannot be read might name what would go."""
    if doubt == "ledger":
        (home / "ekiben-ledger").mkdir()
        (home / "ekiben-ledger" / "small.json").write_text("{")
    else:
        (bento(home, "b1", tags[0]) / "bento.yaml").write_text("")
    with pytest.raises(ConfigError):
        pruning.plan(home, rules())
    with pytest.raises(ConfigError):
        prune(home)
    assert listed(home) == sorted(map(str, tags))


def test_an_alias_that_was_set_meanwhile_counts(home: Path, tags: list[ModelTag]) -> None:
    """What was planned is decided anew when it is done."""
    assert tags[0] in pruning.plan(home, rules()).models
    aliases.assign("small", "steady", tags[0], at=NOW, by="ann", home=home)
    assert str(tags[0]) not in prune(home)


def test_history_in_the_order_of_time(home: Path, tags: list[ModelTag]) -> None:
    """What clusters recorded is told once, if the ledger has it too."""
    evidence = {"context": "c", "release": "n/r", "revision": 1}
    aliases.assign(
        "small", "in-service", tags[0], at=NOW, by="ann", kind="released", evidence=evidence, home=home
    )
    early = ledger.Event(
        "released", tags[1].version, "2020-01-01T00:00:00+00:00", "bob", "", {**evidence, "revision": 0}
    )
    same = ledger.Event("released", tags[0].version, "2020-01-01T00:00:00", "bob", "", evidence)
    told = history.history("small", home, [same, early])
    assert [each.kind for each in told] == ["released", *["trained"] * 5, "released"]
    assert told[0] is early
