"""grpcio's asyncio server, with bounds on what a peer can make it hold, and one defect taken out.

Source of the options: https://github.com/grpc/grpc, include/grpc/impl/channel_arg_names.h
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc.aio
from grpc._cython import cygrpc

UNMATCHED = "<unmatched>"
_SLACK = 2  # core takes messages up to so many times the limit, so that refusals just above it are counted
_PING_MILLISECONDS = 10_000  # least time between a client's pings; grpc-go refuses to ping more often itself
_STRIKES = 2  # pings too many before the connection is closed; core's default
_ALIVE_MILLISECONDS, _ALIVE_TIMEOUT_MILLISECONDS = 60_000, 20_000  # the server's own pings to silent peers


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one peer, or all together, may take.

    Attributes:
        message_bytes: Longest request, unpacked.
        metadata_bytes: Metadata of one call.
        streams: Calls at once on one connection.
        connections: At once.
        handshake_seconds: From the connection to HTTP/2's settings.
        idle_seconds: A connection without calls is closed after it.
        age_seconds: A connection is told to go after it (core adds up to 10 % either way).
        grace_seconds: Calls that are in flight then may last so long.
    """

    message_bytes: int
    grace_seconds: float
    idle_seconds: float
    age_seconds: float
    metadata_bytes: int = 16_384
    streams: int = 512
    connections: int = 1_024
    handshake_seconds: float = 10

    def options(self) -> list[tuple[str, int]]:
        """Options of a server in core's words."""
        return [
            ("grpc.so_reuseport", 0),  # with it, two pods of one machine would share a port in silence
            ("grpc.max_receive_message_length", _SLACK * self.message_bytes),
            ("grpc.max_metadata_size", self.metadata_bytes),
            ("grpc.absolute_max_metadata_size", self.metadata_bytes),
            ("grpc.max_concurrent_streams", self.streams),
            ("grpc.max_allowed_incoming_connections", self.connections),
            ("grpc.server_handshake_timeout_ms", _milliseconds(self.handshake_seconds)),
            ("grpc.max_connection_idle_ms", _milliseconds(self.idle_seconds)),
            ("grpc.max_connection_age_ms", _milliseconds(self.age_seconds)),
            ("grpc.max_connection_age_grace_ms", _milliseconds(self.grace_seconds)),
            ("grpc.keepalive_time_ms", _ALIVE_MILLISECONDS),
            ("grpc.keepalive_timeout_ms", _ALIVE_TIMEOUT_MILLISECONDS),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", _PING_MILLISECONDS),
            ("grpc.http2.max_ping_strikes", _STRIKES),
        ]


def server(
    options: list[tuple[str, int]],
    services: Mapping[str, Mapping[str, grpc.RpcMethodHandler]],
    unmatched: grpc.RpcMethodHandler,
) -> grpc.aio.Server:
    """Make a server that is not started; to be called on its event loop.

    Args:
        options: See `Bounds.options`.
        services: Handlers by service and method.
        unmatched: Answers all other calls.
    """

    class Core(_Core):
        handler = unmatched

    # grpc.aio.server() takes no class for its inner half, and the arguments of that change.
    usual, cygrpc.AioServer = cygrpc.AioServer, Core
    try:
        made = grpc.aio.server(options=options)
    finally:
        cygrpc.AioServer = usual
    for service, handlers in services.items():
        made.add_registered_method_handlers(service, dict(handlers))
    return made


class _Core(cygrpc.AioServer):  # type: ignore[misc]  # Cython
    """The inner half, which keeps calls of unknown methods from the loop that takes calls.

    That loop decodes their names as UTF-8, and one that is not ends the server: one packet from anybody
    who reaches the port would be enough (grpcio 1.85.1). Known methods are registered and have names from
    this pod; unknown ones are answered here, without a look at the name.
    """

    handler: grpc.RpcMethodHandler

    async def _request_call(self) -> Any:
        loop = asyncio.get_running_loop()
        answering: set[asyncio.Task[None]] = set()
        while True:
            state = await super()._request_call()
            call = cygrpc._handle_rpc(UNMATCHED, _Resolver(self.handler), (), state, loop, False)  # noqa: SLF001
            task = loop.create_task(cygrpc._schedule_rpc_coro(call, state, loop, UNMATCHED))  # noqa: SLF001
            answering.add(task)
            task.add_done_callback(answering.discard)


@dataclass(frozen=True, slots=True)
class _Resolver:
    handler: grpc.RpcMethodHandler

    def resolve_handler(self, _: Any) -> grpc.RpcMethodHandler:
        return self.handler


def _milliseconds(seconds: float) -> int:
    return max(1, int(1_000 * seconds))
