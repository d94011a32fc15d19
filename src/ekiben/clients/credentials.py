"""Registry credentials, read where docker, podman and buildah read them.

A password is read into memory for one request and goes nowhere else.

Source: https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
and https://docs.docker.com/reference/cli/docker/login/#credential-stores.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ekiben.clients import command
from ekiben.errors import ConfigError

_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io", "https://index.docker.io/v1/")
_MAKE = "make it with `docker login`, or `podman login --authfile FILE`"


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a secret; printing it shows no secret."""

    user: str
    secret: str = field(repr=False)

    def basic(self) -> str:
        """Value of an `Authorization` header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()


def default_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The file that the engines of this user read, or None."""
    named = environment.get("REGISTRY_AUTH_FILE")
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/containers/{os.getuid()}"
    docker = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    candidates = [Path(named)] if named else [Path(runtime) / "containers/auth.json", docker]
    return next((path for path in candidates if path.is_file()), None)


def login(host: str, file: Path | None) -> Login | None:
    """Credentials for a registry, or None where the file has none.

    Args:
        host: `host[:port]` of the registry.
        file: In containers-auth.json or docker config form; None means anonymous.

    Raises:
        ConfigError: The file is missing, unreadable or of another form.
        ToolError: The credential helper that it names is missing.
    """
    if file is None:
        return None
    document = _read(file)
    names = _DOCKER_HUB if host in _DOCKER_HUB else (host, f"https://{host}", f"http://{host}")
    for name in names:
        helper = document.get("credHelpers", {}).get(name)
        if helper:
            return _helped(helper, name)
        entry = document.get("auths", {}).get(name)
        if entry and entry.get("auth"):
            return _decoded(str(entry["auth"]), file, name)
    store = document.get("credsStore")
    return _helped(store, names[-1] if host in _DOCKER_HUB else host) if store else None


def _read(file: Path) -> dict[str, Any]:
    wrong = ConfigError(
        f"{file}: expected JSON in containers-auth.json or docker config form, found something else",
        remedy=_MAKE,
    )
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"expected registry credentials in {file}: {error.strerror}",
            remedy=f"correct image.auth_file, or {_MAKE}",
        ) from error
    except ValueError:
        raise wrong from None  # the parser's error carries the file's text
    if not isinstance(document, dict):
        raise wrong
    if not all(isinstance(document.setdefault(key, {}), dict) for key in ("auths", "credHelpers")):
        raise wrong
    return document


def _decoded(auth: str, file: Path, name: str) -> Login:
    wrong = ConfigError(f"{file}: the entry of {name} is not base64 of user:password", remedy=_MAKE)
    try:
        user, colon, secret = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise wrong from None  # its error carries the decoded bytes
    if not colon:
        raise wrong
    return Login(user, secret)


def _helped(helper: str, name: str) -> Login | None:
    done = command.run([f"docker-credential-{helper}", "get"], stdin=name, check=False, show=False)
    if done.status != 0:
        return None  # the helper's way to say that it has none
    try:
        found = json.loads(done.stdout)
        return Login(found["Username"], found["Secret"])
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f"docker-credential-{helper}: expected Username and Secret of {name} as JSON, found others"
        ) from None  # its error carries the secret
