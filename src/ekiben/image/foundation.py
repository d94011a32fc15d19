"""What the upper layers stand on: our own Debian base, or an image that was named."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ekiben.clients.registry import Access, Manifest, Registry
from ekiben.errors import ConfigError, ToolError
from ekiben.image import base, python
from ekiben.image.blobs import Blobs
from ekiben.image.contents import scan
from ekiben.image.layer import GZIPPED_TAR, Layer
from ekiben.image.packages import Compiler
from ekiben.image.sbom import Component

_MEDIA_TYPES = {
    GZIPPED_TAR: GZIPPED_TAR,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": GZIPPED_TAR,  # the same bytes by another name
}
_PYTHONS = (f"usr/bin/python{python.MINOR}", f"usr/local/bin/python{python.MINOR}")


@dataclass(frozen=True, slots=True)
class Foundation:
    """The layers below ours.

    Attributes:
        layers: Oldest first.
        python: Path of its Python.
        compiler: Opens the Python that writes bytecode for it.
        environment: Variables that it sets.
        history: Its entries in the image's history.
    """

    layers: Sequence[Layer]
    python: str
    compiler: Compiler
    environment: Mapping[str, str] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()

    @property
    def key(self) -> str:
        """What decides the bytecode above it."""
        return self.layers[-1].digest


def own(blobs: Blobs) -> Foundation:
    """The Debian base of ours."""
    layer = base.build(blobs)

    @contextmanager
    def compiler(room: Path) -> Iterator[python.Python]:
        with python.unpacked(blobs.path(layer.digest), room) as root:
            yield python.of_root(root)

    environment = {"SSL_CERT_FILE": f"/{base.CERTIFICATES}"}
    return Foundation([layer], "/usr/bin/python3", compiler, environment)


def named(blobs: Blobs, reference: str, access: Access) -> Foundation:
    """An image of somebody else's.

    Args:
        blobs: The cache.
        reference: As it was named; for messages.
        access: Its registry, and how to reach it.

    Raises:
        ConfigError: It is for another platform, or has another Python.
        ToolError: It cannot be fetched.
    """
    _, repository, version = split(reference)
    registry = Registry(access)
    manifest = for_linux(registry, repository, version, reference)
    with blobs.fresh() as temporary:
        registry.blob(repository, manifest.config_digest, temporary)
        config = json.loads(temporary.read_bytes())
    layers = [
        _fetched(blobs, registry, repository, part, diff_id)
        for part, diff_id in zip(manifest.document["layers"], config["rootfs"]["diff_ids"], strict=True)
    ]
    environment = dict(pair.partition("=")[::2] for pair in config.get("config", {}).get("Env") or ())
    path = _python(blobs, layers, reference, environment)
    return Foundation(layers, path, _this_python, environment, config.get("history", ()))


def split(reference: str) -> tuple[str, str, str]:
    """Registry, repository, and tag or digest, by docker's rules.

    Source: https://github.com/distribution/reference/blob/main/normalize.go.
    """
    name, at, digest = reference.partition("@")
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, rest = "docker.io", name if slash else f"library/{name}"
    head, slash, last = rest.rpartition("/")
    last, _, tag = last.partition(":")
    return first, f"{head}{slash}{last}", digest if at else tag or "latest"


def for_linux(registry: Registry, repository: str, version: str, reference: str) -> Manifest:
    """The manifest of an image for linux/amd64, by way of an index if there is one.

    Args:
        registry: Where it is.
        repository: Its repository.
        version: Its tag or digest.
        reference: As it was named; for messages.

    Raises:
        ToolError: There is none, or the registry cannot be reached.
        ConfigError: It is for other platforms only.
    """
    found = registry.manifest(repository, version)
    for part in found.document.get("manifests", ()) if found else ():
        if part.get("platform", {}).get("os") == "linux" and part["platform"].get("architecture") == "amd64":
            found = registry.manifest(repository, part["digest"])
            break
    if found is None:
        raise ToolError(f"expected the image {reference}, found none", remedy="correct its name")
    if not found.config_digest:
        raise ConfigError(
            f"expected the image {reference} for linux/amd64, found other platforms only",
            remedy="name another image",
        )
    return found


def _fetched(
    blobs: Blobs, registry: Registry, repository: str, part: Mapping[str, Any], diff_id: str
) -> Layer:
    media_type = _MEDIA_TYPES.get(part["mediaType"])
    if media_type is None:
        raise ConfigError(
            f"the base image has a layer of type {part['mediaType']}: expected tar+gzip",
            remedy="name another base image as image.base",
        )
    digest = str(part["digest"])
    if not blobs.intact(digest):
        with blobs.fresh() as temporary:
            registry.blob(repository, digest, temporary)
            blobs.take(temporary, digest)
    files, components = _scanned(blobs, digest)
    parts = tuple(sorted(components, key=lambda one: (one.kind, one.name)))
    return Layer("base", digest, diff_id, int(part["size"]), sum(files.values()), parts, media_type)


def _scanned(blobs: Blobs, digest: str) -> tuple[dict[str, int], set[Component]]:
    """What a layer holds; read once, since unpacking takes seconds."""
    record = blobs.folder / "layers" / f"base-{digest.removeprefix('sha256:')}.json"
    try:
        known = json.loads(record.read_bytes())
        return known["files"], {Component(**part) for part in known["components"]}
    except (OSError, ValueError, KeyError, TypeError):
        files, components = scan(blobs.path(digest))
    known = {"files": files, "components": [asdict(part) for part in components]}
    blobs.put(record, json.dumps(known, sort_keys=True).encode())
    return files, components


def _python(blobs: Blobs, layers: Sequence[Layer], reference: str, environment: Mapping[str, str]) -> str:
    names = {path for layer in layers for path in _scanned(blobs, layer.digest)[0]}
    for path in _PYTHONS:
        if path in names:
            return f"/{path}"
    other = sorted(path for path in names if path.rpartition("/")[0].endswith("bin") and "/python3" in path)
    found = environment.get("PYTHON_VERSION") or ", ".join(other) or "none"
    raise ConfigError(
        f"expected Python {python.MINOR} in the base image {reference}, found {found}",
        remedy=f"name an image with Python {python.MINOR} as image.base, or leave it empty",
    )


@contextmanager
def _this_python(_: Path) -> Iterator[python.Python]:
    """Bytecode of one minor version is the same for all its micro versions."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if here != python.MINOR:
        raise ConfigError(
            f"expected ekiben on Python {python.MINOR} to compile for a named base image, found {here}",
            remedy=f"install ekiben with Python {python.MINOR}, or leave image.base empty",
        )
    yield python.Python((sys.executable,))
