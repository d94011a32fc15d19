"""A container registry, by HTTP: is it there, does it let us in, what does it hold.

Pushing is the engines' work; this reads back what they left, and fetches a base image.

Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md
and https://distribution.github.io/distribution/spec/auth/token/.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPSHandler, OpenerDirector, Request, build_opener

from ekiben.clients.credentials import login
from ekiben.errors import ConfigError, ToolError

_OCI = "application/vnd.oci.image."
_DOCKER = "application/vnd.docker.distribution."
_ACCEPT = (
    f"{_OCI}manifest.v1+json, {_OCI}index.v1+json, {_DOCKER}manifest.v2+json, {_DOCKER}manifest.list.v2+json"
)
_CHUNK = 1 << 20
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Access:
    """How a registry is reached.

    Attributes:
        host: `host[:port]`.
        ca_file: CA certificate of a private registry (PEM), trusted beside the system's.
        auth_file: Credentials; None is anonymous.
        plain: Speak HTTP without TLS.
    """

    host: str
    ca_file: Path | None = None
    auth_file: Path | None = None
    plain: bool = False

    @property
    def base(self) -> str:
        """Where its API begins."""
        host = "registry-1.docker.io" if self.host in {"docker.io", "index.docker.io"} else self.host
        return f"{'http' if self.plain else 'https'}://{host}/v2/"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or an index as a registry holds it.

    Attributes:
        digest: Of its bytes.
        document: Its JSON.
    """

    digest: str
    document: Mapping[str, Any]

    @property
    def config_digest(self) -> str:
        """Digest of the image's configuration (the image ID); empty for an index."""
        return str(self.document.get("config", {}).get("digest", ""))

    @property
    def compressed_bytes(self) -> int:
        """Sum of the layers' sizes, bytes."""
        return sum(int(layer["size"]) for layer in self.document.get("layers", ()))


def is_here(host: str) -> bool:
    """Whether a registry's address is this machine's own, so that nothing leaves it.

    Args:
        host: `host[:port]`.
    """
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    name = name.strip("[]")
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    if address.is_loopback:
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004  # IPv6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))  # only an own address can be bound
    except OSError:
        return False
    return not address.is_unspecified


class Registry:
    """One registry.

    Attributes:
        access: How it is reached.
    """

    def __init__(self, access: Access, *, timeout_seconds: float = 30) -> None:
        """Prepare; nothing is sent yet.

        Raises:
            ConfigError: The CA file or the credentials cannot be read.
        """
        self.access = access
        self._timeout_seconds = timeout_seconds
        self._opener = _opener(access.ca_file)
        self._login = login(access.host, access.auth_file)
        self._tokens: dict[str, str] = {}

    def check(self) -> None:
        """Make sure that it answers and lets us in.

        Raises:
            ToolError: It cannot be reached, or is no registry.
            ConfigError: Its certificate or our credentials are not accepted.
        """
        with self._get("", {}, scope=""):
            pass

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """A manifest by tag or digest; None if there is none.

        Raises:
            ToolError: It cannot be reached, or its answer does not hash to the digest.
            ConfigError: Its certificate or our credentials are not accepted.
        """
        try:
            with self._get(
                f"{repository}/manifests/{reference}", {"Accept": _ACCEPT}, f"repository:{repository}:pull"
            ) as answer:
                body = answer.read()
        except _AbsentError:
            return None
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if reference.startswith("sha256:") and reference != digest:
            raise self._broken(f"expected a manifest that hashes to {reference}, found {digest}")
        return Manifest(digest, json.loads(body))

    def blob(self, repository: str, digest: str, into: Path) -> None:
        """Fetch a blob into a file.

        Raises:
            ToolError: It is not there, cannot be reached, or does not hash to its digest.
            ConfigError: Its certificate or our credentials are not accepted.
        """
        found = hashlib.sha256()
        try:
            with (
                self._get(f"{repository}/blobs/{digest}", {}, f"repository:{repository}:pull") as answer,
                into.open("wb") as out,
            ):
                while chunk := answer.read(_CHUNK):
                    found.update(chunk)
                    out.write(chunk)
        except _AbsentError as error:
            raise self._broken(f"expected the blob {digest} in {repository}, found none") from error
        except (OSError, HTTPException) as error:
            raise self._broken(f"the blob {digest} ended early: {error}") from error
        if f"sha256:{found.hexdigest()}" != digest:
            raise self._broken(f"expected a blob that hashes to {digest}, found sha256:{found.hexdigest()}")

    def _get(self, path: str, headers: Mapping[str, str], scope: str) -> IO[bytes]:
        url = self.access.base + path
        try:
            return self._open(url, {**headers, **self._authorization(scope)})
        except HTTPError as error:
            if error.code == 401 and self._tokens.get(scope) is None:  # noqa: PLR2004  # Unauthorized
                return self._challenged(error, url, headers, scope)
            raise self._refused(error) from error

    def _challenged(self, error: HTTPError, url: str, headers: Mapping[str, str], scope: str) -> IO[bytes]:
        kind, _, rest = error.headers.get("WWW-Authenticate", "").partition(" ")
        if kind.lower() != "bearer":
            raise self._refused(error) from error
        asked = dict(_CHALLENGE.findall(rest))
        query = {"service": asked.get("service", ""), "scope": asked.get("scope", scope)}
        url_of_token = f"{asked.get('realm', '')}?{urlencode({k: v for k, v in query.items() if v})}"
        if not url_of_token.startswith("https://") and not self.access.plain:
            raise self._broken("it wants credentials at an address without TLS") from error
        basic = {"Authorization": self._login.basic()} if self._login else {}
        try:
            with self._open(url_of_token, basic) as answer:
                document = json.loads(answer.read())
            self._tokens[scope] = str(document.get("token") or document["access_token"])
            return self._open(url, {**headers, **self._authorization(scope)})
        except HTTPError as again:
            raise self._refused(again) from again
        except (ValueError, KeyError) as again:
            raise self._broken("expected a token from its authorization server, found none") from again

    def _authorization(self, scope: str) -> dict[str, str]:
        if scope in self._tokens:
            return {"Authorization": f"Bearer {self._tokens[scope]}"}
        return {"Authorization": self._login.basic()} if self._login else {}

    def _open(self, url: str, headers: Mapping[str, str]) -> IO[bytes]:
        request = Request(url)  # noqa: S310  # http or https: from Access, or checked
        for name, value in headers.items():
            # Unredirected: a blob store behind a redirect must not see the credentials.
            add = request.add_unredirected_header if name == "Authorization" else request.add_header
            add(name, value)
        try:
            answer: IO[bytes] = self._opener.open(request, timeout=self._timeout_seconds)
        except HTTPError as error:
            error.close()  # its body is not read
            raise
        except (URLError, HTTPException, OSError) as error:
            raise self._unreachable(error) from error
        return answer

    def _unreachable(self, error: Exception) -> ToolError | ConfigError:
        reason = error.reason if isinstance(error, URLError) else error
        host = self.access.host
        if isinstance(reason, ssl.SSLCertVerificationError):
            return ConfigError(
                f"registry {host}: expected a certificate of a known CA, found: {reason.verify_message}",
                remedy="give the registry's CA certificate (PEM) as image.ca_file",
            )
        if isinstance(reason, ssl.SSLError):
            return ConfigError(
                f"registry {host}: expected TLS, found: {reason.reason or reason}",
                remedy="if it is a local registry that speaks plain HTTP, set image.insecure: true",
            )
        return ToolError(
            f"registry {host}: expected an answer at {self.access.base}, found: {reason}",
            remedy="start it, or correct image.registry",
        )

    def _refused(self, error: HTTPError) -> Exception:
        host, status = self.access.host, error.code
        if status == 404:  # noqa: PLR2004  # Not Found
            return (
                _AbsentError()
                if error.url != self.access.base
                else self._broken("it is no registry (404 at /v2/)")
            )
        if status in {401, 403}:
            who = (
                f"the user {self._login.user!r}"
                if self._login
                else "nobody (no credentials were found for it)"
            )
            return ConfigError(
                f"registry {host}: expected to be let in, found {status} for {who}",
                remedy="give a file with credentials for it as image.auth_file "
                "(`docker login`, or `podman login --authfile FILE`, makes one)",
            )
        if status == 400 and self.access.plain:  # noqa: PLR2004  # Bad Request: what Go answers to HTTP on a TLS port
            return ConfigError(
                f"registry {host}: expected plain HTTP, found {status}: it may speak TLS",
                remedy="set image.insecure: false and give its CA certificate as image.ca_file",
            )
        return self._broken(f"it answered {status} {error.reason}")

    def _broken(self, what: str) -> ToolError:
        return ToolError(f"registry {self.access.host}: {what}", remedy="look at the registry's own log")


class _AbsentError(Exception):
    """404: there is no such manifest or blob."""


def _opener(ca_file: Path | None) -> OpenerDirector:
    try:
        context = ssl.create_default_context()
        if ca_file is not None:
            context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"expected a CA certificate (PEM) in {ca_file}, found: {error}",
            remedy="correct image.ca_file",
        ) from error
    return build_opener(HTTPSHandler(context=context))
