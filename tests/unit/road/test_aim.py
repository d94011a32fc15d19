"""Where a load goes: addresses, golden rows and keys, in both protocols."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.unit.clients.conftest import kubeconfig, serving
from tests.unit.scale import rpc

from ekiben import config
from ekiben.errors import ClusterError
from ekiben.identifiers import ClusterAddress
from ekiben.road import aim, scaling
from ekiben.road.journey import Journey
from ekiben.road.stations import Traveller
from ekiben.scale.load.inference import PATH
from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb
from ekiben.serving.schema import Input, Output, Schema

DOCUMENT = {
    "model": "iris",
    "train": {"estimator": "a:b", "data": "a:c", "accept": {"min": 0.5}},
    "bento": {"service": "a:S"},
    "image": {"repository": "iris"},
}
SCHEMA = Schema(
    (Input("x", "float64"),), Output("classification", ("setosa", "virginica"), probabilities=True)
).document()
GOLDEN = {
    "instances": [{"x": 1.0}, {"x": 2.0}],
    "predictions": ["setosa", "setosa"],
    "probabilities": [[0.9, 0.1], [0.9, 0.1]],
    "relative_tolerance": 1e-9,
}


@pytest.fixture
def traveller(tmp_path: Path) -> Traveller:
    """A model that was trained."""
    for name, document in (("golden", GOLDEN), ("schema", SCHEMA), ("manifest", {"name": "iris"})):
        (tmp_path / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    journey = Journey(tmp_path / "journey.json")
    journey.record("train", "x", {"folder": str(tmp_path)}, 0)
    return Traveller(config.parse(DOCUMENT, "test"), tmp_path, "models", journey)


@pytest.mark.parametrize("senders", [1, 2])
def test_a_load_over_grpc_is_of_golden_rows(traveller: Traveller, senders: int) -> None:
    """Given host and port only, it calls the protocol's method with the artefact's rows, and checks."""
    shape = config.Load(rate=20, duration_seconds=1, arrivals="constant")
    with rpc.running() as service:
        scaled = scaling.load(
            traveller, None, shape, url=f"http://127.0.0.1:{service.port}", credential="k",
            protocol="grpc", senders=senders, on_progress=lambda _progress: None,
        )  # fmt: skip
    assert (scaled.load.ok, scaled.load.failed, scaled.url) == (20, 0, service.url)
    found = [pb.ModelInferRequest.FromString(body).raw_input_contents[0] for body in service.bodies]
    assert sorted(set(found)) == [b"\0\0\0\0\0\0\0\x40", b"\0\0\0\0\0\0\xf0\x3f"]
    assert {each["x-api-key"] for each in service.metadata} == {"k"}
    document = scaled.to_json()
    assert (document["protocol"], document["senders"]) == ("grpc", senders)


@contextmanager
def _released(folder: Path, ports: dict[str, int]) -> Iterator[ClusterAddress]:
    """A cluster with a Service of these ports on the loopback, and the release's own key."""
    found = [{"name": name, "port": number} for name, number in ports.items()]
    with serving() as server:
        at = "GET /api/v1/namespaces/models"
        server.answers[f"{at}/services/iris"] = (200, {"spec": {"clusterIP": "127.0.0.1", "ports": found}})
        secret = {"data": {"key": base64.b64encode(b"own").decode()}}
        server.answers[f"{at}/secrets/iris-verify"] = (200, secret)
        yield ClusterAddress("mine", kubeconfig(folder, server.server_port))


def _loaded(traveller: Traveller, address: ClusterAddress) -> scaling.Scaled:
    shape = config.Load(rate=20, duration_seconds=1, arrivals="constant")
    return scaling.load(traveller, address, shape, protocol="grpc", on_progress=lambda _progress: None)


def test_a_release_is_called_at_its_grpc_port(traveller: Traveller, tmp_path: Path) -> None:
    """The load finds the port by its name, and calls itself with the release's own key."""
    with rpc.running() as service, _released(tmp_path, {"http": 1, "grpc": service.port}) as address:
        scaled = _loaded(traveller, address)
    assert (scaled.load.ok, scaled.url) == (20, service.url)
    assert {each["x-api-key"] for each in service.metadata} == {"own"}


def test_a_release_without_grpc_says_so(traveller: Traveller, tmp_path: Path) -> None:
    """Which ports there are, and which value of the chart gives it another."""
    with (
        _released(tmp_path, {"http": 80, "metrics": 3002}) as address,
        pytest.raises(ClusterError, match="'grpc' of the Service models/iris, found http, metrics") as raised,
    ):
        _loaded(traveller, address)
    assert "server.grpc: true" in raised.value.remedy


def test_where_a_load_may_go(traveller: Traveller) -> None:
    """A cluster's address under the Service's name; the loopback under its own, with no network besides."""
    found = aim.at(traveller, "https://10.43.0.9:3001", "", protocol="grpc")
    assert (found.url, found.server_name) == (f"https://10.43.0.9:3001{PATH}", "iris.models.svc")
    assert "10.0.0.0/8" in found.networks
    found = aim.at(traveller, "http://127.0.0.1:3000/predict", "")
    assert (found.url, found.server_name, found.networks) == ("http://127.0.0.1:3000/predict", "", ())
    assert len(aim.at(traveller, "http://127.0.0.1", "", 3).bodies) == 2


@pytest.mark.parametrize(
    ("url", "sent_to"),
    [
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000/predict"),
        ("http://127.0.0.1:3000/", "http://127.0.0.1:3000/predict"),
        ("http://127.0.0.1:3000/v1/other", "http://127.0.0.1:3000/v1/other"),
    ],
)
def test_an_address_without_a_path_is_that_of_predictions(
    url: str, sent_to: str, traveller: Traveller
) -> None:
    """Nothing answers at the root but a 404, which would be measured as a load that failed."""
    assert aim.at(traveller, url, "").url == sent_to
