"""gRPC's own health protocol.

Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md and the comments of proto/health.proto
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any

import grpc

from ekiben.serving.problem import RefusedError
from ekiben.serving.rpc.calls import POST, Calls
from ekiben.serving.rpc.contract import Life
from ekiben.serving.rpc.generated import health_pb2 as pb
from ekiben.serving.rpc.messages import decoded, encoded
from ekiben.serving.rpc.status import CLIENT_GONE, OK, code

SERVICE = pb.DESCRIPTOR.services_by_name["Health"].full_name
_LOOK_SECONDS = 1.0  # between two looks at readiness, for those who watch
_MESSAGE_SECONDS = 10.0
MOST_WATCHERS = 100  # at once; each holds a stream for as long as it likes
_Status = pb.HealthCheckResponse.ServingStatus


class Health:
    """Health of one pod's services: all are served together, or none.

    Args:
        life: Readiness and drain.
        services: Names, without the empty one that stands for the server.
    """

    def __init__(self, life: Life, services: Iterable[str]) -> None:
        self._life = life
        self._services = ("", *services)
        self._leaving = asyncio.Event()
        self._watchers = 0

    def leave(self) -> None:
        """Tell those who watch, and let go of them: their streams would outlive a drain."""
        self._leaving.set()

    def check(self, body: bytes) -> bytes:
        """`Check`: "if the requested service is unknown, the call will fail with status NOT_FOUND"."""
        service = decoded(pb.HealthCheckRequest.FromString, body).service
        if service not in self._services:
            raise RefusedError(404, "not_found", "expected a service of this server, or an empty name")
        return _response(self._status(service))

    def list(self, body: bytes) -> bytes:
        """`List`: every service with its status."""
        decoded(pb.HealthListRequest.FromString, body)
        statuses = {each: pb.HealthCheckResponse(status=self._status(each)) for each in self._services}
        return encoded(pb.HealthListResponse(statuses=statuses))

    def watch(self, template: str, calls: Calls) -> grpc.RpcMethodHandler:
        """Make the handler of `Watch`: the status now, and each one that it changes to."""

        async def handle(_: Any, context: Any) -> None:
            visit = calls.gate.arrive(template, POST)
            ended = CLIENT_GONE
            self._watchers += 1
            try:
                await self._watched(calls, context)
                ended = OK
            except RefusedError as error:
                ended = error.status
                context.set_code(code(ended))
                context.set_details(error.detail)
            finally:
                self._watchers -= 1
                visit.end(ended)

        return grpc.stream_stream_rpc_method_handler(handle)

    async def _watched(self, calls: Calls, context: Any) -> None:
        """Send changes until the watcher goes, or the server.

        Raises:
            RefusedError: 400, 408, 413 or 429.
        """
        if self._watchers > MOST_WATCHERS:
            raise RefusedError(429, "busy", f"expected at most {MOST_WATCHERS} watchers at once")
        try:
            async with asyncio.timeout(_MESSAGE_SECONDS):
                body = await calls.message(context)
        except TimeoutError:
            raise RefusedError(408, "slow", "the message did not arrive in time") from None
        service = decoded(pb.HealthCheckRequest.FromString, body).service
        said = None
        while True:
            leaving, now = self._leaving.is_set(), self._status(service)
            if now != said:
                await context.write(_response(now))
                said = now
            if leaving:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), _LOOK_SECONDS)

    def _status(self, service: str) -> _Status:
        if service not in self._services:
            return _Status.SERVICE_UNKNOWN
        serving = self._life.ready and not self._life.draining and not self._leaving.is_set()
        return _Status.SERVING if serving else _Status.NOT_SERVING


def _response(status: _Status) -> bytes:
    return encoded(pb.HealthCheckResponse(status=status))
