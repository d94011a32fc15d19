"""The files of a cluster, written before its node starts: certificates once, configuration every time."""

from __future__ import annotations

import shutil
import string
from datetime import datetime
from pathlib import Path

from ekiben.clients import places
from ekiben.ground import certificates, configuration, preflight
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
    machine = configuration.Machine(preflight.may_lower_oom_score(), preflight.snapshotter(folder))
    conf = folder / "conf"
    shutil.rmtree(conf, ignore_errors=True)
    for name, text in configuration.files(record.addresses, record.node, machine, pki).items():
        path = conf / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, text, mode=0o600 if name.endswith(".kubeconfig") else 0o644)
    _manifests(folder / "manifests", record)
    for each in (layout.logs, layout.rules, layout.registry):
        each.mkdir(parents=True, exist_ok=True)
    server = configuration.server(record.addresses)
    write(layout.kubeconfig, configuration.kubeconfig(layout.context, server, pki, "admin"), mode=0o600)


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
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _manifests(folder: Path, record: Record) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    values = configuration.manifest_values(record.addresses)
    for path in sorted((places.source("k8s/local") / "manifests").glob("*.yaml")):
        write(folder / path.name, string.Template(path.read_text()).substitute(values))
