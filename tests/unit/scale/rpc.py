"""A real gRPC server on loopback that can be told to misbehave: `conftest.Service`, in another protocol."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import grpc.aio
import uvloop

from ekiben.scale.load.inference import PATH
from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb


def answer(*labels: str, probabilities: list[float] | None = None) -> pb.ModelInferResponse:
    """What a server says of these rows, with typed contents."""
    found = pb.ModelInferResponse(model_name="iris")
    output = found.outputs.add(name="predict", datatype="BYTES", shape=[len(labels)])
    output.contents.bytes_contents.extend(label.encode() for label in labels)
    if probabilities is not None:
        output = found.outputs.add(name="probabilities", datatype="FP64", shape=[len(labels), 2])
        output.contents.fp64_contents.extend(probabilities)
    return found


class Service:
    """What the server does, and what it saw.

    Attributes:
        code: Status of answers.
        details: Text of a status that is not OK.
        answer: Body of answers.
        delay_seconds: Wait before an answer.
        trailers: Trailing metadata of answers.
        bodies: Requests received.
        connections: Peer of each request.
        metadata: Metadata of each request.
        on_request: Called with each request.
        most_at_once: Most requests that were inside at one time.
    """

    def __init__(self) -> None:
        self.code = grpc.StatusCode.OK
        self.details = "told to"
        self.answer: bytes = answer("setosa", probabilities=[0.9, 0.1]).SerializeToString()
        self.delay_seconds = 0.0
        self.trailers: tuple[tuple[str, str], ...] = ()
        self.bodies: list[bytes] = []
        self.connections: list[str] = []
        self.metadata: list[dict[str, Any]] = []
        self.on_request: Callable[[], object] = lambda: None
        self.most_at_once = 0
        self.port = 0
        self.url = ""
        self._inside = 0

    async def infer(self, body: bytes, context: Any) -> bytes:
        """Answer a call."""
        self.bodies.append(body)
        self.connections.append(context.peer())
        self.metadata.append(dict(context.invocation_metadata()))
        self.on_request()
        self._inside += 1
        self.most_at_once = max(self.most_at_once, self._inside)
        try:
            await asyncio.sleep(self.delay_seconds)
        finally:
            self._inside -= 1
        context.set_trailing_metadata(self.trailers)
        if self.code is not grpc.StatusCode.OK:
            await context.abort(self.code, self.details, self.trailers)
        return self.answer


@contextmanager
def running(credentials: grpc.ServerCredentials | None = None) -> Iterator[Service]:
    """Run a server until the block ends."""
    found, loop = Service(), uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> grpc.aio.Server:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        service, method = PATH.strip("/").split("/")
        handler = grpc.unary_unary_rpc_method_handler(found.infer)
        server.add_registered_method_handlers(service, {method: handler})
        if credentials is None:
            found.port = server.add_insecure_port("127.0.0.1:0")
        else:
            found.port = server.add_secure_port("127.0.0.1:0", credentials)
        await server.start()
        return server

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    found.url = f"http{'s' if credentials else ''}://127.0.0.1:{found.port}{PATH}"
    try:
        yield found
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(0), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
