"""The system's images, FROM scratch around one static program each, as an OCI archive.

Written here rather than by an image builder: three JSON documents and a tar, always the same bytes.

Source: https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Image:
    """An image to make.

    Attributes:
        reference: Name under which the runtime knows it.
        program: The static program; becomes `/<file name>` and the entry point.
    """

    reference: str
    program: Path


def architecture(machine: str) -> str:
    """OCI's name of a machine type of uname(2)."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def _entry(name: str, size: int, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, mode
    return entry


def _layer(program: Path, target: Path) -> None:
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar, program.open("rb") as source:
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)
        tar.addfile(_entry(program.name, program.stat().st_size, 0o755), source)


def _digest(path: Path) -> str:
    sha256 = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            sha256.update(chunk)
    return sha256.hexdigest()


def _document(content: dict[str, Any]) -> tuple[str, bytes]:
    data = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(data).hexdigest(), data


def _descriptor(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": size}


def archive(images: Sequence[Image], target: Path, machine: str) -> None:
    """Write the images into one OCI archive, whole or not at all; one caller at a time.

    Args:
        images: What goes in.
        target: The archive, `*.tar`.
        machine: Machine type as uname(2) says it.
    """
    partial = target.with_name(f".{target.name}.partial")
    layer = target.with_name(f".{target.name}.layer")
    manifests = []
    try:
        with tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar:
            for image in images:
                _layer(image.program, layer)
                manifests.append(_add(tar, image, layer, architecture(machine)))
            index = {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "manifests": manifests,
            }
            _write(tar, "index.json", _document(index)[1])
            _write(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
        layer.unlink(missing_ok=True)


def _write(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(_entry(name, len(data), 0o644), io.BytesIO(data))


def _add(tar: tarfile.TarFile, image: Image, layer: Path, arch: str) -> dict[str, Any]:
    """Add one image's three blobs; returns its descriptor for the index."""
    digest = _digest(layer)
    platform = {"architecture": arch, "os": "linux"}
    config_digest, config = _document(
        {
            **platform,
            "config": {"Entrypoint": [f"/{image.program.name}"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    )
    manifest_digest, manifest = _document(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _descriptor("config.v1+json", config_digest, len(config)),
            "layers": [_descriptor("layer.v1.tar", digest, layer.stat().st_size)],
        }
    )
    with layer.open("rb") as source:
        tar.addfile(_entry(f"blobs/sha256/{digest}", layer.stat().st_size, 0o644), source)
    _write(tar, f"blobs/sha256/{config_digest}", config)
    _write(tar, f"blobs/sha256/{manifest_digest}", manifest)
    return {
        **_descriptor("manifest.v1+json", manifest_digest, len(manifest)),
        "platform": platform,
        "annotations": {"io.containerd.image.name": image.reference},
    }
