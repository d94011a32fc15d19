"""`status`: what is known is told, what is not is said."""

from __future__ import annotations

import dataclasses
import io
import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from ekiben import config
from ekiben.clients.helm import HelmRevision
from ekiben.clients.objects import Autoscaler, Condition, Pod, Rollout
from ekiben.clients.prometheus import PrometheusError, Value
from ekiben.config import ModelConfig
from ekiben.diagnosis import table, watch
from ekiben.diagnosis.status import Status, status
from ekiben.errors import ClusterError, NoDataError, ToolError
from ekiben.identifiers import ClusterAddress, ImageReference, ModelTag, Revision
from ekiben.release import record
from ekiben.release.golden import Golden

DIGEST, OTHER = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
IMAGE = ImageReference("127.0.0.1:5000/ekiben/iris", DIGEST)
ADDRESS = ClusterAddress("ekiben-local")


def _entry(revision: int = 3) -> record.Verified:
    return record.Verified(
        revision=revision,
        image=IMAGE,
        model=ModelTag("iris", "0123456789abcdef"),
        artefact_sha256="sha256:" + "ef" * 32,
        inputs_sha256="sha256:" + "00" * 32,
        replicas=1,
        checks=(),
        by="ada",
        at="2026-01-02T03:04:05+00:00",
        golden=Golden.of(
            {"instances": [{"x": 1.0}], "predictions": [0], "probabilities": None, "relative_tolerance": 1e-9}
        ),
    )


def _pod(name: str, **fields: Any) -> Pod:
    found: dict[str, Any] = {"phase": "Running", "ready": True, "image_id": f"{IMAGE.repository}@{DIGEST}"}
    return Pod(name, **(found | fields))


class Cluster:
    """A cluster with one release, as values."""

    def __init__(self) -> None:
        self.found: tuple[Pod, ...] = (_pod("iris-a"), _pod("iris-b"), _pod("iris-c", ready=False))
        self.deployment: Rollout | None = Rollout(1, 1, 3, 3, 3, 2, 3)
        condition = Condition("ScalingActive", "True", "ValidMetricFound", "")
        self.hpa: Autoscaler | None = Autoscaler("Deployment", "iris", 1, 6, 3, 4, 70, (condition,))
        self.data: Mapping[str, str] | None = record.with_entry({}, _entry())

    def pods(self, namespace: str, release: str) -> tuple[Pod, ...]:
        assert (namespace, release) == ("models", "iris")
        return self.found

    def rollout(self, namespace: str, name: str) -> Rollout | None:
        assert (namespace, name) == ("models", "iris")
        return self.deployment

    def autoscaler(self, namespace: str, name: str) -> Autoscaler | None:
        assert (namespace, name) == ("models", "iris")
        return self.hpa

    def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        assert (namespace, name) == ("models", "iris-record")
        return self.data


class Helm:
    """Helm's history, or its absence."""

    def __init__(self, *revisions: HelmRevision, error: ToolError | None = None) -> None:
        self.revisions, self.error = revisions, error

    def history(self, release: str, namespace: str) -> tuple[HelmRevision, ...]:
        assert (release, namespace) == ("iris", "models")
        if self.error is not None:
            raise self.error
        return self.revisions


DEPLOYED = Helm(HelmRevision(2, "superseded"), HelmRevision(3, "deployed", "Upgrade complete"))


class Metrics:
    """Prometheus by the first word that a query holds."""

    def __init__(self, answers: Mapping[str, float] | None = None, error: NoDataError | None = None) -> None:
        self.answers = answers or {}
        self.error = error
        self.asked: list[str] = []

    def values(self, query: str, *, at: float | None = None) -> tuple[Value, ...]:
        assert at is None
        self.asked.append(query)
        if self.error is not None:
            raise self.error
        for word, value in self.answers.items():
            if word in query:
                return (Value({"pod": "iris-a"}, value),)
        raise NoDataError("nothing")


ALL = {
    "0.95,": 0.02, "0.99,": 0.03, "0.5,": 0.01, "container_cpu": 0.125, "arrivals": 12.5,
    "predictions": 25.0, "active_requests": 2.0, "or 0 *": 0.25, "_count": 12.0,
}  # fmt: skip


@pytest.fixture
def model() -> ModelConfig:
    """A model's configuration."""
    return config.parse(
        {
            "model": "iris",
            "train": {"estimator": "a:b", "data": "a:c", "accept": {"min": 0.9}},
            "bento": {"service": "a:D"},
            "image": {"repository": "ekiben/iris"},
            "scale": {"target_cpu_percent": 55},
        },
        "test",
    )


def _status(model: ModelConfig, cluster: Cluster | None = None, **doors: Any) -> Status:
    found: dict[str, Any] = {"helm": DEPLOYED, "prometheus": Metrics(ALL), "now": lambda: 1767323045.0}
    return status(model, ADDRESS, namespace="models", cluster=cluster or Cluster(), **(found | doors))


def test_everything_that_is_known_is_told(model: ModelConfig) -> None:
    """Each figure comes from its own source."""
    found = _status(model)
    assert found.at == "2026-01-02T03:04:05+00:00"
    assert found.revision == Revision("iris", "models", 3)
    assert (found.helm_status, found.image, found.verified_by) == ("deployed", IMAGE, "ada")
    assert found.model == ModelTag("iris", "0123456789abcdef")
    assert found.replicas is not None
    assert (found.replicas.current, found.replicas.ready, found.replicas.desired) == (3, 2, 4)
    assert (found.replicas.minimum, found.replicas.maximum) == (1, 6)
    assert found.running == {DIGEST: 2}
    assert (found.request_rate, found.arrivals_rate, found.predictions_rate) == (12.0, 12.5, 25.0)
    assert (found.in_progress, found.error_ratio) == (2.0, 0.25)
    latencies = (found.latency_p50_seconds, found.latency_p95_seconds, found.latency_p99_seconds)
    assert latencies == (0.01, 0.02, 0.03)
    assert found.cpu_cores == {"iris-a": 0.125}
    assert "the target is 55 %" in found.autoscaling[0]
    assert found.notes == ()


def test_the_window_is_the_configured_one(model: ModelConfig) -> None:
    """`observe.window_seconds` is in every query that has a window."""
    metrics = Metrics(ALL)
    wide = model.model_copy(update={"observe": model.observe.model_copy(update={"window_seconds": 300})})
    _status(wide, prometheus=metrics)
    assert sum("[300s]" in query for query in metrics.asked) == len(metrics.asked) - 1  # the gauge has none


def test_json_has_every_field_and_plain_types(model: ModelConfig) -> None:
    """The JSON form is complete and can be written."""
    found = _status(model)
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert set(document) == {field.name for field in dataclasses.fields(Status)}
    assert document["image"] == str(IMAGE)
    assert document["revision"] == "models/iris revision 3"
    assert document["replicas"]["ready"] == 2


def test_no_release_is_an_error_with_a_remedy(model: ModelConfig) -> None:
    """Without a Deployment there is nothing to show."""
    cluster = Cluster()
    cluster.deployment = None
    with pytest.raises(ClusterError, match="models/iris") as error:
        _status(model, cluster)
    assert "ekiben release iris" in error.value.remedy


def test_prometheus_away_is_noted_once_and_no_figure_is_zero(model: ModelConfig) -> None:
    """Not reached: one note, one question, all figures unknown; replicas are still told."""
    metrics = Metrics(error=PrometheusError("expected Prometheus at http://x, not reached: refused"))
    found = _status(model, prometheus=metrics)
    assert (found.request_rate, found.error_ratio, found.latency_p99_seconds, found.cpu_cores) == (
        None,
    ) * 3 + ({},)
    assert [note for note in found.notes if "not reached" in note] == list(found.notes)
    assert len(metrics.asked) == 1
    assert found.replicas is not None


def test_an_unknown_prometheus_is_noted(model: ModelConfig) -> None:
    """Neither the address nor ekiben.yaml names one."""
    assert "observe.prometheus_url" in _status(model, prometheus=None).notes[0]


def test_a_prometheus_that_nobody_answers_is_noted(model: ModelConfig) -> None:
    """The real client at a closed port: a note, not an exception."""
    address = dataclasses.replace(ADDRESS, prometheus_url="http://127.0.0.1:9")
    found = status(model, address, namespace="models", cluster=Cluster(), helm=DEPLOYED)
    assert "127.0.0.1:9, not reached" in found.notes[0]


def test_no_traffic_has_a_rate_but_no_ratio(model: ModelConfig) -> None:
    """Idle pods: rate 0, no error ratio, no latency, and a note that says so."""
    idle = {"container_cpu": 0.1, "or 0 *": None, "quantile": None, "arrivals": 0.0, "_count": 0.0}
    answers = {word: value for word, value in idle.items() if value is not None}

    class Idle(Metrics):
        def values(self, query: str, *, at: float | None = None) -> tuple[Value, ...]:
            if "or 0 *" in query or "quantile" in query:
                raise NoDataError("nothing")
            return super().values(query, at=at)

    found = _status(model, prometheus=Idle(answers))
    assert (found.request_rate, found.error_ratio, found.latency_p50_seconds) == (0.0, None, None)
    assert found.notes == ("no error ratio and no latency: no request was answered in the last 60 s",)


def test_pods_that_are_not_scraped_are_noted(model: ModelConfig) -> None:
    """No series at all is not the same as no traffic."""
    assert "not scraped" in _status(model, prometheus=Metrics()).notes[0]


def test_without_helm_the_record_is_used(model: ModelConfig) -> None:
    """No helm program: the revision is unknown and said so, the image comes from the newest record."""
    found = _status(model, helm=Helm(error=ToolError("expected the program 'helm', found none")))
    assert (found.revision, found.image) == (None, IMAGE)
    assert "helm" in found.notes[0]


def test_an_unverified_revision_is_not_shown_as_verified(model: ModelConfig) -> None:
    """Helm is at revision 4, the record at 3: neither image nor time of 3 are told as those of 4."""
    found = _status(model, helm=Helm(HelmRevision(4, "failed", "timed out")))
    assert (found.image, found.verified_at) == (None, None)
    notes = "\n".join(found.notes)
    assert "revision 4 is failed: timed out" in notes
    assert "revision 4 was never verified; the last verified one is 3" in notes


def test_a_helm_command_under_way_is_noted(model: ModelConfig) -> None:
    """Pending revisions are said to be so, with what becomes of them; failed ones with Helm's words."""
    said = _status(model, helm=Helm(HelmRevision(4, "pending-upgrade"))).notes[0]
    assert "revision 4 is pending-upgrade: a Helm command runs, or did not finish" in said
    assert "the next `ekiben release` repairs that" in said
    failed = Helm(HelmRevision(4, "failed", "no room"))
    assert "revision 4 is failed: no room" in _status(model, helm=failed).notes


def test_a_replica_that_is_ending_is_not_counted(model: ModelConfig) -> None:
    """It answers until it has drained, and is ready no more for who asks how many serve."""
    cluster = Cluster()
    cluster.found = (_pod("iris-a"), _pod("iris-b", ending=True), _pod("iris-c", ready=False))
    for hpa in (cluster.hpa, None):
        cluster.hpa = hpa
        found = _status(model, cluster)
        assert found.replicas is not None
        assert found.replicas.ready == 1
        assert found.running == {DIGEST: 1}


def test_pods_in_trouble_are_named(model: ModelConfig) -> None:
    """A crash loop, a pod without a node, another image, and a rollout under way each get a note."""
    cluster = Cluster()
    cluster.deployment = Rollout(1, 1, 4, 1, 4, 2, 2, refusal="exceeded quota")
    cluster.found = (
        _pod("iris-a", ready=False, waiting_reason="CrashLoopBackOff", restarts=3),
        _pod("iris-b", ready=False, unschedulable="0/1 nodes are available"),
        _pod("iris-c", image_id=f"x@{OTHER}"),
        _pod("iris-d", ready=False, ending=True, waiting_reason="ContainerCreating"),
    )
    notes = "\n".join(_status(model, cluster).notes)
    assert "iris-a does not run: CrashLoopBackOff, 3 restarts" in notes
    assert "iris-b does not run: 0/1 nodes" in notes
    assert "other images than the verified one run in iris-c" in notes
    assert "1 of 4 replicas are new" in notes
    assert "exceeded quota" in notes
    assert "iris-d" not in notes


def test_without_an_hpa_the_number_is_fixed(model: ModelConfig) -> None:
    """Desired is what the Deployment asks for; there is no range."""
    cluster = Cluster()
    cluster.hpa = None
    found = _status(model, cluster)
    assert found.replicas is not None
    assert (found.replicas.desired, found.replicas.minimum) == (3, None)
    assert found.autoscaling == ("no HPA: the number of replicas is fixed",)


def test_the_table_tells_it_with_units(model: ModelConfig) -> None:
    """Plain lines hold each figure; unknown ones are words."""
    text = "\n".join(table.lines(_status(model)))
    for part in (
        "3 current, 2 ready, 4 desired (between 1 and 6)", "12.0 requests/s answered", "25.00% of requests",
        "p50 10.0 ms, p95 20.0 ms, p99 30.0 ms", "iris-a 125m", str(IMAGE), "3 (deployed)", "by ada",
    ):  # fmt: skip
        assert part in text
    empty = "\n".join(table.lines(Status("now", "c", "iris", "models")))
    assert empty.count("not known") == 8
    assert "0" not in empty.replace("last 60 s", "")


def test_watching_survives_a_look_that_fails(model: ModelConfig) -> None:
    """The screen says why a look failed, keeps the last status, and goes on."""
    console = Console(file=io.StringIO(), width=140, force_terminal=True)
    stop = threading.Event()
    plan: list[Status | ClusterError] = [
        _status(model),
        ClusterError("the API server is away"),
        _status(model),
    ]
    looks = iter(plan)

    def read() -> Status:
        look = next(looks, None)
        if look is None:
            stop.set()
            return _status(model)
        if isinstance(look, ClusterError):
            raise look
        return look

    last = watch.watch(read, console=console, interval_seconds=0.01, stop=stop)
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert last == _status(model)
    assert "not read just now: the API server is away" in written
    assert written.count("iris-a 125m") >= 4


def test_ctrl_c_ends_watching(model: ModelConfig) -> None:
    """An interrupt while reading returns the last status."""
    looks = iter([_status(model)])

    def read() -> Status:
        try:
            return next(looks)
        except StopIteration:
            raise KeyboardInterrupt from None

    console = Console(file=io.StringIO(), force_terminal=True)
    assert watch.watch(read, console=console, interval_seconds=0.01) == _status(model)


def test_the_screen_shows_the_trend(model: ModelConfig) -> None:
    """Ready replicas of 1, unknown, 2 are three columns: half, blank, full."""
    recent = watch.Recent()
    one = dataclasses.replace(_status(model), replicas=None)
    recent.ready.extend([1.0, None, 2.0])
    recent.rate.extend([None, None, None])
    recent.p99.extend([0.01, 0.02, 0.03])
    console = Console(file=io.StringIO(), width=140)
    console.print(watch.render(one, recent))
    written = console.file.getvalue()  # type: ignore[attr-defined]
    assert "▅ █" in written
    assert "30.0 ms, at most 30.0" in written
    assert "not known" in written
    assert "the last 6 s" in written
