"""What happened to a model's versions in this store: one file per model, beside BentoML's folders.

BentoML takes every folder below `models/<name>` for a version, and keeps one
file there, `latest`; aliases have no place in its layout. They stand in
`ekiben-ledger/<name>.json` of the same home, with who set them, when, and with
which evidence. A file is replaced by one rename: a killed run leaves the old
one or the new one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ekiben.errors import ConfigError

FORMAT = 1
FOLDER = "ekiben-ledger"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a version.

    Attributes:
        kind: `promoted`, `released`, `imported` or `removed`.
        version: Of the model.
        at: When, ISO 8601 with offset.
        by: User of the operating system; empty if it has no name.
        alias: What was set; empty if none was.
        evidence: What it rests on; JSON.
    """

    kind: str
    version: str
    at: str
    by: str
    alias: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that is known of one model's versions.

    Attributes:
        name: The model.
        aliases: Version by alias.
        events: In the order in which they happened.
    """

    name: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    events: tuple[Event, ...] = ()

    def having(self, event: Event) -> Ledger:
        """The same with one more event; its alias, if it has one, names its version from then on."""
        aliases = {**self.aliases, event.alias: event.version} if event.alias else self.aliases
        return replace(self, aliases=aliases, events=(*self.events, event))


def path_of(name: str, home: Path) -> Path:
    """File of a model's ledger; it may not exist.

    Raises:
        ConfigError: The name is no file's.
    """
    if not name or "/" in name or name.startswith("."):
        raise ConfigError(f"expected a model's name, found {name!r}")
    return home / FOLDER / f"{name}.json"


def read(name: str, home: Path) -> Ledger:
    """Read a model's ledger; an empty one if nothing was ever written.

    Raises:
        ConfigError: The file is not what this release of ekiben writes.
    """
    path = path_of(name, home)
    try:
        found = json.loads(path.read_bytes())
        if (found["format"], found["model"]) != (FORMAT, name):
            raise _foreign(path, name, f"format {found['format']!r} of {found['model']!r}")
        aliases = {str(alias): str(version) for alias, version in found["aliases"].items()}
        return Ledger(name, aliases, tuple(Event(**each) for each in found["events"]))
    except FileNotFoundError:
        return Ledger(name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _foreign(path, name, f"{type(error).__name__}: {error}") from error


def _foreign(path: Path, name: str, found: str) -> ConfigError:
    return ConfigError(
        f"{path}: expected a ledger of {name}, format {FORMAT}, found {found}",
        remedy="use the release of ekiben that wrote it; or move the file away and set the aliases again",
    )


def write(found: Ledger, home: Path, staging: Path) -> None:
    """Replace a model's ledger; the caller holds the store's lock.

    Args:
        found: What it shall say.
        home: BentoML's home.
        staging: Folder on the same file system, which goes when the caller ends or is killed.
    """
    document = {
        "format": FORMAT,
        "model": found.name,
        "aliases": dict(found.aliases),
        "events": [
            {
                "kind": each.kind,
                "version": each.version,
                "at": each.at,
                "by": each.by,
                "alias": each.alias,
                "evidence": dict(each.evidence),
            }
            for each in found.events
        ],
    }
    made, path = staging / "ledger", path_of(found.name, home)
    with made.open("w", encoding="utf-8") as out:
        json.dump(document, out, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
        out.flush()
        os.fsync(out.fileno())
    path.parent.mkdir(parents=True, exist_ok=True)
    made.replace(path)
