"""The registry client, against a small registry on the loopback that answers as the specification says."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from ekiben.clients.registry import Access, Registry, is_here
from ekiben.errors import ConfigError, ToolError

SECRET = "hunter2"  # noqa: S105  # of a test
BASIC = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
BLOB = b"x" * 3_000_000
BLOB_DIGEST = "sha256:" + hashlib.sha256(BLOB).hexdigest()
MANIFEST = json.dumps({"config": {"digest": "sha256:c"}, "layers": [{"size": 3}, {"size": 4}]}).encode()
DIGEST = "sha256:" + hashlib.sha256(MANIFEST).hexdigest()
NOTHING = "sha256:" + "0" * 64
HELD = {
    "/v2/": (200, b"{}"),
    f"/v2/a/b/manifests/{DIGEST}": (200, MANIFEST),
    "/v2/a/b/manifests/1": (200, MANIFEST),
    f"/v2/a/b/manifests/{NOTHING}": (200, MANIFEST),
    f"/v2/a/b/blobs/{NOTHING}": (200, BLOB),
    "/v2/a/broken/manifests/1": (500, b""),
}


class Answers(BaseHTTPRequestHandler):
    """A registry that wants what `wants` says; `seen` holds (path, Authorization)."""

    wants: ClassVar[str] = ""
    seen: ClassVar[list[tuple[str, str]]] = []

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it
        """Say nothing."""

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Answer one request."""
        authorization = self.headers.get("Authorization", "")
        type(self).seen.append((self.path, authorization))
        host = self.headers["Host"]
        challenges = {
            "basic": (BASIC, 'Basic realm="r"'),
            "token": (
                "Bearer t0ken",
                f'Bearer realm="http://{host}/token",service="s",scope="repository:a/b:pull"',
            ),
        }
        wanted, challenge = challenges.get(self.wants, (authorization, ""))
        if self.path.startswith("/token"):
            self._answer(200 if authorization == BASIC else 401, b'{"token": "t0ken"}')
        elif self.path.startswith("/store"):
            self._answer(200, BLOB)
        elif authorization != wanted:
            self._answer(401, WWW_Authenticate=challenge)
        elif self.path == f"/v2/a/b/blobs/{BLOB_DIGEST}":
            self._answer(307, Location=f"http://localhost:{host.rpartition(':')[2]}/store")
        else:
            self._answer(*HELD.get(self.path, (404, b"")))


@pytest.fixture
def host() -> Iterator[str]:
    """Address of a running registry."""
    Answers.wants, Answers.seen = "", []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def auth_file(folder: Path, host: str, secret: str = SECRET) -> Path:
    """Credentials for a registry."""
    path = folder / "auth.json"
    packed = base64.b64encode(f"me:{secret}".encode()).decode()
    path.write_text(json.dumps({"auths": {host: {"auth": packed}}}))
    return path


def test_a_manifest_is_read_with_its_digest_and_sizes(host: str) -> None:
    """By digest and by tag; the digest is that of the bytes."""
    registry = Registry(Access(host, plain=True))
    registry.check()
    for reference in (DIGEST, "1"):
        found = registry.manifest("a/b", reference)
        assert found is not None
        assert (found.digest, found.config_digest, found.compressed_bytes) == (DIGEST, "sha256:c", 7)


def test_what_is_not_there_is_none(host: str) -> None:
    """No such tag is an answer, not an error."""
    assert Registry(Access(host, plain=True)).manifest("a/b", "none") is None


def test_a_manifest_that_is_another_one_is_refused(host: str) -> None:
    """A registry that lies about a digest is found out."""
    with pytest.raises(ToolError, match=DIGEST):
        Registry(Access(host, plain=True)).manifest("a/b", NOTHING)


def test_a_blob_comes_whole_and_no_credential_follows_the_redirect(host: str, tmp_path: Path) -> None:
    """Registries redirect to a blob store; what it is sent holds no password."""
    Answers.wants = "basic"
    Registry(Access(host, auth_file=auth_file(tmp_path, host), plain=True)).blob(
        "a/b", BLOB_DIGEST, tmp_path / "b"
    )
    assert (tmp_path / "b").read_bytes() == BLOB
    assert [sent for path, sent in Answers.seen if path == "/store"] == [""]


def test_a_blob_with_other_bytes_is_refused(host: str, tmp_path: Path) -> None:
    """Every blob is hashed; a missing one is named."""
    registry = Registry(Access(host, plain=True))
    with pytest.raises(ToolError, match=BLOB_DIGEST):
        registry.blob("a/b", NOTHING, tmp_path / "b")
    with pytest.raises(ToolError, match="sha256:1"):
        registry.blob("a/b", "sha256:" + "1" * 64, tmp_path / "b")


def test_a_token_is_fetched_with_the_credentials_and_used(host: str, tmp_path: Path) -> None:
    """The password goes to the authorization server, the registry gets the token."""
    Answers.wants = "token"
    registry = Registry(Access(host, auth_file=auth_file(tmp_path, host), plain=True))
    assert registry.manifest("a/b", "1") is not None
    assert Answers.seen[-1][1] == "Bearer t0ken"
    assert "/token?service=s&scope=repository%3Aa%2Fb%3Apull" in {path for path, _ in Answers.seen}


@pytest.mark.parametrize("wants", ["basic", "token"])
@pytest.mark.parametrize("secret", ["wrong-secret", None])
def test_wrong_or_no_credentials_are_an_error_that_shows_none(
    wants: str, secret: str | None, host: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Exit code 2; the message names the registry and who was refused, never the password."""
    caplog.set_level(logging.DEBUG)
    Answers.wants = wants
    file = auth_file(tmp_path, host, secret) if secret else None
    with pytest.raises(ConfigError, match=host) as found:
        Registry(Access(host, auth_file=file, plain=True)).check()
    assert ("'me'" if secret else "nobody") in str(found.value)
    assert "image.auth_file" in found.value.remedy
    assert "wrong-secret" not in f"{found.value} {found.value.remedy} {caplog.text}"


def test_a_registry_that_is_down_is_an_error_with_its_address() -> None:
    """Nobody listens: exit code 3, and what to do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ToolError, match=host) as found:
            Registry(Access(host, plain=True)).check()
    assert "start it" in found.value.remedy


def test_tls_to_a_plain_registry_is_explained(host: str) -> None:
    """The error points to `image.insecure`."""
    with pytest.raises(ConfigError, match="TLS") as found:
        Registry(Access(host)).check()
    assert "image.insecure" in found.value.remedy


def test_a_failing_registry_is_an_error_with_its_status(host: str) -> None:
    """500 is neither absence nor success."""
    with pytest.raises(ToolError, match="500"):
        Registry(Access(host, plain=True)).manifest("a/broken", "1")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_wrong_ca_file_is_refused_by_name(content: str | None, tmp_path: Path) -> None:
    """Missing, or not PEM."""
    file = tmp_path / "mine.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=r"mine\.pem"):
        Registry(Access("127.0.0.1:1", ca_file=file))


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost:5000", True), ("127.0.0.1", True), ("127.9.9.9:1", True), ("[::1]:5000", True),
        ("192.0.2.1:5000", False), ("registry.example", False), ("registry.example:5000", False),
        ("0.0.0.0:5000", False), ("localhost.example:1", False),
    ],
)  # fmt: skip
def test_this_machine_is_told_from_others(host: str, here: bool) -> None:
    """Only an address that can be bound is our own; names are not looked up."""
    assert is_here(host) is here
