"""The files of a cluster, written before its node starts: certificates once, configuration every time."""

from __future__ import annotations

import shutil
import string
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from ekiben.clients import places
from ekiben.ground import certificates, configuration, keda, preflight
from ekiben.ground.layout import Layout
from ekiben.ground.record import Record, dump, write

# Of the node's life so far: without the keys that signed it, it is worthless.
_DATA = ("etcd", "kubelet", "containerd", "prometheus", "alertmanager")


def wipe(layout: Layout) -> None:
    """Forget what the cluster stored; its node must not run."""
    for name in (*_DATA, "pki", "conf", "manifests", "run"):
        shutil.rmtree(layout.folder / name, ignore_errors=True)


def write_all(layout: Layout, record: Record, now: datetime) -> None:
    """Write everything that the node reads, and the administrator's kubeconfig.

    Args:
        layout: Where.
        record: For what.
        now: The present, with time zone.
    """
    folder = layout.folder
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    write(layout.record, dump(record))
    pki = _pki(layout, record, now)
    for old in ("conf", "manifests"):
        shutil.rmtree(folder / old, ignore_errors=True)
    for name, text in rendered(layout, record, pki).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, text, mode=0o600 if name.endswith(".kubeconfig") else 0o644)
    for each in (layout.logs, layout.rules, layout.registry):
        each.mkdir(parents=True, exist_ok=True)
    server = configuration.server(record.addresses)
    write(layout.kubeconfig, configuration.kubeconfig(layout.context, server, pki, "admin"), mode=0o600)


def rendered(layout: Layout, record: Record, pki: Mapping[str, bytes]) -> dict[str, str]:
    """Configuration and manifests of the node, by their path in its folder."""
    machine = configuration.Machine(preflight.may_lower_oom_score(), preflight.snapshotter(layout.folder))
    found = configuration.files(record.addresses, record.node, machine, pki)
    files = {f"conf/{name}": text for name, text in found.items()}
    values = configuration.manifest_values(record.addresses)
    sources = places.source("k8s/local")
    for path in sorted((sources / "manifests").glob("*.yaml")):
        files[f"manifests/{path.name}"] = string.Template(path.read_text()).substitute(values)
    for path in sorted((sources / "crds").glob("*.yaml")):  # of other projects: a `$` is theirs
        files[f"manifests/{path.name}"] = path.read_text()
    if record.keda is not None:
        files[f"manifests/{keda.MANIFEST}"] = (record.keda / keda.MANIFEST).read_text()
    return files


def current(layout: Layout, record: Record) -> bool:
    """Whether the files that a running node was started with are what would be written now."""
    try:
        files = rendered(layout, record, _read(layout.folder / "pki"))
        return all((layout.folder / name).read_text() == text for name, text in files.items())
    except (OSError, KeyError):
        return False


def _read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _pki(layout: Layout, record: Record, now: datetime) -> dict[str, bytes]:
    """The cluster's certificates: those it has, else new ones, all or none."""
    folder = layout.folder / "pki"
    if not folder.exists():
        wipe(layout)
        partial = folder.with_name(".pki.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        for name, content in certificates.of_cluster(record.addresses, record.node, now).items():
            (partial / name).touch(0o600)
            (partial / name).write_bytes(content)
        partial.replace(folder)
    return _read(folder)
