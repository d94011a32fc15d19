"""The chain as a whole: a sound one, each break by its name, and what looks like one and is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.diagnosis.doctor.breaks import BREAKS
from tests.unit.diagnosis.doctor.chain import (
    ADDRESS,
    NOW,
    Cluster,
    Metrics,
    examine,
    model,
    said,
)
from tests.unit.diagnosis.doctor.passing import QUIET, WARNINGS

from ekiben.clients.connection import Answer
from ekiben.clients.facts.exposure import Service
from ekiben.clients.prometheus import PrometheusError
from ekiben.diagnosis.doctor import table, walk
from ekiben.diagnosis.doctor.link import LINKS, Health
from ekiben.errors import ClusterError


def test_a_sound_release_is_sound_at_every_link() -> None:
    """No link is left out but KEDA's, nothing warns, and the verdict says so."""
    found = examine(Cluster())
    assert [one.link for one in found.findings] == [name for name in LINKS if name != "keda"]
    assert {one.health for one in found.findings} == {Health.SOUND}
    assert found.to_json()["sound"] is True
    assert table.verdict(found) == "models/iris in ekiben-local is sound: 25 links"


@pytest.mark.parametrize("name", BREAKS)
def test_each_break_is_named_with_its_remedy(name: str) -> None:
    """The first broken link, what was seen, what to do; links behind it are told as not looked at."""
    link, change, seen, remedy = BREAKS[name]
    cluster, metrics = Cluster(), Metrics()
    change(cluster, metrics)
    found = examine(cluster, metrics)
    assert found.broken is not None
    assert found.broken.link == link
    assert seen in found.broken.found
    assert remedy in found.broken.remedy
    names = list(LINKS)
    assert found.behind == tuple(names[names.index(link) + 1 :])
    assert all(one.health is Health.SOUND for one in found.findings[:-1])
    assert f"broken at {link}" in table.verdict(found)
    assert [line for line in table.lines(found) if line.startswith("BROKEN")]


@pytest.mark.parametrize("name", QUIET)
def test_what_passes_by_itself_is_no_break_and_no_warning(name: str) -> None:
    """Starts, rollouts, and what was mended leave a release sound."""
    cluster, metrics = Cluster(), Metrics()
    QUIET[name](cluster, metrics)
    found = examine(cluster, metrics)
    assert found.broken is None, found.broken
    assert found.warnings == ()


@pytest.mark.parametrize("name", WARNINGS)
def test_what_holds_but_not_well_is_a_warning(name: str) -> None:
    """A warning is told apart: the chain goes on to its end, and counts as sound."""
    link, change, seen, remedy = WARNINGS[name]
    cluster, metrics = Cluster(), Metrics()
    change(cluster, metrics)
    found = examine(cluster, metrics)
    assert [one.link for one in found.warnings] == [link]
    assert found.broken is None
    assert seen in said(found, link)
    assert remedy in said(found, link)
    assert found.findings[-1].link == "events"


def test_without_the_address_of_prometheus_its_links_are_not_looked_at() -> None:
    """They are no break, and no pass: the rest of the chain is walked."""
    address = replace(ADDRESS, prometheus_url="")
    found = walk.doctor(
        model(), address, namespace="models", cluster=Cluster(), now=lambda: NOW, pause=lambda _s: None
    )
    left = {one.link for one in found.findings if one.health is Health.UNKNOWN}
    assert left == {"prometheus", "scrape-target", "scrape", "query", "throttling"}
    assert found.broken is None
    assert table.verdict(found).endswith("; 5 not looked at")


def test_what_is_not_ours_to_read_is_not_a_break() -> None:
    """An APIService is cluster-wide: without the right to read it, the HPA's own conditions tell."""
    found = examine(Cluster(api=ClusterError("you may not", status=403)))
    assert found.broken is None
    assert {one.link for one in found.findings if one.health is Health.UNKNOWN} == {
        "metrics-api",
        "pod-metrics",
    }


def test_a_proxy_that_is_not_ours_is_not_a_break() -> None:
    """Asking a Service through the API server is a right of its own."""
    refused = Answer(403, "application/json", b'{"kind":"Status","message":"you may not"}')
    found = examine(Cluster(answer=refused))
    assert found.broken is None
    assert [one.link for one in found.findings if one.health is Health.UNKNOWN] == ["answer"]


def test_a_break_must_be_seen_twice() -> None:
    """Pods come and go between two questions; the second look, after a pause, counts."""
    cluster, paused = Cluster(behind=()), list[float]()

    def pause(seconds: float) -> None:
        paused.append(seconds)
        cluster.behind = Cluster().behind

    found = walk.doctor(
        model(), ADDRESS, namespace="models", cluster=cluster, prometheus=Metrics(), now=lambda: NOW,
        pause=pause,
    )  # fmt: skip
    assert paused == [3.0]
    assert found.broken is None


def test_without_an_hpa_that_is_wanted_the_metrics_api_is_nobodys_need() -> None:
    """A fixed number of replicas is sound; what nobody reads is not looked at."""
    config = model()
    release = config.release.model_copy(update={"values": {"autoscaling": {"enabled": False}}})
    found = walk.doctor(
        config.model_copy(update={"release": release}), ADDRESS, namespace="models",
        cluster=Cluster(hpas=(), api=None), prometheus=Metrics(), now=lambda: NOW, pause=lambda _s: None,
    )  # fmt: skip
    assert found.broken is None
    assert "2 replicas are fixed" in said(found, "hpa")


def test_a_remedy_is_a_command_for_this_cluster() -> None:
    """Kubeconfig and namespace are in it; words with spaces are quoted."""
    found = examine(Cluster(served=replace(Cluster().served or Service("iris"), selector={"a": "b"})))
    assert found.broken is not None
    assert found.broken.remedy.startswith(
        "kubectl --kubeconfig /k -n models patch service iris --type=json '-p=[{"
    )


def test_the_cluster_alone() -> None:
    """Without a model: API server, Prometheus, metrics API."""
    sound = walk.ground(ADDRESS, cluster=Cluster(), prometheus=Metrics(), now=lambda: NOW)
    assert [one.link for one in sound.findings] == ["api-server", "prometheus", "metrics-api"]
    assert table.verdict(sound) == "the cluster in ekiben-local is sound: 3 links"
    down = walk.ground(
        ADDRESS, cluster=Cluster(), prometheus=Metrics(error=PrometheusError("no")), now=lambda: NOW
    )
    assert down.broken is not None
    assert down.broken.link == "prometheus"
