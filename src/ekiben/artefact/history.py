"""What happened to the versions of one model: trained, imported, assigned, released, removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from ekiben.artefact import catalogue, ledger, store
from ekiben.artefact.catalogue import Version
from ekiben.artefact.ledger import Event

_FROM_CARD = ("metric", "score", "acceptance", "rows", "data_sha256", "seed", "estimator")


def history(name: str, home: Path, released: Iterable[Event] = ()) -> list[Event]:
    """Give all that is known, oldest first.

    Args:
        name: The model.
        home: BentoML's home.
        released: What the records of clusters say; those that the ledger has too are given once.

    Raises:
        ConfigError: The ledger cannot be read.
    """
    stored = [_stored(each, home) for each in catalogue.versions(name, home) if each.stored_at]
    there = {each.version: moment(each.at) for each in stored}
    written = ledger.read(name, home).events
    happened = [each for each in written if each.kind != "removed" or _gone(each, there)]
    known = {_release(each) for each in happened if each.kind == "released"}
    return sorted(
        [*stored, *happened, *(each for each in released if _release(each) not in known)],
        key=lambda each: moment(each.at),
    )


def moment(text: str) -> datetime:
    """Read a time as BentoML, the ledger and the release record write it; without a zone it is UTC."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _gone(event: Event, there: Mapping[str, datetime]) -> bool:
    """Whether a removal took place: the ledger is written first, and a kill in between leaves the version."""
    stored_at = there.get(event.version)
    return stored_at is None or stored_at > moment(event.at)


def _release(event: Event) -> tuple[Any, ...]:
    return tuple(event.evidence.get(key) for key in ("context", "release", "revision"))


def _stored(version: Version, home: Path) -> Event:
    """How a version came into the store, with what its card says of it."""
    origin = _origin(store.folder_of(version.tag, home))
    said = {key: version.card[key] for key in _FROM_CARD if key in version.card}
    evidence = {"artefact": version.artefact_sha256, **said, **({"origin": origin} if origin else {})}
    kind = "imported" if origin else "trained"
    return Event(kind, version.tag.version, version.stored_at, str(origin.get("by", "")), "", evidence)


def _origin(folder: Path) -> dict[str, Any]:
    record = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))
    found = (record.get("metadata") or {}).get(store.ORIGIN_KEY)
    return dict(found) if isinstance(found, dict) else {}
