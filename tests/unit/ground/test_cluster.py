from __future__ import annotations

from pathlib import Path

import pytest

from ekiben.errors import ClusterError
from ekiben.ground import addresses, cluster, life
from ekiben.ground.layout import Layout
from ekiben.ground.record import Record, dump, write
from ekiben.identifiers import ClusterAddress


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EKIBEN_STATE", str(tmp_path))
    for name in ("EKIBEN_CONTEXT", "EKIBEN_REGISTRY", "EKIBEN_PROMETHEUS_URL", "EKIBEN_NODE_ADDRESS"):
        monkeypatch.delenv(name, raising=False)


def _made(name: str, index: int) -> Layout:
    layout = Layout.of(name)
    layout.folder.mkdir(parents=True)
    here = Path("/x")
    record = Record(name, layout.context, addresses.at(index), layout.cgroup, here, here, here)
    write(layout.record, dump(record))
    return layout


def test_without_a_cluster_the_remedy_is_to_make_one() -> None:
    """Nothing named, nothing running: an error that says what to type."""
    with pytest.raises(ClusterError, match="none running") as caught:
        cluster.current(None)
    assert "ekiben cluster up" in caught.value.remedy


def test_a_foreign_context_is_what_the_user_says_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """What kubectl would search is searched; registry and Prometheus come from the environment."""
    monkeypatch.setenv("EKIBEN_REGISTRY", "registry.example:443")
    monkeypatch.setenv("EKIBEN_PROMETHEUS_URL", "http://prometheus.example")
    expected = ClusterAddress("prod", None, "registry.example:443", "http://prometheus.example", "")
    assert cluster.current("prod") == expected


def test_the_environment_names_a_context_and_the_flag_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flag before environment."""
    monkeypatch.setenv("EKIBEN_CONTEXT", "staging")
    assert cluster.current(None).context == "staging"
    assert cluster.current("prod").context == "prod"


def test_a_local_context_knows_its_own_addresses() -> None:
    """A cluster of ours, named by its context, is reached with its own kubeconfig."""
    layout = _made("other", 1)
    found = cluster.current("ekiben-other")
    assert found == ClusterAddress(
        "ekiben-other",
        layout.kubeconfig,
        "10.97.1.2:5000",
        "http://10.97.1.2:9090",
        "10.97.1.2",
        registry_insecure=True,
    )


def test_the_running_cluster_is_meant_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that does not run is not meant; `local` comes before others."""
    for index, name in enumerate(("aa", "local", "zz")):
        _made(name, index)
    monkeypatch.setattr(life, "alive", lambda layout: layout.name == "zz")
    assert cluster.current(None).context == "ekiben-zz"
    monkeypatch.setattr(life, "alive", lambda _layout: True)
    assert cluster.current(None).context == "ekiben-local"


def test_two_running_clusters_of_other_names_must_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """No guess between equals."""
    for index, name in enumerate(("aa", "zz")):
        _made(name, index)
    monkeypatch.setattr(life, "alive", lambda _layout: True)
    with pytest.raises(ClusterError, match="aa, zz"):
        cluster.current(None)


def test_status_tells_absent_from_interrupted() -> None:
    """Nothing there, something there without a node, and what to do about each."""
    assert cluster.status("local").state == "absent"
    _made("local", 0)
    found = cluster.status("local")
    assert (found.state, found.healthy) == ("interrupted", False)
    assert any("repairs" in line for line in found.lines())
    assert ("Kubernetes", "v1.35.4") in found.versions
