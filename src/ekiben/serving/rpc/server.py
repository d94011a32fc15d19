"""The `grpc` port: how it comes, drains and goes."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace

import grpc
import grpc.aio

from ekiben.errors import ConfigError
from ekiben.serving.protocols import signature
from ekiben.serving.protocols.served import Served
from ekiben.serving.rpc import credentials, health, service, transport
from ekiben.serving.rpc.calls import Calls, Method
from ekiben.serving.rpc.contract import Gate, Instruments, Lane, Life
from ekiben.serving.rpc.health import Health
from ekiben.serving.rpc.infer import Infer
from ekiben.serving.rpc.service import Service
from ekiben.serving.rpc.transport import Bounds
from ekiben.serving.settings import Settings
from ekiben.serving.validation import Validator
from ekiben.version import VERSION

_LEAVING_SECONDS = 1.0  # age of a connection that is made during a drain
_SILENCE = ("GRPC_VERBOSITY", "NONE")  # core writes a line to stderr for what a scanner sends


class Server:
    """Answers the Open Inference Protocol over gRPC.

    Args:
        settings: The pod's.
        model: What is served.
        validator: Its validator.
        gate: Counts and admits.
        lane: Answers predictions.
        life: Readiness and drain.
        instruments: Counters.

    Raises:
        ConfigError: The certificate and its key are of no use.
    """

    def __init__(
        self,
        settings: Settings,
        model: Served,
        validator: Validator,
        gate: Gate,
        lane: Lane,
        life: Life,
        instruments: Instruments,
    ) -> None:
        os.environ.setdefault(*_SILENCE)
        self._bounds = Bounds(
            message_bytes=settings.most_body_bytes,
            streams=settings.most_in_progress,
            connections=settings.most_connections,
            handshake_seconds=settings.header_seconds,
            idle_seconds=settings.keep_alive_seconds,
            age_seconds=settings.connection_seconds,
            grace_seconds=settings.request_timeout_seconds,
        )
        self._credentials = credentials.mounted(settings)
        self._health = Health(life, (service.SERVICE,))
        self._calls = Calls(gate, lane, instruments, settings.most_body_bytes)
        tensors = signature.of(model.schema)
        methods = Service(model, tensors, life, VERSION).methods(Infer(model, tensors, validator))
        self._services = {
            service.SERVICE: {name: self._calls.handler(method) for name, method in methods.items()},
            health.SERVICE: self._health_handlers(),
        }
        self._servers: list[grpc.aio.Server] = []
        self._address = ""
        self._going: list[asyncio.Task[None]] = []

    async def start(self, port: int, host: str) -> int:
        """Listen and answer.

        Args:
            port: 0 for any.
            host: Address to listen on.

        Returns:
            The port.

        Raises:
            ConfigError: It is taken, or the address is not one of this machine.
        """
        bracketed = f"[{host}]" if ":" in host else host
        self._address = f"{bracketed}:{_free(host, port)}"
        return await self._listen(self._bounds)

    async def drain(self) -> None:
        """Tell every connection to go, and go on accepting.

        Connections that are made from now on are told to go soon after.
        """
        self._health.leave()
        going = list(self._servers)
        await self._listen(replace(self._bounds, age_seconds=_LEAVING_SECONDS))
        self._going += [asyncio.create_task(self._end(each, self._bounds.grace_seconds)) for each in going]

    async def stop(self, seconds: float) -> None:
        """Accept nothing more, and let calls end.

        Args:
            seconds: Calls that take longer are cancelled.
        """
        self._health.leave()
        await asyncio.gather(*(self._end(each, seconds) for each in self._servers), *self._going)

    async def ended(self) -> None:
        """Wait until the server that was started first ends.

        Raises:
            Exception: It ended by itself.
        """
        await self._servers[0].wait_for_termination()

    async def _listen(self, bounds: Bounds) -> int:
        made = transport.server(bounds.options(), self._services, self._calls.unmatched())
        try:
            if self._credentials is None:
                port: int = made.add_insecure_port(self._address)
            else:
                port = made.add_secure_port(self._address, self._credentials.of_server())
        except RuntimeError as error:
            raise ConfigError(f"cannot listen on {self._address} for gRPC: {error}") from error
        await made.start()
        self._servers.append(made)
        return port

    async def _end(self, server: grpc.aio.Server, seconds: float) -> None:
        """Stop one server; what is still in flight after the time is cut, and counted as that."""
        stopping = asyncio.create_task(server.stop(seconds + 1))
        await asyncio.wait({stopping}, timeout=seconds)
        if not stopping.done():
            self._calls.cut = True
            await server.stop(None)
        await stopping

    def _health_handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        def path(name: str) -> str:
            return f"/{health.SERVICE}/{name}"

        return {
            "Check": self._calls.handler(Method(path("Check"), "probe", reply=self._health.check)),
            "List": self._calls.handler(Method(path("List"), "probe", reply=self._health.list)),
            "Watch": self._health.watch(path("Watch"), self._calls),
        }


def _free(host: str, port: int) -> int:
    """Give the port if nobody listens on it: core would share it with another pod's process.

    Raises:
        ConfigError: It is taken, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as found:
            free: int = found.getsockname()[1]
            return free
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error}",
            remedy="choose another port (EKIBEN_GRPC_PORT) or stop what holds it",
        ) from error
