"""Clean-up of the store: only what nobody uses goes, one version at a time, each whole or not at all."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from ekiben.artefact import aliases, catalogue, ledger, store
from ekiben.artefact.catalogue import Version
from ekiben.artefact.history import moment
from ekiben.artefact.ledger import Event
from ekiben.errors import ConfigError
from ekiben.identifiers import BentoTag, ModelTag


@dataclass(frozen=True, slots=True)
class Kept:
    """A version that stays.

    Attributes:
        tag: The version.
        reasons: Why, in words.
    """

    tag: ModelTag
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a clean-up removes.

    Attributes:
        models: Versions that go.
        bentos: Bentos that go.
        kept: Versions that stay.
        freed_bytes: Of the models that go.
    """

    models: tuple[ModelTag, ...]
    bentos: tuple[BentoTag, ...]
    kept: tuple[Kept, ...]
    freed_bytes: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What a clean-up must know.

    Attributes:
        used: Reasons by version: what releases use, and what was named.
        before: Only what was stored earlier goes.
        bentos: Bentos go too, if they were packed earlier, are not the last of their name, and nothing else
            keeps their model; without it each bento keeps its model.
        names: Models to look at; empty means all.
    """

    used: Mapping[str, Sequence[str]]
    before: datetime
    bentos: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Bento:
    tag: BentoTag
    models: frozenset[str]
    made_at: datetime
    newest: bool


def plan(home: Path, rules: Rules) -> Plan:
    """Say what would go; changes nothing.

    Args:
        home: BentoML's home.
        rules: What must stay, and from when on.

    Raises:
        ConfigError: A ledger or a bento cannot be read: then it is not known what is in use.
    """
    packed = list(_bentos(home))
    going: list[ModelTag] = []
    without: list[BentoTag] = []
    kept: list[Kept] = []
    freed = 0
    for name in rules.names or catalogue.names(home):
        ledger.read(name, home)  # one that cannot be read names no version: nothing may go then
        for version in catalogue.versions(name, home):
            reasons = _reasons(version, rules)
            own = [each for each in packed if str(version.tag) in each.models]
            old = [each for each in own if rules.bentos and not reasons and _old(each, rules)]
            reasons += [f"bento {each.tag}" for each in own if each not in old]
            if reasons:
                kept.append(Kept(version.tag, tuple(reasons)))
            else:
                going.append(version.tag)
                freed += version.size_bytes
            without += [each.tag for each in old]
    return Plan(tuple(going), tuple(dict.fromkeys(without)), tuple(kept), freed)


def remove(home: Path, rules: Rules, *, at: datetime, by: str) -> Plan:
    """Remove what `plan` says, decided anew while nobody else changes the store or packs a bento.

    Args:
        home: BentoML's home.
        rules: What must stay, and from when on.
        at: Now.
        by: User of the operating system.

    Returns:
        What went.

    Raises:
        ConfigError: As `plan`; nothing was removed.
    """
    with _nobody_packs(home), store.staging(home) as staging:
        found = plan(home, rules)
        for bento in found.bentos:
            (home / "bentos" / bento.name / bento.version).rename(staging / f"{bento.name}-{bento.version}")
        for tag in found.models:
            _note(tag, home, staging, at, by)
            store.folder_of(tag, home).rename(staging / tag.version)
    return found


def _note(tag: ModelTag, home: Path, staging: Path, at: datetime, by: str) -> None:
    """Write the removal down before it happens: history tells from the store whether it did."""
    version, known = catalogue.version(tag, home), ledger.read(tag.name, home)
    said = {key: version.card[key] for key in ("metric", "score") if key in version.card}
    evidence = {"artefact": version.artefact_sha256, "stored_at": version.stored_at, **said}
    event = Event("removed", tag.version, at.isoformat(), by, "", evidence)
    ledger.write(known.having(event), home, staging)


def _reasons(version: Version, rules: Rules) -> list[str]:
    found = [f"alias {each}" if each != aliases.LATEST else each for each in version.aliases]
    found += rules.used.get(version.tag.version, ())
    if version.stored_at and moment(version.stored_at) >= rules.before:
        found.append(f"stored {version.stored_at[:10]}, not long enough ago")
    return found


def _old(bento: _Bento, rules: Rules) -> bool:
    return not bento.newest and bento.made_at < rules.before


def _bentos(home: Path) -> Iterator[_Bento]:
    root = home / "bentos"
    for above in sorted(root.iterdir()) if root.is_dir() else ():
        newest = above / "latest"
        last = newest.read_text(encoding="utf-8").strip() if newest.is_file() else ""
        for folder in sorted(above.iterdir()) if above.is_dir() else ():
            if folder.is_dir():
                yield _bento(folder, newest=folder.name == last)


def _bento(folder: Path, *, newest: bool) -> _Bento:
    try:
        found: Any = yaml.safe_load((folder / "bento.yaml").read_text(encoding="utf-8"))
        models = frozenset(str(each["tag"]) for each in found.get("models") or ())
        made_at = moment(str(found["creation_time"]))
        return _Bento(BentoTag(folder.parent.name, folder.name), models, made_at, newest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{folder}: expected a bento that says which models it needs, found {error}",
            remedy="remove this folder, or pack the bento again: ekiben bento",
        ) from error


@contextmanager
def _nobody_packs(home: Path) -> Iterator[None]:
    """Hold the lock under which bentos are packed."""
    place = home / store.WORKSHOP
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
