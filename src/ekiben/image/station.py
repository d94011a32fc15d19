"""Station 3: a bento tag -> an image by digest, in a registry.

The image is assembled here, layer by layer, as an OCI layout; an engine
pushes it, and what the registry then holds is compared with what was made.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ekiben.clients import places
from ekiben.clients.credentials import default_file
from ekiben.clients.registry import Access, Manifest, Registry, is_here
from ekiben.config import Image, ModelConfig
from ekiben.errors import ConfigError, ToolError
from ekiben.identifiers import BentoTag, ImageReference
from ekiben.image import assembly, base, budget, engines, foundation, labels, platforms
from ekiben.image.assembly import Assembled, Joined
from ekiben.image.blobs import Blobs
from ekiben.image.layer import Layer
from ekiben.image.packed import Packed

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
        sbom: Everything that the image installs, as CycloneDX; also inside, at /opt/ekiben/sbom.json.
        platforms: The image of each platform; of several, `image` is their index, the other fields are of
            the first.
    """

    image: ImageReference
    compressed_bytes: int
    layers: tuple[Layer, ...]
    backend: str
    artefact_sha256: str
    archive: Path
    sbom: Path
    platforms: tuple[ForPlatform, ...] = ()


@dataclass(frozen=True, slots=True)
class ForPlatform:
    """The image of one platform.

    Attributes:
        platform: Its name.
        digest: Of its manifest.
        compressed_bytes: Sum of its layers, bytes.
        sbom: Everything that it installs.
    """

    platform: str
    digest: str
    compressed_bytes: int
    sbom: Path


def build(
    config: ModelConfig,
    bento: BentoTag,
    registry: str,
    project: Path | None = None,
    *,
    renew_base: bool = False,
) -> Built:
    """Make the image and push it; layers that exist are neither made nor sent again.

    Args:
        config: The model's `ekiben.yaml`.
        bento: The bento.
        registry: `host:port` to push to, where `image.registry` is empty.
        project: Root of the project, whose commit the image names; None names none.
        renew_base: Make our own base anew, with what Debian gives now.

    Raises:
        ConfigError: No such bento, a base without the right Python, or a registry that refuses us.
        AcceptanceError: It is larger than `image.budget_megabytes`, or its part for explanations than
            `image.explain_megabytes`; nothing is pushed.
        ToolError: A program is missing or failed, or the registry cannot be reached.
    """
    access = access_of(config.image, config.image.registry or registry)
    client = Registry(access)
    client.check()  # before minutes of work
    names = config.image.platforms
    engine = engines.choose(config.image.backend, platforms=len(names))
    packed = Packed.read(bento)
    revision = labels.revision(project) if project and config.image.revision == "commit" else ""
    with Blobs(places.cache() / "image").opened() as blobs:
        for name in names if renew_base else ():
            base.forget(blobs, platforms.of(name))
        images = [
            assembly.assemble(
                config,
                packed,
                blobs,
                _base_access(config.image),
                destination=_destination(config.image, access),
                revision=revision,
                platform=platforms.of(name),
            )
            for name in names
        ]
        for each in images:
            label = each.platform.name if len(images) > 1 else ""
            budget.keep_explain(each.layers, config.image.explain_megabytes)
            budget.keep(each.archive, each.layers, config.image.budget_megabytes, label)
        if len(images) > 1:
            return _joined(config.image, bento, images, client, engine, blobs)
        (made,) = images
        found = _pushed(config.image, bento, made, client, engine, blobs)
    image = ImageReference(_destination(config.image, access), found.digest, bento.version)
    _log.info("image: %s, %.1f MB compressed", image, found.compressed_bytes / _MB)
    return Built(
        image,
        found.compressed_bytes,
        _as_held(made.layers, found),
        engine.name,
        made.artefact_sha256,
        made.archive,
        made.archive / assembly.SBOM,
        (_for_platform(made, found.digest, found.compressed_bytes),),
    )


def _joined(
    image: Image,
    bento: BentoTag,
    images: Sequence[Assembled],
    client: Registry,
    engine: engines.Engine,
    blobs: Blobs,
) -> Built:
    """Push images of several platforms under one index, unless the registry has it."""
    joined = assembly.join(blobs, images, bento.version)
    destination = _destination(image, client.access)
    if not _held_whole(image, joined, client):
        with blobs.room() as room:
            parcel = engines.Parcel(
                joined.archive, bento.version, destination, client.access, room, len(images)
            )
            engine.push(parcel)
        if not _held_whole(image, joined, client):
            raise _missing(joined.digest, destination, engine)
    reference = ImageReference(destination, joined.digest, bento.version)
    _log.info("image: %s, for %s", reference, ", ".join(each.platform.name for each in images))
    first = images[0]
    return Built(
        reference,
        first.compressed_bytes,
        tuple(replace(layer, components=()) for layer in first.layers),
        engine.name,
        first.artefact_sha256,
        joined.archive,
        first.archive / assembly.SBOM,
        tuple(_for_platform(each, each.digest, each.compressed_bytes) for each in images),
    )


def _for_platform(made: Assembled, digest: str, compressed_bytes: int) -> ForPlatform:
    return ForPlatform(made.platform.name, digest, compressed_bytes, made.archive / assembly.SBOM)


def _held_whole(image: Image, joined: Joined, client: Registry) -> bool:
    """Whether the registry has the index, and the manifest of each platform."""
    wanted = (joined.digest, *(each.digest for each in joined.images))
    return all(client.manifest(image.repository, digest) is not None for digest in wanted)


def prepare(config: ModelConfig, bento: BentoTag) -> None:
    """Make the layers of base and packages (the slow ones), so that `build` finds them.

    Args:
        config: The model's `ekiben.yaml`.
        bento: The bento; its model decides which packages.

    Raises:
        ConfigError: No such bento, or a named base without the right Python.
        ToolError: A program is missing or failed.
    """
    parts = Packed.read(bento).parts(config)
    with Blobs(places.cache() / "image").opened() as blobs:
        for name in config.image.platforms:
            ground = assembly.ground_of(config, blobs, _base_access(config.image), platforms.of(name))
            assembly.packages_on(ground, blobs, parts)


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


def _base_access(image: Image) -> Access | None:
    if not image.base:
        return None
    host = foundation.split(image.base)[0]
    # Plain HTTP was allowed for the registry that is pushed to, for no other.
    allowed = image.insecure and host == image.registry
    return access_of(image.model_copy(update={"insecure": allowed}), host)


def _destination(image: Image, access: Access) -> str:
    return f"{access.host}/{image.repository}"


def _pushed(
    image: Image, bento: BentoTag, made: Assembled, client: Registry, engine: engines.Engine, blobs: Blobs
) -> Manifest:
    """Push unless the registry has it, under its tag as well; return what it holds."""
    found = _held(image, bento, made, client)
    if found is not None and _tagged(image, bento, made, client):
        _log.info("image: the registry has it already")
        return found
    destination = _destination(image, client.access)
    with blobs.room() as room:
        engine.push(engines.Parcel(made.archive, bento.version, destination, client.access, room))
    found = _held(image, bento, made, client)
    if found is None:
        raise _missing(made.digest, destination, engine)
    return found


def _missing(digest: str, destination: str, engine: engines.Engine) -> ToolError:
    return ToolError(
        f"expected {digest} in {destination} after {engine.name} pushed it, found something else",
        remedy="push again; if it stays, another client writes to the same repository",
    )


def _as_held(layers: Sequence[Layer], held: Manifest) -> tuple[Layer, ...]:
    """The layers as the registry has them (docker packs them again); what they install is in the SBOM."""
    return tuple(
        replace(
            layer,
            digest=part["digest"],
            compressed_bytes=part["size"],
            media_type=part["mediaType"],
            components=(),
        )
        for layer, part in zip(layers, held.document["layers"], strict=True)
    )


def _tagged(image: Image, bento: BentoTag, made: Assembled, client: Registry) -> bool:
    """Whether the tag names this image, itself or in an index: engines send it after the image's manifest."""
    found = client.manifest(image.repository, bento.version)
    if found is None:
        return False
    below = [str(each["digest"]) for each in found.document.get("manifests", ())]
    return made.digest in below or found.config_digest == made.config_digest


def _held(image: Image, bento: BentoTag, made: Assembled, client: Registry) -> Manifest | None:
    """The registry's manifest of this image: our own by digest, or docker's by tag with our configuration."""
    for reference in (made.digest, bento.version):
        found = client.manifest(image.repository, reference)
        if found is not None and found.config_digest == made.config_digest:
            return found
    return None
