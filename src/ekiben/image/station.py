"""Station 3: a bento tag -> an image by digest, in a registry.

The image is assembled here, layer by layer, as an OCI layout; an engine
pushes it, and what the registry then holds is compared with what was made.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ekiben.artefact.store import folder_of, home
from ekiben.clients import places
from ekiben.clients.credentials import default_file
from ekiben.clients.registry import Access, Manifest, Registry, is_here
from ekiben.config import Image, ModelConfig
from ekiben.errors import ConfigError, ToolError
from ekiben.identifiers import BentoTag, ImageReference
from ekiben.image import engines, foundation, layout, packages, program
from ekiben.image.blobs import Blobs
from ekiben.image.layer import Layer
from ekiben.serving import artefact

_log = logging.getLogger(__name__)
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Built:
    """What the station leaves.

    Attributes:
        image: The image in the registry, by digest.
        compressed_bytes: Sum of the layers in the registry's manifest, bytes.
        layers: All layers as the registry has them, oldest first.
        backend: Who pushed.
        artefact_sha256: `sha256:` and the hash of the artefact inside.
        archive: The OCI layout on this machine.
    """

    image: ImageReference
    compressed_bytes: int
    layers: tuple[Layer, ...]
    backend: str
    artefact_sha256: str
    archive: Path


@dataclass(frozen=True, slots=True)
class Assembled:
    """An image on this machine.

    Attributes:
        archive: Its OCI layout.
        digest: Of its manifest.
        config_digest: Of its configuration: the image ID.
        layers: Oldest first.
        artefact_sha256: Hash of the artefact inside.
    """

    archive: Path
    digest: str
    config_digest: str
    layers: tuple[Layer, ...]
    artefact_sha256: str


def build(config: ModelConfig, bento: BentoTag, registry: str) -> Built:
    """Make the image and push it; layers that exist are neither made nor sent again.

    Args:
        config: The model's `ekiben.yaml`.
        bento: The bento.
        registry: `host:port` to push to, where `image.registry` is empty.

    Raises:
        ConfigError: No such bento, a base without the right Python, or a registry that refuses us.
        ToolError: A program is missing or failed, or the registry cannot be reached.
    """
    access = access_of(config.image, config.image.registry or registry)
    client = Registry(access)
    client.check()  # before minutes of work
    engine = engines.choose(config.image.backend)
    with Blobs(places.cache() / "image").opened() as blobs:
        made = assemble(config, bento, blobs, destination=_destination(config.image, access))
        found = _pushed(config.image, bento, made, client, engine, blobs)
    image = ImageReference(_destination(config.image, access), found.digest, bento.version)
    _log.info("image: %s, %.1f MB compressed", image, found.compressed_bytes / _MB)
    layers = _as_held(made.layers, found)
    return Built(image, found.compressed_bytes, layers, engine.name, made.artefact_sha256, made.archive)


def prepare(config: ModelConfig) -> None:
    """Make the layers that depend on no model (the slow ones), so that `build` finds them.

    Args:
        config: The model's `ekiben.yaml`; of it only `image.base` counts.

    Raises:
        ConfigError: A named base without the right Python.
        ToolError: A program is missing or failed.
    """
    with Blobs(places.cache() / "image").opened() as blobs:
        ground = _foundation(config.image, blobs)
        packages.build(blobs, _lock(), ground.key, ground.compiler)


def access_of(image: Image, host: str) -> Access:
    """How a registry is reached, by the section `image`.

    A registry on this machine's own address may speak plain HTTP: nothing leaves the machine.

    Raises:
        ConfigError: No registry was given.
    """
    if not host:
        raise ConfigError(
            "expected a registry to push to, found none",
            remedy="set image.registry in ekiben.yaml, or give --registry HOST[:PORT]",
        )
    ca_file = Path(image.ca_file).expanduser() if image.ca_file else None
    return Access(
        host,
        ca_file,
        Path(image.auth_file).expanduser() if image.auth_file else default_file(),
        plain=ca_file is None and (image.insecure or is_here(host)),
    )


def assemble(config: ModelConfig, bento: BentoTag, blobs: Blobs, *, destination: str = "") -> Assembled:
    """Make the image on this machine.

    Args:
        config: The model's `ekiben.yaml`.
        bento: The bento.
        blobs: The opened cache.
        destination: Repository that `docker load` gives it; not part of the image.

    Raises:
        ConfigError: No such bento, or a base without the right Python.
        ToolError: A program is missing or failed.
    """
    folder = home() / "bentos" / bento.name / bento.version
    model = program.model_of(folder, bento)
    sealed = artefact.read(folder_of(model))
    ground = _foundation(config.image, blobs)
    below = [*ground.layers, packages.build(blobs, _lock(), ground.key, ground.compiler)]
    layers = (
        *below,
        program.ekiben_layer(blobs, ground.key, below, ground.compiler),
        program.bento_layer(blobs, folder),
        program.model_layer(blobs, sealed.folder),
    )
    labels = {
        "org.opencontainers.image.title": config.model,
        "org.opencontainers.image.version": bento.version,
        "ekiben.bento": str(bento),
        "ekiben.model": str(model),
        "ekiben.artefact": sealed.sha256,
    }
    what = layout.Program((ground.python, "-m", "ekiben.serving"), _environment(ground), labels)
    name = f"{destination or config.image.repository}:{bento.version}"
    return _laid_out(blobs, what, layers, ground, name, sealed.sha256)


def _lock() -> Path:
    return places.source("requirements") / "pod.txt"


def _environment(ground: foundation.Foundation) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        **ground.environment,
        "BENTOML_DO_NOT_TRACK": "True",
        "EKIBEN_ARTEFACT": f"/{program.MODEL}",
        "EKIBEN_BENTO": f"/{program.BENTO}",
        "HOME": "/tmp",  # noqa: S108  # the only place that a pod can write to
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": f"/{packages.SITE}",
        "PYTHONSAFEPATH": "1",
        "TMPDIR": "/tmp",  # noqa: S108  # an emptyDir of the pod's own
    }


def _foundation(image: Image, blobs: Blobs) -> foundation.Foundation:
    if not image.base:
        return foundation.own(blobs)
    return foundation.named(blobs, image.base, access_of(image, foundation.split(image.base)[0]))


def _laid_out(
    blobs: Blobs,
    what: layout.Program,
    layers: Sequence[Layer],
    ground: foundation.Foundation,
    name: str,
    artefact_sha256: str,
) -> Assembled:
    """Write the layout: links to the cached blobs, under its own digest."""
    config = layout.configuration(what, layers, ground.history)
    config_digest = blobs.add(config)
    manifest = layout.manifest(config_digest, len(config), layers, what.labels)
    digest = blobs.add(manifest)
    tag = name.rpartition(":")[2]
    with blobs.room() as room:
        fresh = room / "layout"
        place = fresh / "blobs" / "sha256"
        place.mkdir(parents=True)
        for one in {digest, config_digest, *(layer.digest for layer in layers)}:
            _link(blobs.path(one), place / one.removeprefix("sha256:"))
        (fresh / "index.json").write_bytes(layout.index(digest, len(manifest), what.architecture, tag))
        (fresh / "manifest.json").write_bytes(layout.docker_archive(config_digest, layers, name))
        (fresh / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
        archive = blobs.folder / "images" / digest.removeprefix("sha256:")
        archive.parent.mkdir(exist_ok=True)
        if archive.exists():
            archive.rename(room / "replaced")
        fresh.rename(archive)
    return Assembled(archive, digest, config_digest, tuple(layers), artefact_sha256)


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, place)


def _destination(image: Image, access: Access) -> str:
    return f"{access.host}/{image.repository}"


def _pushed(
    image: Image, bento: BentoTag, made: Assembled, client: Registry, engine: engines.Engine, blobs: Blobs
) -> Manifest:
    """Push unless the registry has it; return what it holds."""
    found = _held(image, bento, made, client)
    if found is not None:
        _log.info("image: the registry has it already")
        return found
    destination = _destination(image, client.access)
    with blobs.room() as room:
        engine.push(engines.Parcel(made.archive, bento.version, destination, client.access, room))
    found = _held(image, bento, made, client)
    if found is None:
        raise ToolError(
            f"expected {made.digest} in {destination} after {engine.name} pushed it, found something else",
            remedy="push again; if it stays, another client writes to the same repository",
        )
    return found


def _as_held(layers: Sequence[Layer], held: Manifest) -> tuple[Layer, ...]:
    """The layers as the registry has them; docker packs them again."""
    parts = zip(layers, held.document["layers"], strict=True)
    return tuple(
        replace(layer, digest=part["digest"], compressed_bytes=part["size"], media_type=part["mediaType"])
        for layer, part in parts
    )


def _held(image: Image, bento: BentoTag, made: Assembled, client: Registry) -> Manifest | None:
    """The registry's manifest of this image: our own by digest, or docker's by tag with our configuration."""
    for reference in (made.digest, bento.version):
        found = client.manifest(image.repository, reference)
        if found is not None and found.config_digest == made.config_digest:
            return found
    return None
