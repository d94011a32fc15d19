"""The layers above the base: the pod's Python packages, wheels only, from locks with hashes.

One layer per part of the serving set, so that images share those that they have in common.
uv installs into a folder of this machine for the image's platform, not for this machine's; no code
of the packages runs.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from ekiben.clients import command
from ekiben.image import python, serving_set, tree
from ekiben.image.blobs import Blobs, Made
from ekiben.image.layer import Layer
from ekiben.image.platforms import Platform
from ekiben.image.sbom import Component, from_metadata
from ekiben.image.serving_set import Part
from ekiben.image.trim import trim

_log = logging.getLogger(__name__)

SITE = "opt/ekiben/site"
_RECIPE = 3  # raise it when the code below, or that of `trim`, changes what comes out

Compiler = Callable[[Path], AbstractContextManager[python.Python]]


def build(
    blobs: Blobs, locks: Path, parts: Sequence[Part], base: str, compiler: Compiler, platform: Platform
) -> list[Layer]:
    """The packages' layers, from the cache or new.

    Args:
        blobs: The cache.
        locks: Folder with a lock per part.
        parts: The serving set; a package that two of them need goes into the first one's layer.
        base: What decides the bytecode: hash of the layer that holds Python.
        compiler: Opens, in a given folder, the Python that writes the bytecode.
        platform: What the wheels are for; the locks hold the hashes of all platforms' wheels.

    Raises:
        ToolError: uv is missing, or failed.
    """
    layers: list[Layer] = []
    below: set[str] = set()
    for part in parts:
        whole = (locks / f"{part}.txt").read_text(encoding="utf-8")
        lock = serving_set.above(whole, below)
        below |= serving_set.pins(whole).keys()
        layers.append(_layer(blobs, part, lock, base, compiler, platform))
    return layers


def _layer(blobs: Blobs, part: Part, lock: str, base: str, compiler: Compiler, platform: Platform) -> Layer:
    key = hashlib.sha256(f"{_RECIPE} {platform.wheels} {base}\n{lock}".encode()).hexdigest()[:32]
    with blobs.room() as room:
        return blobs.layer(part, key, lambda: _make(part, lock, room, compiler, platform))


def _make(part: Part, lock: str, room: Path, compiler: Compiler, platform: Platform) -> Made:
    _log.info(
        "%s for %s: installing %d packages, compiling, packing (seconds, and a download the first time)",
        part,
        platform.name,
        len(serving_set.pins(lock)),
    )
    site = room / "site"
    _install(lock, site, room, platform)
    trim(site)
    with compiler(room) as found:
        python.compile_all(found, site, f"/{SITE}")
    return Made(tree.walk(site, SITE), components(site))


def _install(lock: str, site: Path, room: Path, platform: Platform) -> None:
    uv = command.find(
        "uv", search=[Path(sys.executable).parent], remedy="it comes with BentoML: run `make setup`"
    )
    requirements = room / "requirements.txt"
    requirements.write_text(lock, encoding="utf-8")
    command.run(
        [
            str(uv), "pip", "install", "--quiet", "--target", str(site), "--python", sys.executable,
            "--python-version", python.MINOR, "--python-platform", platform.wheels, "--only-binary", ":all:",
            "--require-hashes", "--no-deps", "--requirements", str(requirements),
        ]
    )  # fmt: skip


def components(site: Path) -> tuple[Component, ...]:
    """Every distribution that is installed in a folder."""
    found = (from_metadata(path.read_text()) for path in site.glob("*.dist-info/METADATA"))
    return tuple(sorted(found, key=lambda part: part.name.lower()))
