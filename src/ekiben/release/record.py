"""The release record: which revisions were verified, with which evidence; a ConfigMap beside the release.

Helm knows what was deployed; only this knows what proved itself. It is enough
to answer "what served on 3 March?" and to go back to it.
"""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ekiben.clients.cluster import Cluster
from ekiben.clients.namespaces import MANAGED_BY
from ekiben.errors import ConfigError
from ekiben.identifiers import ImageReference, ModelTag
from ekiben.jsonable import jsonable
from ekiben.release.golden import Golden

KEPT = 10  # verified revisions, as many as Helm's and the Deployment's own histories usually hold
GOLDEN_ROWS = 16  # kept per revision, so that a rollback can be proven without the artefact; a few KiB
_FORMAT = 1
_KEY = "revision-{:06d}"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a release had to show.

    Attributes:
        name: What was looked at.
        passed: The verdict.
        expected: In words.
        found: In words.
    """

    name: str
    passed: bool
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Verified:
    """One verified revision.

    Attributes:
        revision: Helm's number.
        image: What it serves, by digest.
        model: Tag of the model inside.
        artefact_sha256: Hash of the artefact inside.
        inputs_sha256: Hash of the chart and its values: the same inputs need no new revision.
        replicas: Fewest replicas it was asked to have.
        checks: The evidence.
        by: User of the operating system who released it.
        at: When it was verified, ISO 8601 with offset.
        golden: Rows that prove it again.
    """

    revision: int
    image: ImageReference
    model: ModelTag
    artefact_sha256: str
    inputs_sha256: str
    replicas: int
    checks: tuple[Check, ...]
    by: str
    at: str
    golden: Golden

    def same(self, other: Verified) -> bool:
        """True if both serve the same image from the same chart and values."""
        return (self.image.digest, self.inputs_sha256) == (other.image.digest, other.inputs_sha256)


def name(release: str) -> str:
    """Name of the ConfigMap."""
    return f"{release}-record"


def user() -> str:
    """Name of the operating system's user; empty if it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def inputs_sha256(chart: Path, values: Mapping[str, Any]) -> str:
    """Hash what Helm renders from: every file of the chart, and the values."""
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for path in sorted(p for p in chart.rglob("*") if p.is_file()):
        digest.update(f"\n{path.relative_to(chart).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return f"sha256:{digest.hexdigest()}"


def dump(entry: Verified) -> str:
    """Write one entry as JSON."""
    document = {
        "format": _FORMAT,
        "revision": entry.revision,
        "image": f"{entry.image.repository}:{entry.image.tag}@{entry.image.digest}"
        if entry.image.tag
        else str(entry.image),
        "model": str(entry.model),
        "artefact": entry.artefact_sha256,
        "inputs": entry.inputs_sha256,
        "replicas": entry.replicas,
        "checks": jsonable(entry.checks),
        "by": entry.by,
        "at": entry.at,
        "golden": entry.golden.document(),
    }
    return json.dumps(document, sort_keys=True)


def load(text: str) -> Verified | None:
    """Read one entry; None if it is of another format or was edited by hand: it then proves nothing."""
    try:
        found = json.loads(text)
        if found["format"] != _FORMAT:
            return None
        return Verified(
            revision=int(found["revision"]),
            image=ImageReference.parse(found["image"]),
            model=ModelTag.parse(found["model"]),
            artefact_sha256=found["artefact"],
            inputs_sha256=found["inputs"],
            replicas=int(found["replicas"]),
            checks=tuple(Check(**check) for check in found["checks"]),
            by=found["by"],
            at=found["at"],
            golden=Golden.of(found["golden"]),
        )
    except (ConfigError, ValueError, KeyError, TypeError):
        return None


def entries(data: Mapping[str, str]) -> tuple[Verified, ...]:
    """Read all entries, oldest revision first."""
    read = (load(text) for text in data.values())
    return tuple(sorted((one for one in read if one is not None), key=lambda one: one.revision))


def with_entry(data: Mapping[str, str], entry: Verified) -> dict[str, str]:
    """Add an entry and keep `KEPT`.

    The oldest go first, but what a newer revision serves again goes before
    what would then be lost: undoing ten failures must not forget the way back.
    """
    kept = [one for one in entries(data) if one.revision != entry.revision] + [entry]
    while len(kept) > KEPT:
        repeated = (one for place, one in enumerate(kept) if any(one.same(new) for new in kept[place + 1 :]))
        kept.remove(next(repeated, kept[0]))
    return {_KEY.format(one.revision): dump(one) for one in kept}


def newest(
    known: Iterable[Verified], numbers: Iterable[int], *, before: int | None = None
) -> Verified | None:
    """Return the newest verified revision that Helm still has.

    Args:
        known: Entries of the record.
        numbers: Revisions in Helm's history.
        before: Look only at revisions below this one.
    """
    held = set(numbers)
    usable = [v for v in known if v.revision in held and (before is None or v.revision < before)]
    return max(usable, key=lambda v: v.revision, default=None)


def read(cluster: Cluster, namespace: str, release: str) -> tuple[Verified, ...]:
    """Read the record from the cluster; empty if there is none."""
    return entries(cluster.config_map(namespace, name(release)) or {})


def write(cluster: Cluster, namespace: str, release: str, entry: Verified) -> None:
    """Add an entry to the record in the cluster."""
    key, value = MANAGED_BY
    labels = {key: value, "app.kubernetes.io/part-of": "ekiben", "ekiben.dev/release": release}
    cluster.change_config_map(namespace, name(release), lambda data: with_entry(data, entry), labels)


def now_text(now: datetime) -> str:
    """Write a moment as the record does."""
    return now.isoformat(timespec="seconds")
