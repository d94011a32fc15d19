"""The `grpc` port: how it comes, drains and goes."""

from __future__ import annotations

import asyncio

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

_YOUNGEST_SECONDS = 1.0
_SPREAD = 1.1  # core draws a connection's age up to a tenth above what it is told (gRFC A9)


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
        self._bounds = Bounds(
            message_bytes=settings.most_body_bytes,
            streams=settings.most_in_progress,
            connections=settings.most_connections,
            handshake_seconds=settings.header_seconds,
            idle_seconds=settings.keep_alive_seconds,
            age_seconds=age(settings),
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
        self._server: grpc.aio.Server

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
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        made = transport.server(self._bounds.options(), self._services, self._calls.unmatched())
        try:
            if self._credentials is None:
                bound: int = made.add_insecure_port(address)
            else:
                bound = made.add_secure_port(address, self._credentials.of_server())
        except RuntimeError:
            raise ConfigError(
                f"cannot listen on {host} port {port} for gRPC",
                remedy="choose another port (EKIBEN_GRPC_PORT) or stop what holds it",
            ) from None
        await made.start()
        self._server = made
        return bound

    def drain(self) -> None:
        """Say that nothing is served here, to those who ask for health; serve on.

        Connections are not told to go before their time: what core does to end
        them refuses calls that are on their way. They all end by age within the
        drain, see `age`.
        """
        self._health.leave()

    async def stop(self, seconds: float) -> None:
        """Accept nothing more, and let calls end.

        Args:
            seconds: Calls that take longer are cancelled.
        """
        self._health.leave()
        stopping = asyncio.create_task(self._server.stop(seconds + 1))
        await asyncio.wait({stopping}, timeout=seconds)
        if not stopping.done():
            self._calls.cut = True
            await self._server.stop(None)
        await stopping

    async def ended(self) -> None:
        """Wait until the server ends.

        Raises:
            Exception: It ended by itself.
        """
        await self._server.wait_for_termination()

    def _health_handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        def path(name: str) -> str:
            return f"/{health.SERVICE}/{name}"

        return {
            "Check": self._calls.handler(Method(path("Check"), "probe", reply=self._health.check)),
            "List": self._calls.handler(Method(path("List"), "probe", reply=self._health.list)),
            "Watch": self._health.watch(path("Watch"), self._calls),
        }


def age(settings: Settings) -> float:
    """Longest age of a connection, seconds: all are gone when a drain ends, and no call is lost with them.

    grpcio can end the connections of a server in two ways. With its end, it tells them to go and
    refuses at once what was sent before they heard of it (CANCELLED, which clients do not send again).
    At their age, it tells them to go and answers what comes until they have gone.

    Half a drain: callers hear within its first half that the pod goes (the plan's drain is twice what
    that takes), and the youngest connection, from the end of that half, has the other half to end in.
    """
    return max(_YOUNGEST_SECONDS, min(settings.connection_seconds, settings.drain_seconds / 2 / _SPREAD))
