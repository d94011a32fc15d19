"""The image on this machine: layers and documents, as an OCI layout in the cache."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ekiben.artefact.seal.encrypt import LiveKey
from ekiben.clients import places
from ekiben.clients.registry import Access
from ekiben.config import ModelConfig
from ekiben.image import foundation, labels, layout, packages, program
from ekiben.image.blobs import Blobs
from ekiben.image.layer import Layer
from ekiben.image.packed import Packed
from ekiben.image.platforms import AMD64, Platform
from ekiben.image.serving_set import Part

SBOM = "sbom.json"


@dataclass(frozen=True, slots=True)
class Assembled:
    """An image on this machine.

    Attributes:
        archive: Its OCI layout.
        digest: Of its manifest.
        config_digest: Of its configuration: the image ID.
        layers: Oldest first.
        artefact_sha256: Hash of the artefact inside.
        platform: What it is for.
        manifest_bytes: Size of its manifest.
    """

    archive: Path
    digest: str
    config_digest: str
    layers: tuple[Layer, ...]
    artefact_sha256: str
    platform: Platform
    manifest_bytes: int

    @property
    def compressed_bytes(self) -> int:
        """Sum of its layers, bytes."""
        return sum(layer.compressed_bytes for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Joined:
    """Images of several platforms as one index on this machine.

    Attributes:
        archive: An OCI layout with the index and all images.
        digest: Of the index.
        images: One per platform.
    """

    archive: Path
    digest: str
    images: tuple[Assembled, ...]


def assemble(
    config: ModelConfig,
    packed: Packed,
    blobs: Blobs,
    base_access: Access | None,
    *,
    destination: str,
    revision: str = "",
    platform: Platform = AMD64,
) -> Assembled:
    """Make the image on this machine.

    Args:
        config: The model's `ekiben.yaml`.
        packed: The bento.
        blobs: The opened cache.
        base_access: How the registry of `image.base` is reached; None if there is none.
        destination: Repository that `docker load` gives it; not part of the image.
        revision: Commit of the sources; empty if unknown.
        platform: What the image is for.

    Raises:
        ConfigError: A base without the right Python, or a form that the artefact does not have.
        ToolError: A program is missing or failed.
    """
    parts = packed.parts(config)
    created = labels.created()
    ground = ground_of(config, blobs, base_access, platform)
    layers = (*ground.layers, *own_layers(config, packed, parts, ground, blobs))
    what = layout.Program(
        (ground.python, "-m", "ekiben.serving"),
        _environment(ground),
        {**labels.labels(config, packed, parts, revision), "org.opencontainers.image.created": created},
        architecture=platform.architecture,
        created=created,
    )
    name = f"{destination}:{packed.bento.version}"
    return _laid_out(blobs, what, layers, ground, name, packed.sealed.sha256)


def own_layers(
    config: ModelConfig, packed: Packed, parts: Sequence[Part], ground: foundation.Foundation, blobs: Blobs
) -> list[Layer]:
    """All layers above a foundation: packages, ekiben, the bento, the model.

    Raises:
        ToolError: A program is missing or failed.
    """
    installed = packages_on(ground, blobs, parts)
    bill = program.bill([*ground.layers, *installed])
    return [
        *installed,
        program.ekiben_layer(blobs, ground.key, bill, ground.compiler),
        program.bento_layer(blobs, packed.folder),
        program.model_layer(blobs, packed.sealed, _live_key(config)),
    ]


def ground_of(
    config: ModelConfig, blobs: Blobs, base_access: Access | None, platform: Platform = AMD64
) -> foundation.Foundation:
    """Our own base, or the one that was named.

    Args:
        config: The model's `ekiben.yaml`.
        blobs: The opened cache.
        base_access: How the registry of `image.base` is reached; None takes our own base.
        platform: What the image is for.

    Raises:
        ConfigError: A named base without the right Python.
        ToolError: A program is missing or failed, or a registry cannot be reached.
    """
    if base_access is None:
        return foundation.own(blobs, platform)
    return foundation.named(blobs, config.image.base, base_access, platform)


def _live_key(config: ModelConfig) -> LiveKey | None:
    section = config.bento.seal.encryption
    return LiveKey(section.key_id, Path(section.key_file).expanduser()) if section.key_file else None


def packages_on(ground: foundation.Foundation, blobs: Blobs, parts: Sequence[Part]) -> list[Layer]:
    """The layers of packages above a foundation."""
    locks = places.source("requirements") / "pod"
    return packages.build(blobs, locks, parts, ground.key, ground.compiler, ground.platform)


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
        (fresh / SBOM).write_bytes(program.bill(layers))
        archive = _put(blobs, fresh, digest, room)
    return Assembled(
        archive, digest, config_digest, tuple(layers), artefact_sha256, ground.platform, len(manifest)
    )


def join(blobs: Blobs, images: Sequence[Assembled], tag: str) -> Joined:
    """Lay images of several platforms out under one index.

    Args:
        blobs: The opened cache.
        images: One per platform.
        tag: Name of the index in the layout.
    """
    content = layout.image_index(
        [(each.digest, each.manifest_bytes, each.platform.architecture) for each in images]
    )
    digest = blobs.add(content)
    with blobs.room() as room:
        fresh = room / "layout"
        place = fresh / "blobs" / "sha256"
        place.mkdir(parents=True)
        _link(blobs.path(digest), place / digest.removeprefix("sha256:"))
        for source in {path.name: path for each in images for path in _blobs_of(each)}.values():
            _link(source, place / source.name)
        (fresh / "index.json").write_bytes(layout.index_of_index(digest, len(content), tag))
        archive = _put(blobs, fresh, digest, room)
    return Joined(archive, digest, tuple(images))


def _blobs_of(image: Assembled) -> Iterator[Path]:
    yield from (image.archive / "blobs" / "sha256").iterdir()


def _put(blobs: Blobs, fresh: Path, digest: str, room: Path) -> Path:
    """Finish a layout and move it to its place, under its digest."""
    (fresh / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    archive = blobs.folder / "images" / digest.removeprefix("sha256:")
    archive.parent.mkdir(exist_ok=True)
    if archive.exists():
        archive.rename(room / "replaced")
    fresh.rename(archive)
    return archive


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, place)
