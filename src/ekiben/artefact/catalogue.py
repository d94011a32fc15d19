"""What the store holds of a model, as it says of itself: versions with their card, schema and aliases.

Nothing is unpickled and no estimator is read; damaged versions are listed as
such, never left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ekiben.artefact import aliases, ledger, store
from ekiben.errors import ConfigError
from ekiben.identifiers import ModelTag
from ekiben.serving import artefact as reader

_RECORD = "model.yaml"  # BentoML's own
_ONLY = ["scikit-learn"]  # the one form of an artefact of format 1


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the store.

    Attributes:
        tag: Its name.
        artefact_sha256: `sha256:...` of its manifest; empty if that is not this version's.
        stored_at: When BentoML took it, ISO 8601; empty if its record is damaged.
        size_bytes: Sum of its files.
        aliases: Those that name it, by name; BentoML's `latest` among them.
        forms: What can answer.
        predictor: What does.
        card: Content of `card.json`.
        wrong: Why it cannot be used; empty if nothing is wrong with what was read.
    """

    tag: ModelTag
    artefact_sha256: str
    stored_at: str
    size_bytes: int
    aliases: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    predictor: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)
    wrong: str = ""


def names(home: Path) -> list[str]:
    """Models that the store holds, by name."""
    root = home / "models"
    return sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def versions(name: str, home: Path) -> list[Version]:
    """Versions of a model that are artefacts of ekiben, the one stored last first.

    Args:
        name: The model.
        home: BentoML's home.

    Returns:
        Models of other libraries in the same store are left out: they have no manifest.
    """
    folder = home / "models" / name
    found = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    ours = [path.name for path in found if _ours(path)]
    read = [version(ModelTag(name, each), home) for each in ours]
    return sorted(read, key=lambda each: each.stored_at, reverse=True)


def version(tag: ModelTag, home: Path) -> Version:
    """Read one version; what is wrong with it is said in the result.

    The files that are read here are compared with their hashes; the others are
    when somebody uses them.
    """
    folder = store.folder_of(tag, home)
    size = sum(path.lstat().st_size for path in folder.iterdir())
    try:
        stored_at, named = _stored_at(folder), _aliases(tag, home)
    except ConfigError as error:
        return Version(tag, "", "", size, wrong=str(error))
    try:
        document = _manifest(folder, tag)
        card = json.loads(_content(folder, reader.CARD, document))
    except (ConfigError, OSError, ValueError, KeyError, TypeError) as error:
        return Version(tag, "", stored_at, size, named, wrong=str(error))
    return Version(
        tag=tag,
        artefact_sha256=reader.hash_of((folder / reader.MANIFEST).read_bytes()),
        stored_at=stored_at,
        size_bytes=size,
        aliases=named,
        forms=tuple(document.get("forms", _ONLY)),
        predictor=str(document.get("predictor", _ONLY[0])),
        card=card,
        wrong="" if stored_at else f"BentoML's {_RECORD} is absent or damaged",
    )


def document(tag: ModelTag, name: str, home: Path) -> Any:
    """Read one JSON file of a version.

    Raises:
        ConfigError: It is absent, or not as it was stored.
    """
    folder = store.folder_of(tag, home)
    try:
        return json.loads(_content(folder, name, _manifest(folder, tag)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{tag}: expected {name}, found {error}", remedy="train it again, or import it again"
        ) from error


def find(reference: str, home: Path) -> ModelTag:
    """Read `NAME`, `NAME:VERSION`, `NAME:ALIAS`, or the start of a version that no other has.

    A bare name means the version trained last, as for BentoML.

    Raises:
        ConfigError: Nothing, or more than one version, is meant.
    """
    name, _, which = reference.partition(":")
    which = which or aliases.LATEST
    alias = aliases.resolve(name, which, home)
    if alias is not None:
        found = [alias.version]
    else:
        folder = home / "models" / name
        known = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
        found = [each for each in known if each == which] or [
            each for each in known if each.startswith(which)
        ]
    if len(found) != 1:
        there = ", ".join(sorted(found)) or "none"
        raise ConfigError(
            f"expected one version of {name} that {which!r} means, found {there}",
            remedy=f"`ekiben model list {name}` shows versions and aliases"
            if name in names(home)
            else f"`ekiben model list` shows the models there are: {', '.join(names(home)) or 'none'}",
        )
    return ModelTag(name, found[0])


def _ours(folder: Path) -> bool:
    """Whether ekiben made it: by its manifest, or by what BentoML recorded when it was stored."""
    if (folder / reader.MANIFEST).is_file():
        return True
    try:
        return store.METADATA_KEY in (folder / _RECORD).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _aliases(tag: ModelTag, home: Path) -> tuple[str, ...]:
    named = sorted(
        alias for alias, version in ledger.read(tag.name, home).aliases.items() if version == tag.version
    )
    return (*named, aliases.LATEST) if store.latest(tag.name, home) == tag.version else tuple(named)


def _stored_at(folder: Path) -> str:
    try:
        return str(yaml.safe_load((folder / _RECORD).read_text(encoding="utf-8"))["creation_time"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return ""


def _manifest(folder: Path, tag: ModelTag) -> dict[str, Any]:
    content = (folder / reader.MANIFEST).read_bytes()
    if reader.version_of(reader.hash_of(content)) != tag.version:
        raise ConfigError(f"{tag}: {reader.MANIFEST} was changed")
    found: dict[str, Any] = json.loads(content)
    return found


def _content(folder: Path, name: str, manifest: Mapping[str, Any]) -> bytes:
    content = (folder / name).read_bytes()
    if store.sha256_of(folder / name) != manifest["files"][name]:
        raise ConfigError(f"{folder}: {name} was changed")
    return content
