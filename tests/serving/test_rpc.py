"""The Open Inference Protocol over gRPC, as a client of the `grpc` port sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
from tests.serving.rpc import FOREST, MODEL, ROWS, SERVICE, Port, call, infer, refused, running, table

from ekiben.serving.problem import Place, RefusedError
from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb
from ekiben.version import VERSION


@pytest.fixture(scope="module")
def shared() -> Iterator[Port]:
    """One port for all tests of this module."""
    with running() as found:
        yield found


@pytest.fixture
def port(shared: Port) -> Port:
    """The port, as it was at first."""
    shared.gate.visits.clear()
    shared.lane.tickets.clear()
    shared.gate.refusal, shared.gate.seconds = None, 30
    shared.lane.seconds, shared.life.ready = 0, True
    return shared


@pytest.fixture
def channel(port: Port) -> Iterator[grpc.Channel]:
    """A channel to it."""
    with port.channel() as found:
        yield found


def test_a_server_says_that_it_lives_and_whether_it_is_ready(port: Port, channel: grpc.Channel) -> None:
    """ServerLive is always true; ServerReady and ModelReady follow the pod's readiness."""
    for ready in (True, False):
        port.life.ready = ready
        assert pb.ServerLiveResponse.FromString(call(channel, "ServerLive")).live
        assert pb.ServerReadyResponse.FromString(call(channel, "ServerReady")).ready is ready
        request = pb.ModelReadyRequest(name="small").SerializeToString()
        assert pb.ModelReadyResponse.FromString(call(channel, "ModelReady", request)).ready is ready


def test_metadata_of_the_server_name_it(channel: grpc.Channel) -> None:
    """ServerMetadata gives name and version; no extension is claimed."""
    found = pb.ServerMetadataResponse.FromString(call(channel, "ServerMetadata"))
    assert (found.name, found.version, list(found.extensions)) == ("ekiben", VERSION, [])


@pytest.mark.parametrize("version", ["", "0123456789abcdef"])
def test_metadata_of_the_model_describe_its_tensors(channel: grpc.Channel, version: str) -> None:
    """ModelMetadata has names, types and shapes, -1 for the rows, with and without a version."""
    request = pb.ModelMetadataRequest(name="small", version=version).SerializeToString()
    found = pb.ModelMetadataResponse.FromString(call(channel, "ModelMetadata", request))
    assert (found.name, list(found.versions)) == ("small", ["0123456789abcdef"])
    assert [(i.name, i.datatype, list(i.shape)) for i in found.inputs] == [("input-0", "FP64", [-1, 3])]
    assert [(o.name, o.datatype, list(o.shape)) for o in found.outputs] == [
        ("predict", "INT64", [-1]),
        ("probabilities", "FP64", [-1, 2]),
    ]


def test_an_inference_gives_what_scikit_learn_gives(channel: grpc.Channel) -> None:
    """Typed contents in, typed contents out; the id comes back, and the version that answered."""
    request = table(ROWS)
    request.id = "42"
    found = infer(channel, request)
    assert (found.model_name, found.model_version, found.id) == ("small", "0123456789abcdef", "42")
    predict, probabilities = found.outputs
    assert (list(predict.shape), list(probabilities.shape)) == ([60], [60, 2])
    assert list(predict.contents.int64_contents) == FOREST.predict(ROWS).tolist()
    expected = FOREST.predict_proba(ROWS).ravel().tolist()
    assert list(probabilities.contents.fp64_contents) == expected
    assert not found.raw_output_contents


def test_raw_contents_are_answered_with_raw_contents(channel: grpc.Channel) -> None:
    """Bytes in, bytes out, little-endian and row-major; no typed contents beside them, no id if none came."""
    request = pb.ModelInferRequest(model_name="small", raw_input_contents=[ROWS.tobytes()])
    request.inputs.add(name="input-0", datatype="FP64", shape=[60, 3])
    found = infer(channel, request)
    assert [each.HasField("contents") for each in found.outputs] == [False, False]
    labels, probabilities = found.raw_output_contents
    assert labels == FOREST.predict(ROWS).astype("<i8").tobytes()
    assert np.array_equal(np.frombuffer(probabilities, "<f8").reshape(60, 2), FOREST.predict_proba(ROWS))
    assert found.id == ""


def test_columns_may_come_one_by_one(channel: grpc.Channel) -> None:
    """One tensor per column, in any order."""
    request = pb.ModelInferRequest(model_name="small")
    for place in (2, 0, 1):
        tensor = request.inputs.add(name="abc"[place], datatype="FP64", shape=[60])
        tensor.contents.fp64_contents.extend(ROWS[:, place].tolist())
    assert list(infer(channel, request).outputs[0].contents.int64_contents) == FOREST.predict(ROWS).tolist()


def test_only_the_outputs_that_were_asked_for_are_given(channel: grpc.Channel) -> None:
    """Requested outputs come in the order of the request."""
    request = table(ROWS[:1])
    request.outputs.add(name="probabilities")
    request.outputs.add(name="predict")
    assert [each.name for each in infer(channel, request).outputs] == ["probabilities", "predict"]
    del request.outputs[1]
    assert [each.name for each in infer(channel, request).outputs] == ["probabilities"]


def test_every_call_is_counted_once_with_an_http_status(port: Port, channel: grpc.Channel) -> None:
    """Template, method and status are of the vocabulary that HTTP's calls are counted in."""
    infer(channel, table(ROWS[:1]))
    visit = port.gate.last()
    assert (visit.template, visit.method, visit.ended) == (SERVICE + "ModelInfer", "POST", [200])
    call(channel, "ServerReady")
    assert (port.gate.last().template, port.gate.last().ended) == (SERVICE + "ServerReady", [200])


def test_the_gate_sees_group_metadata_and_address(port: Port, channel: grpc.Channel) -> None:
    """Metadata become headers in lower case; the address has no port; each method asks for its leave."""
    infer(channel, table(ROWS[:1]), metadata=(("authorization", "Bearer x"), ("trace-bin", b"\x00\xff")))
    visit = port.gate.last()
    assert visit.group == "predict"
    assert visit.headers[b"authorization"] == b"Bearer x"
    assert visit.headers[b"trace-bin"] == b"\x00\xff"
    assert visit.peer == "127.0.0.1"
    groups = {}
    request = pb.ModelReadyRequest(name="small").SerializeToString()
    for method in ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata"):
        call(channel, method, request if method.startswith("Model") else b"")
        groups[method] = port.gate.last().group
    assert groups == {
        "ServerLive": "probe",
        "ServerReady": "probe",
        "ModelReady": "metadata",
        "ServerMetadata": "metadata",
        "ModelMetadata": "metadata",
    }


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, grpc.StatusCode.INVALID_ARGUMENT),
        (401, grpc.StatusCode.UNAUTHENTICATED),
        (403, grpc.StatusCode.PERMISSION_DENIED),
        (404, grpc.StatusCode.NOT_FOUND),
        (413, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (415, grpc.StatusCode.INVALID_ARGUMENT),
        (422, grpc.StatusCode.INVALID_ARGUMENT),
        (429, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (500, grpc.StatusCode.INTERNAL),
        (503, grpc.StatusCode.UNAVAILABLE),
        (504, grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
def test_a_refusal_has_the_code_of_its_status(
    port: Port, channel: grpc.Channel, status: int, expected: grpc.StatusCode
) -> None:
    """Code, text with the places, and the visit's status."""
    port.gate.refusal = RefusedError(status, "failed", "what was expected", (Place("/inputs", "this"),))
    error = refused(channel, "ModelInfer", table(ROWS[:1]).SerializeToString())
    assert error.code() is expected
    assert error.details() == "what was expected: /inputs: this"
    assert port.gate.last().ended == [status]


def test_a_refusal_says_when_to_come_back_and_how_to_be_known(port: Port, channel: grpc.Channel) -> None:
    """Retry-After is there in gRPC's words too; other headers and the call's id are trailing metadata."""
    headers = ((b"retry-after", b"3"), (b"WWW-Authenticate", b"Bearer"))
    port.gate.refusal = RefusedError(503, "busy", "no room", headers=headers)
    error = refused(channel, "ModelInfer", metadata=(("x-request-id", "abc-1"),))
    trailers = dict(error.trailing_metadata())
    assert trailers["retry-after"] == "3"
    assert trailers["grpc-retry-pushback-ms"] == "3000"
    assert trailers["www-authenticate"] == "Bearer"
    assert trailers["x-request-id"] == "abc-1"


def test_a_refused_caller_is_refused_before_its_message_is_read(port: Port) -> None:
    """Without a leave not a byte of the message is waited for."""
    port.gate.refusal = RefusedError(401, "unauthenticated", "expected a key")
    with port.channel() as channel:
        silent: Iterator[bytes] = iter(_Silence(5))
        with pytest.raises(grpc.RpcError) as caught:
            channel.stream_unary(SERVICE + "ModelInfer")(silent, timeout=4)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


class _Silence:
    """A stream of messages that has none for a while."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def __iter__(self) -> Iterator[bytes]:
        while time.monotonic() < self._end:
            time.sleep(0.01)
        yield from ()


def test_long_refusals_are_cut(port: Port, channel: grpc.Channel) -> None:
    """Twenty places of long names still reach a client that takes 8 KiB of metadata."""
    places = tuple(Place("/" + "é" * 500, "expected a number") for _ in range(20))
    port.gate.refusal = RefusedError(422, "type", "wrong", places)
    error = refused(channel, "ModelInfer")
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details().startswith("wrong: /é")
    assert len(error.details().encode()) <= 2_048


@pytest.mark.parametrize(("name", "version"), [("other", ""), ("", ""), ("small", "2"), ("SMALL", "")])
@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata", "ModelInfer"])
def test_models_that_are_not_here_are_not_found(
    port: Port, channel: grpc.Channel, method: str, name: str, version: str
) -> None:
    """Another name or version is NOT_FOUND, and what was sent is not repeated."""
    request = (
        pb.ModelInferRequest(model_name=name, model_version=version)
        if method == "ModelInfer"
        else getattr(pb, f"{method}Request")(name=name, version=version)
    )
    error = refused(channel, method, request.SerializeToString())
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == f"expected the model {MODEL.name} in version {MODEL.version}"
    assert port.gate.last().ended == [404]


@pytest.mark.parametrize("method", ["ServerLive", "ServerReady", "ModelReady", "ModelMetadata", "ModelInfer"])
def test_bytes_that_are_no_message_are_refused(port: Port, channel: grpc.Channel, method: str) -> None:
    """A field that ends in the middle is INVALID_ARGUMENT, not UNKNOWN."""
    error = refused(channel, method, b"\x0a\x7fshort")
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert port.gate.last().ended == [400]


def test_wrong_rows_are_refused_with_their_places(port: Port, channel: grpc.Channel) -> None:
    """NaN and infinity are named by their place."""
    error = refused(channel, "ModelInfer", table([[1, np.nan, np.inf]]).SerializeToString())
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "/inputs/0/data/1" in error.details()
    assert "/inputs/0/data/2" in error.details()
    assert port.gate.last().ended == [422]


def test_unknown_methods_are_unimplemented_and_counted_as_one(port: Port, channel: grpc.Channel) -> None:
    """No name that a client invents becomes a series of its own."""
    for path in (SERVICE + "Nothing", "/a/b", "/inference.grpcinferenceservice/ModelInfer"):
        error = refused(channel, path)
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED
        visit = port.gate.last()
        assert (visit.template, visit.ended) == ("<unmatched>", [501])


def test_the_clients_deadline_bounds_the_visits(port: Port, channel: grpc.Channel) -> None:
    """The lane learns how long the client waits; a longer deadline does not lengthen the pod's own."""
    infer(channel, table(ROWS[:1]), timeout=2)
    assert 0 < port.lane.tickets[-1].deadline - time.monotonic() < 2.5
    infer(channel, table(ROWS[:1]), timeout=1000)
    assert port.lane.tickets[-1].deadline - time.monotonic() < 31


def test_work_past_the_clients_deadline_is_dropped(port: Port, channel: grpc.Channel) -> None:
    """The client sees DEADLINE_EXCEEDED, the lane hears of it, and the visit ends with 504."""
    port.lane.seconds = 3
    error = refused(channel, "ModelInfer", table(ROWS[:1]).SerializeToString(), timeout=0.2)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert port.gate.last().ended == [504]
    assert port.lane.tickets[-1].cancelled


def test_work_past_the_pods_own_deadline_is_dropped(port: Port, channel: grpc.Channel) -> None:
    """A client that would wait is told that it waits in vain."""
    port.lane.seconds, port.gate.seconds = 3, 0.2
    error = refused(channel, "ModelInfer", table(ROWS[:1]).SerializeToString())
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert port.gate.last().ended == [504]
    assert port.lane.tickets[-1].cancelled


def test_work_of_clients_that_went_away_is_dropped(port: Port, channel: grpc.Channel) -> None:
    """A cancelled call ends with 499 and takes its question back."""
    port.lane.seconds = 3
    future = channel.unary_unary(SERVICE + "ModelInfer").future(table(ROWS[:1]).SerializeToString())
    end = time.monotonic() + 5
    while not port.lane.tickets and time.monotonic() < end:
        time.sleep(0.005)
    future.cancel()
    assert port.gate.last().ended == [499]
    assert port.lane.tickets[-1].cancelled


def test_a_failure_of_the_pod_is_internal_and_says_nothing(port: Port, channel: grpc.Channel) -> None:
    """An exception is logged, counted as 500, and its text stays inside."""
    port.gate.refusal = ZeroDivisionError("secret")  # type: ignore[assignment]
    error = refused(channel, "ModelInfer")
    assert error.code() is grpc.StatusCode.INTERNAL
    assert error.details() == "the server failed on this request"
    assert port.gate.last().ended == [500]
