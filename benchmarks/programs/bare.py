"""A bare ASGI application on uvicorn, without metrics, limits or checks: `echo` (the floor) or `onnx`."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_JSON = [(b"content-type", b"application/json")]


async def body_of(receive: Receive) -> bytes:
    """Read a request's body."""
    message = await receive()
    body: bytes = message["body"]
    if not message.get("more_body"):
        return body
    parts = [body]
    while message.get("more_body"):
        message = await receive()
        parts.append(message["body"])
    return b"".join(parts)


async def respond(send: Send, body: bytes) -> None:
    """Answer with JSON."""
    headers = [*_JSON, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def echo(_: Message, receive: Receive, send: Send) -> None:
    """Answer with what came."""
    await respond(send, await body_of(receive))


def onnx(path: str) -> Any:
    """Build an application that answers `{"instances": [...]}` with ONNX Runtime's predictions."""
    import numpy as np
    import onnxruntime
    import orjson

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    source, target = session.get_inputs()[0].name, [session.get_outputs()[0].name]

    async def application(_: Message, receive: Receive, send: Send) -> None:
        rows = np.array(orjson.loads(await body_of(receive))["instances"], dtype=np.float32)
        (answers,) = session.run(target, {source: rows})
        await respond(send, orjson.dumps({"predictions": answers.ravel().tolist()}))

    return application


if __name__ == "__main__":
    chosen = echo if sys.argv[1] == "echo" else onnx(os.environ["BENCH_ONNX"])
    uvicorn.run(
        chosen,
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
