"""Small values that travel between the rooms: what names a model, a bento, an image, a cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ekiben.errors import ConfigError

_TAG = re.compile(r"^(?P<name>[a-z0-9]([-a-z0-9_.]*[a-z0-9])?):(?P<version>[a-zA-Z0-9][-a-zA-Z0-9_.]*)$")
_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")


def _parsed(text: str, kind: str) -> tuple[str, str]:
    match = _TAG.match(text)
    if match is None:
        raise ConfigError(f"expected a {kind} as name:version, found {text!r}")
    return match["name"], match["version"]


@dataclass(frozen=True, slots=True)
class ModelTag:
    """A model in BentoML's model store, `name:version`."""

    name: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name:version`.

        Raises:
            ConfigError: The text has another form.
        """
        return cls(*_parsed(text, "model tag"))

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class BentoTag:
    """A bento in BentoML's store, `name:version`."""

    name: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name:version`.

        Raises:
            ConfigError: The text has another form.
        """
        return cls(*_parsed(text, "bento tag"))

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An OCI image as the cluster pulls it: `repository@sha256:...`.

    Attributes:
        repository: Registry host, port and path, without tag or digest.
        digest: `sha256:` and 64 hex digits; what is deployed.
        tag: For people; empty if there is none.
    """

    repository: str
    digest: str
    tag: str = ""

    def __post_init__(self) -> None:
        if not self.repository or "@" in self.repository:
            raise ConfigError(f"expected an image repository without digest, found {self.repository!r}")
        if _DIGEST.match(self.digest) is None:
            raise ConfigError(f"expected a digest sha256:<64 hex>, found {self.digest!r}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `repository[:tag]@sha256:...`.

        Raises:
            ConfigError: No digest, or another form.
        """
        name, at, digest = text.partition("@")
        if not at:
            raise ConfigError(f"expected an image by digest (repository@sha256:...), found {text!r}")
        head, slash, last = name.rpartition("/")
        last, _, tag = last.partition(":")
        return cls(f"{head}{slash}{last}", digest, tag)

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision of a Helm release.

    Attributes:
        release: Name of the Helm release.
        namespace: Its namespace.
        number: Revision number, 1 and up.
    """

    release: str
    namespace: str
    number: int

    def __str__(self) -> str:
        return f"{self.namespace}/{self.release} revision {self.number}"


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """How to reach one cluster that was named to us.

    Attributes:
        context: Context in the kubeconfig.
        kubeconfig: File that holds it; None means kubectl's own search path.
        registry: `host:port` of the registry that its nodes pull from; empty if unknown.
        registry_insecure: That registry speaks plain HTTP (one of this machine's own).
        prometheus_url: Where this machine reaches its Prometheus; empty if unknown.
        node_address: Where this machine reaches NodePorts; empty if unknown.
    """

    context: str
    kubeconfig: Path | None = None
    registry: str = ""
    prometheus_url: str = ""
    node_address: str = ""
    registry_insecure: bool = False
