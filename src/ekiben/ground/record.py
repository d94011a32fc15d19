"""`cluster.json`: what was decided for a cluster, written before anything of the machine changes.

Light: process 1 of the node reads it too.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network
from pathlib import Path

from ekiben.errors import ClusterError
from ekiben.ground.addresses import Addresses


@dataclass(frozen=True, slots=True)
class Record:
    """A cluster's decisions.

    Attributes:
        name: Its name.
        node: Name of its node.
        addresses: Its subnets.
        cgroup: Its control group.
        binaries: Go programs and system images.
        debian: File tree of extracted packages.
        registry: The registry's storage.
        keda: KEDA's programs, images and manifest; None without it.
    """

    name: str
    node: str
    addresses: Addresses
    cgroup: str
    binaries: Path
    debian: Path
    registry: Path
    keda: Path | None = None


def dump(record: Record) -> str:
    """The record as JSON."""
    return json.dumps(asdict(record), indent=1, default=str)


def parse(text: str) -> Record:
    """Read a record.

    Raises:
        ClusterError: It is not one of ours.
    """
    try:
        raw = json.loads(text)
        networks = raw["addresses"]
        addresses = Addresses(
            int(networks["index"]), *(IPv4Network(networks[name]) for name in ("pods", "services", "link"))
        )
        binaries, debian, registry = (Path(raw[name]) for name in ("binaries", "debian", "registry"))
        keda = Path(raw["keda"]) if raw.get("keda") else None
        return Record(raw["name"], raw["node"], addresses, raw["cgroup"], binaries, debian, registry, keda)
    except (ValueError, KeyError, TypeError) as error:
        raise ClusterError(
            f"expected the record of a local cluster, found something else: {error}",
            remedy="`ekiben cluster down` removes it, then `ekiben cluster up` starts afresh",
        ) from error


def write(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode)
    partial.write_text(text)
    partial.replace(path)
