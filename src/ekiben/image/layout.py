"""The image as OCI documents: configuration, manifest, layout. Pure.

Source: https://github.com/opencontainers/image-spec/blob/v1.1.0/config.md,
manifest.md and image-layout.md beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ekiben.image.layer import Layer

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
EPOCH = "1970-01-01T00:00:00Z"
USER = "10001:10001"  # numeric, so that runAsNonRoot can be checked without reading /etc/passwd


@dataclass(frozen=True, slots=True)
class Program:
    """What an image runs, and how.

    Attributes:
        entrypoint: The command.
        environment: Its environment.
        labels: What the image says about itself.
        architecture: In Go's spelling.
        created: Time that it names, RFC 3339.
    """

    entrypoint: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    architecture: str = "amd64"
    created: str = EPOCH


def configuration(
    program: Program, layers: Sequence[Layer], history: Sequence[Mapping[str, Any]] = ()
) -> bytes:
    """The image's configuration, whose hash is the image ID.

    Args:
        program: What it runs.
        layers: All layers, oldest first.
        history: Entries of a given base image; layers of ours follow.
    """
    done = sum(1 for entry in history if not entry.get("empty_layer"))
    ours = [{"created": program.created, "created_by": f"ekiben: {layer.name}"} for layer in layers[done:]]
    return _json(
        {
            "created": program.created,
            "architecture": program.architecture,
            "os": "linux",
            "config": {
                "User": USER,
                "Env": [f"{name}={value}" for name, value in sorted(program.environment.items())],
                "Entrypoint": list(program.entrypoint),
                "WorkingDir": "/",
                "Labels": dict(program.labels),
                "ExposedPorts": {f"{port}/tcp": {} for port in (3000, 3001, 3002)},
                "StopSignal": "SIGTERM",
            },
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [*history, *ours],
        }
    )


def manifest(
    config_digest: str, config_bytes: int, layers: Sequence[Layer], labels: Mapping[str, str]
) -> bytes:
    """The manifest, whose hash is the digest that is deployed."""
    return _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": config_digest, "size": config_bytes},
            "layers": [
                {"mediaType": layer.media_type, "digest": layer.digest, "size": layer.compressed_bytes}
                for layer in layers
            ],
            "annotations": dict(labels),
        }
    )


def index(digest: str, manifest_bytes: int, architecture: str, tag: str) -> bytes:
    """`index.json` of a layout that holds this one image."""
    return _json(
        {
            "schemaVersion": 2,
            "manifests": [
                {
                    "mediaType": MANIFEST,
                    "digest": digest,
                    "size": manifest_bytes,
                    "platform": {"architecture": architecture, "os": "linux"},
                    "annotations": {"org.opencontainers.image.ref.name": tag},
                }
            ],
        }
    )


def image_index(images: Sequence[tuple[str, int, str]]) -> bytes:
    """An index of one image per platform, whose hash is the digest that is deployed.

    buildah and podman write an index anew when they push it; these are the bytes that they write, so that
    the digest is known before.

    Args:
        images: Digest and size of each manifest, and its architecture.

    Source: https://github.com/containers/image/blob/main/manifest/oci_index.go (`OCI1IndexPublic.Serialize`).
    """
    document = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [
            {
                "mediaType": MANIFEST,
                "digest": digest,
                "size": size,
                "platform": {"architecture": architecture, "os": "linux"},
            }
            for digest, size, architecture in images
        ],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def index_of_index(digest: str, index_bytes: int, tag: str) -> bytes:
    """`index.json` of a layout that holds the images of several platforms, as one index."""
    annotations = {"org.opencontainers.image.ref.name": tag}
    entry = {"mediaType": INDEX, "digest": digest, "size": index_bytes, "annotations": annotations}
    return _json({"schemaVersion": 2, "manifests": [entry]})


def docker_archive(config_digest: str, layers: Sequence[Layer], name: str) -> bytes:
    """`manifest.json`, by which `docker load` of every age finds the same blobs."""
    blob = "blobs/sha256/{}".format
    return _json(
        [
            {
                "Config": blob(config_digest.removeprefix("sha256:")),
                "RepoTags": [name],
                "Layers": [blob(layer.digest.removeprefix("sha256:")) for layer in layers],
            }
        ]
    )


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
