"""A load from inside the cluster: a Job that is followed to its measurement and goes, whatever happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Signal
from typing import Any, cast

import pytest
import yaml
from tests.unit.clients.conftest import ApiServer, kubeconfig, serving

from ekiben.clients import cluster
from ekiben.clients.cluster import Cluster
from ekiben.clients.facts.workload import Replica, State
from ekiben.clients.objects import Event
from ekiben.errors import ClusterError, ConfigError
from ekiben.road import in_cluster
from ekiben.road.in_cluster import Sending
from ekiben.scale.job import lines
from ekiben.scale.job.description import Description
from ekiben.scale.load.measurement import LoadMeasurement, measure
from ekiben.scale.load.progress import Progress
from ekiben.scale.load.records import Outcome, Sent
from ekiben.scale.load.schedule import Load, Segment
from ekiben.scale.load.target import LoadTarget

DEPLOYMENT = yaml.safe_load((Path(__file__).parents[3] / "k8s" / "base" / "deployment.yaml").read_text())
TOLD = Description(
    LoadTarget("http://10.96.0.7/predict", (b"{}",), networks=("10.0.0.0/8",), headers={"X-API-Key": "k"}),
    Load((Segment(10, 2),)),
)
JOB = "iris-load-0a1b2c"
WAITING = Replica("p", phase="Pending", states=(State("load", waiting="ContainerCreating"),))
RUNNING = Replica("p", states=(State("load", since=1.0),))
FAILED = Replica("p", phase="Failed", states=(State("load", exit_code=137, ended="OOMKilled"),))
Stream = list[str | BaseException]


def measured() -> LoadMeasurement:
    """One request, answered after 10 ms."""
    sent = Sent(seconds=2.0, ended=2.0, outstanding_seconds=0.01)
    sent.records.end(sent.records.begin(0.5, 0.5), 0.51, Outcome.OK, 200)
    return measure(sent, started_at=7.0, planned=1, seed=0)


def progress(seconds: float) -> str:
    return lines.progress(Progress(seconds, 2.0, 1, 1, 1, 0, 0, 1.0, None, None))


@dataclass
class Doors:
    """The doors to one cluster: looks at the pod and streams of its log, in turn; time passes by sleeping.

    The last look, and an empty stream, are there for ever.
    """

    looks: list[Replica | BaseException | None]
    streams: list[Stream] = field(default_factory=list)
    said: tuple[Event, ...] = ()
    refuses: BaseException | None = None
    calls: list[str] = field(default_factory=list)
    now: float = 0.0
    made: Any = None

    def raw_deployment(self, namespace: str, name: str) -> Any:
        assert (namespace, name) == ("models", "iris")
        return DEPLOYMENT

    def launch(self, namespace: str, job: Any, owned: Any) -> None:
        assert namespace == "models"
        self.made = (job, owned)
        self.calls.append("launch")
        if self.refuses:
            raise self.refuses

    def replicas(self, namespace: str, selector: Any) -> tuple[Replica, ...]:
        assert (namespace, selector) == ("models", {"batch.kubernetes.io/job-name": JOB})
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, BaseException):
            raise found
        return () if found is None else (found,)

    def events(self, namespace: str) -> tuple[Event, ...]:
        assert namespace == "models"
        return self.said

    def log_lines(self, namespace: str, pod: str, *, tail: int) -> Iterator[str]:
        assert (namespace, pod) == ("models", "p")
        assert tail >= 2
        self.calls.append("follow")
        for one in self.streams.pop(0) if self.streams else ():
            if isinstance(one, BaseException):
                raise one
            yield one

    def remove_job(self, namespace: str, name: str) -> None:
        assert (namespace, name) == ("models", JOB)
        self.calls.append("remove")

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def load(self, on_progress: Callable[[Progress], object] = lambda _: None) -> LoadMeasurement:
        sending = Sending(cast("Cluster", self), "models", "iris", lambda: self.now, self.sleep, "0a1b2c")
        return in_cluster.load(sending, TOLD, on_progress=on_progress, on_second=lambda _: None)


def test_the_measurement_of_the_pod_is_given_and_the_job_removed() -> None:
    """Progress on the way, other lines between are no harm; nothing is left."""
    wanted, seen = measured(), []
    doors = Doors(
        [None, WAITING, RUNNING], [[progress(0.0), "a warning", progress(0.5), lines.result(wanted)]]
    )
    assert doors.load(lambda one: seen.append(one.elapsed_seconds)) == wanted
    assert seen == [0.0, 0.5]
    assert doors.calls == ["launch", "follow", "remove"]
    job, owned = doors.made
    assert (job["kind"], [one["kind"] for one in owned]) == ("Job", ["ConfigMap", "Secret"])


def test_a_connection_that_breaks_is_opened_again() -> None:
    """What was told already is not told twice, and the measurement is the pod's."""
    wanted, seen = measured(), []
    broken = ClusterError("connection reset")
    doors = Doors(
        [RUNNING],
        [
            [progress(0.0), progress(0.5), broken],
            [broken],
            [progress(0.5), progress(1.0), lines.result(wanted)],
        ],
    )
    assert doors.load(lambda one: seen.append(one.elapsed_seconds)) == wanted
    assert seen == [0.0, 0.5, 1.0]


def test_a_pod_that_ended_before_it_was_followed_has_its_log() -> None:
    """A load of seconds may be over when we look."""
    over = Replica("p", phase="Succeeded", states=(State("load", exit_code=0, ended="Completed"),))
    wanted = measured()
    assert Doors([over], [[lines.result(wanted)]]).load() == wanted


def test_an_api_server_that_stays_away_ends_it() -> None:
    """After a minute, with its own error; the Job's deadline ends the rest."""
    doors = Doors([RUNNING, ClusterError("refused")], [[progress(0.0), ClusterError("reset")]])
    with pytest.raises(ClusterError, match="refused"):
        doors.load()
    assert 60 < doors.now < 65
    assert doors.calls[-1] == "remove"


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (FAILED, "killed for its memory"),
        (None, "removed"),
        (Replica("p", phase="Failed", reason="Evicted"), "evicted"),
        (Replica("p", phase="Failed", states=(State("load", exit_code=1, ended="Error"),)), "exit code 1"),
    ],
    ids=["memory", "gone", "evicted", "crashed"],
)
def test_a_pod_that_dies_is_an_error_never_a_number(last: Replica | None, words: str) -> None:
    """Whatever it had sent: the reason, its last words, what to do; and nothing is left."""
    doors = Doors([RUNNING, RUNNING, last], [[progress(0.0), "ImportError: orjson"]])
    with pytest.raises(ClusterError, match=words) as error:
        doors.load()
    assert "ImportError: orjson" in str(error.value)
    assert error.value.remedy
    assert doors.calls[-1] == "remove"


def test_a_measurement_that_was_cut_is_read_again() -> None:
    """An API server that ends the log in the middle of a line has the whole line still."""
    wanted = measured()
    doors = Doors([RUNNING], [[progress(0.0), lines.result(wanted)[:-40]], [lines.result(wanted)]])
    assert doors.load() == wanted


def test_a_measurement_that_stays_cut_is_an_error() -> None:
    """Half of the last line is not half of the truth."""
    doors = Doors([RUNNING, RUNNING, FAILED], [[lines.result(measured())[:-40]]])
    with pytest.raises(ClusterError, match=r"killed for its memory.*whole line"):
        doors.load()


@pytest.mark.parametrize("kind", [ConfigError, ClusterError])
def test_the_pods_own_error_is_ours(kind: type[ConfigError | ClusterError]) -> None:
    """Its class, which is the exit code, its words and its remedy."""
    said = lines.refusal(kind("expected an address", remedy="another one"))
    with pytest.raises(kind, match="expected an address") as error:
        Doors([RUNNING], [[said]]).load()
    assert error.value.remedy == "another one"


@pytest.mark.parametrize("error", [ClusterError("quota", status=403), KeyboardInterrupt()])
def test_what_ends_the_launch_leaves_nothing(error: BaseException) -> None:
    """The Job may be there, its ConfigMap refused; or somebody pressed Ctrl-C in between."""
    doors = Doors([None], refuses=error)
    with pytest.raises(type(error)):
        doors.load()
    assert doors.calls == ["launch", "remove"]


def test_ctrl_c_in_the_middle_of_the_load_removes_the_job() -> None:
    """It goes on up as an interrupt, after the Job is gone."""
    doors = Doors([RUNNING], [[progress(0.0), KeyboardInterrupt()]])
    with pytest.raises(KeyboardInterrupt):
        doors.load()
    assert doors.calls[-1] == "remove"


def test_a_job_that_cannot_be_removed_does_not_hide_what_happened(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The measurement is given; a line says what is left, and that the cluster will remove it."""

    def refused(*_: str) -> None:
        raise ClusterError("may not delete", status=403)

    doors = Doors([RUNNING], [[lines.result(measured())]])
    monkeypatch.setattr(doors, "remove_job", refused)
    assert doors.load() == measured()
    assert f"models/{JOB} is still there" in caplog.text


@pytest.mark.parametrize(
    ("pod", "said", "words", "seconds"),
    [
        (None, Event("Job", JOB, "FailedCreate", "exceeded quota: cpu", True, None), "exceeded quota", 10),
        (Replica("p", states=(State("load", waiting="ErrImagePull", message="manifest unknown"),)), None,
         "manifest unknown", 0),
        (Replica("p", states=(State("load", waiting="ImagePullBackOff", message="timeout"),)), None,
         "timeout", 15),
        (Replica("p", states=(State("load", waiting="CreateContainerError", message="no python3.11"),)), None,
         "no python3.11", 0),
        (Replica("p", phase="Pending", unschedulable="0/1 nodes: Insufficient cpu"), None,
         "Insufficient cpu", 60),
        (WAITING, Event("Pod", "p", "FailedMount", 'configmap "x" not found', True, None), "not found", 60),
        (WAITING, Event("Pod", "p", "Slow", "the node is slow", True, None), "the node is slow", 240),
        (Replica("p", phase="Failed", reason="OutOfcpu"), None, r"Failed \(OutOfcpu\)", 0),
    ],
    ids=["quota", "no image", "registry away", "no program", "no room", "no volume", "late", "turned away"],
)  # fmt: skip
def test_a_pod_that_does_not_start_is_told_why(
    pod: Replica | None, said: Event | None, words: str, seconds: float
) -> None:
    """As soon as it is sure, in the cluster's words, with what to do; never a number."""
    doors = Doors([pod], said=(said,) if said else ())
    with pytest.raises(ClusterError, match=words) as error:
        doors.load()
    assert seconds <= doors.now <= seconds + 1
    assert error.value.remedy
    assert doors.calls == ["launch", "remove"]


def test_a_pod_that_is_removed_before_it_ran_is_told_at_once() -> None:
    """The Job makes no second one: waiting for it would be in vain."""
    doors = Doors([None, WAITING, None])
    with pytest.raises(ClusterError, match="removed"):
        doors.load()
    assert doors.now < 5
    assert doors.calls == ["launch", "remove"]


def test_a_node_that_is_being_added_is_waited_for() -> None:
    """An autoscaler of nodes says so; then want of room is no failure."""
    full = Replica("p", phase="Pending", unschedulable="no room")
    comes = Event("Pod", "p", "TriggeredScaleUp", "1->2", False, None)
    wanted = measured()
    doors = Doors([*[full] * 200, RUNNING], [[lines.result(wanted)]], said=(comes,))
    assert doors.load() == wanted
    assert doors.now >= 99


def test_replicas_are_sampled_from_the_loads_own_start() -> None:
    """The first sample is at the load's second 0, however long the pod took to start."""
    doors, seen, sampled = Doors([*[WAITING] * 60, RUNNING]), [], Signal()

    def stream() -> Iterator[str]:
        yield progress(0.0)
        assert sampled.wait(5)
        yield lines.result(measured())

    def sample(seconds: float) -> None:
        seen.append(seconds)
        sampled.set()

    doors.streams = cast("list[Stream]", [stream()])
    sending = Sending(cast("Cluster", doors), "models", "iris", lambda: doors.now, doors.sleep, "0a1b2c")
    in_cluster.load(sending, TOLD, on_progress=lambda _: None, on_second=sample)
    assert doors.now >= 30
    assert seen[0] == pytest.approx(0.0, abs=1e-6)


def test_events_that_may_not_be_read_are_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """They only say why a pod does not start; the load needs none."""

    def refused(_: str) -> tuple[Event, ...]:
        raise ClusterError("may not list events", status=403)

    doors = Doors([None, RUNNING], [[lines.result(measured())]])
    monkeypatch.setattr(doors, "events", refused)
    assert doors.load() == measured()


def test_no_release_no_load() -> None:
    """Nothing is made where there is no Deployment."""
    doors = Doors([None])
    doors.raw_deployment = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(ClusterError, match="Deployment models/iris"):
        doors.load()
    assert doors.calls == []


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """An API server, up."""
    with serving() as found:
        yield found


def test_the_whole_way_by_the_api_servers_own_words(server: ApiServer, tmp_path: Path) -> None:
    """Deployment in, three objects made, the pod found by its label, its log read, the Job deleted."""
    jobs, core = "/apis/batch/v1/namespaces/models/jobs", "/api/v1/namespaces/models"
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "load"}]}, "status": {
        "phase": "Running",
        "containerStatuses": [{"name": "load", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}],
    }}  # fmt: skip
    wanted = measured()
    server.answers = {
        "GET /apis/apps/v1/namespaces/models/deployments/iris": (200, DEPLOYMENT),
        f"POST {jobs}": (201, {"metadata": {"name": JOB, "uid": "u"}}),
        f"POST {core}/configmaps": (201, {}),
        f"POST {core}/secrets": (201, {}),
        f"GET {core}/pods?labelSelector=batch.kubernetes.io/job-name={JOB}": (200, {"items": [pod]}),
        f"GET {core}/events": (200, {"items": []}),
        f"GET {core}/pods/p/log?follow=true&tailLines=20": (200, f"{lines.result(wanted)}\n".encode()),
        f"DELETE {jobs}/{JOB}?propagationPolicy=Background": (200, {}),
    }
    with cluster.connect(kubeconfig(tmp_path, server.server_port), "mine") as opened:
        sending = Sending(opened, "models", "iris", digits="0a1b2c")
        found = in_cluster.load(sending, TOLD, on_progress=lambda _: None, on_second=lambda _: None)
    assert found == wanted
    assert [one[0] for one in server.asked][-1].startswith(f"DELETE {jobs}/{JOB}")
    keys = [json.dumps(body) for request, body, _ in server.asked if request.startswith("POST")]
    assert ["X-API-Key" in one for one in keys] == [False, False, False]  # in the Secret as base64 alone
