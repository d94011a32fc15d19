from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ekiben.ground import addresses, keeper, preflight, prepare
from ekiben.ground.layout import Layout
from ekiben.ground.record import Record

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("EKIBEN_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("EKIBEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(preflight, "snapshotter", lambda _folder: "overlayfs")
    return Layout.of("x")


@pytest.fixture
def record(layout: Layout) -> Record:
    here = Path("/x")
    return Record("x", layout.context, addresses.at(0), layout.cgroup, here, here, layout.registry)


def test_everything_private_is_readable_by_its_owner_only(layout: Layout, record: Record) -> None:
    """Keys and kubeconfigs, whatever the process' umask."""
    old = os.umask(0)
    try:
        prepare.write_all(layout, record, NOW)
    finally:
        os.umask(old)
    private = [
        path
        for path in layout.folder.rglob("*")
        if path.is_file() and (path.suffix in {".key", ".kubeconfig"} or path.name == "kubeconfig")
    ]
    assert len(private) >= 20
    assert {path.stat().st_mode & 0o077 for path in (*private, layout.folder)} == {0}


def test_certificates_outlive_a_restart_and_configuration_does_not(layout: Layout, record: Record) -> None:
    """What the store holds was signed with the first keys; settings may change."""
    prepare.write_all(layout, record, NOW)
    key = (layout.folder / "pki" / "sa.key").read_bytes()
    (layout.folder / "etcd").mkdir()
    (layout.folder / "conf" / "kubelet.yaml").write_text("old")
    assert not prepare.current(layout, record)
    prepare.write_all(layout, record, NOW)
    assert prepare.current(layout, record)
    assert (layout.folder / "pki" / "sa.key").read_bytes() == key
    assert (layout.folder / "etcd").is_dir()


def test_data_without_its_keys_is_wiped(layout: Layout, record: Record) -> None:
    """An `up` that was killed before the keys were whole starts afresh."""
    prepare.write_all(layout, record, NOW)
    (layout.folder / "etcd").mkdir()
    (layout.folder / "pki").rename(layout.folder / ".pki.partial")
    prepare.write_all(layout, record, NOW)
    assert not (layout.folder / "etcd").exists()
    assert (layout.folder / "pki" / "ca.key").exists()
    assert not (layout.folder / ".pki.partial").exists()


def test_manifests_are_complete(layout: Layout, record: Record) -> None:
    """Every `${...}` has a value; the DNS Service has the address that pods ask."""
    prepare.write_all(layout, record, NOW)
    texts = {path.name: path.read_text() for path in (layout.folder / "manifests").iterdir()}
    assert set(texts) == {"coredns.yaml", "metrics-server.yaml", "prometheus.yaml", "prometheusrules.yaml"}
    assert not [name for name, text in texts.items() if "${" in text]
    assert "clusterIP: 10.96.0.10" in texts["coredns.yaml"]


def test_the_node_forgets_the_users_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies and tokens of whoever typed `up` do not reach the node's programs."""
    monkeypatch.setattr(os, "environ", dict(os.environ, HTTPS_PROXY="http://proxy", TOKEN="t"))  # noqa: S106
    keeper._forget_the_users_environment()
    assert set(os.environ) <= {"PATH", "HOME", "LANG", "PYTHONPATH"}
    assert (Path(os.environ["PYTHONPATH"]) / "ekiben").is_dir()
