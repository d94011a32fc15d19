"""What is inside an image, from its layers: how its claims are checked."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ekiben.errors import ConfigError
from ekiben.image.sbom import Component, from_control, from_metadata

_WHITEOUT = ".wh."


@dataclass(frozen=True, slots=True)
class Contents:
    """An image's files and what it installs.

    Attributes:
        files: Size of each file in bytes, by path without leading slash; links count as 0.
        components: Distributions found in the files themselves, not in a list that the build wrote.
    """

    files: dict[str, int]
    components: tuple[Component, ...]

    @property
    def programs(self) -> frozenset[str]:
        """Names of the files in folders where programs are looked for."""
        return frozenset(
            PurePosixPath(path).name
            for path in self.files
            if PurePosixPath(path).parent.name in {"bin", "sbin"}
        )


def inspect(archive: Path) -> Contents:
    """Read an OCI layout.

    Args:
        archive: Its folder, with `index.json` and `blobs/`.

    Raises:
        ConfigError: It is no layout of one image.
    """
    files: dict[str, int] = {}
    components: set[Component] = set()
    for blob in _layers(archive):
        found, installed = scan(blob)
        for path in [path for path in found if PurePosixPath(path).name.startswith(_WHITEOUT)]:
            gone = str(PurePosixPath(path).with_name(PurePosixPath(path).name.removeprefix(_WHITEOUT)))
            files = {name: size for name, size in files.items() if not _below(name, gone)}
            del found[path]
        files |= found
        components |= installed
    return Contents(files, tuple(sorted(components, key=lambda part: (part.kind, part.name))))


def files(archive: Path) -> list[str]:
    """Paths of all files of an OCI layout, without leading slash."""
    return sorted(inspect(archive).files)


def scan(blob: Path) -> tuple[dict[str, int], set[Component]]:
    """Files of one layer, with their sizes, and the distributions that it installs.

    Raises:
        ConfigError: Neither tar nor a gzipped one.
    """
    found: dict[str, int] = {}
    installed: set[Component] = set()
    try:
        with tarfile.open(blob, "r|*") as tar:
            for member in tar:
                if member.isdir():
                    continue
                path = member.name.removeprefix("./").lstrip("/")
                found[path] = member.size
                installed |= set(_components(tar, member, path))
    except tarfile.ReadError as error:
        raise ConfigError(
            f"{blob.name}: expected a layer as tar or tar+gzip: {error}",
            remedy="name a base image whose layers are gzipped",
        ) from error
    return found, installed


def _components(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> Iterator[Component]:
    pure = PurePosixPath(path)
    content = tar.extractfile(member) if member.isreg() else None
    if content is None:
        return
    if pure.name == "METADATA" and pure.parent.suffix == ".dist-info":
        yield from_metadata(content.read().decode(errors="replace"))
    elif path == "var/lib/dpkg/status" or (
        pure.parent == PurePosixPath("var/lib/dpkg/status.d") and pure.suffix != ".md5sums"
    ):
        for stanza in content.read().decode(errors="replace").split("\n\n"):
            if stanza.strip():
                yield from_control(stanza)


def _below(path: str, parent: str) -> bool:
    return path == parent or path.startswith(f"{parent}/")


def _layers(archive: Path) -> list[Path]:
    def blob(digest: str) -> Path:
        return archive / "blobs" / digest.replace(":", "/")

    try:
        (one,) = json.loads((archive / "index.json").read_bytes())["manifests"]
        return [blob(layer["digest"]) for layer in json.loads(blob(one["digest"]).read_bytes())["layers"]]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{archive}: expected an OCI layout of one image: {error}") from error
