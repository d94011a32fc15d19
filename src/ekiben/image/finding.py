"""Which image is meant: a layout's folder on this machine, or a reference into a registry."""

from __future__ import annotations

from pathlib import Path

from ekiben.clients import places
from ekiben.clients.registry import Registry
from ekiben.config import Image
from ekiben.image import foundation, inspection
from ekiben.image.blobs import Blobs
from ekiben.image.station import access_of


def inspect(reference: str, image: Image) -> inspection.Inspection:
    """Find an image and read it; layers that come from a registry stay in the cache.

    Args:
        reference: Folder of an OCI layout, or `host/repository` with a tag or digest.
        image: How registries are reached.

    Raises:
        ToolError: The registry cannot be reached, or has no such image.
        ConfigError: No layout of one image, an image for other platforms only, or a registry that refuses us.
    """
    folder = Path(reference)
    if folder.is_dir():
        return inspection.inspect(folder)
    host, repository, version = foundation.split(reference)
    registry = Registry(access_of(image, host))
    manifests = foundation.every(registry, repository, version, reference)
    wanted = [
        digest
        for manifest in manifests
        for digest in (manifest.config_digest, *(str(part["digest"]) for part in manifest.document["layers"]))
    ]
    with Blobs(places.cache() / "image").opened() as blobs:
        for digest in wanted:
            if not blobs.intact(digest):
                with blobs.fresh() as temporary:
                    registry.blob(repository, digest, temporary)
                    blobs.take(temporary, digest)
        return inspection.together(
            inspection.of(each.digest, each.document, blobs.path) for each in manifests
        )
