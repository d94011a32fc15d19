"""A `grpc` port on the loopback, in a thread of its own, with the least of a gate and a lane behind it."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import uvloop
from sklearn.ensemble import RandomForestClassifier

from ekiben.serving import lane as lanes
from ekiben.serving.answer import Answer
from ekiben.serving.exchange import Dialect, Group, Headers
from ekiben.serving.golden import Golden
from ekiben.serving.instruments import Instruments
from ekiben.serving.predictors.scikit_learn import EstimatorPredictor
from ekiben.serving.problem import RefusedError
from ekiben.serving.protocols.served import Served
from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb
from ekiben.serving.rpc.server import Server
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.settings import Settings
from ekiben.serving.validation import Validator

HOST = "127.0.0.1"
SERVICE = "/inference.GRPCInferenceService/"
HEALTH = "/grpc.health.v1.Health/"
NAMES = ("a", "b", "c")
ROWS = np.random.default_rng(0).uniform(-1, 1, size=(60, 3))
FOREST = RandomForestClassifier(n_estimators=5, random_state=0).fit(
    ROWS, (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int)
)
SCHEMA = Schema(
    tuple(Input(name, "float64") for name in NAMES),
    Output("classification", (0, 1), probabilities=True),
    precision="float32",
)
MODEL = Served("small", "0123456789abcdef", "0123456789abcdef" * 4, SCHEMA, Golden((), (), None, 0))


@dataclass
class Visit:
    """What a test may ask about one call."""

    gate: Gate
    template: str
    method: str
    deadline: float
    group: str = ""
    headers: Headers = field(default_factory=dict)
    peer: str = ""
    ended: list[int] = field(default_factory=list)
    told: tuple[Any, ...] = ()

    def admit(self, group: Group, headers: Headers, peer: str) -> None:
        self.group, self.headers, self.peer = group, headers, peer
        if self.gate.refusal is not None and group != "probe":
            raise self.gate.refusal

    def end(
        self, status: int, request_id: str = "", request_bytes: int = 0, response_bytes: int = 0,
        ticket: Any = None,
    ) -> None:  # fmt: skip
        self.ended.append(status)
        self.told = (request_id, request_bytes, response_bytes, ticket)


class Gate:
    """Counts every visit, and refuses those that it is told to."""

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self.refusal: RefusedError | None = None
        self.seconds = 30.0

    def arrive(self, template: str, method: str) -> Visit:
        visit = Visit(self, template, method, time.monotonic() + self.seconds)
        self.visits.append(visit)
        return visit

    def last(self) -> Visit:
        """The last call, once it has ended."""
        end = time.monotonic() + 5
        while not self.visits or not self.visits[-1].ended:
            assert time.monotonic() < end, "the call has not ended"
            time.sleep(0.005)
        return self.visits[-1]


@dataclass
class Ticket:
    """A question that can be taken back, also before the lane has it."""

    deadline: float
    cancelled: bool = False
    inner: Any = None

    def cancel(self) -> None:
        self.cancelled = True
        if self.inner is not None:
            self.inner.cancel()


class Lane:
    """The pod's lane, that hears of a question after a while if a test says so."""

    def __init__(self, lane: lanes.Lane) -> None:
        self.lane = lane
        self.seconds = 0.0
        self.tickets: list[Ticket] = []

    def ask(
        self, dialect: Dialect, body: bytes, headers: Headers, request_id: str, deadline: float,
        done: Callable[[Answer], None],
    ) -> Ticket:  # fmt: skip
        ticket = Ticket(deadline)
        self.tickets.append(ticket)

        def ask() -> None:
            if not ticket.cancelled:
                ticket.inner = self.lane.ask(dialect, body, headers, request_id, deadline, done)

        asyncio.get_running_loop().call_later(self.seconds, ask)
        return ticket


class Life:
    """Ready or not, as a test says."""

    def __init__(self) -> None:
        self.ready, self.draining = True, False


@dataclass
class Port:
    """A running server."""

    server: Server
    loop: asyncio.AbstractEventLoop
    port: int
    gate: Gate
    lane: Lane
    life: Life
    instruments: Instruments

    def run(self, coroutine: Any, seconds: float = 20) -> Any:
        """Run on the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)

    def channel(self, *options: tuple[str, Any]) -> grpc.Channel:
        """Open a channel with connections of its own."""
        return grpc.insecure_channel(f"{HOST}:{self.port}", [("grpc.use_local_subchannel_pool", 1), *options])

    def connect(self) -> socket.socket:
        """Open a bare connection."""
        return socket.create_connection((HOST, self.port), timeout=5)


@contextmanager
def running(
    *, bounds: Mapping[str, Any] | None = None, **settings: Any
) -> Iterator[Port]:  # fmt: skip
    """Run a server until the block ends."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    told = Settings(artefact=Path(), **settings)
    instruments = Instruments(MODEL, "scikit-learn")
    predictor = EstimatorPredictor(FOREST, SCHEMA)
    inner = lanes.Lane(
        predictor, inline_rows=told.inline_rows, most_bytes=told.most_body_bytes, instruments=instruments
    )
    gate, lane, life = Gate(), Lane(inner), Life()

    async def start() -> tuple[Server, int]:
        inner.open()
        validator = Validator(SCHEMA, told.most_rows)
        server = Server(told, MODEL, validator, gate, lane, life, instruments)
        server._bounds = replace(server._bounds, **(bounds or {}))
        return server, await server.start(0, HOST)

    server, port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    found = Port(server, loop, port, gate, lane, life, instruments)
    try:
        yield found
    finally:
        found.run(server.stop(0))
        inner.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


def call(channel: grpc.Channel, method: str, body: bytes = b"", **more: Any) -> bytes:
    """Send one message as bytes, and take the answer's bytes."""
    path = method if method.startswith("/") else SERVICE + method
    answer: bytes = channel.unary_unary(path)(body, **{"timeout": 60, **more})
    return answer


def refused(channel: grpc.Channel, method: str, body: bytes = b"", **more: Any) -> grpc.RpcError:
    """Send one message that must be refused; gives the error."""
    try:
        call(channel, method, body, **more)
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"{method} was answered")


def table(rows: Any) -> pb.ModelInferRequest:
    """A request with all columns in one tensor."""
    values = np.asarray(rows, dtype=np.float64)
    request = pb.ModelInferRequest(model_name=MODEL.name)
    tensor = request.inputs.add(name="input-0", datatype="FP64", shape=values.shape)
    tensor.contents.fp64_contents.extend(values.ravel().tolist())
    return request


def infer(channel: grpc.Channel, request: pb.ModelInferRequest, **more: Any) -> pb.ModelInferResponse:
    """Infer with messages."""
    found = pb.ModelInferResponse()
    found.ParseFromString(call(channel, "ModelInfer", request.SerializeToString(), **more))
    return found


# ---- HTTP/2 by hand: what no client library would send -----------------------------------------------------
# Source: RFC 9113 section 4.1 (frames), RFC 7541 section 6.2.2 (literal header fields without indexing)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS = 1, 4


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def head(path: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """Header block of a call."""
    fields = [
        (b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"test"),
        (b"te", b"trailers"), (b"content-type", b"application/grpc"), *more,
    ]  # fmt: skip
    return b"".join(
        b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in fields
    )


def message(body: bytes) -> bytes:
    """A message with its prefix: not compressed, length."""
    return b"\x00" + struct.pack(">I", len(body)) + body


def frames(connection: socket.socket) -> Iterator[tuple[int, int, int, bytes]]:
    """Frames as they come: kind, flags, stream and payload."""
    stream = connection.makefile("rb")
    while len(start := stream.read(9)) == 9:
        size = int.from_bytes(start[:3], "big")
        yield start[3], start[4], int.from_bytes(start[5:9], "big"), stream.read(size)
