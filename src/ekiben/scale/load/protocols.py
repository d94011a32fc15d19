"""What a target's protocol asks of a sender: how requests are written, carried and read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import orjson

from ekiben.scale.load import connection
from ekiben.scale.load.connection import Listener
from ekiben.scale.load.target import Endpoint, LoadTarget, request_bytes


class Pool(Protocol):
    """Connections that are used in turn and end by age."""

    @property
    def opened(self) -> int:
        """How many were opened."""

    def send(self, index: int, request: bytes) -> None:
        """Send a request; the listener hears of its end."""

    def forget(self, index: int) -> None:
        """Give a request up; nothing is reported."""

    def sweep(self) -> None:
        """Close what is too old to be used."""

    async def close(self) -> None:
        """Close everything."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One protocol, ready to speak.

    Attributes:
        requests: What is handed to the pool, one per body.
        pool: Carries them.
        read: Decodes an answer to what `Expected` knows; None of what is none.
        cpu_clock: CPU time of all that sends, seconds.
    """

    requests: tuple[bytes, ...]
    pool: Pool
    read: Callable[[bytes], object]
    cpu_clock: Callable[[], float]


def spoken(target: LoadTarget, found: Endpoint, listener: Listener, *, seed: int) -> Spoken:
    """Make a target's protocol ready; to be called inside a running event loop.

    Args:
        target: What and where to.
        found: Its address.
        listener: Hears of answers and losses.
        seed: Of the connections' ages.
    """
    if target.protocol == "grpc":
        # `inference` before grpc: it quietens core, which looks when it is loaded.
        from ekiben.scale.load import inference
        from ekiben.scale.load.channel import Channels

        channels = Channels(target, found, listener, seed=seed, clock=time.perf_counter)
        # grpcio reads and writes in threads of its own.
        return Spoken(target.bodies, channels, inference.read, time.process_time)
    pool = connection.Pool(
        found,
        listener,
        lifetime_seconds=target.connection_seconds,
        connections=target.connections,
        pod_header=target.pod_header,
        server_name=target.server_name,
        ca_file=target.ca_file,
        seed=seed,
        clock=time.perf_counter,
    )
    return Spoken(request_bytes(target, found), pool, _json, time.thread_time)


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
