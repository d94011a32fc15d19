"""The `grpc` port of a whole pod: its process, its gate, its lane and its metrics."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from sklearn.datasets import load_iris
from tests.serving.pod import HOST, Pod, running
from tests.serving.rpc import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    SETTINGS,
    call,
    frame,
    head,
    infer,
    message,
    refused,
)  # fmt: skip

from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb

ROUTE = "/inference.GRPCInferenceService/ModelInfer"


@contextmanager
def opened(pod: Pod) -> Iterator[grpc.Channel]:
    """A channel to a pod."""
    own = ("grpc.use_local_subchannel_pool", 1)
    with grpc.insecure_channel(f"{HOST}:{pod.port + 1}", [own]) as channel:
        yield channel


def request(rows: list[list[float]]) -> pb.ModelInferRequest:
    """Rows for the iris model."""
    found = pb.ModelInferRequest(model_name="iris")
    tensor = found.inputs.add(name="input-0", datatype="FP64", shape=[len(rows), 4])
    tensor.contents.fp64_contents.extend(value for row in rows for value in row)
    return found


def test_both_transports_give_the_same_answers(pod: Pod) -> None:
    """Labels and probabilities over gRPC are those of /predict, for every row of the data set."""
    rows = load_iris().data.tolist()
    http = pod.predict({"instances": rows}).json
    with opened(pod) as channel:
        labels, probabilities = infer(channel, request(rows)).outputs
    found = labels.contents
    assert [*found.int64_contents, *(each.decode() for each in found.bytes_contents)] == http["predictions"]
    flat = [value for row in http["probabilities"] for value in row]
    assert list(probabilities.contents.fp64_contents) == flat


def test_counters_equal_the_clients_own_count(pod: Pod) -> None:
    """Requests, rows and refusals of gRPC are in the same series as those of HTTP."""

    def counted() -> Counter[str]:
        text = pod.scrape()
        return Counter(
            {
                name: int(pod_count)
                for name, pod_count in {
                    "200": _count(text, "http_server_request_duration_seconds_count", "200"),
                    "400": _count(text, "http_server_request_duration_seconds_count", "400"),
                    "404": _count(text, "http_server_request_duration_seconds_count", "404"),
                    "arrivals": _sum(text, "http_server_arrivals_total", ROUTE),
                    "rows": _sum(text, "model_predictions_total", "iris"),
                    "ok": _sum(text, "model_requests_total", 'outcome="ok",protocol="open_inference_grpc"'),
                }.items()
            }
        )

    before = counted()
    good, rows = request([[5.1, 3.5, 1.4, 0.2]] * 3), 3
    with opened(pod) as channel:
        for _ in range(20):
            infer(channel, good)
        for _ in range(5):
            refused(channel, "ModelInfer", b"\xff")
        for _ in range(3):
            refused(channel, "ModelInfer", pb.ModelInferRequest(model_name="x").SerializeToString())
    after = counted()
    after.subtract(before)
    assert dict(after) == {"200": 20, "400": 5, "404": 3, "arrivals": 28, "rows": 20 * rows, "ok": 20}


def _count(text: str, name: str, status: str) -> float:
    return _sum(text, name, ROUTE, f'"{status}"')


def _sum(text: str, name: str, *parts: str) -> float:
    lines = (line for line in text.splitlines() if line.startswith(name + "{"))
    return sum(float(line.split()[-1]) for line in lines if all(part in line for part in parts))


def test_series_exist_before_their_first_event(artefact: Path, tmp_path: Path) -> None:
    """What gRPC's calls will be counted in is there as 0."""
    with running(artefact, tmp_path) as pod:
        text = pod.scrape()
    lines = [each for each in text.splitlines() if ROUTE in each and each.startswith("http_server_arrivals")]
    assert [each.split()[-1] for each in lines] in (["0"], ["0.0"])


def test_no_call_is_lost_when_the_pod_is_told_to_stop(artefact: Path, tmp_path: Path) -> None:
    """SIGTERM under load from clients that stay: calls are answered until each connection has gone by age."""
    codes: Counter[str] = Counter()
    with running(artefact, tmp_path, EKIBEN_DRAIN_SECONDS="1") as pod:
        good = request([[5.1, 3.5, 1.4, 0.2]])
        told = threading.Event()

        def client() -> None:
            with opened(pod) as channel:
                gone = threading.Event()

                def changed(state: grpc.ChannelConnectivity) -> None:
                    if told.is_set() and state is not READY:
                        gone.set()

                channel.subscribe(changed)
                while not gone.is_set():
                    try:
                        infer(channel, good)
                        codes["OK"] += 1
                    except grpc.RpcError as error:
                        codes[str(error.code())] += 1

        clients = [threading.Thread(target=client) for _ in range(3)]
        for each in clients:
            each.start()
        time.sleep(0.2)
        told.set()
        pod.process.send_signal(signal.SIGTERM)
        for each in clients:
            each.join(10)
        assert pod.process.wait(10) == 0
        assert set(codes) == {"OK"}


READY = grpc.ChannelConnectivity.READY


def test_a_pod_without_grpc_does_not_load_it(artefact: Path, tmp_path: Path) -> None:
    """`EKIBEN_GRPC=false` leaves the port closed, and grpcio and protobuf outside of the process."""
    with running(artefact, tmp_path, EKIBEN_GRPC="false") as pod:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, pod.port + 1), timeout=2)
        maps = Path(f"/proc/{pod.process.pid}/maps").read_text()
    assert "cygrpc" not in maps
    assert "_upb" not in maps


def test_the_log_of_a_pod_has_no_line_of_what_a_scanner_sends(pod: Pod) -> None:
    """Noise on the port is not written to the log, neither by core nor by its Python half."""
    before = pod.log.read_bytes()
    begin = PREFACE + frame(SETTINGS, 0, 0)
    other = head(b"/a").replace(b"POST", b"NONE")
    strange = head(b"/inference.GRPCInferenceService/ServerLive", (b"name", b"\xff\xfe"))
    for noise in (
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x16\x03\x01",
        begin + frame(HEADERS, END_HEADERS, 1, other),
        begin + frame(HEADERS, END_HEADERS, 1, head(b"/\xff")),
        begin + frame(HEADERS, END_HEADERS, 1, strange) + frame(DATA, END_STREAM, 1, message(b"")),
    ):
        with socket.create_connection((HOST, pod.port + 1), timeout=2) as connection:
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1_000):
                pass
    with opened(pod) as channel:
        assert call(channel, "ServerLive")
    assert pod.log.read_bytes() == before
