"""A load over TLS: to an address, under the Service's name."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.unit.scale import rpc
from tests.unit.scale.conftest import Service

from ekiben.scale.load import generator
from ekiben.scale.load.schedule import Load, Segment
from ekiben.scale.load.target import LoadTarget

NAME = "iris.models.svc"


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A certificate of that name, signed by itself, and its key, in one file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "iris")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "pair.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def secure(pair: Path) -> Iterator[Service]:
    """The server of this room's tests, over TLS."""
    found = Service()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        found.url = f"https://127.0.0.1:{listener.getsockname()[1]}/predict"
        config = uvicorn.Config(
            found, lifespan="off", ws="none", log_level="critical", access_log=False, ssl_certfile=pair
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.005)
        yield found
        server.should_exit = server.force_exit = True
        thread.join()


CASES = pytest.mark.parametrize(
    ("name", "trusted", "right"), [(NAME, True, 10), ("rose.models.svc", True, 0), (NAME, False, 0)]
)


@CASES
def test_the_certificate_must_be_the_services(
    secure: Service, pair: Path, name: str, trusted: bool, right: int
) -> None:
    """By its name, from an authority that is given; nothing is sent to anybody else."""
    target = LoadTarget(secure.url, (b"[]",), server_name=name, ca_file=str(pair) if trusted else "")
    measured = generator.run(target, Load((Segment(50, 0.2),), "constant"), seed=1)
    assert (measured.sent, measured.ok) == (10, right)
    assert len(secure.bodies) == right


@CASES
def test_the_certificate_of_the_grpc_port_must_be_the_services(
    pair: Path, name: str, trusted: bool, right: int
) -> None:
    """As over HTTP; where it is another's, no message is sent, and that is a lost connection."""
    secret, certificate = pair.read_bytes(), pair.read_bytes()
    with rpc.running(grpc.ssl_server_credentials([(secret, certificate)])) as found:
        ca_file = str(pair) if trusted else ""
        target = LoadTarget(found.url, (b"",), server_name=name, ca_file=ca_file, protocol="grpc")
        measured = generator.run(target, Load((Segment(50, 0.2),), "constant"), seed=1)
    assert (measured.sent, measured.ok, len(found.bodies)) == (10, right, right)
    assert measured.outcomes["connection_error"] == 10 - right
