"""What is sent, where it may go, and which answer is the right one."""

from __future__ import annotations

import ipaddress
import json
import math
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from ekiben.errors import ConfigError

# Answers must equal scikit-learn's; this allows for another order of additions in float64, no more.
RELATIVE_TOLERANCE = 1e-9
_ABSOLUTE_TOLERANCE = 1e-12
_OWN_HEADERS = frozenset({"host", "content-length", "connection", "transfer-encoding"})
# Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Requests"
_GRPC_OWN_HEADERS = frozenset({"te", "content-type", "user-agent"})
_GRPC_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-.")

Protocol = Literal["http", "grpc"]


@dataclass(frozen=True, slots=True)
class Expected:
    """The right answer to one body.

    Attributes:
        predictions: One per row: class labels, or numbers.
        probabilities: One list per row; None where the model gives none.
        relative_tolerance: For numbers, 0-1; labels must be equal.
    """

    predictions: tuple[Any, ...]
    probabilities: tuple[tuple[float, ...], ...] | None = None
    relative_tolerance: float = RELATIVE_TOLERANCE
    _lists: list[list[float]] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep the probabilities as a decoder gives them."""
        lists = None if self.probabilities is None else [list(row) for row in self.probabilities]
        object.__setattr__(self, "_lists", lists)

    def accepts(self, answer: object) -> bool:
        """Tell whether a decoded answer of `/predict` (of one row or of many) is this one."""
        if not isinstance(answer, Mapping):
            return False
        single = "prediction" in answer
        predictions = [answer["prediction"]] if single else answer.get("predictions")
        if not self._same(predictions, self.predictions):
            return False
        if self.probabilities is None:
            return True
        found = answer.get("probabilities")
        if single and isinstance(found, list) and found and not isinstance(found[0], list):
            found = [found]
        # Most answers are equal to the last digit, which is quickly seen, also of thousands of rows.
        return found == self._lists or self._same(found, self.probabilities)

    def _same(self, found: object, expected: object) -> bool:
        if isinstance(expected, tuple | list):
            return (
                isinstance(found, list)
                and len(found) == len(expected)
                and all(self._same(one, other) for one, other in zip(found, expected, strict=True))
            )
        if isinstance(expected, float) and isinstance(found, int | float) and not isinstance(found, bool):
            return math.isclose(found, expected, rel_tol=self.relative_tolerance, abs_tol=_ABSOLUTE_TOLERANCE)
        # `type` tells True from 1, and 1 from "1".
        return type(found) is type(expected) and found == expected


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """Where the load goes and what it says.

    Attributes:
        url: `http[s]://host[:port]/path` of a loopback address, or of one in `networks`; of gRPC, the path is
            that of the method.
        bodies: Request bodies (JSON; of gRPC, serialised messages); request i carries body i modulo their
            number.
        checks: The right answer to each body; empty checks the status alone.
        headers: Sent with every request, e.g. a bearer token; never shown. Of gRPC, its metadata.
        timeout_seconds: An answer later than this after the intended time is lost.
        connection_seconds: A connection serves at most so long (0.6 to 1.0 of it, drawn), since
            Kubernetes balances connections, not requests: replicas that come later get
            traffic only from new ones. 0 opens one per request.
        connections: How many are kept open and used in turn; more open when all are busy, but not of gRPC,
            whose connections carry many requests at once.
        networks: Where else the load may go: networks of the cluster's own pods and services
            (`10.43.0.0/16`), or single addresses.
        pod_header: Answer header (of gRPC: metadata) that names the pod; empty if there is none.
        server_name: Name that a certificate must have; empty takes the host of the URL.
        ca_file: Certificates (PEM) that one is checked against; empty takes the system's.
        protocol: `http` is HTTP/1.1 and JSON, `grpc` a method with one request and one answer.

    Raises:
        ConfigError: A field is wrong, or the address is not one of the cluster's own.
    """

    url: str
    bodies: tuple[bytes, ...]
    checks: tuple[Expected, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_seconds: float = 5.0
    connection_seconds: float = 5.0
    connections: int = 64
    networks: tuple[str, ...] = ()
    pod_header: str = ""
    server_name: str = ""
    ca_file: str = ""
    protocol: Protocol = "http"

    def __post_init__(self) -> None:
        if not self.bodies:
            raise ConfigError("expected at least one request body, found none")
        if self.checks and len(self.checks) != len(self.bodies):
            raise ConfigError(
                f"expected one right answer per body ({len(self.bodies)}), found {len(self.checks)}"
            )
        for value, name, least, most in (
            (self.timeout_seconds, "timeout_seconds", 0.001, 300.0),
            (self.connection_seconds, "connection_seconds", 0.0, 3600.0),
            (self.connections, "connections", 1, 2000),
        ):
            if not (math.isfinite(value) and least <= value <= most):
                raise ConfigError(f"expected {name} between {least:g} and {most:g}, found {value!r}")
        for name, text in self.headers.items():
            if not _settable(name.lower(), text, self.protocol):
                raise ConfigError(f"expected a header that the load may set, found {name!r}")


def _settable(name: str, text: str, protocol: Protocol) -> bool:
    if name in _OWN_HEADERS or not name.isascii() or any(c in name + text for c in "\r\n\0"):
        return False
    if protocol == "http":
        return True
    reserved = name in _GRPC_OWN_HEADERS or name.startswith("grpc-") or name.endswith("-bin")
    return not reserved and set(name) <= _GRPC_NAME and all(" " <= c <= "~" for c in text)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A target's address, looked up once: all connections go to this IP.

    Attributes:
        address: IP address.
        port: TCP port.
        tls: Whether it speaks TLS.
        host: Host name for the Host header and the certificate.
        authority: Value of the Host header.
        path: Path and query.
    """

    address: str
    port: int
    tls: bool
    host: str
    authority: str
    path: str


def endpoint(url: str, networks: Sequence[str] = ()) -> Endpoint:
    """Look a URL up and refuse it unless load may go there.

    Args:
        url: `http[s]://host[:port]/path`, without user or password.
        networks: Allowed besides loopback: private networks, or single addresses.

    Raises:
        ConfigError: Not such a URL, an unknown host, or an address outside of all that is allowed.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise ConfigError(f"expected a port below 65536 in {url!r}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ConfigError(f"expected a URL http[s]://host[:port]/path without user, found {url!r}")
    address = _address(parts.hostname, port)
    _guard(address, url, [_network(text) for text in networks])
    query = f"?{parts.query}" if parts.query else ""
    return Endpoint(
        address, port, parts.scheme == "https", parts.hostname, parts.netloc, (parts.path or "/") + query
    )


def _address(host: str, port: int) -> str:
    try:
        return str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise ConfigError(f"expected a host with an address, found {host!r}: {error}") from error


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ConfigError(f"expected a network such as 10.43.0.0/16, found {text!r}") from error
    # A cluster's own networks are private; a public one is too easily someone else's.
    if network.num_addresses > 1 and not network.is_private:
        raise ConfigError(f"expected a private network or a single address, found {text!r}")
    return network


def _guard(address: str, url: str, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> None:
    found = ipaddress.ip_address(address)
    if found.is_loopback or any(found in network for network in networks):
        return
    allowed = ", ".join(["loopback", *map(str, networks)])
    raise ConfigError(
        f"load goes to {allowed} only; {url} is {address}",
        remedy="load-test a cluster's own address: let ekiben take it from --context",
    )


def request_bytes(target: LoadTarget, found: Endpoint) -> tuple[bytes, ...]:
    """Write each body's whole HTTP/1.1 request, once, so that sending is one system call."""
    fixed = {"Host": found.authority, "Accept": "application/json", "User-Agent": "ekiben-loadtest"}
    if not any(name.lower() == "content-type" for name in target.headers):
        fixed["Content-Type"] = "application/json"
    if target.connection_seconds == 0:
        fixed["Connection"] = "close"
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**fixed, **target.headers}.items())
    return tuple(
        f"POST {found.path} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body
        for body in target.bodies
    )


def golden(
    document: Mapping[str, Any], rows_per_request: int = 1
) -> tuple[tuple[bytes, ...], tuple[Expected, ...]]:
    """Make requests and their right answers of an artefact's `golden.json`.

    Args:
        document: Decoded `golden.json`.
        rows_per_request: Rows of each request: golden rows in turn, again and again.

    Returns:
        Bodies and checks, one per golden row (each begins with another).

    Raises:
        ConfigError: It holds no row.
    """
    rows = document.get("instances") or []
    if not rows:
        raise ConfigError("expected golden rows, found none", remedy="train the model again")
    tolerance = float(document.get("relative_tolerance", RELATIVE_TOLERANCE))
    predictions, probabilities = document["predictions"], document.get("probabilities")
    bodies, checks = [], []
    for first in range(len(rows)):
        turn = [(first + step) % len(rows) for step in range(rows_per_request)]
        bodies.append(json.dumps({"instances": [rows[each] for each in turn]}, allow_nan=False).encode())
        found = None if probabilities is None else tuple(tuple(map(float, probabilities[n])) for n in turn)
        checks.append(Expected(tuple(predictions[each] for each in turn), found, tolerance))
    return tuple(bodies), tuple(checks)
