"""A bento as a folder that serves without image and cluster: the very files of the image, in one place."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ekiben.clients import places
from ekiben.config import ModelConfig
from ekiben.errors import ConfigError
from ekiben.identifiers import BentoTag
from ekiben.image import assembly, platforms, python
from ekiben.image.blobs import Blobs
from ekiben.image.packed import Packed
from ekiben.image.platforms import Platform
from ekiben.image.serving_set import Part

_ROOT = "opt/ekiben"
_START = f"""\
#!/bin/sh
# Serves the model of this folder: HTTP on port 3000, gRPC on 3001, metrics on 3002.
# Needs Python {python.MINOR} on Linux with glibc 2.28 or newer; PYTHON names another program.
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 1
export PYTHONPATH="$here/site" PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1
export EKIBEN_ARTEFACT="$here/model" EKIBEN_BENTO="$here/bento"
exec "${{PYTHON:-python{python.MINOR}}}" -m ekiben.serving "$@"
"""


@dataclass(frozen=True, slots=True)
class Exported:
    """A folder that serves.

    Attributes:
        folder: Where it is.
        artefact_sha256: Hash of the model's artefact.
        parts: The serving set inside.
        unpacked_bytes: Sum of its files, bytes.
    """

    folder: Path
    artefact_sha256: str
    parts: tuple[Part, ...]
    unpacked_bytes: int


def export(config: ModelConfig, bento: BentoTag, to: Path) -> Exported:
    """Write the folder: `site` (packages), `bento`, `model`, `sbom.json`, and `serve`, which starts it.

    It appears whole or not at all.

    Args:
        config: The model's `ekiben.yaml`.
        bento: The bento.
        to: The folder; it may exist if it is empty.

    Raises:
        ConfigError: The folder holds something, or no such bento.
        ToolError: A program is missing or failed.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ConfigError(
            f"expected {to} to be empty or absent, found something in it", remedy="name another folder"
        )
    packed = Packed.read(bento)
    parts = packed.parts(config)
    to = to.absolute()
    to.parent.mkdir(parents=True, exist_ok=True)
    with Blobs(places.cache() / "image").opened() as blobs:
        ground = assembly.ground_of(config, blobs, None, _platform(config))
        layers = assembly.own_layers(config, packed, parts, ground, blobs)
        prefix = f".{to.name}.ekiben-export-"
        for left in to.parent.glob(f"{prefix}*"):  # by a run that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=to.parent) as room:
            size = _unpacked([blobs.path(layer.digest) for layer in layers], Path(room))
            if to.exists():
                to.rmdir()
            (Path(room) / _ROOT).rename(to)
    return Exported(to, packed.sealed.sha256, parts, size)


def _platform(config: ModelConfig) -> Platform:
    """This machine's, if the image is for it; else the first that the image is for."""
    every = [platforms.of(name) for name in config.image.platforms]
    return next((each for each in every if each == platforms.here()), every[0])


def _unpacked(blobs: Sequence[Path], room: Path) -> int:
    """Lay the layers on top of each other, with the script that starts the whole; give the bytes."""
    for blob in blobs:
        with tarfile.open(blob, "r:gz") as tar:
            tar.extractall(room, filter="tar")
    made = room / _ROOT
    (made / "serve").write_text(_START, encoding="utf-8")
    (made / "serve").chmod(0o755)
    return sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
