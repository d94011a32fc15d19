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
from ekiben.image import base, platforms, python
from ekiben.image.blobs import Blobs
from ekiben.image.contents import scan
from ekiben.image.layer import GZIPPED_TAR, Layer
from ekiben.image.packages import Compiler
from ekiben.image.platforms import AMD64, Platform
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
        platform: What it is for.
    """

    layers: Sequence[Layer]
    python: str
    compiler: Compiler
    environment: Mapping[str, str] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    platform: Platform = AMD64

    @property
    def key(self) -> str:
        """What decides the bytecode above it."""
        return self.layers[-1].digest


def own(blobs: Blobs, platform: Platform) -> Foundation:
    """The Debian base of ours.

    Args:
        blobs: The cache.
        platform: What it is for.
    """
    layer = base.build(blobs, platform)
    ours = platforms.here()
    runs = layer if platform == ours else base.build(blobs, ours)

    @contextmanager
    def compiler(room: Path) -> Iterator[python.Python]:
        with python.unpacked(blobs.path(runs.digest), room) as root:
            yield python.of_root(root, ours)

    environment = {"SSL_CERT_FILE": f"/{base.CERTIFICATES}"}
    return Foundation([layer], "/usr/bin/python3", compiler, environment, platform=platform)


def named(blobs: Blobs, reference: str, access: Access, platform: Platform) -> Foundation:
    """An image of somebody else's.

    Args:
        blobs: The cache.
        reference: As it was named; for messages.
        access: Its registry, and how to reach it.
        platform: What it is for.

    Raises:
        ConfigError: It is for another platform, or has another Python.
        ToolError: It cannot be fetched.
    """
    _, repository, version = split(reference)
    registry = Registry(access)
    manifest = for_linux(registry, repository, version, reference, platform)
    with blobs.fresh() as temporary:
        registry.blob(repository, manifest.config_digest, temporary)
        config = json.loads(temporary.read_bytes())
    _same(config, platform, reference)
    layers = [
        _fetched(blobs, registry, repository, part, diff_id)
        for part, diff_id in zip(manifest.document["layers"], config["rootfs"]["diff_ids"], strict=True)
    ]
    environment = dict(pair.partition("=")[::2] for pair in config.get("config", {}).get("Env") or ())
    path = _python(blobs, layers, reference, environment)
    return Foundation(layers, path, _this_python, environment, config.get("history", ()), platform)


def _same(config: Mapping[str, Any], platform: Platform, reference: str) -> None:
    """Refuse an image for another platform that stands under its name without an index."""
    found = f"{config.get('os')}/{config.get('architecture')}"
    if found != platform.name:
        raise ConfigError(
            f"expected the image {reference} for {platform.name}, found {found}",
            remedy="name an image that has all of image.platforms",
        )


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


def for_linux(
    registry: Registry, repository: str, version: str, reference: str, platform: Platform = AMD64
) -> Manifest:
    """The manifest of an image for a platform, by way of an index if there is one.

    Args:
        registry: Where it is.
        repository: Its repository.
        version: Its tag or digest.
        reference: As it was named; for messages.
        platform: Which one.

    Raises:
        ToolError: There is none, or the registry cannot be reached.
        ConfigError: It is for other platforms only.
    """
    found = registry.manifest(repository, version)
    for part in found.document.get("manifests", ()) if found else ():
        wanted = part.get("platform", {})
        if (wanted.get("os"), wanted.get("architecture")) == ("linux", platform.architecture):
            found = registry.manifest(repository, part["digest"])
            break
    if found is None:
        raise ToolError(f"expected the image {reference}, found none", remedy="correct its name")
    if not found.config_digest:
        raise ConfigError(
            f"expected the image {reference} for {platform.name}, found other platforms only",
            remedy="name another image",
        )
    return found


def every(registry: Registry, repository: str, version: str, reference: str) -> list[Manifest]:
    """The manifests of an image for each platform that ekiben makes images for; at least one.

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
    if found is not None and found.config_digest:
        return [found]
    entries = found.document.get("manifests", ()) if found else ()
    there = {
        (part.get("platform", {}).get("os"), part.get("platform", {}).get("architecture")) for part in entries
    }
    wanted = [each for each in map(platforms.of, platforms.NAMES) if ("linux", each.architecture) in there]
    return [for_linux(registry, repository, version, reference, each) for each in wanted or [AMD64]]


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
