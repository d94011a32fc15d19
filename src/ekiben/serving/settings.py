"""The pod's settings: environment variables, read once, refused when wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, get_args

from ekiben.errors import ConfigError

Demand = Literal["auto", "onnx", "folded", "scikit-learn"]
_DEMANDS: tuple[Demand, ...] = get_args(Demand)
MOST_WORKERS = 64  # of one Python, whose threads share a lock: far more than it can use


@dataclass(frozen=True)  # without slots: the defaults are read from the class
class Settings:
    """What a pod is told.

    Attributes:
        artefact: `EKIBEN_ARTEFACT`, folder of the model's artefact.
        bento: `EKIBEN_BENTO`, folder of the bento; None if there is none.
        predictor: `EKIBEN_PREDICTOR`, the form that answers: `onnx`, `folded` or `scikit-learn`; `auto` takes
            the fastest one that was proven equal to the estimator.
        host: `EKIBEN_HOST`, address to listen on.
        http_port: `EKIBEN_HTTP_PORT`.
        grpc: `EKIBEN_GRPC`, `true` or `false`: whether the Open Inference Protocol is spoken over gRPC.
        grpc_port: `EKIBEN_GRPC_PORT`.
        metrics_port: `EKIBEN_METRICS_PORT`.
        drain_seconds: `EKIBEN_DRAIN_SECONDS`, how long a stopping pod keeps accepting.
        request_timeout_seconds: `EKIBEN_REQUEST_TIMEOUT_SECONDS`, longest wait for a body or an answer.
        keep_alive_seconds: `EKIBEN_KEEP_ALIVE_SECONDS`, idle time of a connection.
        connection_requests: `EKIBEN_CONNECTION_REQUESTS`, requests after which a connection is closed.
        connection_seconds: `EKIBEN_CONNECTION_SECONDS`, age at which a connection is closed (+-10 %).
        most_body_bytes: `EKIBEN_MOST_BODY_BYTES`, largest request body.
        most_rows: `EKIBEN_MOST_ROWS`, most rows in one request.
        inline_rows: `EKIBEN_INLINE_ROWS`, requests with more rows leave the event loop.
        workers: `EKIBEN_WORKERS`, threads for what leaves it, with one queue: one for each core.
        header_seconds: `EKIBEN_HEADER_SECONDS`, time for the head of a request; a body that takes longer must
            come at 240 bytes per second or more.
        most_connections: `EKIBEN_MOST_CONNECTIONS`, connections at once.
        most_in_progress: `EKIBEN_MOST_IN_PROGRESS`, predictions at once.
        explain: `EKIBEN_EXPLAIN`, `true` or `false`: whether `/explain` is served, if the artefact can.
        most_explained_rows: `EKIBEN_MOST_EXPLAINED_ROWS`, most rows in one request to explain.
        most_explaining: `EKIBEN_MOST_EXPLAINING`, requests to explain at once.
        explain_seconds: `EKIBEN_EXPLAIN_SECONDS`, longest time for one of them.
        rate_per_caller: `EKIBEN_RATE_PER_CALLER`, requests per second; 0 without a limit.
        burst_per_caller: `EKIBEN_BURST_PER_CALLER`, requests that a quiet caller may send at once.
        log_sample_ratio: `EKIBEN_LOG_SAMPLE_RATIO`, share of successful requests in the access log, 0-1.
        log_lines_per_second: `EKIBEN_LOG_LINES_PER_SECOND`, most lines about successful requests.
        objective_seconds: `EKIBEN_OBJECTIVE_SECONDS`, latency objectives, comma-separated.
        recheck_seconds: `EKIBEN_RECHECK_SECONDS`, time between two checks on the artefact's labelled rows, if
            it has any; 0 checks never.
        tls_certificate: `EKIBEN_TLS_CERTIFICATE`, PEM file; None serves without TLS.
        tls_key: `EKIBEN_TLS_KEY`, PEM file; given with the certificate, or not at all.
    """

    artefact: Path
    bento: Path | None = None
    predictor: Demand = "auto"
    host: str = "0.0.0.0"  # noqa: S104 - a pod is reached from outside of itself
    http_port: int = 3000
    grpc: bool = True
    grpc_port: int = 3001
    metrics_port: int = 3002
    drain_seconds: float = 10
    request_timeout_seconds: float = 30
    keep_alive_seconds: int = 120
    connection_requests: int = 1_000
    connection_seconds: float = 300
    most_body_bytes: int = 1 << 20
    most_rows: int = 10_000
    inline_rows: int = 512
    workers: int = 1
    header_seconds: float = 10
    most_connections: int = 2_048
    most_in_progress: int = 512
    explain: bool = True
    most_explained_rows: int = 100
    most_explaining: int = 8
    explain_seconds: float = 10
    rate_per_caller: float = 0
    burst_per_caller: int = 100
    log_sample_ratio: float = 0.01
    log_lines_per_second: int = 100
    objective_seconds: tuple[float, ...] = ()
    recheck_seconds: float = 60
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            ConfigError: `EKIBEN_ARTEFACT` is absent, or a value is no number, out of bounds or unknown.
        """
        artefact = environment.get("EKIBEN_ARTEFACT")
        if not artefact:
            raise ConfigError("expected EKIBEN_ARTEFACT, the folder of a model's artefact; it is not set")
        bento = environment.get("EKIBEN_BENTO")
        source = _Source(environment)
        return cls(
            artefact=Path(artefact),
            bento=Path(bento) if bento else None,
            predictor=_demand(environment.get("EKIBEN_PREDICTOR") or cls.predictor),
            host=environment.get("EKIBEN_HOST") or cls.host,
            http_port=source.whole("HTTP_PORT", cls.http_port, 1, 65_535),
            grpc=source.flag("GRPC", cls.grpc),
            grpc_port=source.whole("GRPC_PORT", cls.grpc_port, 1, 65_535),
            metrics_port=source.whole("METRICS_PORT", cls.metrics_port, 1, 65_535),
            drain_seconds=source.number("DRAIN_SECONDS", cls.drain_seconds, 0, 3_600),
            request_timeout_seconds=source.number(
                "REQUEST_TIMEOUT_SECONDS", cls.request_timeout_seconds, 0.1, 3_600
            ),
            keep_alive_seconds=source.whole("KEEP_ALIVE_SECONDS", cls.keep_alive_seconds, 1, 3_600),
            connection_requests=source.whole("CONNECTION_REQUESTS", cls.connection_requests, 1, 1 << 31),
            connection_seconds=source.number("CONNECTION_SECONDS", cls.connection_seconds, 1, 86_400),
            most_body_bytes=source.whole("MOST_BODY_BYTES", cls.most_body_bytes, 1, 1 << 30),
            most_rows=source.whole("MOST_ROWS", cls.most_rows, 1, 10_000_000),
            inline_rows=source.whole("INLINE_ROWS", cls.inline_rows, 0, 10_000_000),
            workers=source.whole("WORKERS", cls.workers, 1, MOST_WORKERS),
            header_seconds=source.number("HEADER_SECONDS", cls.header_seconds, 0.1, 3_600),
            most_connections=source.whole("MOST_CONNECTIONS", cls.most_connections, 1, 1_000_000),
            most_in_progress=source.whole("MOST_IN_PROGRESS", cls.most_in_progress, 1, 1_000_000),
            explain=source.flag("EXPLAIN", cls.explain),
            most_explained_rows=source.whole("MOST_EXPLAINED_ROWS", cls.most_explained_rows, 1, 10_000),
            most_explaining=source.whole("MOST_EXPLAINING", cls.most_explaining, 1, 1_000),
            explain_seconds=source.number("EXPLAIN_SECONDS", cls.explain_seconds, 0.1, 3_600),
            rate_per_caller=source.number("RATE_PER_CALLER", cls.rate_per_caller, 0, 1_000_000),
            burst_per_caller=source.whole("BURST_PER_CALLER", cls.burst_per_caller, 1, 1_000_000),
            log_sample_ratio=source.number("LOG_SAMPLE_RATIO", cls.log_sample_ratio, 0, 1),
            log_lines_per_second=source.whole("LOG_LINES_PER_SECOND", cls.log_lines_per_second, 0, 100_000),
            objective_seconds=source.numbers("OBJECTIVE_SECONDS", 0.000_1, 60),
            recheck_seconds=source.number("RECHECK_SECONDS", cls.recheck_seconds, 0, 86_400),
            tls_certificate=source.pair("TLS_CERTIFICATE", "TLS_KEY"),
            tls_key=source.pair("TLS_KEY", "TLS_CERTIFICATE"),
        )


def _demand(text: str) -> Demand:
    for each in _DEMANDS:
        if text == each:
            return each
    raise ConfigError(f"expected EKIBEN_PREDICTOR as one of {', '.join(_DEMANDS)}, found {text!r}")


@dataclass(frozen=True, slots=True)
class _Source:
    environment: Mapping[str, str]

    def number(self, name: str, default: float, lowest: float, highest: float) -> float:
        text = self.environment.get(f"EKIBEN_{name}")
        return _number(name, text, lowest, highest) if text else default

    def flag(self, name: str, default: bool) -> bool:
        text = self.environment.get(f"EKIBEN_{name}")
        if text not in (None, "", "true", "false"):
            raise ConfigError(f"expected EKIBEN_{name} as true or false, found {text!r}")
        return text == "true" if text else default

    def pair(self, name: str, other: str) -> Path | None:
        text = self.environment.get(f"EKIBEN_{name}")
        if not text and self.environment.get(f"EKIBEN_{other}"):
            raise ConfigError(f"expected EKIBEN_{name} beside EKIBEN_{other}; it is not set")
        return Path(text) if text else None

    def numbers(self, name: str, lowest: float, highest: float) -> tuple[float, ...]:
        text = self.environment.get(f"EKIBEN_{name}")
        return tuple(_number(name, part, lowest, highest) for part in text.split(",")) if text else ()

    def whole(self, name: str, default: int, lowest: int, highest: int) -> int:
        value = self.number(name, default, lowest, highest)
        if value != int(value):
            raise ConfigError(f"expected EKIBEN_{name} as a whole number, found {value:g}")
        return int(value)


def _number(name: str, text: str, lowest: float, highest: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not lowest <= value <= highest:
        raise ConfigError(f"expected EKIBEN_{name} between {lowest:g} and {highest:g}, found {text!r}")
    return value
