from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.serving.pod import Pod, count, running, starting

SERVICE = """
from pathlib import Path

import bentoml


@bentoml.service
class Greeter:
    model = bentoml.models.BentoModel("iris:latest")

    def __init__(self) -> None:
        from ekiben.serving import artefact
        self.artefact = artefact.read(Path(self.model.path))

    @bentoml.api
    def predict(self, instances: list[float]) -> str:
        return "the service itself"

    @bentoml.api(route="/greet")
    def greet(self, name: str) -> str:
        if name == "nobody":
            raise RuntimeError("there is nobody")
        return f"hello, {name}"

    @bentoml.api(route="/collected")
    def collected(self) -> list[str]:
        from bentoml.metrics import generate_latest
        return [line for line in generate_latest().decode().splitlines() if "bentoml_service_request" in line]

    @bentoml.api(route="/which")
    def which(self) -> str:
        return self.artefact.sha256
"""
BENTOFILE = """
service: service:Greeter
include: ["service.py"]
python: {lock_packages: false}
"""


@pytest.fixture(scope="module")
def bento(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bento of a service with routes of its own, built by BentoML."""
    source = tmp_path_factory.mktemp("source")
    (source / "service.py").write_text(SERVICE)
    (source / "bentofile.yaml").write_text(BENTOFILE)
    home = artefact.parents[2]
    subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--version", "one"],
        cwd=source,
        env={**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"},
        check=True,
        capture_output=True,
    )
    return home / "bentos" / "greeter" / "one"


def with_routes(bento: Path, copy: Path, *routes: str) -> Path:
    """A copy of the bento as it is packed in an image: no models, and the list of its own routes."""
    copy.mkdir()
    shutil.copy(bento / "bento.yaml", copy)
    shutil.copytree(bento / "src", copy / "src")
    (copy / "ekiben-routes.json").write_text(json.dumps({"custom": routes}))
    return copy


@pytest.fixture(scope="module")
def greeter(artefact: Path, bento: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    """A pod with two custom routes, without a BentoML home, as in the image."""
    folder = tmp_path_factory.mktemp("greeter")
    with running(
        artefact,
        folder,
        EKIBEN_BENTO=str(with_routes(bento, folder / "bento", "/greet", "/which", "/collected")),
        BENTOML_HOME="/nonexistent",
        EKIBEN_MOST_BODY_BYTES="1000",
        EKIBEN_DRAIN_SECONDS="5",
    ) as pod:
        yield pod


def test_custom_routes_answer_beside_the_lane(greeter: Pod) -> None:
    """The service answers its own routes, the lane answers /predict, and nothing else is reachable."""
    reply = greeter.request("POST", "/greet", {"name": "you"})
    assert (reply.status, reply.body) == (200, b"hello, you")
    assert greeter.predict([5.1, 3.5, 1.4, 0.2]).json["prediction"] == 0
    for path in ("/docs.json", "/metrics", "/schema.json", "/healthz", "/greet/"):
        assert greeter.request("GET", path).status == 404


def test_the_services_model_is_the_pods_artefact(greeter: Pod) -> None:
    """`BentoModel("iris:latest")` in the service is what the pod serves, without a model store."""
    assert (
        greeter.request("POST", "/which", {}).body.decode()
        == greeter.request("GET", "/readyz").json["artefact"]
    )


def test_custom_routes_are_counted_and_bounded(greeter: Pod) -> None:
    """Their requests are counted with the status that the service gave; long bodies do not reach it."""
    before = greeter.scrape()

    def counted(status: int) -> float:
        name, labels = "http_server_request_duration_seconds_count", {"http_route": "/greet"}
        status_label = {"http_response_status_code": str(status)}
        return greeter.count(name, **labels, **status_label) - count(before, name, **labels, **status_label)

    assert greeter.request("POST", "/greet", {"name": "you"}).status == 200
    assert greeter.request("POST", "/greet", {"name": "nobody"}).status == 500
    assert greeter.request("POST", "/greet", {}).status == 400
    assert greeter.request("POST", "/greet", {"name": "x" * 2_000}).status == 413
    assert [counted(status) for status in (200, 500, 400, 413)] == [1, 1, 1, 1]
    assert 'http_response_status_code="503",http_route="/which"} 0.0' in before
    assert greeter.count("http_server_active_requests") == 0


def test_bentomls_own_metrics_are_off(greeter: Pod) -> None:
    """They are labelled with raw paths and would grow with what callers make up."""
    assert greeter.request("POST", "/greet", {"name": "you"}).status == 200
    assert greeter.request("POST", "/collected", {}).json == []


def test_a_pod_is_ready_only_with_its_service(artefact: Path, bento: Path, tmp_path: Path) -> None:
    """Neither half answers before both can; during a drain the service's answers say close too."""
    place = str(with_routes(bento, tmp_path / "bento", "/greet"))
    with starting(artefact, tmp_path, EKIBEN_BENTO=place, EKIBEN_DRAIN_SECONDS="2") as pod:
        statuses = []
        end = time.monotonic() + 40
        while 200 not in statuses and time.monotonic() < end:
            try:
                ready = pod.request("GET", "/readyz").status
                statuses.append(pod.request("POST", "/greet", {"name": "you"}).status)
            except OSError:
                continue
            assert (ready, statuses[-1]) in {(503, 503), (503, 200), (200, 200)}
        assert statuses[0] == 503
        assert statuses[-1] == 200
        pod.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        reply = pod.request("POST", "/greet", {"name": "you"})
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert pod.process.wait(timeout=15) == 0
        assert not list(tmp_path.glob("ekiben-bentoml-*"))


def test_the_service_may_win_over_the_lane(artefact: Path, bento: Path, tmp_path: Path) -> None:
    """Where the build put /predict on the list, the service's own one answers it."""
    place = str(with_routes(bento, tmp_path / "bento", "/predict"))
    with running(artefact, tmp_path, EKIBEN_BENTO=place) as pod:
        assert pod.predict({"instances": [1.0]}).body == b"the service itself"


def test_without_a_list_the_service_is_not_loaded(artefact: Path, bento: Path, tmp_path: Path) -> None:
    """A bento that lists no routes costs nothing: its service is not even imported."""
    copy = with_routes(bento, tmp_path / "bento")
    (copy / "ekiben-routes.json").unlink()
    (copy / "src" / "service.py").write_text("raise SystemExit('imported')")
    with running(artefact, tmp_path, EKIBEN_BENTO=str(copy)) as pod:
        assert pod.request("POST", "/greet", {"name": "you"}).status == 404


def test_a_service_that_ends_the_process_ends_it_by_name(artefact: Path, bento: Path, tmp_path: Path) -> None:
    """A service that cannot be imported: exit 2 and a message, instead of a pod that is half there."""
    copy = with_routes(bento, tmp_path / "bento", "/greet")
    (copy / "src" / "service.py").write_text("raise SystemExit('on purpose')")
    with starting(artefact, tmp_path, EKIBEN_BENTO=str(copy)) as pod:
        assert pod.process.wait(timeout=40) == 2
        assert "on purpose" in pod.log.read_text()


@pytest.mark.parametrize(
    "content", ['{"custom": ["/readyz"]}', '{"custom": ["greet"]}', "{}", "[", '{"custom": "/x"}']
)
def test_wrong_lists_of_routes(artefact: Path, tmp_path: Path, content: str) -> None:
    """A list that is no list, or that would take a probe, ends the pod with 2."""
    (tmp_path / "bento").mkdir()
    (tmp_path / "bento" / "ekiben-routes.json").write_text(content)
    with starting(artefact, tmp_path, EKIBEN_BENTO=str(tmp_path / "bento")) as pod:
        assert pod.process.wait(timeout=20) == 2
        assert "ekiben-routes.json" in pod.log.read_text()
