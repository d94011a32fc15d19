"""The generator's gRPC connections: one channel each, used in turn, recycled by age.

A connection carries many calls at once, as HTTP/2 has it: where the HTTP/1.1 half opens another connection,
this one opens another stream. Requests are bytes when they come here, so sending does not encode.

Source of the options: https://github.com/grpc/grpc, include/grpc/impl/channel_arg_names.h
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
from collections import deque
from collections.abc import Callable
from pathlib import Path

import grpc
import grpc.aio

from ekiben.scale.load.connection import LARGEST_ANSWER_BYTES, OWN_ERRORS, Listener
from ekiben.scale.load.target import Endpoint, LoadTarget

# A code as the HTTP status that it stands for, so that both protocols, and the pods' own series, are counted
# in one vocabulary. Source: https://github.com/googleapis/googleapis, google/rpc/code.proto, "HTTP Mapping"
_STATUSES = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
}
_OK = 200
# How core (1.85) begins the text of a call that ended with its connection. A channel that broke does not
# always know it yet.
_BROKEN = ("Stream removed", "Socket closed", "failed to connect", "Received RST_STREAM", "recvmsg:")
_OWN_TEXTS = tuple(os.strerror(number) for number in OWN_ERRORS)


class Channel:
    """One connection, with the calls on it."""

    __slots__ = ("answered", "calls", "channel", "expires", "infer", "retired")

    def __init__(self, channel: grpc.aio.Channel, path: str, expires: float) -> None:
        self.channel = channel
        self.expires = expires
        self.calls = 0
        self.answered = False
        self.retired = False
        # Without serialisers, bytes go and bytes come.
        self.infer = channel.unary_unary(path)


class Channels:
    """Channels to one endpoint; the gRPC counterpart of `connection.Pool`.

    Args:
        target: How many, how old, and what each call carries.
        endpoint: Where to.
        listener: Hears of answers and losses.
        seed: Of the ages.
        clock: Monotonic seconds.
    """

    def __init__(
        self, target: LoadTarget, endpoint: Endpoint, listener: Listener, *, seed: int,
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self.opened = 0
        self._endpoint = endpoint
        self._listener = listener
        self._lifetime = target.connection_seconds
        self._connections = target.connections
        self._pod_key = target.pod_header.lower()
        self._metadata = tuple((name.lower(), value) for name, value in target.headers.items())
        self._random = random.Random(seed)  # noqa: S311  # ages, not secrets
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._options = _options(endpoint, target.server_name)
        self._credentials = _credentials(target.ca_file) if endpoint.tls else None
        self._turn: deque[Channel] = deque()  # longest unused first
        self._calls: dict[int, tuple[Channel, asyncio.Task[None]]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def send(self, index: int, request: bytes) -> None:
        """Send a request on the channel whose turn it is, or on a new one."""
        channel = self._next()
        channel.calls += 1
        task = self._loop.create_task(self._ask(channel, index, request))
        self._calls[index] = (channel, task)
        task.add_done_callback(lambda _task: self._ended(channel))

    def forget(self, index: int) -> None:
        """Give a request up; its channel, whose answer is overdue, gets no more, as a connection would."""
        channel, task = self._calls.pop(index)
        task.cancel()
        self._retire(channel)

    def sweep(self) -> None:
        """Retire channels that are too old to be used."""
        now = self._clock()
        for channel in [each for each in self._turn if each.expires <= now]:
            self._retire(channel)

    async def close(self) -> None:
        """Close everything."""
        tasks = [task for _, task in self._calls.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for channel in list(self._turn):
            self._retire(channel)
        await asyncio.sleep(0)  # lets the last calls give their channels back
        await asyncio.gather(*self._closing)

    def _next(self) -> Channel:
        now = self._clock()
        if len(self._turn) >= self._connections:
            while self._turn:
                channel = self._turn[0]
                if now < channel.expires:
                    self._turn.rotate(-1)
                    return channel
                self._retire(channel)
        channel = self._open(now)
        if self._lifetime == 0:
            channel.retired = True  # one call, and then it closes
        else:
            self._turn.append(channel)
        return channel

    def _open(self, now: float) -> Channel:
        host, port = self._endpoint.address, self._endpoint.port
        where = f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
        if self._credentials is None:
            channel = grpc.aio.insecure_channel(where, options=self._options)
        else:
            channel = grpc.aio.secure_channel(where, self._credentials, options=self._options)
        age = self._lifetime * self._random.uniform(0.6, 1.0)
        return Channel(channel, self._endpoint.path, now + age)

    async def _ask(self, channel: Channel, index: int, request: bytes) -> None:
        call = channel.infer(request, metadata=self._metadata)
        status, body, pod = _OK, b"", ""
        try:
            body = await call
            if self._pod_key:
                pod = _named(self._pod_key, await call.initial_metadata(), await call.trailing_metadata())
        except grpc.aio.AioRpcError as error:
            if _broken(error, channel.channel):
                self._calls.pop(index, None)
                self._retire(channel)
                details = error.details() or ""
                self._listener.lost(index, own=any(text in details for text in _OWN_TEXTS))
                return
            status = _STATUSES[error.code()]
            pod = _named(self._pod_key, error.initial_metadata(), error.trailing_metadata())
        self._calls.pop(index, None)
        self.opened += not channel.answered
        channel.answered = True
        self._listener.answered(index, status, body, pod)

    def _ended(self, channel: Channel) -> None:
        channel.calls -= 1
        if channel.retired and channel.calls == 0:
            self._close(channel)

    def _retire(self, channel: Channel) -> None:
        """Give a channel no more calls; it closes with its last one."""
        if channel.retired:
            return
        channel.retired = True
        self._turn.remove(channel)
        if channel.calls == 0:
            self._close(channel)

    def _close(self, channel: Channel) -> None:
        task = self._loop.create_task(channel.channel.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _broken(error: grpc.aio.AioRpcError, channel: grpc.aio.Channel) -> bool:
    """Tell a call that ended with its connection from one that was answered with a failure.

    Core gives both as a code. What the pod refuses carries metadata; where nothing does, the channel is still
    connected after an answer, and not after a break.
    """
    if error.trailing_metadata():
        return False
    connected = channel.get_state() is grpc.ChannelConnectivity.READY
    return not connected or (error.details() or "").startswith(_BROKEN)


def _named(key: str, *metadata: grpc.aio.Metadata) -> str:
    """Value of a key in the first metadata that has it; empty if none has, or no key is asked for."""
    found = (value for each in metadata for name, value in each or () if key and name == key)
    return str(next(found, ""))


def _options(endpoint: Endpoint, server_name: str) -> list[tuple[str, str | int]]:
    found: list[tuple[str, str | int]] = [
        ("grpc.use_local_subchannel_pool", 1),  # else channels to one address share one connection
        ("grpc.enable_retries", 0),  # a request that is lost counts as lost
        ("grpc.enable_http_proxy", 0),  # load goes where it was allowed to go, not where a variable says
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.max_receive_message_length", LARGEST_ANSWER_BYTES),
        ("grpc.primary_user_agent", "ekiben-loadtest"),
    ]
    if endpoint.tls:
        found.append(("grpc.ssl_target_name_override", server_name or endpoint.host))
    else:
        found.append(("grpc.default_authority", endpoint.authority))
    return found


def _credentials(ca_file: str) -> grpc.ChannelCredentials:
    """Trust a file of certificates, or the system's; core's own default is a list of its own."""
    file = ca_file or ssl.get_default_verify_paths().cafile
    return grpc.ssl_channel_credentials(Path(file).read_bytes() if file else None)
