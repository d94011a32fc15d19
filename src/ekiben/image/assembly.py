"""The image on this machine: layers and documents, as an OCI layout in the cache."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ekiben.artefact.seal.encrypt import LiveKey
from ekiben.artefact.store import folder_of, home
from ekiben.clients import places
from ekiben.clients.registry import Access
from ekiben.config import ModelConfig
from ekiben.identifiers import BentoTag
from ekiben.image import foundation, layout, packages, program
from ekiben.image.blobs import Blobs
from ekiben.image.layer import Layer
from ekiben.serving import artefact

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
    """

    archive: Path
    digest: str
    config_digest: str
    layers: tuple[Layer, ...]
    artefact_sha256: str


def assemble(
    config: ModelConfig, bento: BentoTag, blobs: Blobs, base_access: Access | None, *, destination: str
) -> Assembled:
    """Make the image on this machine.

    Args:
        config: The model's `ekiben.yaml`.
        bento: The bento.
        blobs: The opened cache.
        base_access: How the registry of `image.base` is reached; None if there is none.
        destination: Repository that `docker load` gives it; not part of the image.

    Raises:
        ConfigError: No such bento, or a base without the right Python.
        ToolError: A program is missing or failed.
    """
    folder = home() / "bentos" / bento.name / bento.version
    model = program.model_of(folder, bento)
    sealed = artefact.read(folder_of(model))
    ground = ground_of(config, blobs, base_access)
    below = [*ground.layers, packages_on(ground, blobs)]
    bill = program.bill(below)
    layers = (
        *below,
        program.ekiben_layer(blobs, ground.key, bill, ground.compiler),
        program.bento_layer(blobs, folder),
        program.model_layer(blobs, sealed, _live_key(config)),
    )
    labels = {
        "org.opencontainers.image.title": config.model,
        "org.opencontainers.image.version": bento.version,
        "ekiben.bento": str(bento),
        "ekiben.model": str(model),
        "ekiben.artefact": sealed.sha256,
    }
    what = layout.Program((ground.python, "-m", "ekiben.serving"), _environment(ground), labels)
    name = f"{destination}:{bento.version}"
    made = _laid_out(blobs, what, layers, ground, name, sealed.sha256)
    blobs.put(made.archive / SBOM, bill)
    return made


def ground_of(config: ModelConfig, blobs: Blobs, base_access: Access | None) -> foundation.Foundation:
    """Our own base, or the one that was named.

    Args:
        config: The model's `ekiben.yaml`.
        blobs: The opened cache.
        base_access: How the registry of `image.base` is reached; None takes our own base.

    Raises:
        ConfigError: A named base without the right Python.
        ToolError: A program is missing or failed, or a registry cannot be reached.
    """
    if base_access is None:
        return foundation.own(blobs)
    return foundation.named(blobs, config.image.base, base_access)


def packages_on(ground: foundation.Foundation, blobs: Blobs) -> Layer:
    """The layer of packages above a foundation."""
    return packages.build(blobs, _lock(), ground.key, ground.compiler)


def _live_key(config: ModelConfig) -> LiveKey | None:
    section = config.bento.seal.encryption
    return LiveKey(section.key_id, Path(section.key_file).expanduser()) if section.key_file else None


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
